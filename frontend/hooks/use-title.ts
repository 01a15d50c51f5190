// The document's title on pages whose name is known only after loading.
import { useEffect } from "react";

export function useTitle(title: string | null | undefined): void {
  useEffect(() => {
    if (title) document.title = `${title} · Nexus`;
  }, [title]);
}

// Where the parts of the builder find their session, and short ways to read from it.
"use client";
import { createContext, type ReactNode, useContext } from "react";
import { useStore } from "zustand";
import type { Session } from "@/lib/builder/session";
import type { EditorState } from "@/lib/builder/store";

const Context = createContext<Session | null>(null);

export function SessionProvider({ session, children }: { session: Session; children: ReactNode }) {
  return <Context value={session}>{children}</Context>;
}

export function useSession(): Session {
  const session = useContext(Context);
  if (session === null) throw new Error("outside of a builder");
  return session;
}

export function useEditor<T>(select: (state: EditorState) => T): T {
  return useStore(useSession().editor.store, select);
}

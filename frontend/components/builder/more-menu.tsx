// What is done with the workflow as a whole: files, templates, copies, layout, keys.
"use client";
import { Copy, Download, FileUp, History, Keyboard, LayoutTemplate, MoreHorizontal, WandSparkles } from "lucide-react";
import { useRouter } from "next/navigation";
import { Menu, MenuItem, MenuSeparator } from "@/components/ui/menu";
import { download } from "@/components/workflows/download";
import { api } from "@/lib/api/client";
import { describeError } from "@/lib/api/errors";
import { copyOf, fileNameOf } from "@/lib/documents";
import { routes } from "@/lib/routes";
import { toast } from "@/lib/toasts";
import { useSession } from "./context";
import { useImport } from "./use-import";

export function MoreMenu() {
  const session = useSession();
  const router = useRouter();
  const [input, choose] = useImport();

  async function duplicate() {
    try {
      const copy = await api.createDraft(copyOf(session.document));
      toast(`Created “${copy.name}”.`);
      router.push(routes.workflow(copy.id));
    } catch (error) {
      toast(describeError(error).message, "error");
    }
  }

  return (
    <>
      {input}
      <Menu
        trigger={
          <button
            type="button"
            aria-label="More"
            className="inline-flex size-8 items-center justify-center rounded-md text-ink-2 transition-colors hover:bg-sunken hover:text-ink"
          >
            <MoreHorizontal aria-hidden size={16} />
          </button>
        }
      >
        <MenuItem
          icon={<Download aria-hidden size={14} />}
          onSelect={() => download(fileNameOf(session.document.name), session.document)}
        >
          Export JSON
        </MenuItem>
        <MenuItem icon={<FileUp aria-hidden size={14} />} onSelect={choose}>
          Import JSON…
        </MenuItem>
        <MenuItem icon={<LayoutTemplate aria-hidden size={14} />} onSelect={() => session.open({ kind: "templates" })}>
          Start from a template…
        </MenuItem>
        <MenuItem icon={<Copy aria-hidden size={14} />} onSelect={() => void duplicate()}>
          Duplicate workflow
        </MenuItem>
        <MenuSeparator />
        <MenuItem icon={<History aria-hidden size={14} />} onSelect={() => session.look({ drawer: "versions" })}>
          Versions
        </MenuItem>
        <MenuItem icon={<WandSparkles aria-hidden size={14} />} onSelect={() => session.tidy()}>
          Tidy up
        </MenuItem>
        <MenuItem icon={<Keyboard aria-hidden size={14} />} onSelect={() => session.open({ kind: "help" })}>
          Keys
        </MenuItem>
      </Menu>
    </>
  );
}

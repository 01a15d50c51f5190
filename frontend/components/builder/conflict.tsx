// Somebody else saved in the meantime: what differs, and whose version is to stay.
"use client";
import { useRouter } from "next/navigation";
import { useMemo, useState } from "react";
import { Button } from "@/components/ui/button";
import { Dialog, DialogBody, DialogFooter } from "@/components/ui/dialog";
import { ErrorNote } from "@/components/ui/states";
import { useObservable } from "@/hooks/use-observable";
import { difference, summary } from "@/lib/builder/diff";
import { copyOf, documentOf } from "@/lib/documents";
import { formatMoment } from "@/lib/format/time";
import { routes } from "@/lib/routes";
import { useEditor, useSession } from "./context";
import { Difference } from "./difference";

export function Conflict() {
  const session = useSession();
  const router = useRouter();
  const state = useObservable(session.autosave.state);
  const mine = useEditor((one) => one.document);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const theirs = state.phase === "conflict" ? state.theirs : null;
  const changes = useMemo(() => (theirs === null ? [] : difference(documentOf(theirs), mine)), [theirs, mine]);
  if (state.phase !== "conflict") return null;

  async function attempt(what: () => Promise<unknown>) {
    setBusy(true);
    setError(null);
    try {
      await what();
    } catch (caught) {
      setError(caught);
    } finally {
      setBusy(false);
    }
  }

  return (
    <Dialog
      open
      onOpenChange={() => {}}
      wide
      title="This workflow was changed elsewhere"
      description={
        theirs === null
          ? "Another tab or person saved it, or it was deleted."
          : `Version ${theirs.version} was saved ${formatMoment(theirs.updated_at)}, in another tab or by somebody else. Nothing is lost: decide what stays.`
      }
    >
      <DialogBody>
        {theirs !== null && (
          <>
            <p className="text-ink-2">Mine compared with theirs: {summary(changes)}.</p>
            <Difference changes={changes} before="theirs" after="mine" />
          </>
        )}
        {error !== null && <ErrorNote error={error} />}
      </DialogBody>
      <DialogFooter>
        <Button
          disabled={busy}
          onClick={() =>
            attempt(async () => {
              const copy = await session.autosave.saveCopy(copyOf(mine));
              router.push(routes.workflow(copy.id));
            })
          }
        >
          Save mine as a copy
        </Button>
        {theirs !== null && (
          <>
            <Button
              disabled={busy}
              onClick={() => {
                const document = documentOf(theirs);
                session.autosave.tookTheirs();
                session.replace("Took their version", document);
              }}
            >
              Take theirs
            </Button>
            <Button variant="primary" disabled={busy} onClick={() => attempt(() => session.autosave.keepMine())}>
              Keep mine
            </Button>
          </>
        )}
      </DialogFooter>
    </Dialog>
  );
}

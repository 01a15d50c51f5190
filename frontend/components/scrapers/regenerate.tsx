// Having a scraper written anew, with what is wrong with it in words.
"use client";
import { type FormEvent, useState } from "react";
import { Button } from "@/components/ui/button";
import { Dialog, DialogBody, DialogFooter } from "@/components/ui/dialog";
import { Field, Textarea } from "@/components/ui/field";
import { ErrorNote } from "@/components/ui/states";
import type { Job } from "@/lib/api/scraper-types";
import { scrapers } from "@/lib/api/scrapers";

const LONGEST = 2_000;

export interface RegenerateDialogProps {
  job: Job;
  onClose: () => void;
  onStarted: (job: Job) => void;
}

export function RegenerateDialog({ job, onClose, onStarted }: RegenerateDialogProps) {
  const [feedback, setFeedback] = useState("");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);

  async function start(event: FormEvent) {
    event.preventDefault();
    setBusy(true);
    setError(null);
    try {
      onStarted(await scrapers.regenerate(job.id, feedback));
    } catch (caught) {
      setError(caught);
      setBusy(false);
    }
  }

  return (
    <Dialog
      open
      onOpenChange={(open) => !open && onClose()}
      title="Write it anew"
      description="The page is studied again. Until the new version works, the endpoint answers with the one in use."
    >
      <form onSubmit={start} className="flex min-h-0 flex-1 flex-col">
        <DialogBody>
          <Field
            label="What should be different?"
            optional
            help="Such as: the price is missing; take the list at the top, not the one in the sidebar."
          >
            {(props) => (
              <Textarea
                {...props}
                rows={4}
                dir="auto"
                maxLength={LONGEST}
                value={feedback}
                onChange={(event) => setFeedback(event.target.value)}
              />
            )}
          </Field>
          {job.feedback && (
            <div>
              <p className="text-xs text-mute">Asked for so far:</p>
              <p className="text-sm whitespace-pre-wrap wrap-anywhere">
                <bdi>{job.feedback.slice(0, 1_000)}</bdi>
              </p>
            </div>
          )}
          {error !== null && <ErrorNote error={error} />}
        </DialogBody>
        <DialogFooter>
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" variant="primary" disabled={busy}>
            {busy ? "Starting…" : "Write it anew"}
          </Button>
        </DialogFooter>
      </form>
    </Dialog>
  );
}

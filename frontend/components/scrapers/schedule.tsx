// Running by itself: how often, whom to tell about changes, what came of it so far.
"use client";
import { useQueryClient } from "@tanstack/react-query";
import { CalendarClock } from "lucide-react";
import { type FormEvent, useState } from "react";
import { Button } from "@/components/ui/button";
import { Card } from "@/components/ui/card";
import { Dialog, DialogBody, DialogFooter } from "@/components/ui/dialog";
import { Field, Input, Select } from "@/components/ui/field";
import { Prose } from "@/components/ui/prose";
import { Skeleton } from "@/components/ui/skeleton";
import { ErrorNote } from "@/components/ui/states";
import { scraperKeys, useSchedule } from "@/hooks/scrapers";
import { useNow } from "@/hooks/use-now";
import { describeError } from "@/lib/api/errors";
import type { Job, Schedule } from "@/lib/api/scraper-types";
import { scrapers } from "@/lib/api/scrapers";
import { formatAgo, formatDuration, formatMoment } from "@/lib/format/time";
import { checkWebhook, EVERY, eventWords, everyWords } from "@/lib/scrapers/health";
import { toast } from "@/lib/toasts";

export function ScheduleCard({ job }: { job: Job }) {
  const query = useSchedule(job.id);
  const client = useQueryClient();
  const [editing, setEditing] = useState(false);
  const [busy, setBusy] = useState(false);
  const schedule = query.data;
  const refresh = () => client.invalidateQueries({ queryKey: scraperKeys.one(job.id) });

  async function stop() {
    setBusy(true);
    try {
      await scrapers.deleteSchedule(job.id);
      toast("The schedule is deleted.");
      await refresh();
    } catch (error) {
      toast(describeError(error).message, "error");
    } finally {
      setBusy(false);
    }
  }

  if (schedule === undefined) {
    return (
      <Card title="Schedule">
        {query.isError ? (
          <ErrorNote error={query.error} onRetry={() => query.refetch()} />
        ) : (
          <Skeleton className="h-10 w-full" />
        )}
      </Card>
    );
  }
  return (
    <Card
      title="Schedule"
      actions={
        schedule === null ? (
          <Button size="sm" icon={<CalendarClock aria-hidden size={13} />} onClick={() => setEditing(true)}>
            Run by itself
          </Button>
        ) : (
          <>
            <Button size="sm" onClick={() => setEditing(true)}>
              Change
            </Button>
            <Button size="sm" variant="danger" disabled={busy} onClick={() => void stop()}>
              Stop
            </Button>
          </>
        )
      }
    >
      {schedule === null ? (
        <p className="text-mute">
          It runs when its endpoint is called. On a schedule it runs by itself, and can tell an address of yours what
          has changed.
        </p>
      ) : (
        <Facts schedule={schedule} />
      )}
      {editing && (
        <ScheduleDialog
          job={job}
          schedule={schedule}
          onClose={() => setEditing(false)}
          onSaved={() => {
            setEditing(false);
            void refresh();
          }}
        />
      )}
    </Card>
  );
}

function Facts({ schedule }: { schedule: Schedule }) {
  const now = useNow();
  const changes = schedule.last_changes;
  const latest = schedule.deliveries[0];
  const next = Date.parse(schedule.next_run_at) - now;
  return (
    <dl className="nums grid grid-cols-[auto_minmax(0,1fr)] gap-x-4 gap-y-1.5 text-sm">
      <dt className="text-mute">Runs</dt>
      <dd>
        {everyWords(schedule.every_seconds)}
        <span className="text-mute" title={formatMoment(schedule.next_run_at)}>
          {" "}
          · {next > 0 ? `next in ${formatDuration(Math.max(1_000, next))}` : "next at once"}
        </span>
      </dd>
      <dt className="text-mute">Last run</dt>
      <dd>
        {schedule.last_run_at === null ? "not yet" : formatAgo(schedule.last_run_at, now)}
        {schedule.last_ok === false && (
          <span className="block text-danger wrap-anywhere">
            <Prose text={schedule.last_error?.message ?? "It failed."} />
          </span>
        )}
      </dd>
      <dt className="text-mute">Last change</dt>
      <dd>
        {schedule.last_change_at === null ? "none yet" : formatAgo(schedule.last_change_at, now)}
        {changes && (
          <span className="text-mute">
            {" "}
            · {changes.added} added, {changes.removed} removed, {changes.changed} changed
          </span>
        )}
      </dd>
      <dt className="text-mute">Tells</dt>
      <dd className="wrap-anywhere">
        {schedule.webhook_url === null ? (
          "nobody"
        ) : (
          <>
            <bdi>{schedule.webhook_url.slice(0, 300)}</bdi>
            {schedule.webhook_signed && <span className="text-mute"> · signed</span>}
          </>
        )}
        {latest && (
          <span className={latest.status === "failed" ? "block text-danger" : "block text-mute"}>
            last message ({eventWords(latest.event)}) {latest.status}
            {latest.http_status === null ? "" : ` (status ${latest.http_status})`}
            {latest.error ? `: ${latest.error.slice(0, 200)}` : ""}
          </span>
        )}
      </dd>
    </dl>
  );
}

interface ScheduleDialogProps {
  job: Job;
  schedule: Schedule | null;
  onClose: () => void;
  onSaved: () => void;
}

function ScheduleDialog({ job, schedule, onClose, onSaved }: ScheduleDialogProps) {
  const [every, setEvery] = useState(schedule?.every ?? "1h");
  const [webhook, setWebhook] = useState(schedule?.webhook_url ?? "");
  const [secret, setSecret] = useState("");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const wrong = checkWebhook(webhook);

  async function save(event: FormEvent) {
    event.preventDefault();
    if (wrong !== null) return;
    setBusy(true);
    setError(null);
    try {
      await scrapers.saveSchedule(job.id, {
        every,
        ...(webhook.trim() === "" ? {} : { webhook_url: webhook.trim() }),
        ...(webhook.trim() === "" || secret === "" ? {} : { webhook_secret: secret }),
      });
      toast("The schedule is saved.");
      onSaved();
    } catch (caught) {
      setError(caught);
      setBusy(false);
    }
  }

  return (
    <Dialog open onOpenChange={(open) => !open && onClose()} title="Run by itself">
      <form noValidate onSubmit={save} className="flex min-h-0 flex-1 flex-col">
        <DialogBody>
          <Field label="How often">
            {(props) => (
              <Select {...props} value={every} onChange={(event) => setEvery(event.target.value)}>
                {!EVERY.some(([value]) => value === every) && (
                  <option value={every}>{schedule ? everyWords(schedule.every_seconds) : every}</option>
                )}
                {EVERY.map(([value, label]) => (
                  <option key={value} value={value}>
                    {label}
                  </option>
                ))}
              </Select>
            )}
          </Field>
          <Field
            label="Tell this address about changes"
            optional
            error={wrong ?? undefined}
            help="It gets a POST when records are new, gone or changed, when the scraper begins to fail, and when it works again."
          >
            {(props) => (
              <Input
                {...props}
                type="url"
                inputMode="url"
                autoComplete="off"
                placeholder="https://example.com/hooks/books"
                value={webhook}
                onChange={(event) => setWebhook(event.target.value)}
              />
            )}
          </Field>
          <Field
            label="Secret"
            optional
            help={
              schedule?.webhook_signed
                ? "Signs each message. It is not shown again: without it here, messages are no longer signed."
                : "Signs each message, so that the receiver knows it is from here."
            }
          >
            {(props) => (
              <Input
                {...props}
                type="password"
                autoComplete="off"
                value={secret}
                disabled={webhook.trim() === ""}
                onChange={(event) => setSecret(event.target.value)}
              />
            )}
          </Field>
          {error !== null && <ErrorNote error={error} />}
        </DialogBody>
        <DialogFooter>
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" variant="primary" disabled={busy || wrong !== null}>
            {busy ? "Saving…" : "Save"}
          </Button>
        </DialogFooter>
      </form>
    </Dialog>
  );
}

// The form for a new scraper. What is wrong is said once somebody has stopped typing or has left the field, and again when
// it is sent; what the server finds stands at its field.
"use client";
import { useQueryClient } from "@tanstack/react-query";
import { useRouter } from "next/navigation";
import { type FormEvent, type KeyboardEvent, useRef, useState } from "react";
import { Button, LinkButton } from "@/components/ui/button";
import { Card } from "@/components/ui/card";
import { Field, Input, Textarea } from "@/components/ui/field";
import { ErrorNote } from "@/components/ui/states";
import { scraperKeys } from "@/hooks/scrapers";
import { useSettled } from "@/hooks/use-settled";
import { ApiError } from "@/lib/api/errors";
import type { Job } from "@/lib/api/scraper-types";
import { scrapers } from "@/lib/api/scrapers";
import { routes } from "@/lib/routes";
import { addressOf, type Check, checkDescription, checkUrl, EXAMPLES } from "@/lib/scrapers/form";

const PAUSE_MS = 600;

/** What the server says about one field. */
function saidOf(error: unknown, field: string): string | null {
  if (!(error instanceof ApiError)) return null;
  const messages = error.details.filter((one) => one.path.replace(/^\//, "") === field).map((one) => one.message);
  return messages.length === 0 ? null : messages.join(" ");
}

interface Draft {
  text: string;
  /** Somebody has written into it or left it: from now on it is judged. */
  touched: boolean;
}

export function ScraperForm({ like }: { like: Job | null }) {
  const router = useRouter();
  const client = useQueryClient();
  const [url, setUrl] = useState<Draft>({ text: like?.url ?? "", touched: like !== null });
  const [description, setDescription] = useState<Draft>({ text: like?.description ?? "", touched: like !== null });
  const [ignoreRobots, setIgnoreRobots] = useState(like?.ignore_robots ?? false);
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<{ error: unknown; url: string; description: string } | null>(null);
  const form = useRef<HTMLFormElement>(null);

  const shownUrl = useShown(url, checkUrl, failure?.url === url.text ? saidOf(failure.error, "url") : null);
  const shownDescription = useShown(
    description,
    checkDescription,
    failure?.description === description.text ? saidOf(failure.error, "description") : null,
  );

  async function submit(event?: FormEvent) {
    event?.preventDefault();
    if (busy) return;
    setUrl((before) => ({ ...before, touched: true }));
    setDescription((before) => ({ ...before, touched: true }));
    const wrong =
      checkUrl(url.text).error !== null
        ? "url"
        : checkDescription(description.text).error !== null
          ? "description"
          : null;
    if (wrong !== null) {
      form.current?.querySelector<HTMLElement>(`[name="${wrong}"]`)?.focus();
      return;
    }
    setBusy(true);
    setFailure(null);
    try {
      const job = await scrapers.create({
        url: addressOf(url.text),
        description: description.text.trim(),
        ...(ignoreRobots ? { ignore_robots: true } : {}),
      });
      client.setQueryData(scraperKeys.one(job.id), job);
      void client.invalidateQueries({ queryKey: scraperKeys.all });
      router.push(routes.scraper(job.id));
    } catch (error) {
      setFailure({ error, url: url.text, description: description.text });
      setBusy(false);
    }
  }

  function keys(event: KeyboardEvent) {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) void submit();
  }

  return (
    <Card>
      <form ref={form} noValidate onSubmit={submit} className="space-y-5" aria-label="New scraper">
        <Field label="Address of the page" required error={shownUrl.error ?? undefined} help={shownUrl.advice}>
          {(props) => (
            <Input
              {...props}
              name="url"
              type="url"
              inputMode="url"
              autoComplete="url"
              aria-required
              dir="ltr"
              placeholder="https://example.com/books"
              value={url.text}
              onChange={(event) => setUrl({ text: event.target.value, touched: true })}
              onBlur={(event) => {
                const { value } = event.target;
                // written out, so that it is seen what will be read
                if (value.trim() !== "") setUrl({ text: addressOf(value), touched: true });
              }}
            />
          )}
        </Field>
        <div className="space-y-2">
          <Field
            label="What you want from it"
            required
            error={shownDescription.error ?? undefined}
            help={shownDescription.advice}
          >
            {(props) => (
              <Textarea
                {...props}
                name="description"
                rows={3}
                aria-required
                dir="auto"
                placeholder="title, price and rating of every book"
                value={description.text}
                onChange={(event) => setDescription({ text: event.target.value, touched: true })}
                onKeyDown={keys}
              />
            )}
          </Field>
          <div className="flex flex-wrap items-center gap-1.5 text-xs text-mute">
            <span id="examples">For example:</span>
            {EXAMPLES.map((example) => (
              <button
                key={example}
                type="button"
                className="rounded-md border bg-sunken px-2 py-1 text-left text-ink-2 transition-colors hover:border-line-strong hover:text-ink"
                onClick={() => {
                  setDescription({ text: example, touched: true });
                  form.current?.querySelector<HTMLElement>('[name="description"]')?.focus();
                }}
              >
                {example}
              </button>
            ))}
          </div>
        </div>
        <div>
          <label className="flex cursor-pointer items-center gap-2">
            <input
              type="checkbox"
              className="size-4 accent-(--accent)"
              aria-describedby="robots-help"
              checked={ignoreRobots}
              onChange={(event) => setIgnoreRobots(event.target.checked)}
            />
            Read it although its robots.txt says no
          </label>
          <p id="robots-help" className="pl-6 text-xs text-mute">
            Only for a site of your own, or with its owner's permission.
          </p>
        </div>
        {failure !== null && <ErrorNote error={failure.error} />}
        <div className="flex flex-wrap items-center gap-2 border-t pt-4">
          <Button type="submit" variant="primary" disabled={busy}>
            {busy ? "Sending…" : "Make the scraper"}
          </Button>
          <LinkButton href={routes.scrapers()} variant="ghost">
            Cancel
          </LinkButton>
          {/* what a pause in typing has found out; errors that stop the form are read out with the field */}
          <p role="status" className="sr-only">
            {[shownUrl.error ?? shownUrl.advice, shownDescription.error].filter(Boolean).join(" ")}
          </p>
        </div>
      </form>
    </Card>
  );
}

/** Advice at once, errors after a pause: half an address is no mistake yet. */
function useShown(draft: Draft, check: (text: string) => Check, said: string | null): Check {
  const settled = useSettled(draft, PAUSE_MS);
  if (!draft.touched) return { error: null, advice: null };
  const now = check(draft.text);
  if (said !== null) return { error: said, advice: null };
  if (now.error === null) return now;
  const judged = settled === draft ? now : check(settled.text);
  return { error: settled.touched && judged.error !== null ? now.error : null, advice: null };
}

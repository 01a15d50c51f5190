// Settings: how it looks here, the key of this tab, how the server is doing.
"use client";
import { useQueryClient } from "@tanstack/react-query";
import { CircleCheck, Laptop, type LucideIcon, Moon, OctagonX, Sun } from "lucide-react";
import { useEffect, useState } from "react";
import { Button } from "@/components/ui/button";
import { Card, PageHead } from "@/components/ui/card";
import { cx } from "@/components/ui/cx";
import { Skeleton } from "@/components/ui/skeleton";
import { ErrorNote } from "@/components/ui/states";
import { ValueView } from "@/components/ui/value";
import { useReadiness, useServerVersion } from "@/hooks/queries";
import { useObservable } from "@/hooks/use-observable";
import { apiKey, keyRequired, setApiKey } from "@/lib/api/auth";
import { chooseSingleKeys, loadSingleKeys, singleKeys } from "@/lib/builder/shortcuts";
import { chooseTheme, THEMES, type Theme, theme } from "@/lib/theme";

export function SettingsPage() {
  return (
    <>
      <PageHead title="Settings" />
      <div className="max-w-3xl space-y-4">
        <Appearance />
        <Keyboard />
        <Key />
        <Server />
      </div>
    </>
  );
}

function Keyboard() {
  const singles = useObservable(singleKeys);
  useEffect(loadSingleKeys, []);
  return (
    <Card title="Keyboard">
      <label className="flex cursor-pointer items-start gap-2.5">
        <input
          type="checkbox"
          aria-describedby="single-keys-help"
          className="mt-0.5 size-4 accent-(--accent)"
          checked={singles}
          onChange={(event) => chooseSingleKeys(event.target.checked)}
        />
        Single letters and digits do something in the builder
      </label>
      <p id="single-keys-help" className="mt-1 pl-6.5 text-xs text-mute">
        N adds a node, C connects, 0 and 1 zoom, ? shows all keys. Switch them off if you dictate, or press keys by
        accident; keys with Control or Alt stay, and Control K finds every command.
      </p>
    </Card>
  );
}

const LOOKS: Record<Theme, { label: string; icon: LucideIcon }> = {
  system: { label: "As the system", icon: Laptop },
  light: { label: "Light", icon: Sun },
  dark: { label: "Dark", icon: Moon },
};

function Appearance() {
  const current = useObservable(theme);
  return (
    <Card title="Appearance">
      <fieldset className="grid gap-2 sm:grid-cols-3">
        <legend className="sr-only">Theme</legend>
        {THEMES.map((name) => {
          const { label, icon: Icon } = LOOKS[name];
          return (
            <label
              key={name}
              className={cx(
                "flex cursor-pointer items-center gap-2.5 rounded-md border px-3 py-2.5 transition-colors",
                "has-[:focus-visible]:outline-2 has-[:focus-visible]:outline-offset-2 has-[:focus-visible]:outline-(--focus)",
                current === name
                  ? "border-accent bg-accent-soft font-medium text-accent"
                  : "border-line-strong text-ink-2 hover:bg-sunken",
              )}
            >
              <input
                type="radio"
                name="theme"
                value={name}
                checked={current === name}
                onChange={() => chooseTheme(name)}
                className="sr-only"
              />
              <Icon aria-hidden size={16} />
              {label}
            </label>
          );
        })}
      </fieldset>
    </Card>
  );
}

function Key() {
  const client = useQueryClient();
  const required = useObservable(keyRequired);
  const [set, setSet] = useState(false);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the key form changes the key, and closing it says so
  useEffect(() => setSet(apiKey() !== null), [required]);

  function forget() {
    setApiKey(null);
    setSet(false);
    void client.invalidateQueries();
  }

  return (
    <Card title="API key">
      <div className="flex flex-wrap items-center gap-3">
        <p className="min-w-0 flex-1 basis-60 text-ink-2">
          {set
            ? "This tab sends an API key. It is forgotten when the tab is closed."
            : "This tab sends no API key. If the server wants one, it will be asked for."}
        </p>
        {set ? (
          <Button size="sm" onClick={forget}>
            Forget the key
          </Button>
        ) : (
          <Button size="sm" onClick={() => keyRequired.set(true)}>
            Enter a key
          </Button>
        )}
      </div>
    </Card>
  );
}

function Server() {
  const health = useReadiness();
  const version = useServerVersion();
  const ready = health.data?.ready;
  const detail = typeof health.data?.body === "object" && health.data.body !== null ? health.data.body : null;
  return (
    <Card title="Server">
      <dl className="grid grid-cols-[8rem_minmax(0,1fr)] items-center gap-x-4 gap-y-3">
        <dt className="text-mute">Health</dt>
        <dd>
          {health.isError ? (
            <State good={false} text="does not answer" />
          ) : ready === undefined ? (
            <Skeleton className="h-4 w-24" />
          ) : (
            <State good={ready} text={ready ? "ready" : "not ready"} />
          )}
        </dd>
        <dt className="text-mute">Version</dt>
        <dd className="nums">
          {version.isPending ? (
            <Skeleton className="h-4 w-16" />
          ) : (
            (version.data ?? health.data?.version ?? "not told by this server")
          )}
        </dd>
        <dt className="text-mute">API</dt>
        <dd>
          <a className="text-accent underline underline-offset-2" href="/docs">
            Reference
          </a>
          {" · "}
          <a className="text-accent underline underline-offset-2" href="/openapi.json">
            OpenAPI document
          </a>
        </dd>
      </dl>
      {health.isError && (
        <div className="mt-4">
          <ErrorNote error={health.error} onRetry={() => health.refetch()} />
        </div>
      )}
      {detail !== null && (
        <details className="mt-4">
          <summary className="text-xs text-mute">What the health check says</summary>
          <div className="mt-2">
            <ValueView value={detail} label="Health check" />
          </div>
        </details>
      )}
    </Card>
  );
}

function State({ good, text }: { good: boolean; text: string }) {
  const Icon = good ? CircleCheck : OctagonX;
  return (
    <span className="inline-flex items-center gap-1.5">
      <Icon aria-hidden size={15} className={good ? "text-green-700 dark:text-green-400" : "text-danger"} />
      {text}
    </span>
  );
}

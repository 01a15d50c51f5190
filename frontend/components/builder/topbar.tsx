// The line above the canvas: what the workflow is called, whether it is saved, what is wrong, what it may cost, Run.
"use client";
import {
  ChevronLeft,
  CircleAlert,
  CircleCheck,
  Command,
  MoreHorizontal,
  Play,
  Redo2,
  TriangleAlert,
  Undo2,
} from "lucide-react";
import dynamic from "next/dynamic";
import Link from "next/link";
import { useEffect, useState } from "react";
import { Button } from "@/components/ui/button";
import { cx } from "@/components/ui/cx";
import { useLater } from "@/hooks/use-later";
import { formatUsd } from "@/lib/format/money";
import { plural } from "@/lib/format/text";
import { routes } from "@/lib/routes";
import { useEditor, useSession } from "./context";
import { SaveMark } from "./save-mark";
import type { Checks, EstimateState } from "./use-checks";

/** Where the menu will be. */
function MorePlace() {
  return (
    <span aria-hidden className="inline-flex size-8 items-center justify-center text-mute">
      <MoreHorizontal size={16} />
    </span>
  );
}

const MoreMenu = dynamic(() => import("./more-menu").then((module) => module.MoreMenu), {
  ssr: false,
  loading: MorePlace,
});

export function TopBar({ checks, onRun }: { checks: Checks; onRun: () => void }) {
  const session = useSession();
  const later = useLater();
  const canUndo = useEditor((state) => state.past.at(-1)?.label ?? null);
  const canRedo = useEditor((state) => state.future[0]?.label ?? null);
  return (
    <header className="flex h-13 shrink-0 items-center gap-2 border-b bg-surface px-3">
      <Link
        prefetch={false}
        href={routes.home()}
        aria-label="All workflows"
        title="All workflows"
        className="inline-flex size-8 shrink-0 items-center justify-center rounded-md text-mute hover:bg-sunken hover:text-ink"
      >
        <ChevronLeft aria-hidden size={17} />
      </Link>
      <Name />
      <SaveMark />
      <div className="ml-auto flex items-center gap-1.5">
        <IconButton
          label={canUndo === null ? "Undo" : `Undo: ${canUndo}`}
          disabled={canUndo === null}
          onClick={() => session.undo()}
        >
          <Undo2 aria-hidden size={16} />
        </IconButton>
        <IconButton
          label={canRedo === null ? "Do again" : `Do again: ${canRedo}`}
          disabled={canRedo === null}
          onClick={() => session.redo()}
        >
          <Redo2 aria-hidden size={16} />
        </IconButton>
        <IconButton label="Commands" onClick={() => session.open({ kind: "palette" })}>
          <Command aria-hidden size={15} />
        </IconButton>
        <span className="mx-1 h-5 border-l" />
        <Problems checks={checks} />
        <EstimateChip state={checks.estimate} />
        <Button
          variant="primary"
          size="sm"
          className="h-8 px-3.5 text-sm"
          icon={<Play aria-hidden size={14} />}
          onClick={onRun}
        >
          Run
        </Button>
        {later ? <MoreMenu /> : <MorePlace />}
      </div>
    </header>
  );
}

function IconButton({
  label,
  disabled = false,
  onClick,
  children,
}: {
  label: string;
  disabled?: boolean;
  onClick: () => void;
  children: React.ReactNode;
}) {
  return (
    <button
      type="button"
      aria-label={label}
      title={label}
      disabled={disabled}
      onClick={onClick}
      className="inline-flex size-8 items-center justify-center rounded-md text-ink-2 transition-colors hover:bg-sunken hover:text-ink disabled:cursor-not-allowed disabled:opacity-40 disabled:hover:bg-transparent"
    >
      {children}
    </button>
  );
}

function Name() {
  const session = useSession();
  const name = useEditor((state) => state.document.name ?? "");
  const [text, setText] = useState(name);
  useEffect(() => setText(name), [name]);
  function take() {
    const next = text.trim();
    if (next === "" || next === name) setText(name);
    else session.editor.apply("Renamed the workflow", (document) => ({ ...document, name: next }));
  }
  return (
    <h1 className="min-w-24 max-w-80 shrink">
      <span className="sr-only">Workflow </span>
      <input
        aria-label="Name of the workflow"
        value={text}
        maxLength={200}
        dir="auto"
        onChange={(event) => setText(event.target.value)}
        onBlur={take}
        onKeyDown={(event) => {
          if (event.key === "Enter") event.currentTarget.blur();
          if (event.key === "Escape") {
            setText(name);
            requestAnimationFrame(() => session.ask("focus"));
          }
        }}
        className="field-sizing-content h-8 w-full min-w-24 truncate rounded-md border border-transparent bg-transparent px-2 text-sm font-semibold hover:border-line-strong focus:border-line-strong focus:bg-surface"
      />
    </h1>
  );
}

const CHIP =
  "nums inline-flex h-8 items-center gap-1.5 rounded-md border px-2.5 text-xs whitespace-nowrap transition-colors hover:bg-sunken";

function Problems({ checks }: { checks: Checks }) {
  const session = useSession();
  const open = session.view.get().drawer === "problems";
  const { errors, warnings, valid, failed } = checks;
  const text =
    failed !== null
      ? "not checked"
      : valid === null
        ? "checking…"
        : errors > 0
          ? plural(errors, "problem")
          : warnings > 0
            ? plural(warnings, "hint")
            : "valid";
  const Icon = errors > 0 ? CircleAlert : warnings > 0 || failed !== null ? TriangleAlert : CircleCheck;
  return (
    <button
      type="button"
      aria-expanded={open}
      className={cx(
        CHIP,
        errors > 0
          ? "border-red-300 text-red-800 dark:border-red-500/50 dark:text-red-300"
          : warnings > 0
            ? "border-amber-300 text-amber-900 dark:border-amber-500/50 dark:text-amber-300"
            : "border-line text-ink-2",
      )}
      onClick={() => session.look({ drawer: session.view.get().drawer === "problems" ? null : "problems" })}
    >
      <Icon aria-hidden size={14} />
      {text}
    </button>
  );
}

function EstimateChip({ state }: { state: EstimateState }) {
  const session = useSession();
  if (state.kind === "none") return null;
  const show = () => session.look({ drawer: session.view.get().drawer === "cost" ? null : "cost" });
  if (state.kind !== "known") {
    const words = {
      blocked: "Estimate needs a valid workflow",
      unavailable: "No estimate on this server",
      failed: "No estimate",
    }[state.kind];
    return (
      <button type="button" className={cx(CHIP, "border-line text-mute max-xl:hidden")} onClick={show}>
        {words}
      </button>
    );
  }
  const { min_usd, expected_usd, max_usd, fits_budget } = state.estimate;
  return (
    <button
      type="button"
      onClick={show}
      className={cx(
        CHIP,
        "gap-2 border-line text-ink-2",
        state.stale && "border-dashed",
        !fits_budget && "border-fuchsia-300 dark:border-fuchsia-500/50",
      )}
    >
      <span className="sr-only">Estimate of a run: </span>
      <span className="max-xl:hidden">
        <span className="text-mute">min</span> {formatUsd(min_usd)}
      </span>
      <span>
        <span className="text-mute">expected</span>{" "}
        <strong className="font-semibold text-ink">{formatUsd(expected_usd)}</strong>
      </span>
      <span className={fits_budget ? "" : "text-fuchsia-800 dark:text-fuchsia-300"}>
        <span className={fits_budget ? "text-mute" : ""}>max</span> {formatUsd(max_usd)}
        {!fits_budget && <span className="max-2xl:sr-only"> over budget</span>}
      </span>
    </button>
  );
}

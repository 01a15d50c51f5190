// States, drawn: icon, word and shape together.
import {
  Ban,
  Check,
  Circle,
  CircleDashed,
  Clock,
  LoaderCircle,
  type LucideIcon,
  OctagonX,
  RotateCw,
  Undo2,
} from "lucide-react";
import type { ExecutionStatus } from "@/lib/api/types";
import { executionLook, type NodeLook, nodeLook, type Shape, type StatusLook, type Tone } from "@/lib/status";
import { cx } from "./cx";

const TONES: Record<Tone, string> = {
  slate:
    "text-slate-700 bg-slate-100 border-slate-300 dark:text-slate-300 dark:bg-slate-400/10 dark:border-slate-500/40",
  blue: "text-blue-800 bg-blue-50 border-blue-200 dark:text-blue-300 dark:bg-blue-500/10 dark:border-blue-500/40",
  amber:
    "text-amber-900 bg-amber-50 border-amber-300 dark:text-amber-300 dark:bg-amber-500/10 dark:border-amber-500/40",
  green:
    "text-green-800 bg-green-50 border-green-200 dark:text-green-300 dark:bg-green-500/10 dark:border-green-500/40",
  red: "text-red-800 bg-red-50 border-red-200 dark:text-red-300 dark:bg-red-500/10 dark:border-red-500/40",
  fuchsia:
    "text-fuchsia-800 bg-fuchsia-50 border-fuchsia-200 dark:text-fuchsia-300 dark:bg-fuchsia-500/10 dark:border-fuchsia-500/40",
  stone: "text-stone-700 bg-transparent border-stone-400 border-dashed dark:text-stone-300 dark:border-stone-500",
  cyan: "text-cyan-900 bg-cyan-50 border-cyan-300 dark:text-cyan-300 dark:bg-cyan-500/10 dark:border-cyan-500/40",
};

function DollarShield({ size }: { size: number }) {
  return (
    <svg
      aria-hidden="true"
      width={size}
      height={size}
      viewBox="0 0 24 24"
      fill="none"
      stroke="currentColor"
      strokeWidth={2}
    >
      <path strokeLinejoin="round" d="M12 2.5 4 5.5v6c0 5 3.4 8.6 8 10 4.6-1.4 8-5 8-10v-6z" />
      <path
        strokeLinecap="round"
        d="M14.5 9.3c-.4-.9-1.3-1.3-2.5-1.3-1.5 0-2.5.7-2.5 1.9 0 2.9 5.2 1.3 5.2 4.1 0 1.2-1.1 2-2.7 2-1.3 0-2.3-.5-2.7-1.5M12 6.7v1.3m0 8v1.3"
      />
    </svg>
  );
}

const ICONS: Record<Exclude<Shape, "shield">, LucideIcon> = {
  hollow: Circle,
  clock: Clock,
  spinner: LoaderCircle,
  retry: RotateCw,
  check: Check,
  octagon: OctagonX,
  dashed: CircleDashed,
  slash: Ban,
  back: Undo2,
};

export function ShapeIcon({ shape, size }: { shape: Shape; size: number }) {
  if (shape === "shield") return <DollarShield size={size} />;
  const Icon = ICONS[shape];
  return <Icon aria-hidden size={size} strokeWidth={2.25} className={shape === "spinner" ? "spin-slow" : ""} />;
}

/** Any state. */
export function LookBadge({ look, detail }: { look: StatusLook; detail?: string | undefined }) {
  return (
    <span
      className={cx(
        "inline-flex h-6 shrink-0 items-center gap-1.5 rounded-md border px-2 text-xs font-medium whitespace-nowrap",
        TONES[look.tone],
      )}
    >
      <ShapeIcon shape={look.shape} size={13} />
      {look.word}
      {detail && <span className="nums">{detail}</span>}
    </span>
  );
}

export function ExecutionBadge({ status }: { status: ExecutionStatus }) {
  return <LookBadge look={executionLook(status)} />;
}

export function NodeBadge({ look, detail }: { look: NodeLook; detail?: string | undefined }) {
  return <LookBadge look={nodeLook(look)} detail={detail} />;
}

const MARKS: Record<Tone, string> = {
  slate: "text-slate-700 dark:text-slate-300",
  blue: "text-blue-800 dark:text-blue-300",
  amber: "text-amber-900 dark:text-amber-300",
  green: "text-green-800 dark:text-green-300",
  red: "text-red-800 dark:text-red-300",
  fuchsia: "text-fuchsia-800 dark:text-fuchsia-300",
  stone: "text-stone-700 dark:text-stone-300",
  cyan: "text-cyan-900 dark:text-cyan-300",
};

/** The same without a box, for small places. */
export function StatusMark({ look, detail }: { look: NodeLook; detail?: string | undefined }) {
  const { word, tone, shape } = nodeLook(look);
  return (
    <span className={cx("inline-flex min-w-0 items-center gap-1.5 text-xs font-medium whitespace-nowrap", MARKS[tone])}>
      <ShapeIcon shape={shape} size={12} />
      <span className="truncate">{word}</span>
      {detail && <span className="nums font-normal">{detail}</span>}
    </span>
  );
}

// Form fields: a label, the control, help and error tied to it for screen readers.
"use client";
import { type ComponentProps, type ReactNode, useId } from "react";
import { cx } from "./cx";

export const CONTROL = cx(
  "w-full rounded-md border border-control bg-surface py-1.5 text-sm text-ink transition-colors",
  "hover:border-ink-2 aria-invalid:border-danger disabled:opacity-60",
);

export interface FieldProps {
  label: string;
  help?: ReactNode;
  error?: string | undefined;
  required?: boolean;
  optional?: boolean;
  children: (props: { id: string; "aria-describedby"?: string; "aria-invalid"?: true }) => ReactNode;
}

export function Field({ label, help, error, required = false, optional = false, children }: FieldProps) {
  const id = useId();
  const helpId = `${id}-help`;
  const errorId = `${id}-error`;
  const described = [help ? helpId : null, error ? errorId : null].filter(Boolean).join(" ");
  return (
    <div className="space-y-1">
      <label htmlFor={id} className="flex items-baseline gap-2 font-medium">
        {label}
        {required && <span className="text-xs font-normal text-mute">required</span>}
        {optional && <span className="text-xs font-normal text-mute">optional</span>}
      </label>
      {children({
        id,
        ...(described ? { "aria-describedby": described } : {}),
        ...(error ? { "aria-invalid": true as const } : {}),
      })}
      {help && (
        <p id={helpId} className="text-xs text-mute">
          {help}
        </p>
      )}
      {error && (
        <p id={errorId} className="text-xs text-danger">
          {error}
        </p>
      )}
    </div>
  );
}

export interface InputProps extends ComponentProps<"input"> {
  /** As high as small buttons. */
  low?: boolean;
  /** Leaves room for an icon on the left. */
  icon?: boolean;
}

export function Input({ className, low = false, icon = false, ...rest }: InputProps) {
  return <input className={cx(CONTROL, low ? "h-8" : "h-9", icon ? "pr-3 pl-8" : "px-3", className)} {...rest} />;
}

export function Textarea({ className, ...rest }: ComponentProps<"textarea">) {
  return <textarea className={cx(CONTROL, "min-h-20 px-3", className)} {...rest} />;
}

export function Select({ className, ...rest }: ComponentProps<"select">) {
  return <select className={cx(CONTROL, "h-9 px-2.5", className)} {...rest} />;
}

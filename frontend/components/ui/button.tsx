// Buttons, and links that look like them.
import Link from "next/link";
import type { ComponentProps, ReactNode } from "react";
import { cx } from "./cx";

type Variant = "primary" | "secondary" | "ghost" | "danger";
type Size = "sm" | "md" | "icon";

const VARIANTS: Record<Variant, string> = {
  primary: "bg-accent text-on-accent hover:bg-accent-hover border-transparent font-medium",
  secondary: "bg-surface text-ink hover:bg-sunken border-line-strong",
  ghost: "bg-transparent text-ink-2 hover:bg-sunken hover:text-ink border-transparent",
  danger: "bg-surface text-danger hover:bg-danger hover:text-surface border-line-strong hover:border-danger",
};

const SIZES: Record<Size, string> = {
  sm: "h-8 px-2.5 gap-1.5 text-xs",
  md: "h-9 px-3.5 gap-2 text-sm",
  icon: "size-8 justify-center",
};

function classes(variant: Variant, size: Size, extra?: string): string {
  return cx(
    "inline-flex shrink-0 items-center justify-center rounded-md border whitespace-nowrap transition-colors duration-150",
    "disabled:opacity-55 disabled:cursor-not-allowed",
    VARIANTS[variant],
    SIZES[size],
    extra,
  );
}

interface Look {
  variant?: Variant;
  size?: Size;
  icon?: ReactNode;
}

export function Button({
  variant = "secondary",
  size = "md",
  icon,
  className,
  children,
  type = "button",
  ...rest
}: ComponentProps<"button"> & Look) {
  return (
    <button type={type} className={classes(variant, size, className)} {...rest}>
      {icon}
      {children}
    </button>
  );
}

export function LinkButton({
  variant = "secondary",
  size = "md",
  icon,
  className,
  children,
  ...rest
}: ComponentProps<typeof Link> & Look) {
  return (
    <Link prefetch={false} className={classes(variant, size, className)} {...rest}>
      {icon}
      {children}
    </Link>
  );
}

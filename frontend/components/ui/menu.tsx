// Drop-down menus over Radix: arrow keys, type-ahead, Escape.
"use client";
import * as Radix from "@radix-ui/react-dropdown-menu";
import { MoreHorizontal } from "lucide-react";
import type { ReactNode } from "react";
import { cx } from "./cx";

export function RowMenu({ label, children }: { label: string; children: ReactNode }) {
  return (
    <Radix.Root modal={false}>
      <Radix.Trigger
        aria-label={label}
        className="relative z-10 inline-flex size-8 items-center justify-center rounded-md text-mute transition-colors hover:bg-sunken hover:text-ink data-[state=open]:bg-sunken"
      >
        <MoreHorizontal aria-hidden size={16} />
      </Radix.Trigger>
      <MenuContent>{children}</MenuContent>
    </Radix.Root>
  );
}

export function Menu({ trigger, children }: { trigger: ReactNode; children: ReactNode }) {
  return (
    <Radix.Root modal={false}>
      <Radix.Trigger asChild>{trigger}</Radix.Trigger>
      <MenuContent>{children}</MenuContent>
    </Radix.Root>
  );
}

function MenuContent({ children }: { children: ReactNode }) {
  // inside the main landmark, where its trigger is, and not at the end of the document
  const container = typeof document === "undefined" ? null : document.getElementById("main");
  return (
    <Radix.Portal container={container}>
      <Radix.Content
        align="end"
        sideOffset={4}
        collisionPadding={8}
        className="appearing z-30 max-w-80 min-w-44 rounded-lg border border-line bg-raised p-1 shadow-lg"
      >
        {children}
      </Radix.Content>
    </Radix.Portal>
  );
}

export interface MenuItemProps {
  icon?: ReactNode;
  danger?: boolean;
  onSelect: () => void;
  children: ReactNode;
}

export function MenuItem({ icon, danger = false, onSelect, children }: MenuItemProps) {
  return (
    <Radix.Item
      onSelect={onSelect}
      className={cx(
        "flex cursor-pointer items-center gap-2 rounded-md px-2.5 py-1.5 text-sm outline-none select-none",
        "data-[highlighted]:bg-sunken",
        danger ? "text-danger" : "text-ink",
      )}
    >
      {icon && <span className="text-mute">{icon}</span>}
      {children}
    </Radix.Item>
  );
}

export function MenuLabel({ children }: { children: ReactNode }) {
  return <Radix.Label className="px-2.5 pt-1.5 pb-1 text-xs text-mute">{children}</Radix.Label>;
}

export function MenuSeparator() {
  return <Radix.Separator className="my-1 h-px bg-line" />;
}

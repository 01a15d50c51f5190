// A box whose content scrolls: named, and reachable with the keyboard, so that it can be scrolled without a mouse.
import type { ComponentProps } from "react";

export function ScrollBox({ label, ...rest }: ComponentProps<"section"> & { label: string }) {
  return (
    <section
      aria-label={label}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: scrolling must work with the keyboard
      tabIndex={0}
      {...rest}
    />
  );
}

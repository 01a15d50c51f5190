// A button that copies a text, and says so.
"use client";
import { Check, Copy } from "lucide-react";
import { useEffect, useState } from "react";
import { cx } from "./cx";

export function CopyButton({ text, label, className }: { text: string; label: string; className?: string }) {
  const [copied, setCopied] = useState(false);

  useEffect(() => {
    if (!copied) return;
    const timer = setTimeout(() => setCopied(false), 1500);
    return () => clearTimeout(timer);
  }, [copied]);

  async function copy() {
    try {
      await navigator.clipboard.writeText(text);
      setCopied(true);
    } catch {
      setCopied(false); // the browser forbids it on insecure origins; the text can still be selected
    }
  }

  return (
    <button
      type="button"
      aria-label={copied ? "Copied" : label}
      onClick={copy}
      className={cx(
        "inline-flex size-6 shrink-0 items-center justify-center rounded text-mute transition-colors hover:bg-sunken hover:text-ink",
        className,
      )}
    >
      {copied ? <Check aria-hidden size={13} /> : <Copy aria-hidden size={13} />}
    </button>
  );
}

// Choosing one of many by typing: a dialog with a combobox over a list. Adding nodes, connecting, models, commands and
// searching are all this one thing. Arrow keys, Home, End, Enter, Escape.
"use client";
import * as Radix from "@radix-ui/react-dialog";
import { Search } from "lucide-react";
import { type KeyboardEvent, type ReactNode, useEffect, useId, useMemo, useRef, useState } from "react";
import { cx } from "./cx";

export interface PickItem {
  key: string;
  label: string;
  detail?: ReactNode;
  /** At the right end: a shortcut, a price. */
  hint?: ReactNode;
  icon?: ReactNode;
  group?: string;
  disabled?: boolean;
}

export interface PickerProps {
  title: string;
  placeholder: string;
  /** What there is for a search text, best first. */
  items: (text: string) => PickItem[];
  onPick: (key: string, event: { alt: boolean }) => void;
  onClose: () => void;
  empty?: string;
  children?: ReactNode;
}

const MOST = 200;

export function Picker({ title, placeholder, items, onPick, onClose, empty, children }: PickerProps) {
  const id = useId();
  const [text, setText] = useState("");
  const [at, setAt] = useState(0);
  const list = useRef<HTMLDivElement>(null);
  const shown = useMemo(() => items(text).slice(0, MOST), [items, text]);
  const index = Math.min(at, Math.max(0, shown.length - 1));
  const here = shown[index];

  // biome-ignore lint/correctness/useExhaustiveDependencies: it follows the marked option
  useEffect(() => {
    list.current?.querySelector('[aria-selected="true"]')?.scrollIntoView({ block: "nearest" });
  }, [index, shown]);

  function key(event: KeyboardEvent) {
    const moves: Record<string, number> = {
      ArrowDown: Math.min(shown.length - 1, index + 1),
      ArrowUp: Math.max(0, index - 1),
      Home: 0,
      End: shown.length - 1,
      PageDown: Math.min(shown.length - 1, index + 8),
      PageUp: Math.max(0, index - 8),
    };
    const next = moves[event.key];
    if (next !== undefined && !((event.key === "Home" || event.key === "End") && event.shiftKey)) {
      event.preventDefault();
      setAt(next);
    } else if (event.key === "Enter" && !event.nativeEvent.isComposing) {
      event.preventDefault();
      if (here && !here.disabled) onPick(here.key, { alt: event.altKey });
    }
  }

  return (
    <Radix.Root open onOpenChange={(open) => !open && onClose()}>
      <Radix.Portal>
        <Radix.Overlay className="fixed inset-0 z-40 bg-(--overlay)" />
        <Radix.Content
          aria-describedby={undefined}
          className="appearing fixed top-[12dvh] left-1/2 z-50 flex max-h-[70dvh] w-[34rem] max-w-[calc(100vw-1.5rem)] -translate-x-1/2 flex-col overflow-hidden rounded-xl border border-line bg-raised shadow-xl outline-none"
        >
          <Radix.Title className="sr-only">{title}</Radix.Title>
          <div className="relative border-b">
            <Search
              aria-hidden
              size={16}
              className="pointer-events-none absolute top-1/2 left-4 -translate-y-1/2 text-mute"
            />
            <input
              role="combobox"
              aria-label={title}
              aria-expanded="true"
              aria-controls={`${id}-list`}
              aria-autocomplete="list"
              aria-activedescendant={here ? `${id}-${index}` : undefined}
              placeholder={placeholder}
              autoComplete="off"
              spellCheck={false}
              value={text}
              onChange={(event) => {
                setText(event.target.value);
                setAt(0);
              }}
              onKeyDown={key}
              className="h-12 w-full bg-transparent pr-4 pl-11 text-base outline-none"
            />
          </div>
          {children}
          <div
            ref={list}
            id={`${id}-list`}
            role="listbox"
            aria-label={title}
            className="min-h-0 flex-1 overflow-y-auto p-1.5"
            tabIndex={-1}
          >
            {shown.map((item, place) => (
              <Option
                key={item.key}
                id={`${id}-${place}`}
                item={item}
                first={item.group !== undefined && item.group !== shown[place - 1]?.group}
                here={place === index}
                onEnter={() => setAt(place)}
                onPick={(alt) => !item.disabled && onPick(item.key, { alt })}
              />
            ))}
          </div>
          {shown.length === 0 && <p className="px-4 pb-6 text-center text-mute">{empty ?? "Nothing fits."}</p>}
          <p role="status" className="sr-only">
            {shown.length === 1 ? "1 choice" : `${shown.length} choices`}
          </p>
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}

interface OptionProps {
  id: string;
  item: PickItem;
  first: boolean;
  here: boolean;
  onEnter: () => void;
  onPick: (alt: boolean) => void;
}

function Option({ id, item, first, here, onEnter, onPick }: OptionProps) {
  return (
    <>
      {first && (
        <div role="presentation" className="px-2.5 pt-2 pb-1 text-xs font-medium text-mute">
          {item.group}
        </div>
      )}
      {/* biome-ignore lint/a11y/useKeyWithClickEvents: the combobox has the keys */}
      <div
        id={id}
        role="option"
        tabIndex={-1}
        aria-selected={here}
        aria-disabled={item.disabled || undefined}
        onMouseMove={onEnter}
        onClick={(event) => onPick(event.altKey)}
        className={cx(
          "flex min-h-10 cursor-pointer items-center gap-3 rounded-md px-2.5 py-1.5",
          here && "bg-accent-soft",
          item.disabled && "opacity-55",
        )}
      >
        {item.icon}
        <span className="min-w-0 flex-1">
          <span className="block truncate">
            <bdi>{item.label}</bdi>
          </span>
          {item.detail && <span className="block truncate text-xs text-mute">{item.detail}</span>}
        </span>
        {item.hint && <span className="nums shrink-0 text-xs text-mute">{item.hint}</span>}
      </div>
    </>
  );
}

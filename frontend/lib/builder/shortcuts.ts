// Every key of the builder: one table for the handler, the palette and the help. Single letters can be switched off
// (WCAG 2.1.4). Not here: what they do.
import { observable } from "../observable";

export type Command =
  | "palette"
  | "find"
  | "add"
  | "connect"
  | "open"
  | "rename"
  | "remove"
  | "undo"
  | "redo"
  | "run"
  | "save"
  | "tidy"
  | "zoom-reset"
  | "zoom-fit"
  | "help"
  | "select-all"
  | "duplicate"
  | "toggle"
  | "escape";

export interface Shortcut {
  command: Command;
  keys: string;
  words: string;
  /** Works while a text is being typed, too. */
  whileTyping?: boolean;
  /** Only while the canvas or nothing in particular has the focus. */
  canvas?: boolean;
  /** Shown in the help, but handled elsewhere or a double. */
  hidden?: boolean;
}

export const SHORTCUTS: readonly Shortcut[] = [
  { command: "palette", keys: "Mod+K", words: "Everything: commands and nodes", whileTyping: true },
  { command: "find", keys: "Mod+F", words: "Find a node" },
  { command: "add", keys: "N", words: "Add a node" },
  { command: "connect", keys: "C", words: "Connect this node to another" },
  { command: "open", keys: "Enter", words: "Open this node's settings", canvas: true },
  { command: "toggle", keys: "Space", words: "Add this node to the selection, or take it out", canvas: true },
  { command: "rename", keys: "F2", words: "Rename" },
  { command: "remove", keys: "Delete", words: "Remove what is selected", canvas: true },
  { command: "remove", keys: "Backspace", words: "", canvas: true, hidden: true },
  { command: "duplicate", keys: "Mod+D", words: "Duplicate" },
  { command: "select-all", keys: "Mod+A", words: "Select everything", canvas: true },
  { command: "undo", keys: "Mod+Z", words: "Undo" },
  { command: "redo", keys: "Shift+Mod+Z", words: "Do again" },
  { command: "redo", keys: "Mod+Y", words: "", hidden: true },
  { command: "run", keys: "Mod+Enter", words: "Run", whileTyping: true },
  { command: "save", keys: "Mod+S", words: "Save now", whileTyping: true },
  { command: "tidy", keys: "Shift+Alt+T", words: "Tidy up" },
  { command: "zoom-reset", keys: "0", words: "Zoom to 100 %" },
  { command: "zoom-fit", keys: "1", words: "Zoom to fit" },
  { command: "help", keys: "?", words: "Keys" },
  { command: "escape", keys: "Escape", words: "Let go: of a selection, of a run on the canvas", canvas: true },
];

export interface KeyLike {
  key: string;
  code: string;
  ctrlKey: boolean;
  metaKey: boolean;
  shiftKey: boolean;
  altKey: boolean;
}

function fits(shortcut: Shortcut, event: KeyLike): boolean {
  const parts = shortcut.keys.split("+");
  const wanted = parts.at(-1) ?? "";
  const mod = event.ctrlKey || event.metaKey;
  if (mod !== parts.includes("Mod") || event.altKey !== parts.includes("Alt")) return false;
  if (wanted === "?") return event.key === "?";
  if (event.shiftKey !== parts.includes("Shift")) return false;
  if (wanted === "Space") return event.key === " ";
  // with Alt, keyboards write other letters: the place of the key counts
  if (parts.includes("Alt") && wanted.length === 1) return event.code === `Key${wanted}`;
  return event.key.toLowerCase() === wanted.toLowerCase();
}

export function isSingle(shortcut: Shortcut): boolean {
  return shortcut.keys.length === 1;
}

export function commandFor(
  event: KeyLike,
  state: { typing: boolean; canvas: boolean; singles: boolean },
): Command | null {
  for (const shortcut of SHORTCUTS) {
    if (!fits(shortcut, event)) continue;
    if (state.typing && !shortcut.whileTyping) continue;
    if (shortcut.canvas && !state.canvas) continue;
    if (isSingle(shortcut) && !state.singles) continue;
    return shortcut.command;
  }
  return null;
}

const STORAGE_KEY = "nexus-single-keys";

/** Whether single letters do something. */
export const singleKeys = observable<boolean>(true);

export function loadSingleKeys(): void {
  try {
    singleKeys.set(localStorage.getItem(STORAGE_KEY) !== "off");
  } catch {
    // without storage they are on
  }
}

export function chooseSingleKeys(on: boolean): void {
  singleKeys.set(on);
  try {
    localStorage.setItem(STORAGE_KEY, on ? "on" : "off");
  } catch {
    // the choice lasts as long as the page
  }
}

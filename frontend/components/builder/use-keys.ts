// The builder's keys, for the whole page: ignored while somebody types and while a dialog or menu is open.
"use client";
import { type RefObject, useEffect } from "react";
import type { Direction } from "@/lib/builder/arrange";
import type { Session } from "@/lib/builder/session";
import { type Command, commandFor, loadSingleKeys, singleKeys } from "@/lib/builder/shortcuts";

const ARROWS: Record<string, Direction> = {
  ArrowLeft: "left",
  ArrowRight: "right",
  ArrowUp: "up",
  ArrowDown: "down",
};

export function isTyping(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  return target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName);
}

export function perform(session: Session, command: Command): boolean {
  const { current } = session.editor.state;
  switch (command) {
    case "palette":
      session.open({ kind: "palette" });
      return true;
    case "find":
      session.open({ kind: "find" });
      return true;
    case "add":
      session.open({ kind: "add", after: session.exitOf(current), at: null });
      return true;
    case "connect":
      if (current === null) session.say("Choose a node first.");
      else session.open({ kind: "connect", source: current });
      return true;
    case "open":
    case "rename": {
      if (current === null) return false;
      session.jump(current, command === "rename" ? ["name"] : []);
      return true;
    }
    case "remove":
      session.removeSelected();
      session.ask("focus");
      return true;
    case "toggle":
      if (current === null) return false;
      session.editor.toggle(current);
      return true;
    case "undo":
      session.undo();
      return true;
    case "redo":
      session.redo();
      return true;
    case "run":
      session.open({ kind: "run" });
      return true;
    case "save":
      void session.autosave.flush().catch(() => {});
      return true;
    case "tidy":
      session.tidy();
      return true;
    case "zoom-reset":
      session.ask("reset");
      return true;
    case "zoom-fit":
      session.ask("fit");
      return true;
    case "help":
      session.open({ kind: "help" });
      return true;
    case "select-all":
      session.selectAll();
      return true;
    case "duplicate":
      session.duplicate();
      return true;
    case "escape":
      if (session.editor.state.selection.nodes.size + session.editor.state.selection.edges.size > 0) {
        session.editor.select([], [], null);
      } else session.run.set(null);
      return true;
  }
}

export function useKeys(session: Session, canvas: RefObject<HTMLElement | null>): void {
  useEffect(() => {
    loadSingleKeys();
    const onCanvas = (target: EventTarget | null) =>
      target === document.body || (target instanceof Node && canvas.current?.contains(target) === true);
    const busy = (target: EventTarget | null) =>
      target instanceof Element && target.closest('[role="dialog"], [role="menu"]') !== null;

    function down(event: KeyboardEvent): void {
      if (event.defaultPrevented || event.isComposing || busy(event.target)) return;
      if (session.overlay.get().kind !== "none") return;
      const state = { typing: isTyping(event.target), canvas: onCanvas(event.target), singles: singleKeys.get() };
      const direction = ARROWS[event.key];
      if (direction && state.canvas && !state.typing && !event.ctrlKey && !event.metaKey) {
        event.preventDefault();
        if (event.altKey) session.moveSelected(direction, event.shiftKey);
        else session.walk(direction);
        return;
      }
      // Enter and Space on a button press it
      if (
        (event.key === "Enter" || event.key === " ") &&
        event.target instanceof HTMLButtonElement &&
        !event.ctrlKey &&
        !event.metaKey
      ) {
        return;
      }
      const command = commandFor(event, state);
      if (command !== null && perform(session, command)) event.preventDefault();
    }

    function copy(event: ClipboardEvent): void {
      if (isTyping(event.target) || busy(event.target) || !window.getSelection()?.isCollapsed) return;
      const text = session.copied();
      if (text === null) return;
      event.preventDefault();
      event.clipboardData?.setData("text/plain", text);
      if (event.type === "cut") session.removeSelected();
    }

    function paste(event: ClipboardEvent): void {
      if (isTyping(event.target) || busy(event.target)) return;
      const text = event.clipboardData?.getData("text/plain") ?? "";
      if (session.pasted(text)) event.preventDefault();
    }

    window.addEventListener("keydown", down);
    document.addEventListener("copy", copy);
    document.addEventListener("cut", copy);
    document.addEventListener("paste", paste);
    return () => {
      window.removeEventListener("keydown", down);
      document.removeEventListener("copy", copy);
      document.removeEventListener("cut", copy);
      document.removeEventListener("paste", paste);
    };
  }, [session, canvas]);
}

// One open workflow in the builder: the editor, its saving, what is shown, and the actions that keys, menus and buttons
// share. Framework-free. Not here: how any of it looks.
import type { Workflow, WorkflowDocument, WorkflowEdge } from "../api/types";
import { observable } from "../observable";
import type { RunState } from "../run/state";
import { type Alignment, align, type Direction, distribute, freePlace, nudge, walk } from "./arrange";
import { Autosave, type AutosaveOptions } from "./autosave";
import type { Kind } from "./catalog";
import { copyText, paste, readClip } from "./clipboard";
import { type Connection, casesOf, isAttachment, nodeById, whyNot } from "./graph";
import { layout } from "./layout";
import { addNode, connect, insertInto, move, type Point, remove } from "./ops";
import { GRID, NODE_WIDTH, sizeOf } from "./size";
import { Editor } from "./store";

export type Overlay =
  | { kind: "none" }
  | { kind: "add"; after: { source: string; sourceHandle: string | null } | null; at: Point | null }
  | { kind: "insert"; edge: string }
  | { kind: "connect"; source: string }
  | { kind: "palette" }
  | { kind: "find" }
  | { kind: "help" }
  | { kind: "run" }
  | { kind: "templates" }
  | { kind: "version"; version: number };

export type DrawerTab = "problems" | "cost" | "runs" | "versions";
export type PanelTab = "settings" | "input" | "output";
export type LeftTab = "add" | "outline";

export interface View {
  drawer: DrawerTab | null;
  panel: PanelTab;
  left: LeftTab;
  /** The field to put the cursor into, after a jump. */
  field: { node: string | null; path: readonly string[]; count: number } | null;
}

/** What the canvas is to do next; the count makes every wish a new one. */
export interface Wish {
  do: "reveal" | "fit" | "reset" | "focus";
  id: string | null;
  count: number;
}

const none: Overlay = { kind: "none" };

export class Session {
  readonly editor: Editor;
  readonly autosave: Autosave;
  readonly overlay = observable<Overlay>(none);
  readonly view = observable<View>({ drawer: null, panel: "settings", left: "add", field: null });
  readonly wish = observable<Wish | null>(null);
  readonly said = observable("");
  /** The run whose states are shown on the canvas. */
  readonly run = observable<string | null>(null);
  /** That run as it is now: it changes with every event, so only those who show it listen. */
  readonly runState = observable<RunState | null>(null);
  private count = 0;

  constructor(document: WorkflowDocument, workflow: Workflow | null, saving: Omit<AutosaveOptions, "current">) {
    this.editor = new Editor(document);
    this.autosave = new Autosave({ ...saving, current: () => this.editor.document }, workflow);
    let { revision } = this.editor.state;
    this.editor.store.subscribe((state) => {
      if (state.revision === revision) return;
      revision = state.revision;
      this.autosave.changed();
    });
  }

  get document(): WorkflowDocument {
    return this.editor.document;
  }

  open(overlay: Overlay): void {
    this.overlay.set(overlay);
  }

  close(): void {
    this.overlay.set(none);
  }

  say(text: string): void {
    // the same text twice is announced twice
    this.said.set(text === this.said.get() ? `${text}\u00a0` : text);
  }

  look(change: Partial<View>): void {
    this.view.set({ ...this.view.get(), ...change });
  }

  ask(what: Wish["do"], id: string | null = null): void {
    this.count += 1;
    this.wish.set({ do: what, id, count: this.count });
  }

  /** Selects a node, brings it into view and, for a problem, its field. */
  jump(id: string | null, path: readonly string[] = []): void {
    this.editor.select(id === null ? [] : [id]);
    if (id !== null) this.ask("reveal", id);
    this.count += 1;
    this.look({ panel: "settings", field: { node: id, path, count: this.count } });
  }

  // Changes

  add(kind: Kind, after: { source: string; sourceHandle: string | null } | null, at: Point | null): string {
    const source = nodeById(this.document, after?.source ?? null);
    const wanted = at ?? this.placeAfter(source?.id ?? this.editor.state.current);
    const made = addNode(this.document, kind, freePlace(this.document, wanted));
    let { document } = made;
    if (after !== null) {
      const wish: Connection = { ...after, target: made.id, targetHandle: null };
      if (whyNot(document, wish) === null) document = connect(document, wish);
    }
    this.editor.apply(`Added ${kind.label}`, () => document, { select: [made.id] });
    this.ask("reveal", made.id);
    return made.id;
  }

  insert(edgeId: string, kind: Kind): string | null {
    const edge = this.document.graph.edges.find((one) => one.id === edgeId);
    if (!edge) return null;
    const [from, to] = [nodeById(this.document, edge.source), nodeById(this.document, edge.target)];
    const a = from?.position ?? { x: 0, y: 0 };
    const b = to?.position ?? a;
    const at = { x: Math.round((a.x + b.x) / 2), y: Math.round((a.y + b.y) / 2) };
    const made = insertInto(this.document, edge, kind, freePlace(this.document, at));
    this.editor.apply(`Put ${kind.label} in between`, () => made.document, { select: [made.id] });
    this.ask("reveal", made.id);
    return made.id;
  }

  connect(wanted: Connection): boolean {
    const reason = whyNot(this.document, wanted);
    if (reason !== null) {
      this.say(reason);
      return false;
    }
    this.editor.apply(`Connected ${wanted.source} to ${wanted.target}`, (document) => connect(document, wanted));
    this.say(`Connected ${wanted.source} to ${wanted.target}.`);
    return true;
  }

  removeSelected(): void {
    const { selection, current } = this.editor.state;
    const nodes =
      selection.nodes.size === 0 && selection.edges.size === 0 && current !== null
        ? new Set([current])
        : selection.nodes;
    const count = nodes.size + selection.edges.size;
    if (count === 0) return;
    const next = current === null ? null : (walk(this.document, current, "left") ?? walk(this.document, current, "up"));
    const label =
      nodes.size === 0
        ? "Removed the connection"
        : nodes.size === 1
          ? `Removed ${[...nodes][0]}`
          : `Removed ${nodes.size} nodes`;
    const stay = next !== null && !nodes.has(next) ? [next] : [];
    this.editor.apply(label, (document) => remove(document, nodes, selection.edges), {
      select: stay,
      current: stay[0] ?? null,
    });
    this.say(`${label}. Undo with Control Z.`);
  }

  moveSelected(direction: Direction, large: boolean): void {
    const ids = this.chosen();
    const by = large ? GRID * 4 : GRID;
    this.editor.apply(
      ids.size === 1 ? "Moved a node" : `Moved ${ids.size} nodes`,
      (document) => move(document, nudge(document, ids, direction, by)),
      { merge: `nudge ${[...ids].join(" ")}` },
    );
  }

  place(positions: ReadonlyMap<string, Point>): void {
    this.editor.apply(positions.size === 1 ? "Moved a node" : `Moved ${positions.size} nodes`, (document) =>
      move(document, positions),
    );
  }

  align(alignment: Alignment): void {
    const ids = this.chosen();
    this.editor.apply("Aligned", (document) => move(document, align(document, ids, alignment)));
  }

  distribute(axis: "x" | "y"): void {
    const ids = this.chosen();
    this.editor.apply("Spread evenly", (document) => move(document, distribute(document, ids, axis)));
  }

  tidy(): void {
    this.editor.apply("Tidied up", (document) => move(document, layout(document)));
    this.ask("fit");
    this.say("Tidied up.");
  }

  walk(direction: Direction): void {
    const next = walk(this.document, this.editor.state.current, direction);
    if (next === null) return;
    this.editor.select([next]);
    this.ask("reveal", next);
  }

  selectAll(): void {
    const { nodes, edges } = this.document.graph;
    this.editor.select(
      nodes.map((node) => node.id),
      edges.map((edge) => edge.id ?? ""),
      this.editor.state.current,
    );
    this.say(`${nodes.length} nodes selected.`);
  }

  undo(): void {
    const label = this.editor.undo();
    this.say(label === null ? "Nothing to undo." : `Undone: ${label}.`);
  }

  redo(): void {
    const label = this.editor.redo();
    this.say(label === null ? "Nothing to do again." : `Done again: ${label}.`);
  }

  // Clipboard

  copied(): string | null {
    const ids = this.chosen();
    if (ids.size === 0) return null;
    this.say(ids.size === 1 ? "Copied one node." : `Copied ${ids.size} nodes.`);
    return copyText(this.document, ids);
  }

  pasted(text: string, at: Point | null = null): boolean {
    const clip = readClip(text);
    if (clip === null) return false;
    const made = paste(this.document, clip, at);
    const label = made.ids.length === 1 ? "Pasted one node" : `Pasted ${made.ids.length} nodes`;
    this.editor.apply(label, () => made.document, { select: made.ids });
    this.say(`${label}.`);
    if (made.ids[0] !== undefined) this.ask("reveal", made.ids.at(-1) ?? null);
    return true;
  }

  duplicate(): void {
    const text = copyText(this.document, this.chosen());
    this.pasted(text);
  }

  /** The whole document, from a file, a template or an older version: one step, like any other. */
  replace(label: string, document: WorkflowDocument): void {
    this.editor.replace(label, document);
    this.ask("fit");
    this.say(`${label}.`);
  }

  chosen(): ReadonlySet<string> {
    const { selection, current } = this.editor.state;
    if (selection.nodes.size > 0) return selection.nodes;
    return current === null ? new Set() : new Set([current]);
  }

  /** Where a new node would follow on: the first way out that is still free. */
  exitOf(id: string | null): { source: string; sourceHandle: string | null } | null {
    const node = nodeById(this.document, id);
    if (!node) return null;
    const out = this.document.graph.edges.filter((edge: WorkflowEdge) => edge.source === node.id);
    if (out.some(isAttachment)) return null;
    const names = casesOf(node);
    if (names.length === 0) return { source: node.id, sourceHandle: null };
    const free = names.find((name) => !out.some((edge) => edge.source_handle === name));
    return { source: node.id, sourceHandle: free ?? names[0] ?? null };
  }

  private placeAfter(id: string | null): Point {
    const node = nodeById(this.document, id) ?? this.document.graph.nodes.at(-1);
    if (!node?.position) return { x: 0, y: 0 };
    return { x: node.position.x + NODE_WIDTH + GRID * 5, y: node.position.y + Math.min(0, sizeOf(node).height) };
  }
}

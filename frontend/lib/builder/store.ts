// The editor's state: the document, what is selected, and every step back and forth. One step is one document; documents
// share what did not change, so hundreds of steps cost little. Not here: saving (autosave), changes themselves (ops).
import { createStore, type StoreApi } from "zustand/vanilla";
import type { WorkflowDocument } from "../api/types";
import { missingPositions } from "./layout";
import { move, normalized } from "./ops";

const MOST_STEPS = 300;
const MERGE_MS = 1_200;

export interface Selection {
  nodes: ReadonlySet<string>;
  edges: ReadonlySet<string>;
}

interface Step {
  /** What leads from this document to the next one, in words. */
  label: string;
  document: WorkflowDocument;
  selection: Selection;
  current: string | null;
}

export interface EditorState {
  document: WorkflowDocument;
  selection: Selection;
  /** Where the keyboard is on the canvas, and whose properties are shown. */
  current: string | null;
  past: readonly Step[];
  future: readonly Step[];
  /** Counts every change of the document. */
  revision: number;
  /** The label of the latest change, undo or redo, for announcements. */
  said: string;
}

export interface ApplyOptions {
  /** Changes with the same key in quick succession are one step (typing). */
  merge?: string;
  select?: readonly string[];
  current?: string | null;
}

export const NOTHING: Selection = { nodes: new Set(), edges: new Set() };

export class Editor {
  readonly store: StoreApi<EditorState>;
  private mergeKey: string | null = null;
  private mergedAt = 0;

  constructor(
    document: WorkflowDocument,
    private readonly now: () => number = Date.now,
  ) {
    this.store = createStore<EditorState>(() => ({
      document: placed(normalized(document)),
      selection: NOTHING,
      current: null,
      past: [],
      future: [],
      revision: 0,
      said: "",
    }));
  }

  get state(): EditorState {
    return this.store.getState();
  }

  get document(): WorkflowDocument {
    return this.state.document;
  }

  /** Makes one step; nothing happens if the document stays the same. */
  apply(label: string, change: (document: WorkflowDocument) => WorkflowDocument, options: ApplyOptions = {}): boolean {
    const before = this.state;
    const document = change(before.document);
    if (document === before.document) return false;
    const merging =
      options.merge !== undefined && options.merge === this.mergeKey && this.now() - this.mergedAt < MERGE_MS;
    this.mergeKey = options.merge ?? null;
    this.mergedAt = this.now();
    const step = { label, document: before.document, selection: before.selection, current: before.current };
    const selection = this.alive(
      document,
      options.select === undefined ? before.selection : { nodes: new Set(options.select), edges: new Set() },
    );
    const wanted = options.current !== undefined ? options.current : (options.select?.at(-1) ?? before.current);
    this.store.setState({
      document,
      selection,
      current: this.existing(document, wanted),
      past: merging ? before.past : [...before.past.slice(1 - MOST_STEPS), step],
      future: [],
      revision: before.revision + 1,
      said: label,
    });
    return true;
  }

  undo(): string | null {
    const { past, future, document, selection, current, revision } = this.state;
    const step = past.at(-1);
    if (!step) return null;
    this.mergeKey = null;
    this.store.setState({
      document: step.document,
      selection: this.alive(step.document, step.selection),
      current: this.existing(step.document, step.current),
      past: past.slice(0, -1),
      future: [{ label: step.label, document, selection, current }, ...future],
      revision: revision + 1,
      said: `Undone: ${step.label}`,
    });
    return step.label;
  }

  redo(): string | null {
    const { past, future, document, selection, current, revision } = this.state;
    const [step, ...rest] = future;
    if (!step) return null;
    this.mergeKey = null;
    this.store.setState({
      document: step.document,
      selection: this.alive(step.document, step.selection),
      current: this.existing(step.document, step.current),
      past: [...past, { label: step.label, document, selection, current }],
      future: rest,
      revision: revision + 1,
      said: `Done again: ${step.label}`,
    });
    return step.label;
  }

  select(nodes: readonly string[], edges: readonly string[] = [], current: string | null = nodes.at(-1) ?? null): void {
    const before = this.state;
    if (current === before.current && same(before.selection.nodes, nodes) && same(before.selection.edges, edges)) {
      return;
    }
    this.mergeKey = null;
    this.store.setState({ selection: { nodes: new Set(nodes), edges: new Set(edges) }, current });
  }

  toggle(id: string): void {
    const nodes = new Set(this.state.selection.nodes);
    if (!nodes.delete(id)) nodes.add(id);
    this.select([...nodes], [...this.state.selection.edges], id);
  }

  /** Takes a document from elsewhere (the server's version after a conflict); a step like any other. */
  replace(label: string, document: WorkflowDocument): void {
    this.apply(label, () => placed(normalized(document)), { select: [], current: null });
  }

  private alive(document: WorkflowDocument, selection: Selection): Selection {
    if (selection.nodes.size === 0 && selection.edges.size === 0) return selection;
    const nodes = document.graph.nodes.filter((node) => selection.nodes.has(node.id)).map((node) => node.id);
    const edges = document.graph.edges.flatMap((edge) =>
      edge.id !== undefined && selection.edges.has(edge.id) ? [edge.id] : [],
    );
    if (nodes.length === selection.nodes.size && edges.length === selection.edges.size) return selection;
    return { nodes: new Set(nodes), edges: new Set(edges) };
  }

  private existing(document: WorkflowDocument, id: string | null): string | null {
    return id !== null && document.graph.nodes.some((node) => node.id === id) ? id : null;
  }
}

/** Every node has a place, or there would be nothing to move it from. */
function placed(document: WorkflowDocument): WorkflowDocument {
  return move(document, missingPositions(document));
}

function same(have: ReadonlySet<string>, wanted: readonly string[]): boolean {
  return have.size === wanted.length && wanted.every((id) => have.has(id));
}

// The editor's history, saving and layout: nothing is lost, nothing overlaps.
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { ApiError, NetworkError } from "../api/errors";
import type { Workflow, WorkflowDocument } from "../api/types";
import { align, distribute, walk } from "./arrange";
import { Autosave } from "./autosave";
import { KINDS } from "./catalog";
import { layout } from "./layout";
import { addNode, move, setField } from "./ops";
import { commandFor, SHORTCUTS } from "./shortcuts";
import { sizeOf } from "./size";
import { Editor } from "./store";

const KIND = KINDS[0] as (typeof KINDS)[number];
const EMPTY: WorkflowDocument = { schema_version: 1, name: "E", graph: { nodes: [], edges: [] } };

function row(count: number): WorkflowDocument {
  let document = EMPTY;
  for (let index = 0; index < count; index += 1) document = addNode(document, KIND, { x: index * 300, y: 0 }).document;
  return document;
}

describe("history", () => {
  test("sixty steps back, and forth again, with the selection of each", () => {
    const editor = new Editor(EMPTY);
    for (let index = 0; index < 60; index += 1) {
      const made = addNode(editor.document, KIND, { x: 0, y: 0 });
      editor.apply(`Added ${index}`, () => made.document, { select: [made.id] });
    }
    const end = editor.document;
    for (let index = 0; index < 60; index += 1) editor.undo();
    expect(editor.document.graph.nodes).toEqual([]);
    expect(editor.undo()).toBeNull();
    for (let index = 0; index < 60; index += 1) editor.redo();
    expect(editor.document).toBe(end);
    expect([...editor.state.selection.nodes]).toEqual(["agent_60"]);
  });

  test("typing is one step, and a pause or another field begins the next", () => {
    let now = 0;
    const editor = new Editor(row(1), () => now);
    const type = (text: string, merge: string) =>
      editor.apply("Changed", (document) => setField(document, "agent", ["name"], text), { merge });
    type("a", "name");
    type("ab", "name");
    now += 5_000;
    type("abc", "name");
    type("abcd", "other");
    expect(editor.state.past).toHaveLength(3);
    editor.undo();
    expect(editor.document.graph.nodes[0]?.name).toBe("abc");
    type("x", "name");
    expect(editor.state.future).toEqual([]);
  });

  test("a change that changes nothing is no step, and what is gone is not selected", () => {
    const editor = new Editor(row(2));
    expect(editor.apply("Nothing", (document) => document)).toBe(false);
    editor.select(["agent", "agent_2"]);
    editor.apply("Removed", (document) => ({
      ...document,
      graph: { ...document.graph, nodes: document.graph.nodes.slice(1) },
    }));
    expect([...editor.state.selection.nodes]).toEqual(["agent_2"]);
  });
});

describe("autosave", () => {
  let document: WorkflowDocument;
  let server: Workflow | null;
  let fail: unknown;
  let saves: number;
  const stored = (body: WorkflowDocument, version: number): Workflow => ({
    ...body,
    id: "w",
    version,
    created_at: "2026-01-01T00:00:00Z",
    updated_at: "2026-01-01T00:00:00Z",
  });

  beforeEach(() => {
    vi.useFakeTimers();
    document = EMPTY;
    server = null;
    fail = null;
    saves = 0;
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  function autosave(from: Workflow | null = null): Autosave {
    server = from;
    return new Autosave(
      {
        create: async (body) => {
          if (fail !== null) throw fail;
          saves += 1;
          server = stored(body, 1);
          return server;
        },
        update: async (_, version, body) => {
          if (fail !== null) throw fail;
          if (server === null || server.version !== version) throw new ApiError(412, {});
          saves += 1;
          server = stored(body, version + 1);
          return server;
        },
        fetch: async () => server as Workflow,
        current: () => document,
        onSaved: () => {},
        delayMs: 100,
      },
      from,
    );
  }

  test("many changes are one save, and what came during it is saved after it", async () => {
    const saving = autosave();
    document = row(1);
    saving.changed();
    document = row(2);
    saving.changed();
    await vi.advanceTimersByTimeAsync(100);
    expect([saves, server?.graph.nodes.length, saving.state.get().phase, saving.id]).toEqual([1, 2, "saved", "w"]);
    document = row(3);
    saving.changed();
    await saving.flush();
    expect([saves, server?.version]).toEqual([2, 2]);
  });

  test("back to what is stored is no new version", async () => {
    const saving = autosave(stored(EMPTY, 1));
    document = row(1);
    saving.changed();
    document = { ...EMPTY };
    saving.changed();
    await vi.advanceTimersByTimeAsync(100);
    expect([saves, saving.state.get().phase]).toEqual([0, "saved"]);
  });

  test("while nobody answers it tries again, then saves the latest", async () => {
    const saving = autosave(stored(EMPTY, 1));
    fail = new NetworkError();
    document = row(1);
    saving.changed();
    await vi.advanceTimersByTimeAsync(100);
    expect(saving.state.get().phase).toBe("offline");
    await expect(saving.flush()).rejects.toThrow("cannot be reached");
    document = row(2);
    fail = null;
    await vi.advanceTimersByTimeAsync(10_000);
    expect([saving.state.get().phase, server?.graph.nodes.length]).toEqual(["saved", 2]);
  });

  test("an answer that was lost is no conflict with ourselves", async () => {
    const saving = autosave(stored(EMPTY, 1));
    document = row(1);
    server = stored(row(1), 2); // it was saved; the answer never came
    saving.changed();
    await vi.advanceTimersByTimeAsync(200);
    expect([saving.state.get().phase, saving.version]).toEqual(["saved", 2]);
  });

  test("somebody else's version is a conflict: mine, theirs, a copy", async () => {
    const saving = autosave(stored(EMPTY, 1));
    const theirs = stored({ ...EMPTY, name: "Theirs" }, 5);
    server = theirs;
    document = row(1);
    saving.changed();
    await vi.advanceTimersByTimeAsync(100);
    expect(saving.state.get()).toEqual({ phase: "conflict", theirs });
    saving.changed(); // goes on drawing: still to be decided
    await vi.advanceTimersByTimeAsync(1_000);
    expect([saving.state.get().phase, server?.name]).toEqual(["conflict", "Theirs"]);
    await saving.keepMine();
    expect([saving.state.get().phase, server?.version, server?.name]).toEqual(["saved", 6, "E"]);

    server = theirs;
    document = row(2);
    saving.changed();
    await vi.advanceTimersByTimeAsync(100);
    saving.tookTheirs();
    expect([saving.state.get().phase, saving.version]).toEqual(["saved", 5]);
    server = stored({ ...EMPTY, name: "Again" }, 9);
    document = row(3);
    saving.changed();
    await vi.advanceTimersByTimeAsync(100);
    await saving.saveCopy(document);
    expect([saving.state.get().phase, server?.graph.nodes.length]).toEqual(["saved", 3]);
  });

  test("what the server refuses is said, and the next change tries again", async () => {
    const saving = autosave(stored(EMPTY, 1));
    fail = new ApiError(413, { message: "too large" });
    document = row(1);
    saving.changed();
    await vi.advanceTimersByTimeAsync(100);
    expect(saving.state.get().phase).toBe("refused");
    fail = null;
    document = row(2);
    saving.changed();
    await vi.advanceTimersByTimeAsync(100);
    expect(saving.state.get().phase).toBe("saved");
  });
});

describe("layout", () => {
  function overlaps(document: WorkflowDocument): number {
    const boxes = document.graph.nodes.map((node) => ({ ...(node.position ?? { x: 0, y: 0 }), ...sizeOf(node) }));
    let count = 0;
    for (const [index, a] of boxes.entries()) {
      for (const b of boxes.slice(index + 1)) {
        if (a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height) count += 1;
      }
    }
    return count;
  }

  test.each([1, 2, 7, 60, 300])("%i nodes: none overlap, edges go to the right, twice the same", (count) => {
    let seed = count;
    const random = () => {
      seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
      return seed / 2_147_483_648;
    };
    let document = row(count);
    const ids = document.graph.nodes.map((node) => node.id);
    const edges = ids.flatMap((target, index) =>
      index === 0
        ? []
        : Array.from({ length: 1 + Math.floor(random() * 2) }, (_, other) => ({
            id: `e${index}.${other}`,
            source: ids[Math.floor(random() * index)] as string,
            target,
          })),
    );
    document = { ...document, graph: { ...document.graph, edges } };
    const positions = layout(document);
    const drawn = move(document, positions);
    expect(overlaps(drawn)).toBe(0);
    for (const edge of edges) {
      expect(positions.get(edge.source)?.x).toBeLessThan(positions.get(edge.target)?.x ?? 0);
    }
    expect(layout(document)).toEqual(positions);
  });

  test("aligning and spreading", () => {
    const document = move(row(3), new Map([["agent_2", { x: 310, y: 50 }]]));
    const all = new Set(["agent", "agent_2", "agent_3"]);
    expect([...align(document, all, "top").values()].map((place) => place.y)).toEqual([0, 0, 0]);
    expect(distribute(document, all, "x").get("agent_2")?.x).toBe(300);
    expect(align(document, new Set(["agent"]), "left").size).toBe(0);
  });

  test("walking follows edges first, then what lies there", () => {
    const document = {
      ...row(3),
      graph: { ...row(3).graph, edges: [{ id: "e", source: "agent", target: "agent_3" }] },
    };
    expect(walk(document, null, "right")).toBe("agent");
    expect(walk(document, "agent", "right")).toBe("agent_3");
    expect(walk(document, "agent_3", "left")).toBe("agent");
    expect(walk(document, "agent_2", "left")).toBe("agent");
    expect(walk(document, "agent", "up")).toBeNull();
  });
});

describe("keys", () => {
  const press = (key: string, extra: Partial<Parameters<typeof commandFor>[0]> = {}) => ({
    key,
    code: `Key${key.toUpperCase()}`,
    ctrlKey: false,
    metaKey: false,
    shiftKey: false,
    altKey: false,
    ...extra,
  });
  const idle = { typing: false, canvas: true, singles: true };

  test("each key means what the table says, on every system", () => {
    expect(commandFor(press("k", { ctrlKey: true }), idle)).toBe("palette");
    expect(commandFor(press("k", { metaKey: true }), idle)).toBe("palette");
    expect(commandFor(press("Z", { metaKey: true, shiftKey: true }), idle)).toBe("redo");
    expect(commandFor(press("†", { altKey: true, shiftKey: true, code: "KeyT" }), idle)).toBe("tidy");
    expect(commandFor(press("?", { shiftKey: true }), idle)).toBe("help");
    expect(commandFor(press("n"), idle)).toBe("add");
    expect(commandFor(press("n", { ctrlKey: true }), idle)).toBeNull();
  });

  test("while typing only what cannot be text works, and single letters can be off", () => {
    const typing = { ...idle, typing: true };
    expect(commandFor(press("n"), typing)).toBeNull();
    expect(commandFor(press("Delete"), typing)).toBeNull();
    expect(commandFor(press("z", { ctrlKey: true }), typing)).toBeNull();
    expect(commandFor(press("Enter", { ctrlKey: true }), typing)).toBe("run");
    const off = { ...idle, singles: false };
    expect(["n", "c", "0", "1"].map((key) => commandFor(press(key), off))).toEqual([null, null, null, null]);
    expect(commandFor(press("Delete"), { ...idle, canvas: false })).toBeNull();
  });

  test("no two commands share a key", () => {
    const keys = SHORTCUTS.map((one) => one.keys);
    expect(new Set(keys).size).toBe(keys.length);
  });
});

// What the canvas shows of a run, node by node: a node's state together with how it looks. Only nodes whose own state or look
// changed are told. Not here: drawing.
import { KeyedStore } from "../keyed";
import type { NodeLook } from "../status";
import { lookOf, type NodeRun, type RunState } from "./state";

export interface NodeView {
  run: NodeRun;
  look: NodeLook;
}

export class NodeViews extends KeyedStore<NodeView> {
  show(state: RunState | null): void {
    const views = new Map<string, NodeView>();
    if (state !== null && state.status !== null) {
      for (const [id, run] of state.nodes) {
        const look = lookOf(run, state.status);
        const before = this.get(id);
        views.set(id, before?.run === run && before.look === look ? before : { run, look });
      }
    }
    this.fill(views);
  }
}

// What nodes on a canvas know beside their document: their run, their problems, their estimate. One store each, so that a
// change of one node draws one node. Not here: filling them.
"use client";
import { createContext, type ReactNode, useContext } from "react";
import type { NodeEstimate } from "@/lib/api/types";
import type { NodeFindings } from "@/lib/builder/problems";
import { type Keyed, KeyedStore } from "@/lib/keyed";
import { type Observable, observable } from "@/lib/observable";
import { type NodeView, NodeViews } from "@/lib/run/views";

export interface Facts {
  editable: boolean;
  /** Nodes in the run that is shown, if any. */
  views: Keyed<NodeView>;
  findings: Keyed<NodeFindings>;
  estimates: Keyed<NodeEstimate>;
  /** The edge under the pointer. */
  hot: Observable<string | null>;
  /** Puts a node into an edge. */
  onInsert: (edge: string) => void;
}

export const NO_FACTS: Facts = {
  editable: false,
  views: new NodeViews(),
  findings: new KeyedStore<NodeFindings>(),
  estimates: new KeyedStore<NodeEstimate>(),
  hot: observable<string | null>(null),
  onInsert: () => {},
};

const Context = createContext<Facts>(NO_FACTS);

export function FactsProvider({ facts, children }: { facts: Facts; children: ReactNode }) {
  return <Context value={facts}>{children}</Context>;
}

export function useFacts(): Facts {
  return useContext(Context);
}

// One description per kind of node of everything that can be set: the properties panel is made from it, and nothing in the
// panel knows a field that is not here. Not here: drawing, checking (the server does); the fields of each kind are in fields/.
import type { Json, WorkflowNode } from "../api/types";
import { AGENT } from "./fields/agent";
import { FAILS, LIMITS, REVIEW } from "./fields/policy";
import type { FieldGroup } from "./fields/spec";
import { TOOL } from "./fields/tool";
import { getAt } from "./ops";

export type { FieldGroup, FieldKind, FieldSpec } from "./fields/spec";

const IDENTITY: FieldGroup = {
  title: "Node",
  fields: [
    { path: ["name"], kind: "text", label: "Name" },
    {
      path: ["id"],
      kind: "id",
      label: "Id",
      help: "Templates refer to the node by it; changing it here changes them, too.",
    },
  ],
};

const CONDITIONAL: FieldGroup[] = [
  { title: "Cases", fields: [{ path: ["config", "cases"], kind: "cases", label: "Cases", required: true }] },
];

/** Everything that can be set at a node, in groups; what does not apply to it is left out. */
export function groupsOf(node: WorkflowNode, attached: boolean): FieldGroup[] {
  const own = node.type === "agent" ? AGENT : node.type === "tool" ? TOOL : CONDITIONAL;
  const groups = attached ? [IDENTITY, ...own, FAILS] : [IDENTITY, ...own, FAILS, REVIEW, LIMITS];
  return groups.flatMap((group) => {
    if (group.when && !group.when(node, attached)) return [];
    const fields = group.fields.filter((field) => !field.when || field.when(node, attached));
    return fields.length === 0 ? [] : [{ ...group, fields }];
  });
}

/** Whether something in a group was set by hand. */
export function isTouched(node: WorkflowNode, group: FieldGroup): boolean {
  return group.fields.some((field) => getAt(node as unknown as Json, field.path) !== undefined);
}

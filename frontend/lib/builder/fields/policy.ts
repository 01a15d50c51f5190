// What can be set about failing, sending back, spending and starting.
import { type FieldGroup, has, is } from "./spec";

export const FAILS: FieldGroup = {
  title: "When it fails",
  folded: true,
  when: (node) => node.type !== "conditional",
  fields: [
    { path: ["policy", "timeout_seconds"], kind: "number", label: "Time for one try, seconds", fallback: 60, min: 0 },
    { path: ["policy", "retry", "max_attempts"], kind: "integer", label: "Tries", fallback: 3, min: 1, max: 100 },
    {
      path: ["policy", "retry", "initial_interval_ms"],
      kind: "milliseconds",
      label: "First wait, milliseconds",
      fallback: 500,
      min: 0,
    },
    {
      path: ["policy", "retry", "factor"],
      kind: "number",
      label: "Each wait longer by",
      fallback: 2,
      min: 1,
      max: 100,
    },
    {
      path: ["policy", "retry", "max_interval_ms"],
      kind: "milliseconds",
      label: "Longest wait, milliseconds",
      fallback: 60_000,
      min: 0,
    },
    { path: ["policy", "retry", "jitter"], kind: "boolean", label: "Vary the waits a little", fallback: true },
    {
      path: ["policy", "on_error"],
      kind: "choice",
      label: "If it still fails",
      fallback: "fail",
      choices: [
        ["fail", "the run fails"],
        ["continue", "go on with null"],
        ["default", "go on with a default output"],
      ],
    },
    {
      path: ["policy", "default_output"],
      kind: "json",
      label: "Default output",
      when: is(["policy", "on_error"], "default"),
    },
    {
      path: ["config", "idempotent"],
      kind: "boolean",
      label: "Doing it twice does no harm",
      fallback: false,
      when: (node) => node.type === "tool",
    },
  ],
};

export const REVIEW: FieldGroup = {
  title: "Sending back",
  folded: true,
  when: (node) => node.type === "agent",
  fields: [
    {
      path: ["policy", "backtrack", "to"],
      kind: "ancestor",
      label: "If the checks reject it, do again",
      help: "An earlier step gets the reason as `feedback` and is done again, with what depends on it.",
    },
    {
      path: ["policy", "backtrack", "max"],
      kind: "integer",
      label: "At most, times",
      fallback: 2,
      min: 1,
      max: 100,
      when: has(["policy", "backtrack", "to"]),
    },
  ],
};

export const LIMITS: FieldGroup = {
  title: "Budget and start",
  folded: true,
  fields: [
    {
      path: ["policy", "budget_usd"],
      kind: "usd",
      label: "Budget of this node, US dollars",
      placeholder: "only the run's",
      when: (node) => node.type === "agent",
    },
    {
      path: ["policy", "join"],
      kind: "choice",
      label: "Starts when",
      fallback: "all",
      choices: [
        ["all", "all inputs are settled"],
        ["any", "the first input arrives"],
      ],
    },
  ],
};

// The server's JSON as TypeScript: documents, executions, events, models, errors. Not here: how it is fetched.

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type JsonObject = { [key: string]: Json };

export interface Page<T> {
  items: T[];
  next_cursor?: string | null;
}

// Workflows

export type NodeType = "agent" | "tool" | "conditional";

export interface Budget {
  limit_usd?: number;
  warn_at?: number;
  on_exhausted?: "stop" | "degrade";
}

export interface WorkflowNode {
  id: string;
  type: NodeType;
  name?: string;
  position?: { x: number; y: number };
  config: JsonObject;
  policy?: JsonObject;
}

export interface WorkflowEdge {
  id?: string;
  source: string;
  target: string;
  source_handle?: string;
  target_handle?: string;
}

export interface WorkflowDocument {
  schema_version: number;
  name: string;
  description?: string;
  inputs?: JsonObject;
  budget?: Budget;
  graph: { nodes: WorkflowNode[]; edges: WorkflowEdge[] };
}

export interface Problem {
  code: string;
  path: string;
  node_id?: string | null;
  message: string;
  suggestion?: string | null;
}

export interface Workflow extends WorkflowDocument {
  id: string;
  version: number;
  created_at: string;
  updated_at: string;
  valid?: boolean;
  problems?: Problem[];
}

export interface VersionInfo {
  version: number;
  created_at: string;
  name?: string;
  valid?: boolean;
}

export interface Plan {
  groups: string[][];
  critical_path: string[];
  max_parallelism: number;
  node_count: number;
}

export interface ValidationReport {
  valid: boolean;
  errors: Problem[];
  warnings: Problem[];
}

export interface CostRange {
  min_usd: number;
  expected_usd: number;
  max_usd: number;
}

export interface NodeEstimate extends CostRange {
  node_id: string;
}

export interface Estimate extends CostRange {
  tokens: Partial<Tokens>;
  nodes: NodeEstimate[];
  fits_budget: boolean;
}

// Executions

export const EXECUTION_STATUSES = ["queued", "running", "succeeded", "failed", "cancelled", "budget_exceeded"] as const;
export type ExecutionStatus = (typeof EXECUTION_STATUSES)[number];
export type NodeStatus = "pending" | "running" | "succeeded" | "failed" | "skipped" | "cancelled";

export interface Tokens {
  prompt: number;
  completion: number;
}

export interface Failure {
  code: string;
  message: string;
  node_id?: string | null;
}

export interface Spending {
  limit_usd: number | null;
  spent_usd: number;
  reserved_usd: number;
}

export interface ToolCall {
  tool: string;
  args: Json;
  output: Json;
  error: Failure | null;
  latency_ms: number | null;
}

export interface Attempt {
  attempt: number;
  revision: number;
  model: string | null;
  provider: string | null;
  status: NodeStatus;
  error: Failure | null;
  tokens: Tokens;
  cost_usd: number;
  latency_ms: number | null;
  started_at: string;
  finished_at: string | null;
  tool_calls?: ToolCall[];
}

export interface AgentExecution {
  node_id: string;
  node_type: NodeType;
  status: NodeStatus;
  revision: number;
  attempts: Attempt[];
  input: Json;
  output: Json;
  model: string | null;
  tokens: Tokens;
  cost_usd: number;
  latency_ms: number | null;
  error: Failure | null;
  started_at: string | null;
  finished_at: string | null;
}

export interface ExecutionSummary {
  id: string;
  workflow_id: string;
  workflow_version: number;
  workflow_name?: string;
  status: ExecutionStatus;
  error: Failure | null;
  budget: Spending;
  tokens: Tokens;
  created_at: string;
  started_at: string | null;
  finished_at: string | null;
}

export interface Execution extends ExecutionSummary {
  inputs: Json;
  outputs: { [nodeId: string]: Json };
  agent_executions: AgentExecution[];
}

export interface StartedExecution {
  execution_id: string;
  status: ExecutionStatus;
}

// Events

export const EVENT_TYPES = [
  "execution_started",
  "agent_started",
  "agent_retrying",
  "agent_backtracked",
  "agent_completed",
  "agent_failed",
  "agent_skipped",
  "budget_warning",
  "budget_exceeded",
  "execution_completed",
] as const;
export type EventType = (typeof EVENT_TYPES)[number];

/** A stored event: `seq` counts 1, 2, 3 … within its execution, without gaps. */
export interface StoredEvent {
  seq: number;
  execution_id: string;
  type: EventType;
  agent_id: string | null;
  data: JsonObject;
  timestamp: string;
}

/** A piece of an answer while it is being written: live only, without `seq`. */
export interface DeltaEvent {
  execution_id: string;
  type: "agent_output_delta";
  agent_id: string | null;
  data: JsonObject;
  timestamp: string;
}

export type LiveEvent = StoredEvent | DeltaEvent;

// Models, health, errors

export interface Model {
  id: string;
  provider: string;
  mode: string;
  configured: boolean;
  input_usd_per_mtok: number | null;
  output_usd_per_mtok: number | null;
  context_window: number | null;
  max_output_tokens: number | null;
}

export interface ErrorBody {
  error: string;
  message: string;
  suggestion?: string | null;
  details?: { path: string; message: string }[];
  request_id?: string | null;
}

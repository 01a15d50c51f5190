//! What the steps of an execution mean to those who watch from outside: spans and metrics, both made from the facts
//! that became durable and from nothing else. So they tell the truth whatever dies when: whoever commits the end of a
//! thing records its span, and ids of spans follow from what they stand for, so that what another process has begun
//! fits in.
//!
//! One trace per execution, below the request that started it:
//! `execution` → `node` → attempt → call → whatever the call reaches.
//! Not here: how spans and metrics leave the process (`nexus-runtime`).

use nexus_engine::{AttemptOutcome, Call, CallKind, Record, State, Work};
use nexus_model::{
    ExecutionId, ExecutionStatus, NodeId, Timestamp, WorkflowId,
    document::{NodeKind, NodeType, Tool},
    execution::NodeStatus,
};
use nexus_runtime::trace::{self, Fact, Past, Place, span_id};
use nexus_store::{Head, Loaded};
use std::collections::HashMap;
use tracing::{Span, field::Empty};

/// The places of an execution's spans.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Places {
    id: ExecutionId,
    /// The request that started it, or a trace of its own.
    caller: Place,
    run: u32,
}

impl Places {
    /// Those of this run, from 1.
    fn new(head: &Head, run: u32) -> Self {
        let id = head.summary.id;
        let caller = head.traceparent.as_deref().and_then(Place::parse);
        Self { id, caller: caller.unwrap_or_else(|| Place::root(id.uuid().as_u128())), run }
    }

    fn execution(&self) -> Place {
        self.caller.at(span_id(&[&"execution", &self.id, &self.run]))
    }

    fn node(&self, node: &NodeId, revision: u32) -> Place {
        self.caller.at(span_id(&[&"node", &self.id, &self.run, node, &revision]))
    }

    fn attempt(&self, node: &NodeId, revision: u32, attempt: u32) -> Place {
        self.caller.at(span_id(&[&"attempt", &self.id, &self.run, node, &revision, &attempt]))
    }

    fn call(&self, node: &NodeId, revision: u32, attempt: u32, call: u32) -> Place {
        self.caller.at(span_id(&[&"call", &self.id, &self.run, node, &revision, &attempt, &call]))
    }

    /// Where the span of a call stands.
    pub(crate) fn of_call(&self, call: &Call) -> Place {
        self.call(&call.node, call.revision, call.attempt, call.call)
    }

    /// The span of a call that is about to be made.
    pub(crate) fn span(&self, call: &Call) -> Span {
        let (operation, name) = match &call.work {
            Work::Model(model) => ("chat", format!("chat {}", model.model)),
            Work::Tool(_) => ("execute_tool", format!("execute_tool {}", call.node)),
        };
        let span = tracing::info_span!(
            "call",
            otel.name = name,
            otel.status_code = Empty,
            nexus.execution_id = %self.id,
            nexus.node_id = %call.node,
            nexus.revision = call.revision,
            nexus.attempt = call.attempt,
            nexus.call = call.call,
            gen_ai.operation.name = operation,
            "error.type" = Empty,
            trace_id = Empty,
        );
        trace::begin(&span, self.of_call(call), self.attempt(&call.node, call.revision, call.attempt));
        span
    }
}

/// The span of a process's work on the execution: for its log lines alone. In traces, only what it does has spans,
/// since this one would be missing if the process died.
pub(crate) fn work(head: &Head) -> Span {
    let places = Places::new(head, 0);
    let span = tracing::info_span!(
        target: trace::LOGS_ONLY, "work", nexus.execution_id = %places.id, trace_id = Empty,
    );
    trace::name_in_logs(&span, places.caller);
    span
}

/// The span of being told to leave an execution alone, in the trace of the request that wants it.
pub(crate) fn stop(id: ExecutionId, traceparent: Option<&str>) -> Span {
    let span =
        tracing::info_span!("stop", otel.kind = "consumer", nexus.execution_id = %id, trace_id = Empty);
    if let Some(traceparent) = traceparent {
        trace::adopt(&span, traceparent);
    }
    span
}

/// Connects the request that is being answered with the execution it is about, which has a trace of its own.
pub(crate) fn refer(head: &Head) {
    let places = Places::new(head, 1);
    trace::link(&Span::current(), places.execution());
}

/// A call that a process has begun which is no more.
struct Interrupted {
    node: NodeId,
    revision: u32,
    attempt: u32,
    call: u32,
    model: bool,
    started: Timestamp,
}

/// Follows an execution through its steps.
pub(crate) struct Follower {
    pub(crate) places: Places,
    workflow: WorkflowId,
    workflow_version: u32,
    /// When the run began, for those who look at the whole of it: the first one when the execution was accepted.
    began: Timestamp,
    /// Nodes at work: revision and beginning.
    open: HashMap<NodeId, (u32, Timestamp)>,
    interrupted: Vec<Interrupted>,
}

impl Follower {
    /// From here on; `state` is what the journal holds.
    pub(crate) fn new(loaded: &Loaded, state: &State) -> Self {
        let head = &loaded.head;
        let next = state.status == ExecutionStatus::Queued;
        let run = state.run + u32::from(next);
        let mut open = HashMap::new();
        let mut interrupted = Vec::new();
        for (node, at) in state.definition.document.graph.nodes.iter().zip(&state.nodes) {
            if at.status == NodeStatus::Running
                && let Some(started) = at.started_at
            {
                open.insert(node.id.clone(), (at.revision, started));
            }
            for attempt in at.open_attempts() {
                interrupted.extend(attempt.open.iter().map(|call| Interrupted {
                    node: node.id.clone(),
                    revision: attempt.revision,
                    attempt: attempt.attempt,
                    call: call.call,
                    model: call.kind == CallKind::Model,
                    started: attempt.started_at,
                }));
            }
        }
        let began = match run {
            0 | 1 => head.summary.created_at,
            _ if next => Timestamp::now(),
            _ => last_start(&loaded.journal).unwrap_or_else(Timestamp::now),
        };
        Self {
            places: Places::new(head, run),
            workflow: head.summary.workflow_id,
            workflow_version: head.summary.workflow_version,
            began,
            open,
            interrupted,
        }
    }

    /// For a single step on behalf of a request, while another process may run the execution: what that one has in
    /// flight is its own to tell of.
    pub(crate) fn of_request(loaded: &Loaded, state: &State) -> Self {
        Self { interrupted: Vec::new(), ..Self::new(loaded, state) }
    }

    /// What these facts will mean once they are durable; `state` holds them all.
    pub(crate) fn step(&mut self, state: &State, records: &[Record]) -> Seen {
        let mut seen = Seen::default();
        self.read(state, records, &mut seen);
        seen
    }

    fn read(&mut self, state: &State, records: &[Record], seen: &mut Seen) {
        let now = Timestamp::now();
        for call in std::mem::take(&mut self.interrupted) {
            self.call_interrupted(call, now, seen);
        }
        for record in records {
            match record {
                Record::NodeStarted { node, revision, at, .. } => {
                    self.open.insert(node.clone(), (*revision, *at));
                }
                Record::AttemptFinished { node, revision, attempt, at, outcome, .. } => {
                    self.attempt_finished(state, node, (*revision, *attempt), *at, outcome, seen);
                }
                Record::NodeFinished { node, at, status, failure, .. } => {
                    let code = failure.as_ref().map(|failure| failure.code.as_str());
                    self.node_finished(state, node, *at, (word(*status), code), seen);
                }
                Record::Backtracked { at, from, to, stale, .. } => {
                    seen.count(|| metrics::counter!("nexus_backtracks_total").increment(1));
                    self.put_aside(state, from, *at, "rejected", seen);
                    for node in stale.iter().chain([to]) {
                        self.put_aside(state, node, *at, "cancelled", seen);
                    }
                }
                Record::BudgetWarned { .. } => {
                    seen.count(|| metrics::counter!("nexus_budget_warnings_total").increment(1));
                }
                Record::RunFinished { at, status, failure } => {
                    let left: Vec<NodeId> = self.open.keys().cloned().collect();
                    for node in left {
                        self.put_aside(state, &node, *at, "cancelled", seen);
                    }
                    let code = failure.as_ref().map(|failure| failure.code.as_str());
                    self.run_finished(state, *at, (*status, code), seen);
                }
                _ => {}
            }
        }
    }

    fn call_interrupted(&self, call: Interrupted, now: Timestamp, seen: &mut Seen) {
        let Interrupted { node, revision, attempt, call, model, started } = call;
        let operation = if model { "chat" } else { "execute_tool" };
        seen.span(
            format!("{operation} {node}"),
            (self.places.call(&node, revision, attempt, call), self.places.attempt(&node, revision, attempt)),
            (started, now),
            vec![("nexus.node_id", node.as_str().into()), ("gen_ai.operation.name", operation.into())],
            Some("outcome_unknown"),
        );
    }

    fn attempt_finished(
        &self,
        state: &State,
        node: &NodeId,
        (revision, attempt): (u32, u32),
        at: Timestamp,
        outcome: &AttemptOutcome,
        seen: &mut Seen,
    ) {
        let Some(ix) = state.definition.graph.index(node.as_str()) else { return };
        let at_work = &state.nodes[ix];
        let revision = if revision == 0 { at_work.revision } else { revision };
        let found = at_work.attempts.iter().rev();
        let found = found.filter(|one| one.revision == revision).find(|one| one.attempt == attempt);
        let Some(found) = found else { return };
        let (word, code) = match outcome {
            AttemptOutcome::Succeeded => ("succeeded", None),
            AttemptOutcome::Failed { failure } => ("failed", Some(failure.code.as_str())),
            AttemptOutcome::Interrupted => ("interrupted", Some("outcome_unknown")),
            AttemptOutcome::Cancelled => ("cancelled", None),
        };
        let kind = kind(state.definition.node(ix).node_type());
        let picos = u64::try_from(found.cost.picos()).unwrap_or_default();
        seen.count(move || {
            metrics::counter!("nexus_attempts_total", "type" => kind, "outcome" => word).increment(1);
            metrics::counter!("nexus_spent_picodollars_total").increment(picos);
        });
        if !trace::is_exporting() {
            return;
        }
        let mut attributes: Vec<(&'static str, Fact)> = vec![
            ("nexus.node_id", node.as_str().into()),
            ("nexus.revision", revision.into()),
            ("nexus.attempt", attempt.into()),
            ("nexus.outcome", word.into()),
            ("nexus.cost_picodollars", found.cost.picos().into()),
        ];
        if let Some(model) = &found.model {
            let (provider, name) = model.split_once('/').unwrap_or(("", model));
            attributes.extend([
                ("gen_ai.provider.name", provider.into()),
                ("gen_ai.request.model", name.into()),
                ("gen_ai.usage.input_tokens", found.tokens.prompt.into()),
                ("gen_ai.usage.output_tokens", found.tokens.completion.into()),
            ]);
        }
        seen.span(
            format!("attempt {attempt}"),
            (self.places.attempt(node, revision, attempt), self.places.node(node, revision)),
            (found.started_at, at),
            attributes,
            code,
        );
    }

    fn node_finished(
        &mut self,
        state: &State,
        node: &NodeId,
        at: Timestamp,
        (status, code): (&'static str, Option<&str>),
        seen: &mut Seen,
    ) {
        let Some(ix) = state.definition.graph.index(node.as_str()) else { return };
        let (revision, started) = self.open.remove(node).unwrap_or((state.nodes[ix].revision, at));
        let step = state.definition.node(ix);
        let kind = kind(step.node_type());
        seen.count(move || {
            metrics::counter!("nexus_nodes_finished_total", "type" => kind, "status" => status).increment(1);
            metrics::histogram!("nexus_node_duration_seconds", "type" => kind).record(at.since(started));
        });
        if !trace::is_exporting() {
            return;
        }
        let mut attributes: Vec<(&'static str, Fact)> = vec![
            ("nexus.execution_id", self.places.id.to_string().into()),
            ("nexus.node_id", node.as_str().into()),
            ("nexus.node_type", kind.into()),
            ("nexus.revision", revision.into()),
            ("nexus.status", status.into()),
        ];
        match &step.kind {
            NodeKind::Agent(_) => attributes.extend([
                ("gen_ai.operation.name", "invoke_agent".into()),
                ("gen_ai.agent.name", node.as_str().into()),
            ]),
            NodeKind::Tool(tool) => attributes.extend([
                ("gen_ai.operation.name", "execute_tool".into()),
                ("gen_ai.tool.name", tool_name(&tool.tool).into()),
            ]),
            NodeKind::Conditional(_) => {}
        }
        seen.span(
            format!("node {node}"),
            (self.places.node(node, revision), self.places.execution()),
            (started, at),
            attributes,
            code,
        );
    }

    /// The node's work is thrown away; it settles later, if at all.
    fn put_aside(
        &mut self,
        state: &State,
        node: &NodeId,
        at: Timestamp,
        status: &'static str,
        seen: &mut Seen,
    ) {
        if self.open.contains_key(node) {
            self.node_finished(state, node, at, (status, None), seen);
        }
    }

    fn run_finished(
        &self,
        state: &State,
        at: Timestamp,
        (status, code): (ExecutionStatus, Option<&str>),
        seen: &mut Seen,
    ) {
        let word = status.as_str();
        let took = state.started_at.map(|started| at.since(started));
        seen.count(move || {
            metrics::counter!("nexus_executions_finished_total", "status" => word).increment(1);
            if let Some(took) = took {
                metrics::histogram!("nexus_execution_duration_seconds", "status" => word).record(took);
            }
            if status == ExecutionStatus::BudgetExceeded {
                metrics::counter!("nexus_budget_stops_total").increment(1);
            }
        });
        let attributes: Vec<(&'static str, Fact)> = vec![
            ("nexus.execution_id", self.places.id.to_string().into()),
            ("nexus.workflow_id", self.workflow.to_string().into()),
            ("nexus.workflow_version", self.workflow_version.into()),
            ("nexus.run", self.places.run.into()),
            ("nexus.status", word.into()),
            ("nexus.cost_picodollars", state.spent().picos().into()),
        ];
        seen.span(
            "execution".to_owned(),
            (self.places.execution(), self.places.caller),
            (self.began, at),
            attributes,
            code,
        );
    }
}

/// What a step means to those who watch, held back until the step is durable.
#[derive(Default)]
pub(crate) struct Seen {
    spans: Vec<Past>,
    counts: Vec<Box<dyn FnOnce() + Send>>,
}

impl Seen {
    fn count(&mut self, count: impl FnOnce() + Send + 'static) {
        self.counts.push(Box::new(count));
    }

    fn span(
        &mut self,
        name: String,
        (at, parent): (Place, Place),
        (started, ended): (Timestamp, Timestamp),
        attributes: Vec<(&'static str, Fact)>,
        error: Option<&str>,
    ) {
        if trace::is_exporting() {
            let error = error.map(str::to_owned);
            self.spans.push(Past { name, at, parent, started, ended, attributes, error });
        }
    }

    /// The step is durable.
    pub(crate) fn tell(self) {
        self.spans.into_iter().for_each(trace::record);
        self.counts.into_iter().for_each(|count| count());
    }
}

/// When the latest run began, by the journal.
fn last_start(journal: &[String]) -> Option<Timestamp> {
    let entries = journal.iter().rev().filter(|entry| entry.contains("run_started"));
    let facts = entries.filter_map(|entry| serde_json::from_str::<Vec<Record>>(entry).ok());
    facts
        .flat_map(|facts| facts.into_iter().rev())
        .find_map(|fact| if let Record::RunStarted { at, .. } = fact { Some(at) } else { None })
}

/// A node's type as a label.
fn kind(node: NodeType) -> &'static str {
    match node {
        NodeType::Agent => "agent",
        NodeType::Tool => "tool",
        NodeType::Conditional => "conditional",
    }
}

/// Where a node stands as a label.
fn word(status: NodeStatus) -> &'static str {
    match status {
        NodeStatus::Pending => "pending",
        NodeStatus::Running => "running",
        NodeStatus::Succeeded => "succeeded",
        NodeStatus::Failed => "failed",
        NodeStatus::Skipped => "skipped",
        NodeStatus::Cancelled => "cancelled",
    }
}

fn tool_name(tool: &Tool) -> &'static str {
    match tool {
        Tool::HttpRequest { .. } => "http_request",
        Tool::Scraper { .. } => "scraper",
        Tool::MemoryStore { .. } => "memory_store",
        Tool::MemoryRecall { .. } => "memory_recall",
        Tool::Python { .. } => "python",
        Tool::Template { .. } => "template",
    }
}

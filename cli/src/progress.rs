//! What people see of a run while it goes on: one line per node on a terminal, plain lines elsewhere, JSON lines for
//! programs. Everything but the JSON goes to stderr; stdout belongs to the outputs.
//! Not here: getting the events (`follow`).

use crate::out;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use nexus_model::{
    Event, EventType, Execution, ExecutionStatus, Money, NodeId, event::Delta, execution::NodeStatus,
};
use serde_json::Value;
use std::{
    collections::HashMap,
    io::{self, IsTerminal},
    time::Duration,
};

/// How a run is shown.
pub(crate) enum View {
    /// Events as JSON lines on stdout.
    Json,
    /// Lines on stderr.
    Plain,
    /// One line per node on a terminal.
    Live(Box<Live>),
}

impl View {
    /// The view for this run: JSON if asked for, live on a terminal, else plain.
    pub(crate) fn new(json: bool, execution: &Execution) -> Self {
        if json {
            View::Json
        } else if io::stderr().is_terminal() && std::env::var_os("TERM").is_none_or(|term| term != "dumb") {
            View::Live(Box::new(Live::new(execution)))
        } else {
            out::note(&format!(
                "execution {} of `{}`",
                execution.summary.id, execution.summary.workflow_name
            ));
            View::Plain
        }
    }

    /// Something happened.
    pub(crate) fn event(&mut self, event: &Event) {
        match self {
            View::Json => out::json_line(event),
            View::Plain => {
                if let Some(line) = plain(event) {
                    out::note(&line);
                }
            }
            View::Live(live) => live.event(event),
        }
    }

    /// An agent writes. Shown only where something can be shown in place.
    pub(crate) fn delta(&mut self, delta: &Delta) {
        if let View::Live(live) = self {
            live.delta(delta);
        }
    }

    /// Something that is no event.
    pub(crate) fn note(&self, text: &str) {
        match self {
            View::Json | View::Plain => out::note(text),
            View::Live(live) => {
                let _ = live.lines.println(text);
            }
        }
    }

    /// The run is over.
    pub(crate) fn end(&mut self, execution: &Execution) {
        if let View::Live(live) = self {
            live.end(execution);
        }
        let summary = &execution.summary;
        let tokens = summary.tokens.prompt + summary.tokens.completion;
        let took = match (summary.started_at, summary.finished_at) {
            (Some(start), Some(end)) => format!(" in {}", seconds(end.since(start))),
            _ => String::new(),
        };
        out::note(&format!(
            "{}{took}: {tokens} tokens, {} (execution {})",
            word(summary.status),
            summary.budget.spent_usd,
            summary.id
        ));
    }
}

/// The status as people say it.
pub(crate) fn word(status: ExecutionStatus) -> &'static str {
    match status {
        ExecutionStatus::BudgetExceeded => "stopped by the budget",
        other => other.as_str(),
    }
}

fn seconds(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    if seconds < 1.0 { format!("{} ms", duration.as_millis()) } else { format!("{seconds:.1} s") }
}

fn text<'a>(data: &'a Value, pointer: &str) -> &'a str {
    data.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// Tokens, cost and time of a settled node, as far as the event has them.
fn totals(data: &Value) -> String {
    let number = |pointer: &str| data.pointer(pointer).and_then(Value::as_u64).unwrap_or(0);
    let tokens = number("/tokens/prompt") + number("/tokens/completion");
    let cost = data.get("cost_usd").and_then(Value::as_f64).and_then(Money::from_usd).unwrap_or_default();
    let mut parts = Vec::new();
    if tokens > 0 {
        parts.push(format!("{tokens} tokens"));
        parts.push(cost.to_string());
    }
    if let Some(millis) = data.get("latency_ms").and_then(Value::as_u64) {
        parts.push(seconds(Duration::from_millis(millis)));
    }
    parts.join(", ")
}

/// State and remark of a node after an event.
fn state(event: &Event) -> Option<(NodeState, String)> {
    let data = &event.data;
    Some(match event.kind {
        EventType::AgentStarted => (NodeState::Running, text(data, "/model").to_owned()),
        EventType::AgentRetrying => {
            let pause = data.get("delay_ms").and_then(Value::as_u64).unwrap_or(0);
            let when = if pause > 0 {
                format!("in {}: ", seconds(Duration::from_millis(pause)))
            } else {
                String::new()
            };
            (NodeState::Retrying, format!("{when}{}", text(data, "/error/message")))
        }
        EventType::AgentBacktracked => (NodeState::SentBack, text(data, "/message").to_owned()),
        EventType::AgentCompleted => (NodeState::Succeeded, totals(data)),
        EventType::AgentFailed => {
            let remark = [totals(data), text(data, "/error/message").to_owned()];
            let remark: Vec<_> = remark.into_iter().filter(|part| !part.is_empty()).collect();
            (NodeState::Failed, remark.join(": "))
        }
        EventType::AgentSkipped => (NodeState::Skipped, String::new()),
        _ => return None,
    })
}

fn plain(event: &Event) -> Option<String> {
    if let (Some((state, remark)), Some(node)) = (state(event), &event.agent_id) {
        let dash = if remark.is_empty() { "" } else { "  " };
        return Some(format!("{node}: {}{dash}{remark}", state.word()));
    }
    about_budget(event)
}

fn about_budget(event: &Event) -> Option<String> {
    match event.kind {
        EventType::BudgetWarning => Some("budget: the warning mark is reached".to_owned()),
        EventType::BudgetExceeded => Some("budget: the next call does not fit".to_owned()),
        _ => None,
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum NodeState {
    Pending,
    Running,
    Retrying,
    SentBack,
    Succeeded,
    Failed,
    Skipped,
    Cancelled,
}

impl NodeState {
    fn word(self) -> &'static str {
        match self {
            NodeState::Pending => "pending",
            NodeState::Running => "running",
            NodeState::Retrying => "retrying",
            NodeState::SentBack => "sent back",
            NodeState::Succeeded => "succeeded",
            NodeState::Failed => "failed",
            NodeState::Skipped => "skipped",
            NodeState::Cancelled => "cancelled",
        }
    }

    /// A sign, so that the state does not depend on colour alone, and the colour.
    fn sign(self) -> (&'static str, &'static str) {
        match self {
            NodeState::Pending => ("·", "2"),
            NodeState::Running => ("▸", "36"),
            NodeState::Retrying => ("↻", "33"),
            NodeState::SentBack => ("↩", "33"),
            NodeState::Succeeded => ("✓", "32"),
            NodeState::Failed => ("✗", "31"),
            NodeState::Skipped => ("–", "2"),
            NodeState::Cancelled => ("■", "33"),
        }
    }

    fn at_work(self) -> bool {
        matches!(self, NodeState::Running | NodeState::Retrying | NodeState::SentBack)
    }
}

impl From<NodeStatus> for NodeState {
    fn from(status: NodeStatus) -> Self {
        match status {
            NodeStatus::Pending => NodeState::Pending,
            NodeStatus::Running => NodeState::Running,
            NodeStatus::Succeeded => NodeState::Succeeded,
            NodeStatus::Failed => NodeState::Failed,
            NodeStatus::Skipped => NodeState::Skipped,
            NodeStatus::Cancelled => NodeState::Cancelled,
        }
    }
}

/// One line per node, redrawn in place.
pub(crate) struct Live {
    lines: MultiProgress,
    nodes: HashMap<NodeId, Line>,
    width: usize,
    coloured: bool,
}

struct Line {
    bar: ProgressBar,
    /// Characters written by the attempt at work.
    written: usize,
}

impl Live {
    fn new(execution: &Execution) -> Self {
        let lines = MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(10));
        let summary = &execution.summary;
        let _ = lines.println(format!("{}  (execution {})", summary.workflow_name, summary.id));
        let width =
            execution.agent_executions.iter().map(|node| node.node_id.as_str().len()).max().unwrap_or(0);
        let mut live = Self { lines, nodes: HashMap::new(), width, coloured: out::coloured() };
        for node in &execution.agent_executions {
            live.add(&node.node_id);
            live.show(&node.node_id, node.status.into(), "");
        }
        live
    }

    fn add(&mut self, node: &NodeId) {
        let bar = self.lines.add(ProgressBar::new_spinner());
        if let Ok(style) = ProgressStyle::with_template("{msg}") {
            bar.set_style(style);
        }
        self.nodes.insert(node.clone(), Line { bar, written: 0 });
    }

    fn show(&mut self, node: &NodeId, state: NodeState, remark: &str) {
        if !self.nodes.contains_key(node) {
            self.add(node);
        }
        let (sign, colour) = state.sign();
        let word = format!("{sign} {:<9}", state.word());
        let word = if self.coloured { format!("\x1b[{colour}m{word}\x1b[0m") } else { word };
        let line =
            format!("  {:<width$}  {word}  {}", node.as_str(), out::short(remark, 100), width = self.width);
        if let Some(shown) = self.nodes.get(node) {
            if state.at_work() || state == NodeState::Pending {
                shown.bar.set_message(line.trim_end().to_owned());
            } else {
                shown.bar.finish_with_message(line.trim_end().to_owned());
            }
        }
    }

    fn event(&mut self, event: &Event) {
        if let (Some((state, remark)), Some(node)) = (state(event), &event.agent_id) {
            if let Some(line) = self.nodes.get_mut(node) {
                line.written = 0;
                if state.at_work() && line.bar.is_finished() {
                    line.bar.reset();
                }
            }
            self.show(node, state, &remark);
        } else if let Some(line) = about_budget(event) {
            let _ = self.lines.println(line);
        }
    }

    fn delta(&mut self, delta: &Delta) {
        let Some(line) = self.nodes.get_mut(&delta.agent_id) else { return };
        line.written += delta.text.chars().count();
        let remark = format!("{} characters", line.written);
        self.show(&delta.agent_id, NodeState::Running, &remark);
    }

    fn end(&mut self, execution: &Execution) {
        for node in &execution.agent_executions {
            // What settled has its line already; the rest was cut off.
            if self.nodes.get(&node.node_id).is_some_and(|line| !line.bar.is_finished()) {
                self.show(&node.node_id, node.status.into(), "");
            }
        }
        for line in self.nodes.values() {
            line.bar.abandon();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nexus_model::{ExecutionId, Timestamp};
    use serde_json::json;

    fn line(kind: EventType, data: Value) -> Option<String> {
        plain(&Event {
            seq: 1,
            execution_id: ExecutionId::generate(),
            kind,
            agent_id: NodeId::new("draft").ok(),
            data,
            timestamp: Timestamp::now(),
        })
    }

    #[test]
    fn a_line_says_state_tokens_cost_and_time() {
        let totals =
            json!({"tokens": {"prompt": 100, "completion": 20}, "cost_usd": 0.0005, "latency_ms": 1500});
        assert_eq!(
            line(EventType::AgentCompleted, totals).unwrap(),
            "draft: succeeded  120 tokens, $0.0005, 1.5 s"
        );
        let retry = json!({"delay_ms": 500, "error": {"code": "timeout", "message": "too slow"}});
        assert_eq!(line(EventType::AgentRetrying, retry).unwrap(), "draft: retrying  in 500 ms: too slow");
        assert_eq!(line(EventType::AgentSkipped, json!({})).unwrap(), "draft: skipped");
        assert_eq!(line(EventType::ExecutionStarted, json!({})), None);
    }
}

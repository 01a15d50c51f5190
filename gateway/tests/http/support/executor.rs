//! An executor whose runs are written by the test, event by event, and whose streams break on request.

use async_trait::async_trait;
use futures::{StreamExt, stream};
use nexus_api::{
    BoxStream, CallCtx, Code, Error, Executor, Result,
    executor::{ExecutionFilter, Resume, StartExecution, Started},
    planner::PageRequest,
};
use nexus_model::{
    Event, EventType, Execution, ExecutionId, ExecutionStatus, Money, NodeId, Timestamp, WorkflowId,
    document::NodeType,
    event::{Delta, WatchItem},
    execution::{AgentExecution, Attempt, ExecutionSummary, Failure, NodeStatus, Spending, Tokens},
    workflow::Page,
};
use serde_json::{Map, json};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};
use tokio::sync::watch;

/// How the streams of before end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Break {
    Unavailable,
    Politely,
}

#[derive(Default)]
struct State {
    runs: BTreeMap<ExecutionId, Run>,
    /// Streams opened before this many breaks are broken.
    breaks: Vec<Break>,
    down: bool,
    starts: Vec<StartExecution>,
    resumes: Vec<Resume>,
    lists: Vec<(ExecutionFilter, PageRequest)>,
    watches: Vec<u64>,
    open: usize,
}

#[derive(Default)]
struct Run {
    items: Vec<WatchItem>,
    seq: u64,
    ended: bool,
}

pub(crate) struct FakeExecutor {
    state: Arc<Mutex<State>>,
    changed: watch::Sender<()>,
}

impl Default for FakeExecutor {
    fn default() -> Self {
        Self { state: Arc::default(), changed: watch::channel(()).0 }
    }
}

impl FakeExecutor {
    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let result = change(&mut self.state.lock().unwrap());
        self.changed.send_replace(());
        result
    }

    pub(crate) fn run(&self) -> ExecutionId {
        let id = ExecutionId::generate();
        self.change(|state| state.runs.insert(id, Run::default()));
        id
    }

    pub(crate) fn event(&self, id: ExecutionId, kind: EventType) {
        self.change(|state| {
            let run = state.runs.get_mut(&id).unwrap();
            run.seq += 1;
            let seq = run.seq;
            let data = json!({"line": "a\nb\rc"});
            let timestamp = Timestamp::now();
            run.items.push(WatchItem::Event(Event {
                seq,
                execution_id: id,
                kind,
                agent_id: None,
                data,
                timestamp,
            }));
            run.ended = kind == EventType::ExecutionCompleted;
        });
    }

    pub(crate) fn delta(&self, id: ExecutionId, text: &str) {
        let delta = Delta {
            execution_id: id,
            agent_id: NodeId::new("a").unwrap(),
            revision: 1,
            attempt: 1,
            text: text.to_owned(),
            timestamp: Timestamp::now(),
        };
        self.change(|state| state.runs.get_mut(&id).unwrap().items.push(WatchItem::Delta(delta)));
    }

    /// A run with `count` events, the last of which ends it.
    pub(crate) fn finished_run(&self, count: usize) -> ExecutionId {
        let id = self.run();
        self.event(id, EventType::ExecutionStarted);
        (2..count).for_each(|_| self.event(id, EventType::AgentStarted));
        self.event(id, EventType::ExecutionCompleted);
        id
    }

    /// Ends all open streams.
    pub(crate) fn break_streams(&self, how: Break) {
        self.change(|state| state.breaks.push(how));
    }

    /// Whether every call fails with `Unavailable`.
    pub(crate) fn set_down(&self, down: bool) {
        self.change(|state| state.down = down);
    }

    pub(crate) fn starts(&self) -> Vec<StartExecution> {
        self.state.lock().unwrap().starts.clone()
    }

    pub(crate) fn resumes(&self) -> Vec<Resume> {
        self.state.lock().unwrap().resumes.clone()
    }

    pub(crate) fn lists(&self) -> Vec<(ExecutionFilter, PageRequest)> {
        self.state.lock().unwrap().lists.clone()
    }

    /// Where each stream was opened.
    pub(crate) fn watches(&self) -> Vec<u64> {
        self.state.lock().unwrap().watches.clone()
    }

    /// Waits until so many streams are open.
    pub(crate) async fn until_open(&self, count: usize) {
        let mut changes = self.changed.subscribe();
        while self.state.lock().unwrap().open != count {
            changes.changed().await.unwrap();
        }
    }

    fn check(&self, id: ExecutionId) -> Result<()> {
        let state = self.state.lock().unwrap();
        if state.down {
            return Err(Error::unavailable("the executor cannot be reached"));
        }
        state.runs.get(&id).map(|_| ()).ok_or_else(|| Error::not_found(format!("execution {id}")))
    }

    fn execution(&self, id: ExecutionId) -> Result<Execution> {
        self.check(id)?;
        let ended = self.state.lock().unwrap().runs[&id].ended;
        let status = if ended { ExecutionStatus::Succeeded } else { ExecutionStatus::Running };
        Ok(sample(id, status))
    }
}

/// An execution with every member filled.
pub(crate) fn sample(id: ExecutionId, status: ExecutionStatus) -> Execution {
    let (now, node) = (Timestamp::now(), NodeId::new("a").unwrap());
    let error = Some(Failure {
        code: "timeout".to_owned(),
        message: "too late".to_owned(),
        node_id: Some(node.clone()),
    });
    let (tokens, model) = (Tokens { prompt: 1, completion: 2 }, Some("demo/small".to_owned()));
    // From JSON, so that a new optional member does not break every test.
    let attempt: Attempt = serde_json::from_value(json!({
        "attempt": 1, "revision": 1, "model": model, "provider": "demo", "status": "failed", "error": error,
        "tokens": tokens, "cost_usd": 0.5, "latency_ms": 3, "started_at": now, "finished_at": now,
        "output": {"text": "no"},
        "tool_calls": [{"tool": "find", "args": {"q": 1}, "output": [1], "error": null, "latency_ms": 2}],
    }))
    .unwrap();
    let revision = serde_json::from_value(json!({
        "revision": 1, "status": "succeeded", "input": {}, "output": {"text": "h"}, "error": null, "feedback": null,
        "started_at": now, "finished_at": now,
    }))
    .unwrap();
    let agent = AgentExecution {
        node_id: node,
        node_type: NodeType::Agent,
        status: NodeStatus::Succeeded,
        revision: 1,
        attempts: vec![attempt],
        revisions: vec![revision],
        feedback: Some(json!({"message": "too short"})),
        input: Some(json!({"prompt": "hi"})),
        output: Some(json!({"text": "hi"})),
        model,
        tokens,
        cost_usd: Money::from_picos(5),
        latency_ms: Some(3),
        error: None,
        started_at: Some(now),
        finished_at: None,
    };
    let summary = ExecutionSummary {
        id,
        workflow_id: WorkflowId::generate(),
        workflow_version: 1,
        workflow_name: "n".to_owned(),
        status,
        error,
        budget: Spending { limit_usd: Some(Money::from_picos(9)), ..Spending::default() },
        tokens,
        created_at: now,
        started_at: Some(now),
        finished_at: None,
    };
    let outputs = Map::from_iter([("a".to_owned(), json!({"text": "hi"}))]);
    Execution { summary, inputs: json!({}), outputs, agent_executions: vec![agent] }
}

struct Watching {
    state: Arc<Mutex<State>>,
    changes: watch::Receiver<()>,
    changed: watch::Sender<()>,
    id: ExecutionId,
    after: u64,
    position: usize,
    /// Deltas before this place were said before anybody listened.
    live_from: usize,
    breaks: usize,
    over: bool,
}

impl Watching {
    async fn next(&mut self) -> Option<Result<WatchItem>> {
        loop {
            if self.over {
                return None;
            }
            self.changes.mark_unchanged();
            {
                let state = self.state.lock().unwrap();
                if let Some(how) = state.breaks.get(self.breaks) {
                    self.over = true;
                    match how {
                        Break::Politely => return None,
                        Break::Unavailable => return Some(Err(Error::unavailable("the connection broke"))),
                    }
                }
                let run = &state.runs[&self.id];
                while let Some(item) = run.items.get(self.position) {
                    self.position += 1;
                    match item {
                        WatchItem::Event(event) if event.seq <= self.after => {}
                        WatchItem::Delta(_) if self.position <= self.live_from => {}
                        item => return Some(Ok(item.clone())),
                    }
                }
                if run.ended {
                    return None;
                }
            }
            self.changes.changed().await.ok()?;
        }
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        self.state.lock().unwrap().open -= 1;
        self.changed.send_replace(());
    }
}

#[async_trait]
impl Executor for FakeExecutor {
    async fn start_execution(&self, _: &CallCtx, request: StartExecution) -> Result<Started> {
        if request.budget.is_some_and(|budget| budget.limit_usd == Some(Money::ZERO)) {
            return Err(Error::new(Code::BudgetExceeded, "the budget is empty"));
        }
        if request.inputs.get("conflict").is_some() {
            return Err(Error::new(Code::Conflict, "the key was used with another body"));
        }
        self.change(|state| state.starts.push(request));
        Ok(Started { execution_id: self.run(), status: ExecutionStatus::Queued })
    }

    async fn get_execution(&self, _: &CallCtx, id: ExecutionId) -> Result<Execution> {
        self.execution(id)
    }

    async fn list_executions(
        &self,
        _: &CallCtx,
        filter: ExecutionFilter,
        page: PageRequest,
    ) -> Result<Page<ExecutionSummary>> {
        self.change(|state| state.lists.push((filter, page)));
        let items = vec![sample(ExecutionId::generate(), ExecutionStatus::Running).summary];
        Ok(Page { items, next_cursor: None })
    }

    async fn cancel_execution(&self, _: &CallCtx, id: ExecutionId) -> Result<ExecutionSummary> {
        let execution = self.execution(id)?;
        if execution.summary.status.is_terminal() {
            return Err(Error::new(Code::Conflict, "the execution has already ended"));
        }
        Ok(execution.summary)
    }

    async fn resume_execution(
        &self,
        _: &CallCtx,
        id: ExecutionId,
        resume: Resume,
    ) -> Result<ExecutionSummary> {
        let execution = self.execution(id)?;
        self.change(|state| state.resumes.push(resume));
        Ok(execution.summary)
    }

    async fn delete_execution(&self, _: &CallCtx, id: ExecutionId) -> Result<()> {
        let execution = self.execution(id)?;
        if !execution.summary.status.is_terminal() {
            return Err(Error::new(Code::Conflict, "the execution is running"));
        }
        Ok(())
    }

    async fn list_events(
        &self,
        _: &CallCtx,
        id: ExecutionId,
        after_seq: u64,
        limit: u32,
    ) -> Result<Vec<Event>> {
        self.check(id)?;
        let state = self.state.lock().unwrap();
        let events = state.runs[&id].items.iter().filter_map(|item| match item {
            WatchItem::Event(event) if event.seq > after_seq => Some(event.clone()),
            _ => None,
        });
        Ok(events.take(limit as usize).collect())
    }

    async fn watch_execution(
        &self,
        _: &CallCtx,
        id: ExecutionId,
        after_seq: u64,
    ) -> Result<BoxStream<WatchItem>> {
        self.check(id)?;
        let changes = self.changed.subscribe();
        let (live_from, breaks) = self.change(|state| {
            state.watches.push(after_seq);
            state.open += 1;
            (state.runs[&id].items.len(), state.breaks.len())
        });
        let watching = Watching {
            state: self.state.clone(),
            changes,
            changed: self.changed.clone(),
            id,
            after: after_seq,
            position: 0,
            live_from,
            breaks,
            over: false,
        };
        Ok(stream::unfold(watching, |mut watching| async move { Some((watching.next().await?, watching)) })
            .boxed())
    }
}

//! One execution being run: a loop that takes in what happened, makes the step durable, and only then starts its
//! effects. Whatever arrives while a commit is in flight goes into the next one.
//! Not here: who runs which execution (`owner`), what a step contains (`nexus-engine`).

use crate::{
    Deps,
    call::{self, Caller},
    definitions::Definitions,
    live::Live,
    observe::{self, Follower},
    step::store_step,
};
use nexus_api::{Code, Error};
use nexus_bus::Topic;
use nexus_engine::{Call, Effect, Env, Input, MAX_RECOVERIES, State};
use nexus_model::{
    Event, EventType, ExecutionId, ExecutionStatus, Money, Timestamp, execution::Failure,
    price::EmbeddingModel,
};
use nexus_store::{Claimed, Committed, Fence, Head, HeadUpdate, Loaded, NewEvent, Ownership, Step};
use serde_json::json;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

/// What reaches a running execution from outside.
pub(crate) enum Message {
    /// Something happened.
    Input(Input),
    /// Memory says at last what its vectors cost.
    Priced(EmbeddingModel),
    /// Somebody asks, and waits until it is durable.
    Request(Input, oneshot::Sender<Result<(), Error>>),
}

/// How a run left us.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Left {
    /// It ended, durably.
    Ended,
    /// Somebody else has it, or may have it soon; nothing more was written.
    Lost,
    /// It can go on elsewhere.
    Released,
}

/// The signals a run listens to.
#[derive(Clone)]
pub(crate) struct Signals {
    /// Stop at once and write nothing more.
    pub(crate) stop: CancellationToken,
    /// The process shuts down: start nothing new, finish calls in flight, then release.
    pub(crate) drain: CancellationToken,
}

/// An execution in our hands.
pub(crate) struct Run {
    pub(crate) deps: Deps,
    pub(crate) definitions: Arc<Definitions>,
    pub(crate) signals: Signals,
    pub(crate) outbox: mpsc::UnboundedSender<Message>,
    pub(crate) inbox: mpsc::UnboundedReceiver<Message>,
}

/// Calls and timers in flight; dropping the set abandons them.
#[derive(Default)]
struct Flight {
    calls: JoinSet<()>,
    timers: JoinSet<()>,
}

impl Flight {
    /// Abandons everything and waits until nothing of it can do anything any more.
    async fn stop(&mut self) {
        self.calls.shutdown().await;
        self.timers.shutdown().await;
    }
}

/// How often the store may refuse a step before the run is ended.
const REFUSALS: u32 = 3;

/// Why a step did not become durable.
enum Uncommitted {
    /// Somebody else has the execution.
    Lost,
    /// The store will not take this step, whoever brings it.
    Refused,
}

impl Run {
    /// Runs the execution until it ends, is lost or is released.
    pub(crate) async fn run(mut self, claimed: Claimed) -> Left {
        let id = claimed.loaded.head.summary.id;
        let fence = claimed.loaded.head.fence;
        let stop = self.signals.stop.clone();
        let span = observe::work(&claimed.loaded.head);
        let mut flight = Flight::default();
        let left = tokio::select! {
            biased;
            () = stop.cancelled() => Left::Lost,
            left = self.drive(claimed, &mut flight).instrument(span) => left,
        };
        flight.stop().await;
        if left == Left::Released
            && let Err(error) = self.deps.store.release(id, fence).await
        {
            tracing::warn!(execution = %id, %error, "could not release; the lease will run out");
        }
        left
    }

    async fn drive(&mut self, claimed: Claimed, flight: &mut Flight) -> Left {
        let head = &claimed.loaded.head;
        let (id, fence, mut journal_len) = (head.summary.id, head.fence, head.journal_len);
        let (workspace, principal) = (head.workspace.clone(), head.principal.clone());
        let workflow = head.summary.workflow_id;
        let mut state = match self.load(&claimed.loaded).await {
            Ok(state) => state,
            Err(error) => {
                tracing::error!(execution = %id, %error, "its journal cannot be read");
                return self.end_unread(head).await;
            }
        };
        if let Some(price) = self.definitions.missing_price(&state) {
            let outbox = self.outbox.clone();
            // nobody listens any more when the run was lost
            flight.timers.spawn(async move { drop(outbox.send(Message::Priced(price.await))) });
        }
        let mut follower = Follower::new(&claimed.loaded, &state);
        let caller = Caller { execution: id, workflow, workspace, principal, places: follower.places };
        let first = if head.recoveries > MAX_RECOVERIES { given_up() } else { Input::Take };
        let mut pending = vec![Message::Input(first)];
        loop {
            let Some((mut step, waiting)) = self.decide(&mut state, pending) else {
                // Memory is ahead of the journal, or both are wrong: whoever comes next begins with the journal. If
                // that does not help, the limit of recoveries ends it, from its row alone if need be.
                if head.recoveries > MAX_RECOVERIES {
                    return self.end_unread(head).await;
                }
                return Left::Lost;
            };
            if !step.is_empty() {
                let effects = std::mem::take(&mut step.effects);
                let seen = follower.step(&state, &step.records);
                let step = store_step(&state, fence, journal_len, step);
                let (entries, events, ownership) = (step.records.len(), step.events.clone(), step.ownership);
                match self.commit(step).await {
                    Ok(committed) => {
                        journal_len += entries as u64;
                        seen.tell();
                        if ownership == Ownership::Nobody {
                            // Nothing may start after this, and nothing of what is in flight may go on.
                            flight.stop().await;
                        } else {
                            self.start(&caller, effects, flight);
                        }
                        publish_events(&self.deps, id, committed, events);
                    }
                    Err(Uncommitted::Lost) => return Left::Lost,
                    Err(Uncommitted::Refused) => {
                        flight.stop().await;
                        return self.end_refused(id, fence).await;
                    }
                }
            }
            for (answer, result) in waiting {
                // the asker may have gone away
                let _ = answer.send(result);
            }
            // ended, or queued again by a resume: whoever claims it next goes on
            if state.status != ExecutionStatus::Running {
                return Left::Ended;
            }
            match self.next(flight).await {
                Some(messages) => pending = messages,
                None => return Left::Released,
            }
        }
    }

    /// The state as the journal has it; waits for a database that is away.
    async fn load(&self, loaded: &Loaded) -> Result<State, Error> {
        loop {
            match self.definitions.state_to_run(loaded).await {
                Err(error) if error.code == Code::Unavailable => {
                    tokio::time::sleep(Duration::from_millis(500)).await
                }
                result => return result,
            }
        }
    }

    /// Ends an execution whose journal this version cannot read, from its row alone: trying again would not help.
    async fn end_unread(&self, head: &Head) -> Left {
        let failure = Failure {
            code: "journal_unreadable".into(),
            message:
                "the execution's journal cannot be read by this version; the log of the executor says why"
                    .into(),
            node_id: None,
        };
        let now = Timestamp::now();
        let step = Step {
            id: head.summary.id,
            fence: head.fence,
            journal_len: head.journal_len,
            records: vec![
                json!([{"fact": "run_finished", "at": now, "status": "failed", "failure": failure}])
                    .to_string(),
            ],
            events: vec![NewEvent {
                kind: EventType::ExecutionCompleted,
                agent_id: None,
                data: json!({"status": "failed", "error": failure, "outputs": {}, "tokens": head.summary.tokens,
                    "cost": head.summary.budget.spent_usd, "cost_usd": head.summary.budget.spent_usd}),
                timestamp: now,
            }],
            update: HeadUpdate {
                status: ExecutionStatus::Failed,
                error: Some(failure),
                budget: head.budget,
                spent: head.summary.budget.spent_usd,
                reserved: Money::ZERO,
                tokens: head.summary.tokens,
                started_at: head.summary.started_at,
                finished_at: Some(now),
            },
            ownership: Ownership::Nobody,
            progress: true,
        };
        let events = step.events.clone();
        match self.commit(step).await {
            Ok(committed) => {
                publish_events(&self.deps, head.summary.id, committed, events);
                Left::Ended
            }
            Err(_) => Left::Lost,
        }
    }

    /// Ends an execution whose next step the store will not take. What that step held is thrown away.
    async fn end_refused(&self, id: ExecutionId, fence: Fence) -> Left {
        let Ok(Some(loaded)) = self.deps.store.load(id).await else { return Left::Lost };
        if loaded.head.fence != fence {
            return Left::Lost;
        }
        let Ok(mut state) = self.load(&loaded).await else { return Left::Lost };
        let message =
            "the database would not take the execution's next step; the log of the executor says why";
        let failure = Failure { code: "store_refused".into(), message: message.into(), node_id: None };
        let env = Env { now: Timestamp::now(), random: 0.0, hold: false };
        let Ok(step) = nexus_engine::step(&mut state, Input::GiveUp { failure }, env) else {
            return Left::Lost;
        };
        let step = store_step(&state, fence, loaded.head.journal_len, step);
        let events = step.events.clone();
        match self.commit(step).await {
            Ok(committed) => {
                publish_events(&self.deps, id, committed, events);
                Left::Ended
            }
            Err(_) => Left::Lost,
        }
    }

    /// Runs the engine over everything that arrived; answers to requests wait for the commit. `None` if a rule met a
    /// state that contradicts it: some of the step may have been applied, and nothing of it can be trusted.
    #[expect(clippy::type_complexity, reason = "used once, right above")]
    fn decide(
        &self,
        state: &mut State,
        messages: Vec<Message>,
    ) -> Option<(nexus_engine::Step, Vec<(oneshot::Sender<Result<(), Error>>, Result<(), Error>)>)> {
        let mut all = nexus_engine::Step::default();
        let mut waiting = Vec::new();
        for message in messages {
            let (input, answer) = match message {
                Message::Input(input) => (input, None),
                Message::Priced(model) => {
                    state.embedding.get_or_insert(model);
                    continue;
                }
                Message::Request(input, answer) => (input, Some(answer)),
            };
            let env = Env {
                now: Timestamp::now(),
                random: rand::random(),
                hold: self.signals.drain.is_cancelled(),
            };
            let result = nexus_engine::step(state, input, env).map(|step| {
                all.records.extend(step.records);
                all.events.extend(step.events);
                all.effects.extend(step.effects);
            });
            if let Err(error) = &result
                && !error.is_refusal()
            {
                tracing::error!(execution = %state.id, %error, "an input does not fit the state; it is read again");
                return None;
            }
            match (answer, result) {
                (Some(answer), result) => waiting.push((answer, result.map_err(crate::service::refused))),
                (None, Err(error)) => {
                    tracing::error!(execution = %state.id, %error, "an input was refused");
                }
                (None, Ok(())) => {}
            }
        }
        Some((all, waiting))
    }

    /// Makes a step durable. If the database goes away in the middle, finds out what became of it as soon as it is
    /// back; the heartbeat's `stop` ends the waiting when the lease may be lost.
    async fn commit(&self, step: Step) -> Result<Committed, Uncommitted> {
        let mut pause = Duration::from_millis(50);
        let mut refusals = 0;
        let began = Instant::now();
        loop {
            match self.deps.store.commit(step.clone()).await {
                Ok(committed) => {
                    metrics::counter!("nexus_steps_committed_total").increment(1);
                    metrics::histogram!("nexus_commit_duration_seconds").record(began.elapsed());
                    return Ok(committed);
                }
                Err(nexus_store::Error::FenceLost) => return self.settled_before(&step).await,
                Err(error @ nexus_store::Error::Unavailable(_)) => {
                    tracing::warn!(execution = %step.id, %error, "a step could not be committed; trying again");
                }
                Err(error) => {
                    refusals += 1;
                    tracing::error!(execution = %step.id, %error, refusals, "the store refuses a step");
                    if refusals >= REFUSALS {
                        return Err(Uncommitted::Refused);
                    }
                }
            }
            metrics::counter!("nexus_commit_errors_total").increment(1);
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(1));
        }
    }

    /// After a retry the first try may turn out to have been durable after all: then the journal ends with our
    /// entries, and nobody has taken the execution over since. The step's events have the numbers before the next.
    async fn settled_before(&self, step: &Step) -> Result<Committed, Uncommitted> {
        let loaded = loop {
            match self.deps.store.load(step.id).await {
                Ok(loaded) => break loaded.ok_or(Uncommitted::Lost)?,
                Err(nexus_store::Error::Unavailable(_)) => {
                    tokio::time::sleep(Duration::from_millis(500)).await
                }
                Err(_) => return Err(Uncommitted::Lost),
            }
        };
        let fence = step.fence + u64::from(step.ownership == Ownership::Nobody);
        let position = usize::try_from(step.journal_len).unwrap_or(usize::MAX);
        let ours = loaded.journal.get(position..).is_some_and(|entries| entries == step.records);
        if ours && !step.records.is_empty() && loaded.head.fence == fence {
            Ok(Committed { first_seq: loaded.head.next_seq - step.events.len() as u64 })
        } else {
            Err(Uncommitted::Lost)
        }
    }

    fn start(&self, caller: &Caller, effects: Vec<Effect>, flight: &mut Flight) {
        for effect in effects {
            let outbox = self.outbox.clone();
            match effect {
                Effect::Call(call) => {
                    let (deps, caller) = (self.deps.clone(), caller.clone());
                    flight.calls.spawn(async move {
                        let result = call::perform(&deps, &caller, &call).await;
                        let Call { node, revision, attempt, call, .. } = *call;
                        let input = Input::CallFinished { node, revision, attempt, call, result };
                        // nobody listens any more when the run was lost
                        let _ = outbox.send(Message::Input(input));
                    });
                }
                Effect::Wait { node, due } => {
                    // The pause is measured once; from then on a clock that is set does not change it.
                    let pause = due.since(Timestamp::now());
                    flight.timers.spawn(async move {
                        tokio::time::sleep(pause).await;
                        let _ = outbox.send(Message::Input(Input::TimerFired { node, due }));
                    });
                }
            }
        }
    }

    /// Waits for something to happen and takes in everything that has. `None` when draining and nothing that was
    /// begun is still to come.
    async fn next(&mut self, flight: &mut Flight) -> Option<Vec<Message>> {
        let mut messages = Vec::new();
        while messages.is_empty() {
            if let Ok(message) = self.inbox.try_recv() {
                messages.push(message);
                break;
            }
            while flight.calls.try_join_next().is_some() {}
            while flight.timers.try_join_next().is_some() {}
            let draining = self.signals.drain.is_cancelled();
            if draining && flight.calls.is_empty() {
                // a call sends its result before it ends, so nothing can be on its way any more
                match self.inbox.try_recv() {
                    Ok(message) => messages.push(message),
                    Err(_) => return None,
                }
                break;
            }
            tokio::select! {
                message = self.inbox.recv() => messages.extend(message),
                _ = flight.calls.join_next(), if draining => {}
                () = self.signals.drain.cancelled(), if !draining => {}
            }
        }
        while let Ok(message) = self.inbox.try_recv() {
            messages.push(message);
        }
        Some(messages)
    }
}

/// The end of an execution that was recovered too often.
fn given_up() -> Input {
    let message = format!(
        "the process that ran it died {MAX_RECOVERIES} times in a row without any progress; look at its log, then resume"
    );
    Input::GiveUp { failure: Failure { code: "recovery_limit".into(), message, node_id: None } }
}

/// Tells watchers of durable events.
pub(crate) fn publish_events(deps: &Deps, id: ExecutionId, committed: Committed, events: Vec<NewEvent>) {
    if events.is_empty() {
        return;
    }
    let events = events
        .into_iter()
        .zip(committed.first_seq..)
        .map(|(event, seq)| Event {
            seq,
            execution_id: id,
            kind: event.kind,
            agent_id: event.agent_id,
            data: event.data,
            timestamp: event.timestamp,
        })
        .collect();
    deps.bus.publish(Topic::Execution(id), Live::committed(events));
}

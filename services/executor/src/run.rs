//! One execution being run: a loop that takes in what happened, makes the step durable, and only then starts its
//! effects. Whatever arrives while a commit is in flight goes into the next one.
//! Not here: who runs which execution (`owner`), what a step contains (`nexus-engine`).

use crate::{Deps, call, definitions::Definitions, live::Live};
use nexus_api::Error;
use nexus_bus::Topic;
use nexus_engine::{Effect, Env, Input, MAX_RECOVERIES, State};
use nexus_model::{Event, ExecutionId, Timestamp};
use nexus_store::{Claimed, Committed, Fence, HeadUpdate, NewEvent, Ownership, Step};
use std::{sync::Arc, time::Duration};
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;

/// What reaches a running execution from outside.
pub(crate) enum Message {
    /// Something happened.
    Input(Input),
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

impl Run {
    /// Runs the execution until it ends, is lost or is released.
    pub(crate) async fn run(mut self, claimed: Claimed) -> Left {
        let id = claimed.loaded.head.summary.id;
        let fence = claimed.loaded.head.fence;
        let stop = self.signals.stop.clone();
        let left = tokio::select! {
            biased;
            () = stop.cancelled() => Left::Lost,
            left = self.drive(claimed) => left,
        };
        if left == Left::Released
            && let Err(error) = self.deps.store.release(id, fence).await
        {
            tracing::warn!(execution = %id, %error, "could not release; the lease will run out");
        }
        left
    }

    async fn drive(&mut self, claimed: Claimed) -> Left {
        let head = &claimed.loaded.head;
        let (id, fence, mut journal_len) = (head.summary.id, head.fence, head.journal_len);
        let mut state = match self.definitions.state(&claimed.loaded).await {
            Ok(state) => state,
            Err(error) => {
                // Keep it from spinning: the lease runs out, the recovery is counted, in the end it is given up.
                tracing::error!(execution = %id, %error, "cannot be loaded");
                return Left::Lost;
            }
        };
        let first = if head.recoveries > MAX_RECOVERIES { Input::GiveUp } else { Input::Take };
        let mut flight = Flight::default();
        let mut pending = vec![Message::Input(first)];
        loop {
            let (mut step, waiting) = self.decide(&mut state, pending);
            if !step.is_empty() {
                let effects = std::mem::take(&mut step.effects);
                let step = store_step(&state, fence, journal_len, step);
                let events = step.events.clone();
                match self.commit(step).await {
                    Ok(committed) => {
                        journal_len += 1;
                        publish_events(&self.deps, id, committed, events);
                        if state.status.is_terminal() {
                            // Nothing may start after the answer: abandon what is in flight first.
                            flight = Flight::default();
                        }
                        self.start(id, effects, &mut flight);
                    }
                    Err(()) => return Left::Lost,
                }
            }
            for (answer, result) in waiting {
                // the asker may have gone away
                let _ = answer.send(result);
            }
            if state.status.is_terminal() {
                return Left::Ended;
            }
            match self.next(&mut flight).await {
                Some(messages) => pending = messages,
                None => return Left::Released,
            }
        }
    }

    /// Runs the engine over everything that arrived; answers to requests wait for the commit.
    #[expect(clippy::type_complexity, reason = "used once, right above")]
    fn decide(
        &self,
        state: &mut State,
        messages: Vec<Message>,
    ) -> (nexus_engine::Step, Vec<(oneshot::Sender<Result<(), Error>>, Result<(), Error>)>) {
        let mut all = nexus_engine::Step::default();
        let mut waiting = Vec::new();
        for message in messages {
            let (input, answer) = match message {
                Message::Input(input) => (input, None),
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
            match answer {
                Some(answer) => waiting.push((answer, result.map_err(crate::service::refused))),
                None => {
                    if let Err(error) = result {
                        tracing::error!(execution = %state.id, %error, "an input does not fit the state");
                    }
                }
            }
        }
        (all, waiting)
    }

    /// Makes a step durable. If the database goes away in the middle, finds out what became of it as soon as it is
    /// back; the heartbeat's `stop` ends the waiting when the lease may be lost.
    async fn commit(&self, step: Step) -> Result<Committed, ()> {
        let mut pause = Duration::from_millis(50);
        loop {
            match self.deps.store.commit(step.clone()).await {
                Ok(committed) => return Ok(committed),
                Err(nexus_store::Error::FenceLost) => {
                    return self.settled_before(&step).await.ok_or(());
                }
                Err(error @ (nexus_store::Error::Unavailable(_) | nexus_store::Error::Internal(_))) => {
                    tracing::warn!(execution = %step.id, %error, "a step could not be committed; trying again");
                }
                Err(error) => {
                    tracing::error!(execution = %step.id, %error, "a step cannot be committed");
                    return Err(());
                }
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(1));
        }
    }

    /// After a retry the first try may turn out to have been durable after all: our journal entry is there, as the
    /// last one. Then its events have the numbers right before the next.
    async fn settled_before(&self, step: &Step) -> Option<Committed> {
        let loaded = self.deps.store.load(step.id).await.ok().flatten()?;
        let position = usize::try_from(step.journal_len).ok()?;
        let ours = loaded.journal.get(position).is_some_and(|entry| Some(entry) == step.records.first());
        let nothing_since = loaded.journal.len() == position + step.records.len();
        (ours && nothing_since && !step.records.is_empty())
            .then(|| Committed { first_seq: loaded.head.next_seq - step.events.len() as u64 })
    }

    fn start(&self, id: ExecutionId, effects: Vec<Effect>, flight: &mut Flight) {
        for effect in effects {
            let outbox = self.outbox.clone();
            match effect {
                Effect::Call(call) => {
                    let (llm, bus) = (self.deps.llm.clone(), self.deps.bus.clone());
                    flight.calls.spawn(async move {
                        let (node, revision, attempt) = (call.node.clone(), call.revision, call.attempt);
                        let result = call::perform(llm, bus, id, *call).await;
                        let input = Input::CallFinished { node, revision, attempt, result };
                        // nobody listens any more when the run was lost
                        let _ = outbox.send(Message::Input(input));
                    });
                }
                Effect::Wait { node, due } => {
                    flight.timers.spawn(async move {
                        loop {
                            let left = due.since(Timestamp::now());
                            if left.is_zero() {
                                break;
                            }
                            tokio::time::sleep(left).await;
                        }
                        let _ = outbox.send(Message::Input(Input::TimerFired { node }));
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

/// A step for the store. All facts of a step are one journal entry.
pub(crate) fn store_step(state: &State, fence: Fence, journal_len: u64, step: nexus_engine::Step) -> Step {
    let now = Timestamp::now();
    let progress = step.is_progress();
    let queued = state.status == nexus_model::ExecutionStatus::Queued;
    let ownership = if state.status.is_terminal() || queued { Ownership::Nobody } else { Ownership::Keep };
    Step {
        id: state.id,
        fence,
        journal_len,
        // facts are plain data; their serialisation cannot fail
        records: vec![serde_json::to_string(&step.records).unwrap_or_default()],
        events: step
            .events
            .into_iter()
            .map(|event| NewEvent {
                kind: event.kind,
                agent_id: event.node,
                data: event.data,
                timestamp: now,
            })
            .collect(),
        update: HeadUpdate {
            status: state.status,
            error: state.failure.clone(),
            budget: state.budget,
            spent: state.spent(),
            reserved: state.reserved(),
            tokens: state.tokens(),
            started_at: state.started_at,
            finished_at: state.finished_at,
        },
        ownership,
        progress,
    }
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

//! How many calls a provider gets at once and per minute, and whose turn it is: executions take turns, so that one
//! with a thousand calls does not keep the others waiting. Not here: what a call is; refusing calls (`breaker`).

use crate::config::Limits;
use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{
    sync::oneshot,
    time::{Instant, sleep_until, timeout_at},
};

/// Who waits together: calls of one execution, or of one API key. Others are all of one flow.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Flow {
    Execution(nexus_model::ExecutionId),
    Caller(String),
    Others,
}

/// No turn came in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooLate;

/// One provider's limits and its queue. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Limiter(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    limits: Limits,
    in_flight: usize,
    requests: Option<Bucket>,
    tokens: Option<Bucket>,
    /// Flows with somebody waiting, the next one first.
    turns: VecDeque<Flow>,
    waiting: HashMap<Flow, VecDeque<Waiter>>,
}

#[derive(Debug)]
struct Waiter {
    tokens: u64,
    go: oneshot::Sender<Permit>,
}

/// The right to have one call under way; gives it back when dropped.
#[derive(Debug)]
pub(crate) struct Permit(Option<Limiter>);

impl Permit {
    /// Gives it back.
    pub(crate) fn release(&mut self) {
        if let Some(limiter) = self.0.take() {
            limiter.lock().in_flight -= 1;
            limiter.serve();
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.release();
    }
}

/// What may be used within a minute, refilled evenly.
#[derive(Debug)]
struct Bucket {
    size: f64,
    left: f64,
    since: Instant,
}

impl Bucket {
    fn of(per_minute: u64, now: Instant) -> Self {
        let size = per_minute as f64;
        Self { size, left: size, since: now }
    }

    fn refill(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.since).as_secs_f64();
        self.left = (self.left + passed * self.size / 60.0).min(self.size);
        self.since = now;
    }

    /// When so much is there. What is more than a whole minute's worth may go when the bucket is full.
    fn ready_at(&self, amount: f64) -> Instant {
        let lacking = (amount.min(self.size) - self.left).max(0.0);
        self.since
            + Duration::try_from_secs_f64(lacking * 60.0 / self.size).unwrap_or(Duration::from_secs(60))
    }
}

impl Limiter {
    pub(crate) fn new(limits: Limits) -> Self {
        let now = Instant::now();
        Self(Arc::new(Mutex::new(State {
            limits,
            in_flight: 0,
            requests: limits.requests_per_minute.map(|most| Bucket::of(most.max(1), now)),
            tokens: limits.tokens_per_minute.map(|most| Bucket::of(most.max(1), now)),
            turns: VecDeque::new(),
            waiting: HashMap::new(),
        })))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a turn for a call that takes about so many tokens.
    pub(crate) async fn turn(
        &self,
        flow: Flow,
        tokens: u64,
        until: Option<Instant>,
    ) -> Result<Permit, TooLate> {
        let (go, mut turn) = oneshot::channel();
        {
            let mut state = self.lock();
            let queue = state.waiting.entry(flow.clone()).or_default();
            queue.push_back(Waiter { tokens, go });
            if queue.len() == 1 {
                state.turns.push_back(flow);
            }
        }
        loop {
            // Whoever waits looks after the clock for all.
            let next = self.serve();
            let wake = async {
                match next {
                    Some(at) => sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            let waited = async {
                tokio::select! {
                    permit = &mut turn => Some(permit),
                    () = wake => None,
                }
            };
            let waited = match until {
                Some(until) => timeout_at(until, waited).await.map_err(|_| TooLate)?,
                None => waited.await,
            };
            match waited {
                Some(Ok(permit)) => return Ok(permit),
                // Nobody drops a waiter without serving it.
                Some(Err(_)) => return Err(TooLate),
                None => {}
            }
        }
    }

    /// Lets go whoever may go; returns when the next one may, if that is a matter of time alone.
    fn serve(&self) -> Option<Instant> {
        let mut unwanted = Vec::new();
        let mut state = self.lock();
        let next = loop {
            match state.next(Instant::now()) {
                Next::Go(waiter) => {
                    state.in_flight += 1;
                    if let Err(permit) = waiter.go.send(Permit(Some(self.clone()))) {
                        // The waiter has gone away. Its permit is given back when nobody holds the lock.
                        state.in_flight -= 1;
                        unwanted.push(permit);
                    }
                }
                Next::At(at) => break Some(at),
                Next::Nobody => break None,
            }
        };
        drop(state);
        for mut permit in unwanted {
            // Nothing to give back: it was never counted.
            permit.0.take();
        }
        next
    }
}

enum Next {
    Go(Waiter),
    At(Instant),
    Nobody,
}

impl State {
    fn next(&mut self, now: Instant) -> Next {
        if self.in_flight >= self.limits.max_concurrent.max(1) {
            return Next::Nobody;
        }
        loop {
            let Some(flow) = self.turns.front().cloned() else { return Next::Nobody };
            let queue = self.waiting.entry(flow.clone()).or_default();
            // Those that have gone away take no turn.
            while queue.front().is_some_and(|waiter| waiter.go.is_closed()) {
                queue.pop_front();
            }
            let Some(tokens) = queue.front().map(|waiter| waiter.tokens as f64) else {
                self.waiting.remove(&flow);
                self.turns.pop_front();
                continue;
            };
            let mut ready = now;
            for (bucket, amount) in [(&mut self.requests, 1.0), (&mut self.tokens, tokens)] {
                if let Some(bucket) = bucket {
                    bucket.refill(now);
                    ready = ready.max(bucket.ready_at(amount));
                }
            }
            if ready > now {
                return Next::At(ready);
            }
            for (bucket, amount) in [(&mut self.requests, 1.0), (&mut self.tokens, tokens)] {
                if let Some(bucket) = bucket {
                    bucket.left -= amount;
                }
            }
            self.turns.pop_front();
            let Some(waiter) = queue.pop_front() else { continue };
            if queue.is_empty() {
                self.waiting.remove(&flow);
            } else {
                self.turns.push_back(flow);
            }
            return Next::Go(waiter);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limiter(max_concurrent: usize, requests: Option<u64>, tokens: Option<u64>) -> Limiter {
        Limiter::new(Limits { max_concurrent, requests_per_minute: requests, tokens_per_minute: tokens })
    }

    fn caller(name: &str) -> Flow {
        Flow::Caller(name.to_owned())
    }

    #[tokio::test(start_paused = true)]
    async fn callers_take_turns() {
        let limiter = limiter(1, None, None);
        let first = limiter.turn(caller("busy"), 0, None).await.unwrap();
        let (done, mut order) = tokio::sync::mpsc::unbounded_channel();
        // Four of one caller wait before one of another comes.
        for name in ["busy", "busy", "busy", "busy", "other"] {
            let (limiter, done) = (limiter.clone(), done.clone());
            tokio::spawn(async move {
                let permit = limiter.turn(caller(name), 0, None).await.unwrap();
                done.send(name).unwrap();
                drop(permit);
            });
            tokio::task::yield_now().await;
        }
        drop((first, done));
        let mut served = Vec::new();
        while let Some(name) = order.recv().await {
            served.push(name);
        }
        assert_eq!(served, ["busy", "other", "busy", "busy", "busy"]);
        assert_eq!(limiter.lock().in_flight, 0);
        assert!(limiter.lock().waiting.is_empty() && limiter.lock().turns.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_minute_has_so_many_calls_and_tokens() {
        let begin = Instant::now();
        let calls = limiter(100, Some(60), None);
        for _ in 0..60 {
            drop(calls.turn(Flow::Others, 1, None).await.unwrap());
        }
        assert_eq!(begin.elapsed(), Duration::ZERO);
        drop(calls.turn(Flow::Others, 1, None).await.unwrap());
        let waited = begin.elapsed().as_millis();
        assert!((999..=1003).contains(&waited), "{waited}");

        let begin = Instant::now();
        let tokens = limiter(100, None, Some(6000));
        drop(tokens.turn(Flow::Others, 5000, None).await.unwrap());
        drop(tokens.turn(Flow::Others, 3000, None).await.unwrap());
        let waited = begin.elapsed().as_millis();
        assert!((19_999..=20_003).contains(&waited), "{waited}");
        // More than a minute's worth goes when all of a minute's is there, and the next wait for what it took.
        drop(tokens.turn(Flow::Others, 12_000, None).await.unwrap());
        let waited = begin.elapsed().as_millis();
        assert!((79_999..=80_010).contains(&waited), "{waited}");
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_too_long_or_goes_away_takes_no_turn() {
        let limiter = limiter(1, None, None);
        let held = limiter.turn(Flow::Others, 0, None).await.unwrap();
        let until = Some(Instant::now() + Duration::from_secs(1));
        assert_eq!(limiter.turn(caller("a"), 0, until).await.err(), Some(TooLate));
        let gone = tokio::spawn({
            let limiter = limiter.clone();
            async move { limiter.turn(caller("b"), 0, None).await.map(drop) }
        });
        tokio::task::yield_now().await;
        gone.abort();
        assert!(gone.await.unwrap_err().is_cancelled());
        drop(held);
        let again = limiter.turn(caller("c"), 0, until).await;
        assert!(again.is_ok());
        assert_eq!(limiter.lock().in_flight, 1);
    }
}

//! Live streams that survive their source: what WebSocket and event-stream clients receive, taken from a port's
//! stream that is opened anew, at the right place, whenever it breaks (the executor was restarted, say).
//! Nothing is lost, doubled or out of order: events are counted here once more.
//! Not here: how frames reach a client (`ws`, `sse`), what they say (`nexus_model::event`, `routes::scraping`).

use async_trait::async_trait;
use futures::{
    StreamExt,
    stream::{self, BoxStream},
};
use nexus_api::{BoxStream as PortStream, CallCtx, scraper::JobStatus};
use nexus_api::{Code, Error, Executor, Result, Scraper, scraper::Job};
use nexus_model::{EventType, ExecutionId, JobId, event::WatchItem};
use rand::Rng;
use std::{sync::Arc, time::Duration};
use tokio::time::Instant;

/// One message to a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Frame {
    /// Its place among the stored events; `None` for what is live only.
    pub(crate) seq: Option<u64>,
    /// Its type.
    pub(crate) kind: &'static str,
    /// The message itself.
    pub(crate) json: String,
    /// Whether it is the kind of message that comes last.
    last: bool,
}

/// What a client receives. Ends when there is nothing more to come; an error is always the last item.
pub(crate) type Feed = BoxStream<'static, Result<Frame>>;

/// Where a feed comes from.
#[async_trait]
pub(crate) trait Source: Send + Sync + 'static {
    /// Opens the stream after event `after`.
    async fn open(&self, after: u64) -> Result<PortStream<Frame>>;
    /// Whether nothing comes after event `after`. Asked when a stream ends without a last message.
    async fn is_over(&self, after: u64) -> Result<bool>;
}

/// Follows `source` from after event `after` on. `first` is its stream, if it is open already. A source that
/// cannot be reached is tried again for as long as `patience`.
pub(crate) fn follow(
    source: impl Source,
    after: u64,
    first: Option<PortStream<Frame>>,
    patience: Duration,
) -> Feed {
    let follower =
        Follower { source, after, stream: first, at_last: false, failing: None, done: false, patience };
    // `unfold` owns the future of the next item, so a reader may stop waiting for it and come back.
    stream::unfold(follower, |mut follower| async move { Some((follower.next().await?, follower)) }).boxed()
}

struct Follower<S> {
    source: S,
    after: u64,
    stream: Option<PortStream<Frame>>,
    /// Whether the latest message was one that comes last.
    at_last: bool,
    /// Since when, and how often, the source has failed without giving anything.
    failing: Option<(Instant, u32)>,
    done: bool,
    patience: Duration,
}

impl<S: Source> Follower<S> {
    async fn next(&mut self) -> Option<Result<Frame>> {
        while !self.done {
            match self.step().await {
                Ok(Some(frame)) => return Some(Ok(frame)),
                Ok(None) => {}
                Err(error) => {
                    self.stream = None;
                    if let Err(error) = self.pause(error).await {
                        self.done = true;
                        return Some(Err(error));
                    }
                }
            }
        }
        None
    }

    async fn step(&mut self) -> Result<Option<Frame>> {
        let stream = match &mut self.stream {
            Some(stream) => stream,
            None => {
                let stream = self.source.open(self.after).await?;
                self.stream.insert(stream)
            }
        };
        match stream.next().await {
            Some(frame) => self.accept(frame?),
            None => {
                self.stream = None;
                // A stream may also end because its server went down politely.
                if self.at_last || self.source.is_over(self.after).await? {
                    self.done = true;
                    return Ok(None);
                }
                Err(Error::unavailable("the live stream ended early"))
            }
        }
    }

    fn accept(&mut self, frame: Frame) -> Result<Option<Frame>> {
        if let Some(seq) = frame.seq {
            if seq <= self.after {
                return Ok(None);
            }
            if seq > self.after.saturating_add(1) {
                tracing::warn!(expected = self.after + 1, got = seq, "gap in a live stream; opening it anew");
                return Err(Error::unavailable("the live stream left out an event"));
            }
            self.after = seq;
            self.at_last = frame.last;
        } else if frame.last {
            self.at_last = true;
        }
        self.failing = None;
        Ok(Some(frame))
    }

    /// Waits before the next try; gives the error back if there is none.
    async fn pause(&mut self, error: Error) -> Result<()> {
        let worth_it = error.retryable || error.code == Code::Cancelled;
        let (since, times) = self.failing.unwrap_or((Instant::now(), 0));
        if !worth_it || since.elapsed() >= self.patience {
            return Err(error);
        }
        self.failing = Some((since, times + 1));
        let full = Duration::from_millis(100).saturating_mul(1 << times.min(5)).min(Duration::from_secs(2));
        // All clients of a restarted service come back at once otherwise.
        let pause = full.mul_f64(rand::rng().random_range(0.5..=1.0));
        tokio::time::sleep(pause.min(self.patience)).await;
        Ok(())
    }
}

/// The events of an execution.
pub(crate) struct Events {
    pub(crate) executor: Arc<dyn Executor>,
    pub(crate) ctx: CallCtx,
    pub(crate) id: ExecutionId,
    /// Longest of the small calls beside the stream.
    pub(crate) timeout: Duration,
}

#[async_trait]
impl Source for Events {
    async fn open(&self, after: u64) -> Result<PortStream<Frame>> {
        let items = self.executor.watch_execution(&self.ctx, self.id, after).await?;
        Ok(items.map(|item| Ok(frame(&item?))).boxed())
    }

    async fn is_over(&self, after: u64) -> Result<bool> {
        let ctx = self.ctx.clone().with_timeout(self.timeout);
        let execution = ctx.bound(self.executor.get_execution(&ctx, self.id)).await?;
        // In this order: whatever was stored before the end is seen by the second call.
        Ok(execution.summary.status.is_terminal()
            && ctx.bound(self.executor.list_events(&ctx, self.id, after, 1)).await?.is_empty())
    }
}

fn frame(item: &WatchItem) -> Frame {
    let json = item.to_json().to_string();
    match item {
        WatchItem::Event(event) => Frame {
            seq: Some(event.seq),
            kind: event.kind.as_str(),
            json,
            last: event.kind == EventType::ExecutionCompleted,
        },
        WatchItem::Delta(_) => Frame { seq: None, kind: "agent_output_delta", json, last: false },
    }
}

/// The changes of a scraper job.
pub(crate) struct JobChanges {
    pub(crate) scraper: Arc<dyn Scraper>,
    pub(crate) ctx: CallCtx,
    pub(crate) id: JobId,
    /// What a client is told of a job.
    pub(crate) view: fn(&Job) -> String,
    /// Longest of the small calls beside the stream.
    pub(crate) timeout: Duration,
}

fn has_ended(job: &Job) -> bool {
    matches!(job.status, JobStatus::Ready | JobStatus::Failed)
}

#[async_trait]
impl Source for JobChanges {
    async fn open(&self, _: u64) -> Result<PortStream<Frame>> {
        let view = self.view;
        let jobs = self.scraper.watch_job(&self.ctx, self.id).await?;
        let frame = move |job: Result<Job>| {
            let job = job?;
            Ok(Frame { seq: None, kind: "job", json: view(&job), last: has_ended(&job) })
        };
        Ok(jobs.map(frame).boxed())
    }

    async fn is_over(&self, _: u64) -> Result<bool> {
        let ctx = self.ctx.clone().with_timeout(self.timeout);
        Ok(has_ended(&ctx.bound(self.scraper.get_job(&ctx, self.id)).await?))
    }
}

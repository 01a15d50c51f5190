//! Streams that survive the death of a server: when one breaks, it is opened again where it left off, at the next
//! server, for as long as patience lasts. Not here: what makes up a place in a stream (`Follow`'s implementors).

use futures::{StreamExt, future::BoxFuture, stream};
use nexus_api::{BoxStream, Code, Error, Result};
use std::time::Duration;
use tokio::time::Instant;

const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// How to go on with a stream.
pub(super) trait Follow: Send + 'static {
    /// What the stream gives.
    type Item: Send + 'static;

    /// Takes note of an item; `false` for one that has been given already.
    fn accept(&mut self, item: &Self::Item) -> bool;

    /// Opens the stream again after the last accepted item.
    fn reopen(&self) -> BoxFuture<'static, Result<BoxStream<Self::Item>>>;

    /// How long to try in vain.
    fn patience(&self) -> Duration;
}

struct State<F: Follow> {
    follow: F,
    stream: BoxStream<F::Item>,
    opened: Instant,
    failing_since: Option<Instant>,
    pause: Duration,
}

/// The stream `first`, opened again as often as it breaks with `Unavailable`.
pub(super) fn resuming<F: Follow>(follow: F, first: BoxStream<F::Item>) -> BoxStream<F::Item> {
    let state =
        State { follow, stream: first, opened: Instant::now(), failing_since: None, pause: FIRST_PAUSE };
    stream::unfold(Some(state), |state| async {
        let mut state = state?;
        match state.next().await? {
            Ok(item) => Some((Ok(item), Some(state))),
            Err(error) => Some((Err(error), None)),
        }
    })
    .boxed()
}

impl<F: Follow> State<F> {
    async fn next(&mut self) -> Option<Result<F::Item>> {
        loop {
            match self.stream.next().await? {
                Ok(item) => {
                    if self.follow.accept(&item) {
                        self.failing_since = None;
                        self.pause = FIRST_PAUSE;
                        return Some(Ok(item));
                    }
                }
                Err(error) if error.code == Code::Unavailable => {
                    // A stream that was open for a while without anything to tell was not in vain.
                    if self.opened.elapsed() > LONGEST_PAUSE {
                        self.failing_since = None;
                        self.pause = FIRST_PAUSE;
                    }
                    if let Err(error) = self.reopen(error).await {
                        return Some(Err(error));
                    }
                }
                Err(error) => return Some(Err(error)),
            }
        }
    }

    /// Opens the stream again, or says why that is given up.
    async fn reopen(&mut self, mut error: Error) -> Result<()> {
        let since = *self.failing_since.get_or_insert_with(Instant::now);
        loop {
            if since.elapsed() + self.pause > self.follow.patience() {
                return Err(error);
            }
            tracing::debug!(%error, pause = ?self.pause, "a stream broke and is opened again");
            tokio::time::sleep(self.pause).await;
            self.pause = (self.pause * 2).min(LONGEST_PAUSE);
            // A server that takes the call and does not answer must not use up all patience.
            let opened = tokio::time::timeout(LONGEST_PAUSE * 2, self.follow.reopen()).await;
            error = match opened {
                Ok(Ok(stream)) => {
                    self.stream = stream;
                    self.opened = Instant::now();
                    return Ok(());
                }
                Ok(Err(error)) if error.code == Code::Unavailable => error,
                Ok(Err(error)) => return Err(error),
                Err(_) => Error::unavailable("a stream could not be opened again in time"),
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        collections::VecDeque,
        sync::{Arc, Mutex},
    };

    type Script = Vec<Result<u64>>;

    /// Streams of numbers, one script after the other; no script left means that no server can be reached.
    struct Scripted {
        last: u64,
        scripts: Arc<Mutex<VecDeque<Script>>>,
    }

    impl Follow for Scripted {
        type Item = u64;
        fn accept(&mut self, item: &u64) -> bool {
            let new = *item > self.last;
            self.last = self.last.max(*item);
            new
        }
        fn reopen(&self) -> BoxFuture<'static, Result<BoxStream<u64>>> {
            let script = self.scripts.lock().unwrap().pop_front();
            Box::pin(async move {
                script
                    .map(|script| stream::iter(script).boxed())
                    .ok_or_else(|| Error::unavailable("nobody there"))
            })
        }
        fn patience(&self) -> Duration {
            Duration::from_secs(30)
        }
    }

    async fn run(scripts: Vec<Script>) -> (Vec<Result<u64>>, Duration) {
        let follow = Scripted { last: 0, scripts: Arc::new(Mutex::new(scripts.into())) };
        let first = follow.reopen().await.unwrap();
        let begin = Instant::now();
        let items = resuming(follow, first).collect().await;
        (items, begin.elapsed())
    }

    fn broken() -> Result<u64> {
        Err(Error::unavailable("broken"))
    }

    #[tokio::test(start_paused = true)]
    async fn goes_on_where_it_left_off_without_repeating() {
        let (items, _) = run(vec![vec![Ok(1), Ok(2), broken()], vec![broken()], vec![Ok(2), Ok(3)]]).await;
        assert_eq!(items, vec![Ok(1), Ok(2), Ok(3)]);
    }

    #[tokio::test(start_paused = true)]
    async fn gives_up_when_patience_ends() {
        let (items, took) = run(vec![vec![Ok(1), broken()]]).await;
        assert_eq!(items.len(), 2);
        assert_eq!(items[1].as_ref().unwrap_err().code, Code::Unavailable);
        assert!(took > Duration::from_secs(25) && took <= Duration::from_secs(30), "{took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn other_errors_are_handed_on_and_end_the_stream() {
        let gone = || Err(Error::not_found("the execution"));
        let (items, took) = run(vec![vec![Ok(1), gone(), Ok(2)]]).await;
        assert_eq!(items, vec![Ok(1), gone()]);
        assert_eq!(took, Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn streams_that_break_at_once_do_not_go_on_forever() {
        let scripts = (0..1_000).map(|_| vec![broken()]).collect();
        let (items, took) = run(scripts).await;
        assert_eq!(items.len(), 1);
        assert!(took <= Duration::from_secs(30), "{took:?}");
    }
}

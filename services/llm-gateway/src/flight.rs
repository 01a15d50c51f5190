//! One call of a provider from its turn to its settlement, in a task of its own: a caller that goes away does not stop
//! it, because the provider charges for what it has begun, and the count comes last. Not here: finding the provider
//! (`gateway`), wire formats.

use crate::{
    allowance::{Budgets, Hold},
    breaker::Breakers,
    cache::Place,
    failure::Whom,
    gateway::{completion, priced},
    limiter::Permit,
    provider::{Answer, Call, Piece, Provider},
    telemetry::Meter,
};
use futures::StreamExt;
use nexus_api::{
    BoxStream, Error, Result,
    llm::{Completion, StreamItem},
};
use nexus_model::{Money, price::PriceBook};
use std::sync::Arc;
use tokio::{
    sync::mpsc,
    time::{Instant, timeout_at},
};
use tracing::Instrument;

/// Pieces that may wait for a slow caller before the provider is not read any further.
const AHEAD: usize = 64;

/// What the caller is told.
#[derive(Debug)]
pub(crate) enum Event {
    /// The provider has begun to answer.
    Begun,
    /// More of the answer.
    Item(StreamItem),
}

/// A call that is about to be made.
pub(crate) struct Flight {
    pub(crate) adapter: Arc<dyn Provider>,
    pub(crate) whom: Whom,
    pub(crate) prices: Arc<PriceBook>,
    /// `provider/model`, as the caller wrote it.
    pub(crate) id: String,
    pub(crate) call: Call,
    pub(crate) streamed: bool,
    pub(crate) meter: Meter,
    pub(crate) breakers: Breakers,
    pub(crate) budgets: Option<Budgets>,
    pub(crate) caller: Option<String>,
    pub(crate) worst: Option<Money>,
    pub(crate) place: Option<Place>,
    pub(crate) permit: Permit,
    /// Whether prompt and answer go into the trace.
    pub(crate) trace_content: bool,
}

/// The caller's end of a call.
pub(crate) struct Answering {
    events: mpsc::Receiver<Result<Event>>,
    whom: Whom,
    deadline: Option<Instant>,
}

impl Flight {
    /// Begins it; it ends by itself.
    pub(crate) fn start(self, deadline: Option<Instant>) -> Answering {
        let (out, events) = mpsc::channel(AHEAD);
        let whom = self.whom.clone();
        let span = tracing::Span::current();
        tokio::spawn(self.run(out).instrument(span));
        Answering { events, whom, deadline }
    }

    async fn run(mut self, out: mpsc::Sender<Result<Event>>) {
        let hold = match self.hold().await {
            Ok(hold) => hold,
            Err(error) => {
                self.meter.failed(&error);
                // A caller that has gone away hears nothing, here and below.
                let _ = out.send(Err(error)).await;
                return;
            }
        };
        if out.is_closed() {
            // Nobody wants it any more, and nothing has been sent.
            if let Some(hold) = hold {
                hold.settle(Some(Money::ZERO)).await;
            }
            return;
        }
        let span = self.meter.span.clone();
        let answered = self.answer(&out).instrument(span).await;
        let Self { call, meter, breakers, place, permit, id, whom, prices, trace_content, .. } = &mut self;
        let (model, provider) = (prices.get(id), &*whom.id);
        let outcome = answered
            .map(|answer| completion(id, provider, model, answer))
            .map_err(|error| priced(model, error));
        breakers.tell(&call.name, outcome.as_ref().map(drop));
        match &outcome {
            Ok(completion) => {
                if *trace_content {
                    meter.says(completion);
                }
                meter.answered(completion);
            }
            Err(error) => meter.failed(error),
        }
        // Its turn is over; what follows is ours.
        permit.release();
        // Before the caller hears of the end, so that its next call finds the budget and the kept answer as they are.
        if let Some(hold) = hold {
            let cost = match &outcome {
                Ok(completion) => completion.usage.map(|_| completion.cost),
                Err(error) => error.spent.as_ref().map(|spend| spend.cost),
            };
            hold.settle(cost).await;
        }
        if let (Some(place), Ok(completion)) = (place, &outcome) {
            place.keep(completion).await;
        }
        let last = outcome.map(|completion| Event::Item(StreamItem::Done(Box::new(completion))));
        let _ = out.send(last).await;
    }

    async fn hold(&self) -> Result<Option<Hold>> {
        match &self.budgets {
            Some(budgets) => budgets.hold(self.caller.as_deref(), &self.id, self.worst).await,
            None => Ok(None),
        }
    }

    async fn answer(&mut self, out: &mpsc::Sender<Result<Event>>) -> Result<Answer> {
        if !self.streamed {
            return self.adapter.complete(self.call.clone()).await;
        }
        let mut pieces: BoxStream<Piece> = self.adapter.stream(self.call.clone()).await?;
        let mut listening = out.send(Ok(Event::Begun)).await.is_ok();
        while let Some(piece) = pieces.next().await {
            match piece? {
                Piece::Text(text) => {
                    self.meter.piece();
                    if listening {
                        listening = out.send(Ok(Event::Item(StreamItem::Delta(text)))).await.is_ok();
                    }
                }
                Piece::Done(answer) => return Ok(*answer),
            }
        }
        Err(self.whom.bad_answer("it ended in the middle"))
    }
}

impl Answering {
    /// What comes next, if the caller's patience lasts; `None` at the end.
    pub(crate) async fn next(&mut self) -> Option<Result<Event>> {
        match self.deadline {
            None => self.events.recv().await,
            Some(deadline) => match timeout_at(deadline, self.events.recv()).await {
                Ok(event) => event,
                Err(_) => {
                    self.events.close();
                    Some(Err(self.whom.timeout("did not finish in time")))
                }
            },
        }
    }

    /// The whole answer.
    pub(crate) async fn whole(mut self) -> Result<Completion> {
        while let Some(event) = self.next().await {
            if let Event::Item(StreamItem::Done(completion)) = event? {
                return Ok(*completion);
            }
        }
        Err(Error::internal("a call of a model ended without an answer"))
    }

    /// The answer as it comes, once it has begun.
    pub(crate) async fn pieces(mut self) -> Result<BoxStream<StreamItem>> {
        match self.next().await {
            Some(Ok(Event::Begun)) => {}
            Some(Ok(Event::Item(item))) => return Ok(futures::stream::iter([Ok(item)]).boxed()),
            Some(Err(error)) => return Err(error),
            None => return Err(Error::internal("a call of a model ended without an answer")),
        }
        let items = futures::stream::unfold(Some(self), |answering| async move {
            let mut answering = answering?;
            loop {
                match answering.next().await? {
                    Ok(Event::Begun) => {}
                    Ok(Event::Item(item)) => {
                        let rest = (!matches!(item, StreamItem::Done(_))).then_some(answering);
                        return Some((Ok(item), rest));
                    }
                    Err(error) => return Some((Err(error), None)),
                }
            }
        });
        Ok(items.boxed())
    }
}

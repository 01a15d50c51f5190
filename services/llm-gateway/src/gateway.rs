//! The port: finds the provider of a model, has it called, prices what it used. Not here: any wire format; a call from
//! its turn to its settlement (`flight`).

use crate::{
    allowance::{self, Budgets},
    anthropic::Anthropic,
    breaker::Breakers,
    cache::Place,
    check,
    config::{Config, Endpoint, Error as ConfigError, Timeouts, Wire},
    demo::Demo,
    failure::{Names, Whom},
    flight::{Answering, Flight},
    http::Http,
    limiter::{Flow, Limiter},
    local::Local,
    openai::OpenAi,
    provider::{Answer, Call, Provider, Quirks},
    telemetry::{self, Meter},
};
use async_trait::async_trait;
use futures::{StreamExt, stream};
use nexus_api::{
    BoxStream, CallCtx, Code, Error, Llm, Result,
    llm::{CompleteRequest, Completion, EmbedRequest, Embedded, Message, ModelInfo, StreamItem},
};
use nexus_model::{
    Money,
    price::{DEFAULT_TIER, Mode, Model, PriceBook, Usage},
};
use nexus_store::LlmStore;
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use tokio::{
    sync::oneshot,
    time::{Instant, timeout_at},
};
use tracing::Instrument;

/// Longest wait for a turn, short of the caller's deadline.
const MOST_WAITING: Duration = Duration::from_secs(60);

/// So much before the caller's deadline a call that still waits for its turn is refused, so that the caller hears that
/// nothing was done.
const BEFORE_DEADLINE: Duration = Duration::from_millis(100);

/// The llm gateway over the configured providers and `demo`. Cheap to clone.
#[derive(Clone)]
pub struct LlmGateway(Arc<Inner>);

struct Inner {
    prices: Arc<PriceBook>,
    providers: BTreeMap<String, Entry>,
    store: Option<Arc<dyn LlmStore>>,
    budgets: Option<Budgets>,
    timeouts: Timeouts,
    trace_content: bool,
}

/// A provider and what surrounds its calls.
struct Entry {
    whom: Whom,
    /// Absent: it is not configured.
    adapter: Option<Arc<dyn Provider>>,
    /// Where it is.
    address: String,
    limiter: Limiter,
    breakers: Breakers,
}

/// A model that a caller named, found.
struct Target<'a> {
    entry: &'a Entry,
    adapter: Arc<dyn Provider>,
    /// The provider's own name of the model.
    name: &'a str,
    model: Option<&'a Model>,
}

/// Where an answer comes from.
enum Source {
    Kept(Completion),
    Provider(Answering),
}

impl LlmGateway {
    /// A gateway over these providers that keeps nothing: without budgets of API keys, and without kept answers.
    /// Nothing is called yet; only what cannot be right is refused.
    pub fn new(config: Config) -> Result<Self, ConfigError> {
        Self::build(config, None)
    }

    /// The same with a store for what keys spend, and for kept answers.
    pub fn with_store(config: Config, store: Arc<dyn LlmStore>) -> Result<Self, ConfigError> {
        Self::build(config, Some(store))
    }

    fn build(config: Config, store: Option<Arc<dyn LlmStore>>) -> Result<Self, ConfigError> {
        let budgets = match (&store, config.budgets.is_empty()) {
            (_, true) => None,
            (Some(store), false) => Some(Budgets::new(Arc::clone(store), config.budgets.clone())),
            (None, false) => return Err(ConfigError::NoStore),
        };
        let anybody = config.openai.is_some() || config.anthropic.is_some();
        // Without a provider no client is needed, nor the certificates it wants to find.
        let anybody = anybody || config.extra.values().any(|extra| extra.endpoint.is_some());
        let http = anybody.then(|| Http::new(config.timeouts)).transpose()?;
        let adapter = |whom: &Whom, wire: Wire, endpoint: Option<&Endpoint>| -> Result<_, ConfigError> {
            let (Some(http), Some(endpoint)) = (&http, endpoint) else { return Ok(None) };
            let (http, whom) = (http.clone(), whom.clone());
            let adapter: Arc<dyn Provider> = match wire {
                Wire::OpenAi => Arc::new(OpenAi::new(http, whom, endpoint)?),
                Wire::Anthropic => Arc::new(Anthropic::new(http, whom, endpoint)?),
            };
            Ok(Some(adapter))
        };
        let mut providers = BTreeMap::new();
        let mut add = |whom: Whom, adapter: Option<Arc<dyn Provider>>, endpoint: Option<&Endpoint>| {
            let limits = config.limits.get(&*whom.id).copied().unwrap_or_default();
            let entry = Entry {
                adapter,
                address: endpoint.and_then(|endpoint| endpoint.base_url.clone()).unwrap_or_default(),
                limiter: Limiter::new(limits),
                breakers: Breakers::new(Arc::clone(&whom.id), config.breaker),
                whom: whom.clone(),
            };
            providers.insert(whom.id.to_string(), entry);
        };
        let demo = Whom::new(Names {
            id: "demo".into(),
            name: "The demo provider".into(),
            key_variable: String::new(),
            url_variable: String::new(),
            url_example: String::new(),
        });
        add(demo, Some(Arc::new(Demo::new(config.demo))), None);
        let local = Whom::new(Names {
            id: "local".into(),
            name: "The built-in embedding".into(),
            key_variable: String::new(),
            url_variable: String::new(),
            url_example: String::new(),
        });
        add(local.clone(), Some(Arc::new(Local(local))), None);
        let openai = Whom::openai();
        add(openai.clone(), adapter(&openai, Wire::OpenAi, config.openai.as_ref())?, config.openai.as_ref());
        let anthropic = Whom::anthropic();
        let endpoint = config.anthropic.as_ref();
        add(anthropic.clone(), adapter(&anthropic, Wire::Anthropic, endpoint)?, endpoint);
        for (name, extra) in &config.extra {
            let whom = Whom::new(Names {
                id: name.as_str().into(),
                name: name.clone(),
                key_variable: extra.key_variable.clone(),
                url_variable: format!("base_url of provider {name}"),
                url_example: "http://127.0.0.1:11434/v1".to_owned(),
            });
            let endpoint = extra.endpoint.as_ref();
            add(whom.clone(), adapter(&whom, extra.wire, endpoint)?, endpoint);
        }
        Ok(Self(Arc::new(Inner {
            prices: config.prices,
            providers,
            store,
            budgets,
            timeouts: config.timeouts,
            trace_content: config.trace_content,
        })))
    }
}

impl Inner {
    fn find<'a>(&'a self, id: &'a str, wanted: Mode) -> Result<Target<'a>> {
        let unknown = || {
            let known: Vec<&str> = self.providers.keys().map(String::as_str).collect();
            Error::new(Code::NotFound, format!("there is no model {id}"))
                .reason("unknown_model")
                .unspent()
                .suggest(format!(
                    "write provider/model, with one of {} as the provider; GET /api/v1/models lists them",
                    known.join(", ")
                ))
        };
        let (provider, name) = id.split_once('/').filter(|(_, name)| !name.is_empty()).ok_or_else(unknown)?;
        let model = self.prices.get(id);
        let entry = self.providers.get(provider).ok_or_else(unknown)?;
        if provider == "demo" && !Demo::has(name) {
            return Err(unknown());
        }
        let adapter = entry.adapter.clone().ok_or_else(|| entry.whom.not_configured())?;
        match model.map(|model| model.mode) {
            Some(mode) if mode != wanted => {
                let what = match mode {
                    Mode::Chat => "answers messages; it makes no vectors",
                    Mode::Responses => "is only served by OpenAI's responses API, which is not spoken yet",
                    Mode::Embedding => "makes vectors; it answers no messages",
                };
                Err(Error::new(Code::Invalid, format!("{id} {what}"))
                    .reason("provider_bad_request")
                    .unspent())
            }
            _ => Ok(Target { entry, adapter, name, model }),
        }
    }

    fn configured(&self, provider: &str) -> bool {
        self.providers.get(provider).is_some_and(|entry| entry.adapter.is_some())
    }

    /// When a call ends at the latest, whoever still waits for it.
    fn end(&self) -> Option<Instant> {
        Instant::now().checked_add(self.timeouts.total)
    }

    async fn launch(&self, ctx: &CallCtx, request: CompleteRequest, streamed: bool) -> Result<Source> {
        check::request(&request)?;
        let id = request.model.clone();
        let target = self.find(&id, Mode::Chat)?;
        let caller = ctx.principal.clone();
        let whom = &target.entry.whom;
        let place = self
            .store
            .as_ref()
            .and_then(|store| Place::of(store, caller.as_deref(), &target.entry.address, &request));
        if let Some(place) = &place
            && let Some(kept) = place.look(&request.model).await
        {
            telemetry::cached(&whom.id, target.name, target.model.is_some());
            return Ok(Source::Kept(kept));
        }
        let call = Call {
            name: target.name.to_owned(),
            quirks: Quirks::of(target.model, request.reasoning_effort.as_deref()),
            deadline: None,
            request,
        };
        let meter = Meter::start("chat", &whom.id, target.name, target.model.is_some());
        meter.asks(&call, self.trace_content);
        let size = crate::demo::tokens(&call.request.messages, &[]) + u64::from(call.max_tokens());
        let flow = match (call.request.execution_id, &caller) {
            (Some(execution), _) => Flow::Execution(execution),
            (None, Some(caller)) => Flow::Caller(caller.clone()),
            (None, None) => Flow::Others,
        };
        let permit = self.turn(&target, flow, size, ctx.deadline).await?;
        let worst = allowance::worst(target.model, &call.request, call.max_tokens());
        let flight = Flight {
            adapter: target.adapter,
            whom: whom.clone(),
            prices: Arc::clone(&self.prices),
            id: id.clone(),
            call: Call { deadline: self.end(), ..call },
            streamed,
            meter,
            breakers: target.entry.breakers.clone(),
            budgets: self.budgets.clone(),
            caller,
            worst,
            place,
            permit,
            trace_content: self.trace_content,
        };
        Ok(Source::Provider(flight.start(ctx.deadline)))
    }

    /// Waits until the provider's limits let a call through, unless it is left alone.
    async fn turn(
        &self,
        target: &Target<'_>,
        flow: Flow,
        size: u64,
        deadline: Option<Instant>,
    ) -> Result<crate::limiter::Permit> {
        let Entry { whom, breakers, limiter, .. } = target.entry;
        breakers.ask(target.name).map_err(|pause| whom.left_alone(pause))?;
        let patience = Instant::now() + MOST_WAITING;
        let until = match deadline {
            Some(deadline) => patience.min(deadline.checked_sub(BEFORE_DEADLINE).unwrap_or(deadline)),
            None => patience,
        };
        limiter.turn(flow, size, Some(until)).await.map_err(|_| whom.no_turn())
    }

    /// Makes vectors in a task of its own, for the reason that calls have one.
    async fn vectors(&self, ctx: &CallCtx, request: EmbedRequest) -> Result<Embedded> {
        let target = self.find(&request.model, Mode::Embedding)?;
        if request.texts.is_empty() {
            return Ok(Embedded { vectors: Vec::new(), usage: Usage::default(), cost: Money::ZERO });
        }
        let whom = target.entry.whom.clone();
        let mut meter = Meter::start("embeddings", &whom.id, target.name, target.model.is_some());
        let size = request.texts.iter().map(|text| (text.len() as u64).div_ceil(4)).sum();
        let caller = ctx.principal.clone();
        let flow = caller.clone().map_or(Flow::Others, Flow::Caller);
        let mut permit = self.turn(&target, flow, size, ctx.deadline).await?;
        let worst = allowance::worst_of_texts(target.model, &request.texts);
        let (budgets, breakers, end) = (self.budgets.clone(), target.entry.breakers.clone(), self.end());
        let (adapter, name, model) = (target.adapter, target.name.to_owned(), target.model.cloned());
        let (tell, told) = oneshot::channel();
        let work = async move {
            let hold = match &budgets {
                Some(budgets) => budgets.hold(caller.as_deref(), &request.model, worst).await,
                None => Ok(None),
            };
            let hold = match hold {
                Ok(hold) => hold,
                Err(error) => {
                    meter.failed(&error);
                    let _ = tell.send(Err(error));
                    return;
                }
            };
            let span = meter.span.clone();
            let made = adapter.embed(&name, request, end).instrument(span).await;
            let made = made.map_err(|error| priced(model.as_ref(), error));
            breakers.tell(&name, made.as_ref().map(drop));
            permit.release();
            let embedded = made.map(|made| {
                let cost = cost(model.as_ref(), None, &made.usage);
                meter.used(Some(&made.usage), cost.picos());
                Embedded { vectors: made.vectors, usage: made.usage, cost }
            });
            if let Err(error) = &embedded {
                meter.failed(error);
            }
            if let Some(hold) = hold {
                let cost = match &embedded {
                    Ok(embedded) => Some(embedded.cost),
                    Err(error) => error.spent.as_ref().map(|spend| spend.cost),
                };
                hold.settle(cost).await;
            }
            // The caller may have gone away.
            let _ = tell.send(embedded);
        };
        tokio::spawn(work.instrument(tracing::Span::current()));
        let lost = |_| Error::internal("making vectors ended without an answer");
        match ctx.deadline {
            None => told.await.map_err(lost)?,
            Some(deadline) => match timeout_at(deadline, told).await {
                Ok(embedded) => embedded.map_err(lost)?,
                Err(_) => Err(whom.timeout("did not finish in time")),
            },
        }
    }
}

#[async_trait]
impl Llm for LlmGateway {
    async fn complete(&self, ctx: &CallCtx, request: CompleteRequest) -> Result<Completion> {
        match self.0.launch(ctx, request, false).await? {
            Source::Kept(kept) => Ok(kept),
            Source::Provider(answering) => answering.whole().await,
        }
    }

    async fn stream_complete(
        &self,
        ctx: &CallCtx,
        request: CompleteRequest,
    ) -> Result<BoxStream<StreamItem>> {
        match self.0.launch(ctx, request, true).await? {
            Source::Kept(kept) => {
                let text = Some(kept.text.clone()).filter(|text| !text.is_empty()).map(StreamItem::Delta);
                let items = text.into_iter().chain([StreamItem::Done(Box::new(kept))]).map(Ok);
                Ok(stream::iter(items.collect::<Vec<_>>()).boxed())
            }
            Source::Provider(answering) => answering.pieces().await,
        }
    }

    async fn embed(&self, ctx: &CallCtx, request: EmbedRequest) -> Result<Embedded> {
        self.0.vectors(ctx, request).await
    }

    async fn count_tokens(&self, _ctx: &CallCtx, model: String, messages: Vec<Message>) -> Result<u64> {
        self.0.find(&model, Mode::Chat).map(drop).or_else(|error| match error.reason.as_deref() {
            // Counting calls nobody, so a key is not needed.
            Some("provider_not_configured") => Ok(()),
            _ => Err(error),
        })?;
        Ok(crate::demo::tokens(&messages, &[]))
    }

    async fn list_models(&self, _ctx: &CallCtx) -> Result<Vec<ModelInfo>> {
        let models = self.0.prices.models().iter();
        Ok(models.map(|model| info(model, self.0.configured(&model.provider))).collect())
    }
}

/// A failure whose price is known where its usage is.
pub(crate) fn priced(model: Option<&Model>, mut error: Error) -> Error {
    if let Some(spend) = error.spent.as_deref_mut() {
        spend.cost = spend.usage.as_ref().map_or(Money::ZERO, |usage| cost(model, None, usage));
    }
    error
}

pub(crate) fn completion(id: &str, provider: &str, model: Option<&Model>, answer: Answer) -> Completion {
    let cost = answer.usage.as_ref().map_or(Money::ZERO, |usage| cost(model, answer.tier.as_deref(), usage));
    Completion {
        model: id.to_owned(),
        provider: provider.to_owned(),
        text: answer.text,
        tool_calls: answer.tool_calls,
        finish_reason: answer.finish_reason,
        usage: answer.usage,
        cost,
        cached: false,
    }
}

/// The price of a call; a tier without prices of its own is priced as the one that was asked for.
fn cost(model: Option<&Model>, tier: Option<&str>, usage: &Usage) -> Money {
    let Some(model) = model else { return Money::ZERO };
    tier.and_then(|tier| model.cost(tier, usage))
        .or_else(|| model.cost(DEFAULT_TIER, usage))
        .unwrap_or(Money::ZERO)
}

fn info(model: &Model, configured: bool) -> ModelInfo {
    // Picos per token are millionths of dollars per million tokens.
    let per_mtok = |price: Money| price.picos() as f64 / 1e6;
    let rate = model.default_rate();
    ModelInfo {
        id: model.id(),
        provider: model.provider.clone(),
        mode: model.mode,
        configured,
        input_usd_per_mtok: rate.map(|rate| per_mtok(rate.input)),
        cached_input_usd_per_mtok: rate.and_then(|rate| rate.cached_input).map(per_mtok),
        output_usd_per_mtok: rate.map(|rate| per_mtok(rate.output)),
        context_window: model.context_window,
        max_output_tokens: model.max_output_tokens,
        capabilities: model.capabilities.clone(),
        deprecation_date: model.deprecation_date.clone(),
    }
}

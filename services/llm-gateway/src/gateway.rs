//! The port: finds the provider of a model, calls it, prices what it used. Not here: any wire format.

use crate::{
    anthropic::Anthropic,
    check,
    config::{Config, Error as ConfigError},
    demo::Demo,
    failure::{ANTHROPIC, OPENAI},
    http::Http,
    openai::OpenAi,
    provider::{Answer, Call, Piece, Provider, Quirks},
    telemetry::Meter,
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
use std::sync::Arc;
use tracing::Instrument;

/// The llm gateway over the configured providers and `demo`.
pub struct LlmGateway {
    prices: Arc<PriceBook>,
    openai: Option<OpenAi>,
    anthropic: Option<Anthropic>,
    demo: Demo,
}

/// A model that a caller named, found.
struct Target<'a> {
    provider: &'static str,
    adapter: &'a dyn Provider,
    /// The provider's own name of the model.
    name: &'a str,
    model: Option<&'a Model>,
}

impl LlmGateway {
    /// A gateway over these providers. Nothing is called yet; only what cannot be right is refused.
    pub fn new(config: Config) -> Result<Self, ConfigError> {
        // Without a provider no client is needed, nor the certificates it wants to find.
        let http = (config.openai.is_some() || config.anthropic.is_some())
            .then(|| Http::new(config.timeouts))
            .transpose()?;
        let (mut openai, mut anthropic) = (None, None);
        if let Some(http) = http {
            openai = config.openai.map(|endpoint| OpenAi::new(http.clone(), endpoint)).transpose()?;
            anthropic = config.anthropic.map(|endpoint| Anthropic::new(http, endpoint)).transpose()?;
        }
        Ok(Self { prices: config.prices, openai, anthropic, demo: Demo::new(config.demo) })
    }

    fn find<'a>(&'a self, id: &'a str, wanted: Mode) -> Result<Target<'a>> {
        let unknown = || {
            Error::new(Code::NotFound, format!("there is no model {id}"))
                .reason("unknown_model")
                .unspent()
                .suggest("write provider/model, with openai, anthropic or demo as the provider; GET /api/v1/models lists them")
        };
        let (provider, name) = id.split_once('/').filter(|(_, name)| !name.is_empty()).ok_or_else(unknown)?;
        let model = self.prices.get(id);
        let (provider, adapter): (_, &dyn Provider) = match provider {
            "openai" => ("openai", self.openai.as_ref().ok_or_else(|| OPENAI.not_configured())?),
            "anthropic" => ("anthropic", self.anthropic.as_ref().ok_or_else(|| ANTHROPIC.not_configured())?),
            "demo" if Demo::has(name) => ("demo", &self.demo),
            _ => return Err(unknown()),
        };
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
            _ => Ok(Target { provider, adapter, name, model }),
        }
    }

    fn call(target: &Target<'_>, ctx: &CallCtx, request: &CompleteRequest) -> (Call, Meter) {
        let call = Call {
            name: target.name.to_owned(),
            quirks: Quirks::of(target.model, request.reasoning_effort.as_deref()),
            request: request.clone(),
            deadline: ctx.deadline,
        };
        let meter = Meter::start("chat", target.provider, target.name, target.model.is_some());
        meter.span.record("gen_ai.request.max_tokens", call.max_tokens());
        if let Some(temperature) = call.temperature() {
            meter.span.record("gen_ai.request.temperature", temperature);
        }
        (call, meter)
    }

    fn configured(&self, provider: &str) -> bool {
        match provider {
            "openai" => self.openai.is_some(),
            "anthropic" => self.anthropic.is_some(),
            "demo" => true,
            _ => false,
        }
    }
}

#[async_trait]
impl Llm for LlmGateway {
    async fn complete(&self, ctx: &CallCtx, request: CompleteRequest) -> Result<Completion> {
        check::request(&request)?;
        let target = self.find(&request.model, Mode::Chat)?;
        let (call, mut meter) = Self::call(&target, ctx, &request);
        let span = meter.span.clone();
        match target.adapter.complete(call).instrument(span).await {
            Ok(answer) => {
                let completion = completion(&request.model, target.provider, target.model, answer);
                meter.answered(&completion);
                Ok(completion)
            }
            Err(error) => {
                let error = priced(target.model, error);
                meter.failed(&error);
                Err(error)
            }
        }
    }

    async fn stream_complete(
        &self,
        ctx: &CallCtx,
        request: CompleteRequest,
    ) -> Result<BoxStream<StreamItem>> {
        check::request(&request)?;
        let target = self.find(&request.model, Mode::Chat)?;
        let (call, mut meter) = Self::call(&target, ctx, &request);
        let span = meter.span.clone();
        let pieces = match target.adapter.stream(call).instrument(span).await {
            Ok(pieces) => pieces,
            Err(error) => {
                meter.failed(&error);
                return Err(error);
            }
        };
        let (provider, prices) = (target.provider, Arc::clone(&self.prices));
        let priced = stream::unfold((pieces, meter), move |(mut pieces, mut meter)| {
            let (id, prices) = (request.model.clone(), Arc::clone(&prices));
            async move {
                let span = meter.span.clone();
                let item = match pieces.next().instrument(span).await? {
                    Ok(Piece::Text(text)) => {
                        meter.piece();
                        Ok(StreamItem::Delta(text))
                    }
                    Ok(Piece::Done(answer)) => {
                        let completion = completion(&id, provider, prices.get(&id), *answer);
                        meter.answered(&completion);
                        Ok(StreamItem::Done(Box::new(completion)))
                    }
                    Err(error) => {
                        let error = priced(prices.get(&id), error);
                        meter.failed(&error);
                        Err(error)
                    }
                };
                Some((item, (pieces, meter)))
            }
        });
        Ok(priced.boxed())
    }

    async fn embed(&self, ctx: &CallCtx, request: EmbedRequest) -> Result<Embedded> {
        let id = request.model.clone();
        let target = self.find(&id, Mode::Embedding)?;
        let mut meter = Meter::start("embeddings", target.provider, target.name, target.model.is_some());
        let span = meter.span.clone();
        match target.adapter.embed(target.name, request, ctx.deadline).instrument(span).await {
            Ok(vectors) => {
                let cost = cost(target.model, None, &vectors.usage);
                meter.used(Some(&vectors.usage), cost.picos());
                Ok(Embedded { vectors: vectors.vectors, usage: vectors.usage, cost })
            }
            Err(error) => {
                meter.failed(&error);
                Err(error)
            }
        }
    }

    async fn count_tokens(&self, _ctx: &CallCtx, _model: String, messages: Vec<Message>) -> Result<u64> {
        Ok(crate::demo::tokens(&messages, &[]))
    }

    async fn list_models(&self, _ctx: &CallCtx) -> Result<Vec<ModelInfo>> {
        Ok(self.prices.models().iter().map(|model| info(model, self.configured(&model.provider))).collect())
    }
}

/// A failure whose price is known where its usage is.
fn priced(model: Option<&Model>, mut error: Error) -> Error {
    if let Some(spend) = error.spent.as_deref_mut() {
        spend.cost = spend.usage.as_ref().map_or(Money::ZERO, |usage| cost(model, None, usage));
    }
    error
}

fn completion(id: &str, provider: &str, model: Option<&Model>, answer: Answer) -> Completion {
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

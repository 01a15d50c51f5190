//! Which model makes the vectors, and making them within what may be spent. Not here: what becomes of a vector.

use nexus_api::{
    CallCtx, Code, Error, Llm, Result, Spend,
    llm::EmbedRequest,
    memory::{EmbeddingModel, MAX_TEXT_BYTES},
};
use nexus_model::{
    Money,
    price::{DEFAULT_TIER, Mode, Model, PriceBook, Usage},
};
use std::sync::Arc;
use tokio::sync::OnceCell;

/// What is used if OpenAI is configured and nothing else was said.
const DEFAULT: &str = "openai/text-embedding-3-small";
/// How much of a text a model is thought to read that nothing is known of: little, so that nothing is cut off.
const UNKNOWN_WINDOW: usize = 2_048;
/// Longer names would not make names of collections.
const LONGEST_NAME: usize = 128;

/// Vectors of texts, of length 1, and what they cost.
pub(crate) struct Embedding {
    pub(crate) vectors: Vec<Vec<f32>>,
    pub(crate) usage: Usage,
    pub(crate) cost: Money,
}

impl Embedding {
    /// Marks a failure of what comes afterwards with what was spent before.
    pub(crate) fn paid(&self, error: Error) -> Error {
        error.spent(Spend { usage: Some(self.usage), cost: self.cost })
    }
}

pub(crate) struct Embedder {
    llm: Arc<dyn Llm>,
    prices: Arc<PriceBook>,
    wanted: Option<String>,
    chosen: OnceCell<EmbeddingModel>,
}

/// Refuses an `EMBEDDING_MODEL` that cannot work, with one sentence that says what to set. Whether its provider is
/// configured is found out when it is first needed: another process may know.
///
/// # Errors
/// `Invalid`.
pub fn check_model(model: &str, prices: &PriceBook) -> Result<()> {
    let wrong = |why: &str| {
        let sentence = format!(
            "EMBEDDING_MODEL is `{}`, {why}; set it to an embedding model such as {DEFAULT}, or to {}",
            model.chars().take(LONGEST_NAME).collect::<String>(),
            nexus_embed::MODEL
        );
        Err(Error::new(Code::Invalid, sentence).unspent())
    };
    if model == nexus_embed::MODEL {
        return Ok(());
    }
    match model.split_once('/') {
        Some(("local", _)) => return wrong("which is not built in"),
        Some(("demo" | "anthropic", _)) => return wrong("whose provider makes no vectors"),
        Some((provider, name)) if !provider.is_empty() && !name.is_empty() => {}
        _ => return wrong("which is not of the form provider/model"),
    }
    if model.len() > LONGEST_NAME || model.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return wrong("which is no name of a model");
    }
    match prices.get(model) {
        Some(known) if known.mode != Mode::Embedding => wrong("which answers messages and makes no vectors"),
        _ => Ok(()),
    }
}

impl Embedder {
    /// With this model, or the best one that is configured.
    pub(crate) fn new(llm: Arc<dyn Llm>, prices: Arc<PriceBook>, wanted: Option<String>) -> Self {
        Self { llm, prices, wanted, chosen: OnceCell::new() }
    }

    /// The model. Asks the llm gateway what is configured, once it answers never again.
    pub(crate) async fn model(&self, ctx: &CallCtx) -> Result<&EmbeddingModel> {
        self.chosen
            .get_or_try_init(|| async { self.choose(ctx).await.map(|name| self.describe(name)) })
            .await
            .map_err(Error::unspent)
    }

    async fn choose(&self, ctx: &CallCtx) -> Result<String> {
        if let Some(wanted) = &self.wanted {
            check_model(wanted, &self.prices)?;
        }
        if self.wanted.as_deref() == Some(nexus_embed::MODEL) {
            return Ok(nexus_embed::MODEL.to_owned());
        }
        let models = self.llm.list_models(ctx).await?;
        let configured = |id: &str| models.iter().find(|model| model.id == id).map(|model| model.configured);
        match &self.wanted {
            None if configured(DEFAULT) == Some(true) => Ok(DEFAULT.to_owned()),
            None => Ok(nexus_embed::MODEL.to_owned()),
            Some(wanted) if configured(wanted) == Some(false) => Err(Error::new(
                Code::Invalid,
                format!(
                    "EMBEDDING_MODEL is `{wanted}`, whose provider is not configured; set its key (such as \
                     OPENAI_API_KEY), or set EMBEDDING_MODEL to {}",
                    nexus_embed::MODEL
                ),
            )
            .reason("provider_not_configured")),
            Some(wanted) => Ok(wanted.clone()),
        }
    }

    fn describe(&self, name: String) -> EmbeddingModel {
        if name == nexus_embed::MODEL {
            return EmbeddingModel {
                model: name,
                per_token: Some(Money::ZERO),
                // It reads whatever there may be.
                piece_bytes: MAX_TEXT_BYTES,
            };
        }
        let known = self.prices.get(&name);
        // No text has more tokens than bytes.
        let window = known.and_then(|model| model.max_input_tokens.or(model.context_window));
        EmbeddingModel {
            per_token: known.and_then(dearest),
            piece_bytes: window.map_or(UNKNOWN_WINDOW, |tokens| tokens.try_into().unwrap_or(usize::MAX)),
            model: name,
        }
    }

    /// Refuses texts that may cost more than is allowed.
    fn allow(model: &EmbeddingModel, texts: &[&str], most: Option<Money>) -> Result<()> {
        let Some(most) = most else { return Ok(()) };
        let refused = |why: String| Error::new(Code::BudgetExceeded, why).unspent();
        let Some(worst) = texts.iter().map(|text| model.worst_case(text)).sum::<Option<Money>>() else {
            return Err(refused(format!(
                "the embedding model `{}` has no price, so that no limit of cost can be kept",
                model.model
            ))
            .reason("model_without_price")
            .suggest("give it a price in NEXUS_PRICING_FILE, or use another EMBEDDING_MODEL"));
        };
        if worst > most {
            return Err(refused(format!(
                "embedding this with `{}` may cost up to {worst}, and {most} may be spent",
                model.model
            ))
            .suggest("raise the limit, or shorten the text"));
        }
        Ok(())
    }

    /// Vectors of texts that are not blank, for at most `most`; one per text, all of the same length.
    pub(crate) async fn embed(
        &self,
        ctx: &CallCtx,
        texts: &[&str],
        most: Option<Money>,
    ) -> Result<Embedding> {
        let model = self.model(ctx).await?;
        Self::allow(model, texts, most)?;
        if model.model == nexus_embed::MODEL {
            let vectors = texts.iter().map(|text| nexus_embed::embed(text)).collect();
            return Ok(Embedding { vectors, usage: Usage::default(), cost: Money::ZERO });
        }
        let pieces: Vec<Vec<&str>> = texts.iter().map(|text| model.pieces(text)).collect();
        let all: Vec<String> = pieces.iter().flatten().map(|piece| (*piece).to_owned()).collect();
        let count = all.len();
        let request = EmbedRequest { model: model.model.clone(), texts: all, dimensions: None };
        let answer = self.llm.embed(ctx, request).await?;
        let mut embedding = Embedding { vectors: Vec::new(), usage: answer.usage, cost: answer.cost };
        let length = answer.vectors.first().map_or(0, Vec::len);
        let sound =
            |vector: &Vec<f32>| vector.len() == length && vector.iter().all(|value| value.is_finite());
        if answer.vectors.len() != count || length == 0 || !answer.vectors.iter().all(sound) {
            let error = Error::new(
                Code::Unavailable,
                format!(
                    "the embedding model `{}` answered something else than one vector per text",
                    model.model
                ),
            )
            .reason("provider_bad_answer");
            return Err(embedding.paid(error));
        }
        let mut made = answer.vectors.into_iter();
        for pieces in &pieces {
            embedding.vectors.push(mean(pieces, made.by_ref().take(pieces.len()), length));
        }
        Ok(embedding)
    }
}

/// The most that a token costs in any row of the default tier.
fn dearest(model: &Model) -> Option<Money> {
    model
        .rates
        .iter()
        .filter(|rate| rate.tier == DEFAULT_TIER)
        .map(nexus_model::price::Rate::dearest_input)
        .max()
}

/// The mean of the vectors of a text's pieces, weighted by their length; of length 1.
fn mean(pieces: &[&str], vectors: impl Iterator<Item = Vec<f32>>, length: usize) -> Vec<f32> {
    let mut mean = vec![0.0_f32; length];
    for (piece, vector) in pieces.iter().zip(vectors) {
        for (sum, value) in mean.iter_mut().zip(&vector) {
            *sum += value * piece.len() as f32;
        }
    }
    // In double precision: squares of large components may be too large for single.
    let norm = mean.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>().sqrt();
    if norm > 0.0 {
        mean.iter_mut().for_each(|value| *value = (f64::from(*value) / norm) as f32);
    }
    mean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_that_cannot_work_is_refused_in_one_sentence() {
        let prices = PriceBook::builtin();
        for good in [DEFAULT, nexus_embed::MODEL, "openai/my-own", "ollama/nomic-embed-text:v1.5"] {
            assert_eq!(check_model(good, &prices), Ok(()), "{good}");
        }
        let long = format!("openai/{}", "x".repeat(200));
        for (bad, why) in [
            ("text-embedding-3-small", "form provider/model"),
            ("openai/", "form provider/model"),
            ("/x", "form provider/model"),
            ("local/bert", "not built in"),
            ("anthropic/claude-haiku-5-5", "makes no vectors"),
            ("demo/small", "makes no vectors"),
            ("openai/gpt-5.6-luna", "answers messages"),
            ("openai/a b", "no name"),
            (long.as_str(), "no name"),
        ] {
            let refused = check_model(bad, &prices).unwrap_err();
            assert!(refused.message.contains(why), "{bad}: {refused}");
            assert!(refused.message.contains("set it to"), "{refused}");
        }
    }

    #[test]
    fn a_long_texts_vector_lies_between_those_of_its_pieces() {
        let pieces = ["aaa", "b"];
        let vectors = vec![vec![1.0, 0.0], vec![0.0, 1.0]];
        let mean = mean(&pieces, vectors.into_iter(), 2);
        assert!((mean[0] / mean[1] - 3.0).abs() < 1e-5);
        assert!((mean[0].hypot(mean[1]) - 1.0).abs() < 1e-6);
        let huge = super::mean(&["x"], std::iter::once(vec![1e30, 1e30]), 2);
        assert!((huge[0] - 0.5_f32.sqrt()).abs() < 1e-6);
    }
}

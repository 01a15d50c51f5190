//! Counting tokens as a model's public tokenizer does, or near enough where there is none. For expectations only:
//! bounds need no tokenizer (`nexus_model::price::bound`). Not here: what is counted (`expect`).

use nexus_model::price::Model;

/// Bytes that one estimate counts exactly; the rest is judged by what was counted, so that large documents are
/// answered in milliseconds too.
const EXACT_BYTES: usize = 128 << 10;
/// Bytes of a token, before anything was counted.
const USUAL_BYTES: f64 = 4.0;
/// Claude's tokenizers are not public; they make about so many times as many tokens of a text as OpenAI's.
const CLAUDE: f64 = 1.2;
/// What providers put around a message, in tokens.
pub(super) const MESSAGE: f64 = 4.0;

/// Which tokenizer counts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Tokenizer {
    O200k,
    Cl100k,
    /// As `o200k_base`, times a factor.
    Like(f64),
    /// The demo provider's: four bytes each.
    Demo,
}

impl Tokenizer {
    pub(super) fn of(model: Option<&Model>) -> Self {
        match model {
            Some(model) if model.provider == "demo" => Self::Demo,
            Some(Model { tokenizer: Some(name), .. }) if name == "cl100k_base" => Self::Cl100k,
            Some(model) if model.provider == "anthropic" && model.tokenizer.is_none() => Self::Like(CLAUDE),
            _ => Self::O200k,
        }
    }

    fn exactly(self, text: &str) -> f64 {
        match self {
            Self::O200k => bpe_openai::o200k_base().count(text) as f64,
            Self::Cl100k => bpe_openai::cl100k_base().count(text) as f64,
            Self::Like(factor) => bpe_openai::o200k_base().count(text) as f64 * factor,
            Self::Demo => text.len().div_ceil(4) as f64,
        }
    }
}

/// Counts until its fuel is spent, then judges by what it has seen.
#[derive(Debug)]
pub(super) struct Counter {
    left: usize,
    bytes: f64,
    tokens: f64,
}

impl Default for Counter {
    fn default() -> Self {
        Self { left: EXACT_BYTES, bytes: 0.0, tokens: 0.0 }
    }
}

impl Counter {
    pub(super) fn count(&mut self, tokenizer: Tokenizer, text: &str) -> f64 {
        if matches!(tokenizer, Tokenizer::Demo) {
            return tokenizer.exactly(text); // costs nothing
        }
        if text.len() > self.left {
            let per_token = if self.tokens > 0.0 { self.bytes / self.tokens } else { USUAL_BYTES };
            return text.len() as f64 / per_token;
        }
        self.left -= text.len();
        let tokens = tokenizer.exactly(text);
        self.bytes += text.len() as f64;
        self.tokens += tokens;
        tokens
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nexus_model::price::{PriceBook, bound::text_tokens};

    #[test]
    fn each_model_is_counted_by_its_own_tokenizer() {
        let prices = PriceBook::builtin();
        let text = "The quick brown fox jumps over the lazy dog.";
        let count = |id: &str| Counter::default().count(Tokenizer::of(prices.get(id)), text);
        // as tiktoken counts
        assert_eq!(count("openai/gpt-4.1-mini"), 10.0);
        assert_eq!(count("openai/text-embedding-3-small"), 10.0);
        assert_eq!(count("demo/small"), 11.0);
        assert_eq!(count("anthropic/claude-haiku-4-5"), 12.0);
        assert_eq!(count("nobody/nothing"), 10.0);
    }

    #[test]
    fn beyond_the_fuel_it_is_judged_by_what_was_seen() {
        let mut counter = Counter::default();
        let page = "Tides are caused by the moon. ".repeat(100);
        let exact = counter.count(Tokenizer::O200k, &page);
        let judged = counter.count(Tokenizer::O200k, &page.repeat(1_000));
        assert!((judged / (exact * 1_000.0) - 1.0).abs() < 0.01, "{judged} {exact}");
    }

    /// The assumption that bounds on unknown answers rest on: no token stands for more bytes, in either form.
    #[test]
    fn no_public_tokenizer_has_longer_tokens_than_assumed() {
        for tokenizer in [bpe_openai::o200k_base(), bpe_openai::cl100k_base()] {
            let longest = (0..tokenizer.bpe.num_tokens() as u32)
                .map(|token| tokenizer.bpe.token_bytes(token))
                .map(|bytes| text_tokens(&String::from_utf8_lossy(bytes)).max(bytes.len() as u64))
                .max();
            assert_eq!(longest, Some(super::super::most::TOKEN_BYTES));
        }
    }
}

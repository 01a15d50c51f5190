//! The bound on what a call can cost, before it is made: what the ledger reserves and what estimates add up. It
//! needs no provider's tokenizer.
//!
//! Why it holds. Providers cut text into tokens of at least one byte each, of the text as it is or of its NFKC
//! form; so the larger of both lengths is a bound on a message's tokens. What they add of their own (roles,
//! separators) is bounded per message and per call. Tools, schemas and calls of tools are rewritten by providers
//! into forms that are not public: escaping a character takes at most three times its bytes, and the words around
//! are bounded generously. A prompt of more tokens than the context window holds is refused, not charged.
//!
//! What it assumes: the price file is right about rates and context windows, and the provider honours the cap on
//! the answer. Not here: when money is reserved (`nexus-engine`), token counts that are likely (`nexus-plan`).

use super::{DEFAULT_TIER, EmbeddingModel, Mode, Model, Rate};
use crate::Money;
use serde_json::Value;
use unicode_normalization::{UnicodeNormalization, is_nfkc_quick};

/// What providers put around a conversation, tokens.
const CALL_TOKENS: u64 = 64;
/// What they put around a message.
const MESSAGE_TOKENS: u64 = 16;
/// Instructions that they add when there are tools or a schema.
const DEFINITIONS_TOKENS: u64 = 1_000;
/// What they put around each tool, schema or call of a tool.
const DEFINITION_TOKENS: u64 = 256;
/// How much of a text an embedding model is thought to read that nothing is known of: little, so that nothing is cut off.
const UNKNOWN_WINDOW: u64 = 2_048;
/// How much longer escaping can make a text, at most: `é` (two bytes) becomes `\u00e9`.
const ESCAPING: u64 = 3;
/// How much longer NFKC can make a text, at most: U+FDFA, three bytes, becomes 33. So a text of so many bytes that is
/// not known yet has at most so many times as many tokens by [`text_tokens`].
pub const NFKC_EXPANSION: u64 = 11;

/// A bound on the prompt tokens of a call, put together from everything that is sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PromptBound {
    tokens: u64,
    has_definitions: bool,
}

impl PromptBound {
    /// A call with nothing in it yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// With a message, or a text to turn into a vector.
    #[must_use]
    pub fn message(self, text: &str) -> Self {
        self.plus(text_tokens(text).saturating_add(MESSAGE_TOKENS))
    }

    /// With a message that is not known yet, whose text is of at most so many tokens by [`text_tokens`].
    #[must_use]
    pub fn message_up_to(self, text: u64) -> Self {
        self.plus(text.saturating_add(MESSAGE_TOKENS))
    }

    /// With a schema of the answer, or with a part of a tool's definition.
    #[must_use]
    pub fn definition(self, json: &Value) -> Self {
        self.rewritten(text_tokens(&json.to_string()))
    }

    /// With a tool: its name, what it does, the schema of its arguments.
    #[must_use]
    pub fn tool(self, name: &str, description: &str, parameters: &Value) -> Self {
        let text = text_tokens(name).saturating_add(text_tokens(description));
        self.rewritten(text.saturating_add(text_tokens(&parameters.to_string())))
    }

    /// With a call of a tool that the model asked for earlier in the conversation; its result is a message.
    #[must_use]
    pub fn tool_call(self, id: &str, name: &str, arguments: &str) -> Self {
        let text = text_tokens(id).saturating_add(text_tokens(name));
        self.rewritten(text.saturating_add(text_tokens(arguments)))
    }

    /// With a call of a tool that is not known yet: id, name and arguments together of at most so many tokens by
    /// [`text_tokens`].
    #[must_use]
    pub fn tool_call_up_to(self, text: u64) -> Self {
        self.rewritten(text)
    }

    /// The bound, in tokens. Not more than the model's context window is ever charged: see [`Model::reservation`].
    pub fn tokens(self) -> u64 {
        let definitions = if self.has_definitions { DEFINITIONS_TOKENS } else { 0 };
        self.tokens.saturating_add(definitions).saturating_add(CALL_TOKENS)
    }

    fn rewritten(mut self, text: u64) -> Self {
        self.has_definitions = true;
        self.plus(text.saturating_mul(ESCAPING).saturating_add(DEFINITION_TOKENS))
    }

    fn plus(mut self, tokens: u64) -> Self {
        self.tokens = self.tokens.saturating_add(tokens);
        self
    }
}

impl EmbeddingModel {
    /// The most that embedding a text can cost that is not known yet and has at most so many tokens by [`text_tokens`];
    /// `None` if the model has no price.
    pub fn worst_case_up_to(&self, text: u64) -> Option<Money> {
        // A piece may fall short of its length by a part of a character.
        let shortest = (self.piece_bytes as u64).max(4).saturating_sub(3).max(1);
        let pieces = (text / shortest).saturating_add(1);
        let around = PromptBound::new().message_up_to(0).tokens().saturating_add(NFKC_EXPANSION);
        self.per_token.map(|rate| rate.times(pieces.saturating_mul(around).saturating_add(text)))
    }
}

/// No tokenizer makes more tokens of this text: the larger of its length and that of its NFKC form, in bytes.
pub fn text_tokens(text: &str) -> u64 {
    let bytes = text.len() as u64;
    if text.is_ascii() || is_nfkc_quick(text.chars()) == unicode_normalization::IsNormalized::Yes {
        return bytes;
    }
    let normalized = text.nfkc().map(char::len_utf8).fold(0, |sum: u64, bytes| sum + bytes as u64);
    bytes.max(normalized)
}

impl Model {
    /// What has to be held back for a call: no call whose prompt is within this bound (see [`PromptBound`]) and
    /// whose answer has at most `max_tokens` costs more. The largest amount there is if the model has no price.
    ///
    /// For an embedding model: of one text, since its context window holds for each text apart.
    pub fn reservation(&self, prompt_bound: u64, max_tokens: u32) -> Money {
        let prompt = prompt_bound.min(self.most_prompt_tokens());
        let answer = if self.mode == Mode::Embedding { 0 } else { u64::from(max_tokens) };
        self.worst_case(prompt, answer)
    }

    /// As memory uses it to make vectors: what a token can cost, and how much text it reads at once.
    pub fn embedding(&self) -> EmbeddingModel {
        let rates = self.rates.iter().filter(|rate| rate.tier == DEFAULT_TIER);
        // No text has more tokens than bytes.
        let window = self.max_input_tokens.or(self.context_window).unwrap_or(UNKNOWN_WINDOW);
        EmbeddingModel {
            model: self.id(),
            per_token: rates.map(Rate::dearest_input).max(),
            piece_bytes: usize::try_from(window).unwrap_or(usize::MAX),
        }
    }

    /// How many prompt tokens a call can be charged for.
    pub fn most_prompt_tokens(&self) -> u64 {
        self.context_window.max(self.max_input_tokens).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::price::PriceBook;
    use serde_json::json;

    #[test]
    fn a_text_is_bounded_by_the_longer_of_its_forms() {
        assert_eq!(text_tokens(""), 0);
        assert_eq!(text_tokens("hello"), 5);
        // grows under NFKC: one ligature of 18 letters
        assert_eq!(text_tokens("\u{fdfa}"), 33);
        // shrinks under NFKC: full-width letters, a letter with its accent apart
        assert_eq!(text_tokens("\u{ff21}"), 3);
        assert_eq!(text_tokens("e\u{301}"), 3);
        assert_eq!(text_tokens("日本語 é 🦀"), "日本語 é 🦀".len() as u64);
    }

    #[test]
    fn no_character_grows_more_than_the_bound_on_unknown_text_allows() {
        for character in (0..=u32::from(char::MAX)).filter_map(char::from_u32) {
            let (bytes, text) = (character.len_utf8() as u64, character.to_string());
            assert!(text_tokens(&text) <= bytes * NFKC_EXPANSION, "{character:?}");
            let escaped: u64 = character.encode_utf16(&mut [0; 2]).len() as u64 * 6;
            assert!(character.is_ascii() || escaped <= bytes * ESCAPING, "{character:?}");
        }
    }

    #[test]
    fn every_part_counts() {
        let plain = PromptBound::new().message("hello").message("you");
        assert_eq!(plain.tokens(), CALL_TOKENS + 2 * MESSAGE_TOKENS + 8);
        let schema = plain.definition(&json!({"type": "object"}));
        assert_eq!(schema.tokens(), plain.tokens() + DEFINITIONS_TOKENS + DEFINITION_TOKENS + 3 * 17);
        let tool = schema.tool("find", "finds", &json!({})).tool_call("1", "find", "{\"q\":1}");
        assert_eq!(tool.tokens(), schema.tokens() + 2 * DEFINITION_TOKENS + 3 * (4 + 5 + 2 + 1 + 4 + 7));
        assert!(PromptBound::new().message_up_to(7) == PromptBound::new().message("7 bytes"));
        assert_eq!(PromptBound::new().message_up_to(u64::MAX).tool_call_up_to(3).tokens(), u64::MAX);
    }

    #[test]
    fn a_reservation_covers_every_usage_within_its_bounds_and_stops_at_the_context_window() {
        for model in PriceBook::builtin().models() {
            let window = model.most_prompt_tokens();
            assert_eq!(model.reservation(u64::MAX, 16), model.reservation(window, 16), "{}", model.id());
            let answer = if model.mode == Mode::Embedding { 0 } else { 16 };
            for prompt in [1, 1_000, window / 2, window] {
                let reserved = model.reservation(prompt, 16);
                for (input, write) in [(prompt, 0), (0, prompt), (prompt / 2, prompt / 2), (0, 1)] {
                    let usage = crate::price::Usage {
                        input,
                        cache_write: write / 2,
                        cache_write_long: write - write / 2,
                        output: answer,
                        ..Default::default()
                    };
                    assert!(model.cost("default", &usage).unwrap() <= reserved, "{} {usage:?}", model.id());
                }
            }
        }
    }

    #[test]
    fn no_text_costs_more_to_embed_than_one_of_its_length_can() {
        for (piece_bytes, text) in [
            (10, "aé日🦀".repeat(20)),
            (4, "🦀日".repeat(9)),
            (8_191, "x".repeat(30_000)),
            (5, "\u{fdfa}".repeat(40)),
        ] {
            let model =
                EmbeddingModel { model: "m".into(), per_token: Some(Money::from_picos(1)), piece_bytes };
            let (exact, most) =
                (model.worst_case(&text).unwrap(), model.worst_case_up_to(text_tokens(&text)).unwrap());
            assert!(exact <= most, "{exact} > {most}: {text}");
        }
        let prices = PriceBook::builtin();
        let known = prices.get("openai/text-embedding-3-small").unwrap();
        let embedding = known.embedding();
        assert_eq!(embedding.model, known.id());
        assert_eq!(
            (embedding.per_token, embedding.piece_bytes),
            (Some(known.default_rate().unwrap().input), 8_191)
        );
    }

    #[test]
    fn without_a_price_no_amount_is_enough() {
        let mut model = PriceBook::builtin().models().first().unwrap().clone();
        model.rates.clear();
        assert_eq!(model.reservation(1, 16), Money::from_picos(i64::MAX));
    }
}

//! Embeddings: what one request may hold, its body, its answer. Not here: sending it.

use super::answer::WireUsage;
use crate::{failure::Whom, provider::Vectors};
use base64::{Engine, engine::general_purpose::STANDARD};
use nexus_api::{Error, Result, Spend};
use nexus_model::{
    Money,
    price::{Usage, bound::text_tokens},
};
use serde::Deserialize;
use serde_json::{Value, json};

/// Most texts in one request, as OpenAI documents it.
const MAX_TEXTS: usize = 2048;

/// Most tokens in one request, as OpenAI documents it.
const MAX_TOKENS: u64 = 300_000;

/// The texts in portions that one request takes. A token has at least one byte, so bytes are a safe count of tokens.
pub(super) fn batches(texts: &[String]) -> Vec<&[String]> {
    let mut batches = Vec::new();
    let (mut start, mut tokens) = (0, 0);
    for (index, text) in texts.iter().enumerate() {
        let more = text_tokens(text);
        if index > start && (index - start >= MAX_TEXTS || tokens + more > MAX_TOKENS) {
            batches.extend(texts.get(start..index));
            (start, tokens) = (index, 0);
        }
        tokens += more;
    }
    batches.extend(texts.get(start..).filter(|rest| !rest.is_empty()));
    batches
}

/// The body. `original`: it goes to OpenAI itself, where Base64 is a quarter of the size; others may not know it.
pub(super) fn body(name: &str, texts: &[String], dimensions: Option<u32>, original: bool) -> Value {
    let format = if original { "base64" } else { "float" };
    let mut body = json!({"model": name, "input": texts, "encoding_format": format});
    if let Some(dimensions) = dimensions {
        body["dimensions"] = json!(dimensions);
    }
    body
}

#[derive(Deserialize)]
struct Embeddings {
    data: Vec<Embedding>,
    usage: Option<WireUsage>,
}

#[derive(Deserialize)]
struct Embedding {
    index: usize,
    embedding: Vector,
}

/// Servers answer in either form, whatever they are asked for.
#[derive(Deserialize)]
#[serde(untagged)]
enum Vector {
    Numbers(Vec<f32>),
    Base64(String),
}

impl Vector {
    fn read(self) -> Option<Vec<f32>> {
        let numbers = match self {
            Vector::Numbers(numbers) => numbers,
            Vector::Base64(text) => {
                let bytes = STANDARD.decode(text).ok()?;
                let (numbers, rest) = bytes.as_chunks::<4>();
                if !rest.is_empty() {
                    return None;
                }
                numbers.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
            }
        };
        (!numbers.is_empty() && numbers.iter().all(|number| number.is_finite())).then_some(numbers)
    }
}

/// The vectors in the order of their texts.
pub(super) fn read(whom: &Whom, body: &[u8], texts: &[String], dimensions: Option<u32>) -> Result<Vectors> {
    let parsed: Embeddings =
        serde_json::from_slice(body).map_err(|_| whom.bad_answer("it holds no vectors"))?;
    // Without a count nothing else is certain than that there are no more tokens than bytes.
    let most = texts.iter().map(|text| text_tokens(text)).fold(0, u64::saturating_add);
    let usage = parsed.usage.map_or(Usage { input: most, ..Usage::default() }, Usage::from);
    let bad = |what: &str| whom.bad_answer(what).spent(Spend { usage: Some(usage), cost: Money::ZERO });
    let mut vectors = vec![Vec::new(); texts.len()];
    for Embedding { index, embedding } in parsed.data {
        let vector = embedding.read().ok_or_else(|| bad("a vector of it is none"))?;
        match vectors.get_mut(index) {
            Some(place) if place.is_empty() => *place = vector,
            _ => return Err(bad("it holds vectors that nobody asked for")),
        }
    }
    if vectors.iter().any(Vec::is_empty) {
        return Err(bad("vectors are missing"));
    }
    let wanted = dimensions.and_then(|length| usize::try_from(length).ok());
    if let Some(vector) = vectors.iter().find(|vector| wanted.is_some_and(|wanted| wanted != vector.len())) {
        let what = format!("its vectors have {} dimensions, not those asked for", vector.len());
        return Err(bad(&what));
    }
    Ok(Vectors { vectors, usage })
}

/// The failure of one portion after others that were paid for.
pub(super) fn after(paid: Usage, mut error: Error) -> Error {
    if paid.input == 0 {
        return error;
    }
    if let Some(spend) = error.spent.as_deref_mut() {
        let more = spend.usage.map_or(0, |usage| usage.input);
        spend.usage = Some(Usage { input: paid.input.saturating_add(more), ..Usage::default() });
    }
    error
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn portions_keep_to_the_limits() {
        let many = vec!["a".to_owned(); 5000];
        let sizes = |texts: &[String]| batches(texts).iter().map(|batch| batch.len()).collect::<Vec<_>>();
        assert_eq!(sizes(&many), [2048, 2048, 904]);
        let long = vec!["x".repeat(100_000); 7];
        assert_eq!(sizes(&long), [3, 3, 1]);
        let huge = vec!["x".repeat(400_000), "y".to_owned()];
        assert_eq!(sizes(&huge), [1, 1]);
        assert!(sizes(&[]).is_empty());
        assert_eq!(batches(&many).concat(), many);
    }

    #[test]
    fn both_forms_are_read_and_nonsense_is_not() {
        let whom = Whom::openai();
        let texts = ["a".to_owned(), "bc".to_owned()];
        let parse = |data: Value, dimensions| {
            read(
                &whom,
                json!({"data": data, "usage": {"prompt_tokens": 7}}).to_string().as_bytes(),
                &texts,
                dimensions,
            )
        };
        let encoded = STANDARD.encode([1.5_f32.to_le_bytes(), (-2.0_f32).to_le_bytes()].concat());
        let good = json!([{"index": 1, "embedding": [0.25, 1]}, {"index": 0, "embedding": encoded}]);
        let vectors = parse(good.clone(), Some(2)).unwrap();
        assert_eq!(vectors.vectors, [[1.5, -2.0], [0.25, 1.0]]);
        assert_eq!(vectors.usage.input, 7);
        for (data, dimensions, part) in [
            (good, Some(3), "2 dimensions"),
            (json!([{"index": 0, "embedding": [1]}]), None, "missing"),
            (json!([{"index": 0, "embedding": [1]}, {"index": 0, "embedding": [1]}]), None, "nobody asked"),
            (json!([{"index": 2, "embedding": [1]}]), None, "nobody asked"),
            (json!([{"index": 0, "embedding": "AAA="}, {"index": 1, "embedding": [1]}]), None, "none"),
            (json!([{"index": 0, "embedding": []}, {"index": 1, "embedding": [1]}]), None, "none"),
        ] {
            let error = parse(data, dimensions).unwrap_err();
            assert!(error.message.contains(part), "{error}");
            assert_eq!(error.spent.unwrap().usage.unwrap().input, 7);
        }
        let uncounted = read(
            &whom,
            br#"{"data": [{"index": 0, "embedding": [1]}, {"index": 1, "embedding": [1]}]}"#,
            &texts,
            None,
        );
        assert_eq!(uncounted.unwrap().usage.input, 3);
    }
}

//! Reads and checks `pricing/models.json` (format: `pricing/README.md`). Not here: what the prices mean (`price`).

use super::{DEFAULT_TIER, Mode, Model, PriceBook, Rate, SamplingParams};
use crate::Money;
use serde::Deserialize;
use serde_json::{Number, Value};

/// What is wrong with a pricing file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Not the JSON of a pricing file at all.
    #[error("the pricing file is not valid: {0}")]
    File(String),
    /// One entry is wrong.
    #[error("the pricing file is not valid: model {entry}, field {field}: {message}")]
    Entry {
        /// `provider/id`, or `models[3]` where these are missing.
        entry: String,
        /// The field within the entry, e.g. `rates[0].input`.
        field: String,
        /// What is wrong with it.
        message: String,
    },
}

#[derive(Deserialize)]
struct RawFile {
    #[serde(default = "version_one")]
    schema_version: u64,
    models: Vec<Value>,
}

fn version_one() -> u64 {
    1
}

#[derive(Deserialize)]
struct RawModel {
    id: String,
    provider: String,
    #[serde(default)]
    aliases: Vec<String>,
    mode: Mode,
    context_window: Option<u64>,
    max_input_tokens: Option<u64>,
    max_output_tokens: Option<u64>,
    tokenizer: Option<String>,
    rates: Vec<RawRate>,
    #[serde(default)]
    capabilities: Vec<String>,
    #[serde(default)]
    sampling_params: SamplingParams,
    default_reasoning_effort: Option<String>,
    forced_tool_use: Option<bool>,
    deprecation_date: Option<String>,
    dimensions: Option<u32>,
}

#[derive(Deserialize)]
struct RawRate {
    tier: String,
    #[serde(default)]
    above_input_tokens: u64,
    input: Number,
    cached_input: Option<Number>,
    cache_write: Option<Number>,
    cache_write_long: Option<Number>,
    output: Option<Number>,
}

/// Where a mistake is, within one entry.
struct At(String, String);

pub(super) fn parse(text: &str) -> Result<PriceBook, Error> {
    let file: RawFile = serde_json::from_str(text).map_err(|error| Error::File(error.to_string()))?;
    if file.schema_version != 1 {
        return Err(Error::File(format!("schema_version is {}, this program reads 1", file.schema_version)));
    }
    let mut book = PriceBook::default();
    for (index, entry) in file.models.into_iter().enumerate() {
        let name = entry_name(index, &entry);
        let at = |At(field, message)| Error::Entry { entry: name.clone(), field, message };
        let model = read_model(entry).map_err(at)?;
        let names =
            std::iter::once(("id", &model.name)).chain(model.aliases.iter().map(|alias| ("aliases", alias)));
        for (field, alias) in names {
            let id = format!("{}/{alias}", model.provider);
            if book.by_id.insert(id.clone(), index).is_some() {
                return Err(at(At(field.to_owned(), format!("{id} is listed twice"))));
            }
        }
        book.models.push(model);
    }
    Ok(book)
}

fn entry_name(index: usize, entry: &Value) -> String {
    match (entry["provider"].as_str(), entry["id"].as_str()) {
        (Some(provider), Some(id)) => format!("{provider}/{id}"),
        _ => format!("models[{index}]"),
    }
}

fn read_model(entry: Value) -> Result<Model, At> {
    let raw: RawModel = serde_path_to_error::deserialize(entry)
        .map_err(|error| At(error.path().to_string(), error.inner().to_string()))?;
    let wrong = |field: &str, message: &str| Err(At(field.to_owned(), message.to_owned()));
    if raw.id.is_empty() {
        return wrong("id", "is empty");
    }
    if raw.provider.is_empty() || raw.provider.contains('/') {
        return wrong("provider", "must be a name without a slash");
    }
    let mut rates: Vec<Rate> = Vec::with_capacity(raw.rates.len());
    for (index, row) in raw.rates.into_iter().enumerate() {
        let rate = read_rate(index, row, raw.mode)?;
        if rates.iter().any(|old| old.tier == rate.tier && old.above_input_tokens == rate.above_input_tokens)
        {
            return wrong(
                &format!("rates[{index}]"),
                "a row of the same tier and above_input_tokens stands above",
            );
        }
        rates.push(rate);
    }
    for rate in &rates {
        if !rates.iter().any(|base| base.tier == rate.tier && base.above_input_tokens == 0) {
            return wrong("rates", &format!("tier {} has no row without above_input_tokens", rate.tier));
        }
    }
    if !rates.iter().any(|rate| rate.tier == DEFAULT_TIER) {
        return wrong("rates", "there is no row of tier default");
    }
    Ok(Model {
        name: raw.id,
        aliases: raw.aliases,
        provider: raw.provider,
        mode: raw.mode,
        context_window: raw.context_window,
        max_input_tokens: raw.max_input_tokens,
        max_output_tokens: raw.max_output_tokens,
        tokenizer: raw.tokenizer,
        rates,
        capabilities: raw.capabilities,
        sampling_params: raw.sampling_params,
        default_reasoning_effort: raw.default_reasoning_effort,
        forced_tool_use: raw.forced_tool_use.unwrap_or(true),
        deprecation_date: raw.deprecation_date,
        dimensions: raw.dimensions,
    })
}

fn read_rate(index: usize, row: RawRate, mode: Mode) -> Result<Rate, At> {
    let price = |field: &str, number: &Number| {
        per_token(number).map_err(|message| At(format!("rates[{index}].{field}"), message))
    };
    let optional =
        |field: &str, number: &Option<Number>| number.as_ref().map(|n| price(field, n)).transpose();
    let output = match (&row.output, mode) {
        (Some(number), _) => price("output", number)?,
        (None, Mode::Embedding) => Money::ZERO,
        (None, _) => return Err(At(format!("rates[{index}].output"), "is missing".to_owned())),
    };
    Ok(Rate {
        input: price("input", &row.input)?,
        cached_input: optional("cached_input", &row.cached_input)?,
        cache_write: optional("cache_write", &row.cache_write)?,
        cache_write_long: optional("cache_write_long", &row.cache_write_long)?,
        output,
        tier: row.tier,
        above_input_tokens: row.above_input_tokens,
    })
}

/// Dollars per million tokens as whole pico-dollars per token: the decimal point moves six places to the right.
/// Works on the shortest decimal text of the number, so nothing is rounded.
fn per_token(number: &Number) -> Result<Money, String> {
    const MOST: f64 = 1_000_000.0;
    let dollars = number
        .as_f64()
        .filter(|dollars| (0.0..=MOST).contains(dollars))
        .ok_or_else(|| format!("{number} is not a price between 0 and {MOST} dollars per million tokens"))?;
    let text = dollars.to_string();
    let (whole, decimals) = text.split_once('.').unwrap_or((&text, ""));
    if decimals.len() > 6 {
        return Err(format!(
            "{number} has more than six decimals, so a token would not cost whole pico-dollars"
        ));
    }
    format!("{whole}{decimals:0<6}")
        .parse()
        .map(Money::from_picos)
        .map_err(|_| format!("{number} is not a price"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picos(text: &str) -> Result<i64, String> {
        per_token(&text.parse().unwrap()).map(Money::picos)
    }

    #[test]
    fn prices_are_whole_picos_or_refused() {
        assert_eq!(picos("10"), Ok(10_000_000));
        assert_eq!(picos("0.0625"), Ok(62_500));
        assert_eq!(picos("0.000001"), Ok(1));
        assert_eq!(picos("0"), Ok(0));
        assert_eq!(picos("1e-3"), Ok(1_000));
        assert!(picos("0.0000001").unwrap_err().contains("six decimals"));
        assert!(picos("0.1234567").unwrap_err().contains("six decimals"));
        assert!(picos("-1").is_err());
        assert!(picos("1e300").is_err());
    }
}

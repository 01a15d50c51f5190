//! The providers file (`NEXUS_PROVIDERS_FILE`): further providers with their models and prices, and limits of any
//! provider. Its format is described in `docs/llm-gateway.md`. Not here: reading the file, looking up keys.

use crate::config::{Limits, Wire};
use nexus_model::price::PriceBook;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Names that are taken.
const BUILT_IN: [&str; 4] = ["openai", "anthropic", "demo", "local"];

/// What is wrong with the file, in words for whoever wrote it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct FileError(String);

/// The file as it was read.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ProvidersFile {
    /// Further providers, by name.
    pub providers: BTreeMap<String, FileProvider>,
    /// Limits, by the name of any provider.
    pub limits: BTreeMap<String, Limits>,
    /// Its models, in the form of a pricing file's entries.
    models: Vec<Value>,
}

/// A provider of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileProvider {
    /// What it speaks.
    pub wire: Wire,
    /// Where it is, as the official SDKs take it: OpenAI's wire with `/v1`.
    pub base_url: String,
    /// The variable that holds its key; absent: it wants none.
    pub key_variable: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFile {
    #[serde(default)]
    provider: Vec<RawProvider>,
    #[serde(default)]
    limits: BTreeMap<String, RawLimits>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawProvider {
    name: String,
    base_url: String,
    key_variable: Option<String>,
    #[serde(default)]
    wire: RawWire,
    #[serde(default)]
    model: Vec<Map<String, Value>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum RawWire {
    #[default]
    OpenAi,
    Anthropic,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawLimits {
    max_concurrent: Option<usize>,
    requests_per_minute: Option<u64>,
    tokens_per_minute: Option<u64>,
}

impl ProvidersFile {
    /// Reads the text of the file.
    pub fn parse(text: &str) -> Result<Self, FileError> {
        let raw: RawFile = toml::from_str(text).map_err(|error| FileError(error.to_string()))?;
        let mut file = Self::default();
        for provider in raw.provider {
            let name = provider.name;
            let wrong = |what: &str| FileError(format!("provider {name:?}: {what}"));
            let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
            if name.is_empty() || name.len() > 40 || !name.chars().all(good) {
                return Err(wrong("name is not 1 to 40 of a-z, 0-9, `-` and `_`"));
            }
            if BUILT_IN.contains(&name.as_str()) {
                return Err(wrong("this name is a built-in provider's; choose another one"));
            }
            if let Some(variable) = &provider.key_variable
                && (variable.is_empty() || !variable.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'))
            {
                return Err(wrong("key_variable is not the name of an environment variable"));
            }
            for model in provider.model {
                file.models.push(Value::Object(entry(&name, model).map_err(|what| wrong(&what))?));
            }
            let wire = match provider.wire {
                RawWire::OpenAi => Wire::OpenAi,
                RawWire::Anthropic => Wire::Anthropic,
            };
            let known =
                FileProvider { wire, base_url: provider.base_url, key_variable: provider.key_variable };
            if file.providers.insert(name.clone(), known).is_some() {
                return Err(wrong("stands twice"));
            }
        }
        for (name, limits) in raw.limits {
            if !BUILT_IN.contains(&name.as_str()) && !file.providers.contains_key(&name) {
                return Err(FileError(format!("limits.{name}: there is no such provider")));
            }
            let standard = Limits::default();
            let limits = Limits {
                max_concurrent: limits.max_concurrent.unwrap_or(standard.max_concurrent),
                requests_per_minute: limits.requests_per_minute,
                tokens_per_minute: limits.tokens_per_minute,
            };
            if limits.max_concurrent == 0
                || limits.requests_per_minute == Some(0)
                || limits.tokens_per_minute == Some(0)
            {
                return Err(FileError(format!("limits.{name}: 0 would let nothing through")));
            }
            file.limits.insert(name, limits);
        }
        // Prices are judged where all prices are.
        file.book()?;
        Ok(file)
    }

    /// A provider that was found on this machine, with models that cost nothing.
    pub fn with_local(mut self, name: &str, base_url: &str, models: &[String]) -> Self {
        if self.providers.contains_key(name) {
            return self;
        }
        let provider = FileProvider { wire: Wire::OpenAi, base_url: base_url.to_owned(), key_variable: None };
        self.providers.insert(name.to_owned(), provider);
        self.models.extend(models.iter().map(|model| {
            json!({"id": model, "provider": name, "mode": "chat",
                "rates": [{"tier": "default", "input": 0, "output": 0}]})
        }));
        self
    }

    /// The prices of all, those of `book` included.
    pub fn priced(&self, book: &PriceBook) -> Result<PriceBook, FileError> {
        book.with(self.book()?).map_err(|error| FileError(error.to_string()))
    }

    fn book(&self) -> Result<PriceBook, FileError> {
        PriceBook::parse(&json!({ "models": self.models }).to_string())
            .map_err(|error| FileError(error.to_string()))
    }
}

/// A model as a pricing file has it; `input` and `output` are short for one rate.
fn entry(provider: &str, mut model: Map<String, Value>) -> Result<Map<String, Value>, String> {
    const KNOWN: [&str; 14] = [
        "id",
        "aliases",
        "mode",
        "context_window",
        "max_input_tokens",
        "max_output_tokens",
        "rates",
        "input",
        "cached_input",
        "output",
        "capabilities",
        "sampling_params",
        "forced_tool_use",
        "dimensions",
    ];
    if let Some(unknown) = model.keys().find(|key| !KNOWN.contains(&key.as_str())) {
        return Err(format!(
            "a model has a field {unknown:?}, which means nothing; known are {}",
            KNOWN.join(", ")
        ));
    }
    if !model.contains_key("rates") {
        let mut rate = Map::from_iter([("tier".to_owned(), json!("default"))]);
        for field in ["input", "cached_input", "output"] {
            if let Some(price) = model.remove(field) {
                rate.insert(field.to_owned(), price);
            }
        }
        if rate.len() == 1 {
            let id = model.get("id").cloned().unwrap_or_default();
            return Err(format!("model {id} has no price: set input and output, 0 if it costs nothing"));
        }
        model.insert("rates".to_owned(), json!([rate]));
    }
    model.entry("mode").or_insert_with(|| json!("chat"));
    model.insert("provider".to_owned(), json!(provider));
    Ok(model)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
        [limits.openai]
        max_concurrent = 8
        tokens_per_minute = 100000

        [[provider]]
        name = "router"
        base_url = "https://example.com/api/v1"
        key_variable = "ROUTER_KEY"
        [[provider.model]]
        id = "vendor/large"
        input = 0.5
        output = 1.25
        context_window = 128000
        capabilities = ["tools"]
        [[provider.model]]
        id = "vectors"
        mode = "embedding"
        input = 0.01

        [[provider]]
        name = "claude-proxy"
        wire = "anthropic"
        base_url = "http://127.0.0.1:4000"
    "#;

    #[test]
    fn a_file_is_read_and_its_models_are_priced() {
        let file = ProvidersFile::parse(GOOD).unwrap();
        assert_eq!(file.providers["router"].key_variable.as_deref(), Some("ROUTER_KEY"));
        assert_eq!(file.providers["claude-proxy"].wire, Wire::Anthropic);
        assert_eq!(file.limits["openai"].max_concurrent, 8);
        let book = file.priced(&PriceBook::builtin()).unwrap();
        let model = book.get("router/vendor/large").unwrap();
        let usage = nexus_model::price::Usage { input: 2, output: 2, ..Default::default() };
        assert_eq!(model.cost("default", &usage).unwrap().picos(), 3_500_000);
        assert!(book.get("router/vectors").is_some() && book.get("openai/gpt-4o-mini").is_some());
        assert_eq!(ProvidersFile::parse("").unwrap(), ProvidersFile::default());
    }

    #[test]
    fn a_local_server_is_offered_unless_the_file_names_it() {
        let found = ["llama3.2:latest".to_owned()];
        let file = ProvidersFile::default().with_local("ollama", "http://127.0.0.1:11434/v1", &found);
        let book = file.priced(&PriceBook::builtin()).unwrap();
        let free = book.get("ollama/llama3.2:latest").unwrap();
        assert_eq!(free.worst_case(1_000_000, 1_000).picos(), 0);
        let own = GOOD.replace("router", "ollama");
        let own = ProvidersFile::parse(&own).unwrap().with_local("ollama", "x", &found);
        assert_eq!(own.providers["ollama"].base_url, "https://example.com/api/v1");
    }

    #[test]
    fn mistakes_are_named() {
        for (edit, part) in [
            ("name = \"router\" -> name = \"openai\"", "built-in"),
            ("name = \"router\" -> name = \"Router\"", "a-z"),
            ("name = \"router\" -> name = \"claude-proxy\"", "twice"),
            ("input = 0.01 -> price = 0.01", "price"),
            ("input = 0.01 -> ", "no price"),
            ("input = 0.5 -> input = -0.5", "router/vendor/large"),
            ("\"ROUTER_KEY\" -> \"my key\"", "key_variable"),
            ("[limits.openai] -> [limits.nobody]", "limits.nobody"),
            ("max_concurrent = 8 -> max_concurrent = 0", "limits.openai"),
            ("wire = \"anthropic\" -> wire = \"gopher\"", "gopher"),
            ("base_url = \"http://127.0.0.1:4000\" -> ", "base_url"),
            ("id = \"vectors\" -> id = \"vendor/large\"", "twice"),
        ] {
            let (from, to) = edit.split_once(" -> ").unwrap();
            assert!(GOOD.contains(from), "{edit}");
            let error = ProvidersFile::parse(&GOOD.replace(from, to)).unwrap_err();
            assert!(error.to_string().contains(part), "{edit}: {error}");
        }
    }
}

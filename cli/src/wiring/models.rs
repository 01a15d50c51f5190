//! Models: what there are, what they cost, who is called for them. Not here: the calls (`nexus-llm-gateway`).

use crate::exit::{Failure, Result};
use nexus_llm_gateway::{Endpoint, Extra, KeyBudget, LlmGateway, Period, ProvidersFile, ollama};
use nexus_model::price::PriceBook;
use nexus_runtime::{
    Config,
    config::{BudgetPeriod, Provider},
};
use nexus_store::LlmStore;
use std::{path::Path, sync::Arc};

/// Prices and providers of a process.
pub(super) struct Models {
    /// Prices of all models.
    pub(super) prices: Arc<PriceBook>,
    file: ProvidersFile,
}

impl Models {
    /// Those of the files. For a mesh, whose processes must all know the same ones.
    pub(super) fn of_files(config: &Config) -> Result<Self> {
        Self::read(config, false)
    }

    /// The same, and those of an Ollama server on this machine.
    pub(super) fn with_local(config: &Config) -> Result<Self> {
        Self::read(config, true)
    }

    fn read(config: &Config, look: bool) -> Result<Self> {
        let mut file = ProvidersFile::default();
        let wrong = |name: &str, path: &Path, problem: String, like: &str| {
            let path = path.display();
            Failure::usage(format!("{name} is {path}, which cannot be used: {problem}; {like}"))
        };
        let book = match &config.pricing_file {
            None => PriceBook::builtin(),
            Some(path) => {
                let like = "set it to a file like pricing/models.json";
                let wrong = |problem: String| wrong("NEXUS_PRICING_FILE", path, problem, like);
                let text = std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
                Arc::new(PriceBook::parse(&text).map_err(|error| wrong(error.to_string()))?)
            }
        };
        if let Some(path) = &config.providers_file {
            let like = "docs/llm-gateway.md describes it";
            let wrong = |problem: String| wrong("NEXUS_PROVIDERS_FILE", path, problem, like);
            let text = std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
            file = ProvidersFile::parse(&text).map_err(|error| wrong(error.to_string()))?;
        }
        if look && let Some(found) = config.ollama.as_deref().and_then(ollama::find) {
            file = file.with_local("ollama", &found.base_url, &found.models);
        }
        let prices = file.priced(&book).map_err(|error| {
            Failure::usage(format!(
                "{error} in NEXUS_PROVIDERS_FILE and NEXUS_PRICING_FILE; remove one of them"
            ))
        })?;
        Ok(Self { prices: Arc::new(prices), file })
    }

    /// The gateway to them. Without a store there are no budgets of keys, and no answers are kept.
    pub(super) fn gateway(
        &self,
        config: &Config,
        store: Option<Arc<dyn LlmStore>>,
    ) -> Result<Arc<LlmGateway>> {
        let endpoint = |provider: &Provider| {
            let api_key = provider.api_key.clone()?;
            Some(Endpoint { base_url: provider.base_url.clone(), api_key })
        };
        let extra = self.file.providers.iter().map(|(name, provider)| {
            let key = match &provider.key_variable {
                None => Some(String::new()),
                Some(variable) => std::env::var(variable).ok().filter(|key| !key.trim().is_empty()),
            };
            let base_url = Some(provider.base_url.clone());
            let extra = Extra {
                wire: provider.wire,
                endpoint: key.map(|key| Endpoint { base_url, api_key: key.into() }),
                key_variable: provider.key_variable.clone().unwrap_or_default(),
            };
            (name.clone(), extra)
        });
        let budgets = config.key_budgets.iter().map(|(key, budgets)| {
            let budget = |(period, limit): &(BudgetPeriod, nexus_model::Money)| {
                let period = match period {
                    BudgetPeriod::Day => Period::Day,
                    BudgetPeriod::Month => Period::Month,
                    BudgetPeriod::Total => Period::Total,
                };
                KeyBudget { period, limit: *limit }
            };
            (key.clone(), budgets.iter().map(budget).collect())
        });
        let settings = nexus_llm_gateway::Config {
            openai: endpoint(&config.openai),
            anthropic: endpoint(&config.anthropic),
            prices: self.prices.clone(),
            extra: extra.collect(),
            limits: self.file.limits.clone(),
            // Where nothing can be kept, nobody but this process calls: there are no keys to be held to anything.
            budgets: if store.is_some() { budgets.collect() } else { Default::default() },
            trace_content: config.trace_content,
            ..nexus_llm_gateway::Config::default()
        };
        let gateway = match store {
            Some(store) => LlmGateway::with_store(settings, store),
            None => LlmGateway::new(settings),
        };
        Ok(Arc::new(gateway.map_err(|error| Failure::usage(error.to_string()))?))
    }
}

//! Prices, and providers of models: which are configured, and whether they take our key. Only their lists of models
//! are asked for, which costs nothing. Not here: calls of models.

use super::{Finding, PATIENCE};
use crate::wiring;
use nexus_api::CallCtx;
use nexus_runtime::{Config, config::Provider};
use reqwest::{RequestBuilder, StatusCode};
use secrecy::ExposeSecret;

pub(super) async fn check(config: &Config) -> Vec<Finding> {
    let mut findings = vec![prices(config).await];
    let Ok(client) = reqwest::Client::builder().timeout(PATIENCE).build() else { return findings };
    let openai = |provider: &Provider| {
        let base = provider.base_url.as_deref().unwrap_or("https://api.openai.com/v1");
        let request = client.get(format!("{}/models", base.trim_end_matches('/')));
        let key = provider.api_key.as_ref().map(ExposeSecret::expose_secret);
        (base.to_owned(), key.map_or(request.try_clone(), |key| Some(request.bearer_auth(key))))
    };
    let anthropic = |provider: &Provider| {
        let base = provider.base_url.as_deref().unwrap_or("https://api.anthropic.com");
        let request = client.get(format!("{}/v1/models", base.trim_end_matches('/')));
        let request = request.header("anthropic-version", "2023-06-01");
        let key = provider.api_key.as_ref().map(ExposeSecret::expose_secret);
        (base.to_owned(), key.map_or(request.try_clone(), |key| Some(request.header("x-api-key", key))))
    };
    let mut any = false;
    for (name, key, provider, (base, request)) in [
        ("openai", "OPENAI_API_KEY", &config.openai, openai(&config.openai)),
        ("anthropic", "ANTHROPIC_API_KEY", &config.anthropic, anthropic(&config.anthropic)),
    ] {
        match request.filter(|_| provider.api_key.is_some()) {
            Some(request) => {
                any = true;
                findings.push(provider_answers(name, key, &base, request).await);
            }
            None => findings.push(Finding::ok(name, format!("not configured ({key} is not set)"))),
        }
    }
    if !any && config.providers_file.is_none() {
        findings.push(Finding::warn(
            "models",
            "no provider has a key: only the built-in demo/… models (and Ollama's, if it runs) answer",
            "set OPENAI_API_KEY or ANTHROPIC_API_KEY, or NEXUS_PROVIDERS_FILE for others",
        ));
    }
    findings
}

async fn prices(config: &Config) -> Finding {
    let which = match (&config.pricing_file, &config.providers_file) {
        (Some(path), _) | (None, Some(path)) => path.display().to_string(),
        (None, None) => "built in".to_owned(),
    };
    let llm = match wiring::llm_alone(config) {
        Ok(llm) => llm,
        Err(failure) => {
            let fix = "pricing/models.json and docs/llm-gateway.md show the forms";
            return Finding::fail("prices", failure.message(), fix);
        }
    };
    match llm.list_models(&CallCtx::background()).await {
        Ok(models) => Finding::ok("prices", format!("{} models ({which})", models.len())),
        Err(error) => Finding::fail("prices", error.message, "look at NEXUS_PRICING_FILE"),
    }
}

async fn provider_answers(name: &str, key: &str, base: &str, request: RequestBuilder) -> Finding {
    match request.send().await {
        Ok(answer) if answer.status().is_success() => Finding::ok(name, format!("{base} takes the key")),
        Ok(answer) if matches!(answer.status(), StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => {
            Finding::fail(
                name,
                format!("{base} refuses the key ({})", answer.status()),
                format!("set {key} to a key that is good there"),
            )
        }
        // Compatible servers need not have a list of models.
        Ok(answer) => Finding::warn(
            name,
            format!("{base} answers {} to a request for its models", answer.status()),
            "look at the base URL: OpenAI's ends with /v1, Anthropic's does not",
        ),
        Err(error) => Finding::fail(
            name,
            format!("{base} cannot be reached: {}", reason(&error)),
            "look at the network (a proxy, a firewall, DNS) and at the base URL",
        ),
    }
}

/// What is at the bottom of it, without the address.
fn reason(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

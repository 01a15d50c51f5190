//! Whether the models a document names exist, do what is asked of them, and have a price where a budget needs one.
//! Not here: what they cost.

use crate::{
    check::Subject,
    problems::{Problems, With},
    shape::shorten,
    similar,
};
use nexus_model::{
    document::{AgentConfig, NodeKind},
    graph::NodeIx,
    price::{Mode, Model, PriceBook},
};
use std::collections::BTreeSet;

/// Providers that adapters exist for, whatever the price book says.
const PROVIDERS: [&str; 3] = ["openai", "anthropic", "demo"];

pub(crate) fn check(subject: &Subject, prices: &PriceBook, problems: &mut Problems) {
    let for_all = subject.document().budget.is_some_and(|budget| budget.limit_usd.is_some());
    for (ix, node) in subject.nodes().filter(|(ix, _)| subject.is_known(*ix)) {
        let NodeKind::Agent(agent) = &node.kind else { continue };
        let budgeted = for_all || node.policy.budget_usd.is_some();
        let names = [("/config/model".to_owned(), &agent.model)].into_iter();
        let fallbacks =
            agent.fallbacks.iter().zip(0..).map(|(name, at)| (format!("/config/fallbacks/{at}"), name));
        let mut seen = BTreeSet::new();
        for (path, name) in names.chain(fallbacks) {
            // An empty name is one that the shape has complained about.
            if name.is_empty() {
                continue;
            }
            if !seen.insert(name) {
                let message = format!("`{}` is tried before already", shorten(name));
                problems.error(
                    subject.problem("duplicate_model", ix, &path, message).suggest("remove it".to_owned()),
                );
                continue;
            }
            model(subject, ix, agent, &path, name, budgeted, prices, problems);
        }
    }
}

#[expect(clippy::too_many_arguments, reason = "one place, one caller")]
fn model(
    subject: &Subject,
    ix: NodeIx,
    agent: &AgentConfig,
    path: &str,
    name: &str,
    budgeted: bool,
    prices: &PriceBook,
    problems: &mut Problems,
) {
    let parts = name.split_once('/').filter(|(provider, model)| !provider.is_empty() && !model.is_empty());
    let Some((provider, _)) = parts.filter(|_| !name.contains(char::is_whitespace)) else {
        let message = format!("`{}` is not of the form `provider/model`", shorten(name));
        let ids = prices.models().iter().filter(|known| known.name == name).map(Model::id);
        let suggestion = ids.map(|id| format!("did you mean `{id}`?")).next();
        problems.error(subject.problem("model_malformed", ix, path, message).suggest(suggestion));
        return;
    };
    let providers =
        || PROVIDERS.into_iter().chain(prices.models().iter().map(|known| known.provider.as_str()));
    if !providers().any(|known| known == provider) {
        let message = format!("there is no provider `{}`", shorten(provider));
        let known: BTreeSet<_> = providers().collect();
        let suggestion = similar::did_you_mean(provider, providers())
            .unwrap_or_else(|| format!("use one of {}", known.into_iter().collect::<Vec<_>>().join(", ")));
        problems.error(subject.problem("provider_unknown", ix, path, message).suggest(suggestion));
        return;
    }
    let Some(known) = prices.get(name) else {
        let ids: Vec<String> = prices.models().iter().map(Model::id).collect();
        let near = similar::did_you_mean(name, ids.iter().map(String::as_str));
        if budgeted {
            let message = format!("`{}` has no price, so no budget can be kept with it", shorten(name));
            let advice =
                near.unwrap_or_else(|| "add it to the pricing file, or remove the budget".to_owned());
            problems.error(subject.problem("model_unpriced", ix, path, message).suggest(advice));
        } else {
            let message =
                format!("`{}` is not in the price list: what it costs will not be known", shorten(name));
            problems.warning(subject.problem("model_unknown", ix, path, message).suggest(near));
        }
        return;
    };
    match known.mode {
        Mode::Chat => {}
        Mode::Embedding => {
            let message = format!("`{name}` makes vectors and answers no messages");
            problems.error(subject.problem("model_unsupported", ix, path, message));
            return;
        }
        Mode::Responses => {
            let message = format!("`{name}` answers only over an interface that is not supported");
            problems.error(subject.problem("model_unsupported", ix, path, message));
            return;
        }
    }
    fitness(subject, ix, agent, path, known, problems);
}

/// Things asked of a model that it will refuse or ignore. Warnings: the provider has the last word.
fn fitness(
    subject: &Subject,
    ix: NodeIx,
    agent: &AgentConfig,
    path: &str,
    model: &Model,
    problems: &mut Problems,
) {
    let id = model.id();
    if let Some(most) = model.max_output_tokens.filter(|most| u64::from(agent.max_tokens) > *most) {
        let message = format!("`{id}` answers with at most {most} tokens, not {}", agent.max_tokens);
        let at = if path == "/config/model" { "/config/max_tokens" } else { path };
        problems.warning(
            subject
                .problem("max_tokens_too_high", ix, at, message)
                .suggest(format!("set `max_tokens` to {most} or less")),
        );
    }
    if agent.temperature.is_some() && !model.takes_temperature() {
        let message = format!("`{id}` takes no temperature; it will not be sent");
        let at = if path == "/config/model" { "/config/temperature" } else { path };
        problems.warning(subject.problem("temperature_ignored", ix, at, message));
    }
    let wanted = [
        ("tools", !subject.graph.attached_tools(ix).is_empty(), "cannot call tools"),
        ("structured_output", agent.output_schema.is_some(), "does not promise structured output"),
    ];
    for (capability, wanted, lack) in wanted {
        // A model without any listed capability is one whose capabilities are not known.
        if wanted && !model.capabilities.is_empty() && !model.can(capability) {
            let message = format!("as far as is known, `{id}` {lack}");
            problems.warning(subject.problem("model_lacks_capability", ix, path, message));
        }
    }
}

//! `models`: what can be called, and what it costs.

use crate::{
    exit::{Exit, Result},
    out::{self, Table},
};
use nexus_api::{CallCtx, Llm};
use nexus_model::price::Mode;
use serde_json::json;

/// `nexus models`.
pub(crate) async fn models(llm: &dyn Llm, json: bool) -> Result {
    let models = llm.list_models(&CallCtx::background()).await?;
    if json {
        out::json(&json!({ "items": models }));
        return Ok(Exit::Success);
    }
    let mut table = Table::new(
        &["model", "for", "configured", "$ in /M", "cached", "$ out /M", "context", "switched off"],
        &[3, 4, 5, 6],
    );
    let price = |usd: Option<f64>| usd.map_or_else(|| "-".to_owned(), |usd| format!("{usd}"));
    for model in &models {
        let mode = match model.mode {
            Mode::Embedding => "embeddings",
            _ => "text",
        };
        table.row(vec![
            model.id.clone(),
            mode.to_owned(),
            if model.configured { "yes" } else { "no" }.to_owned(),
            price(model.input_usd_per_mtok),
            price(model.cached_input_usd_per_mtok),
            price(model.output_usd_per_mtok),
            model.context_window.map_or_else(|| "-".to_owned(), |tokens| tokens.to_string()),
            model.deprecation_date.clone().unwrap_or_default(),
        ]);
    }
    table.print("no models");
    if models.iter().all(|model| !model.configured || model.provider == "demo") {
        out::note(
            "hint: only the built-in demo models are configured; set OPENAI_API_KEY or ANTHROPIC_API_KEY",
        );
    }
    Ok(Exit::Success)
}

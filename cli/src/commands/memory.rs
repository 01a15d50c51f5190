//! `memory`: entries, finding them, forgetting them, and making their vectors anew. Not here: how memory works
//! (`nexus-memory`).

use super::gather;
use crate::{
    args::{Memories, ScopeArgs},
    exit::{Exit, Failure, Result},
    out::{self, Table},
};
use nexus_api::{
    CallCtx, Memory,
    memory::{Entry, RecallRequest, Scope},
};
use nexus_model::Money;
use serde_json::json;
use std::time::Duration;

/// How long one part of a reembedding may take before the next is asked for.
const PART: Duration = Duration::from_secs(40);
/// Longest piece of a text in a table, characters.
const SHOWN: usize = 80;

/// `nexus memory …`.
pub(crate) async fn memory(memory: &dyn Memory, command: &Memories) -> Result {
    let ctx = CallCtx::background();
    match command {
        Memories::List { scope, list } => {
            let scope = scope_of(scope)?;
            let entries = gather(list.limit, |page| memory.list(&ctx, scope, page)).await?;
            show(&entries, list.json);
        }
        Memories::Recall { query, scope, top_k, json } => {
            let request = RecallRequest { top_k: *top_k, ..RecallRequest::new(scope_of(scope)?, query) };
            show(&memory.recall(&ctx, request).await?.entries, *json);
        }
        Memories::Forget { id, all, scope } => match (id, all) {
            (Some(id), false) => memory.delete(&ctx, id.parse().map_err(nexus_api::Error::from)?).await?,
            (None, true) => {
                let deleted = memory.delete_scope(&ctx, scope_of(scope)?).await?;
                out::note(&format!("{deleted} entries are forgotten"));
            }
            _ => return Err(Failure::usage("name one entry, or a scope with --all")),
        },
        Memories::Reembed { budget, json } => return reembed(memory, *budget, *json).await,
    }
    Ok(Exit::Success)
}

fn scope_of(scope: &ScopeArgs) -> Result<Scope> {
    Ok(match (&scope.execution, &scope.workflow) {
        (Some(id), None) => Scope::Execution(id.parse().map_err(nexus_api::Error::from)?),
        (None, Some(id)) => Scope::Workflow(id.parse().map_err(nexus_api::Error::from)?),
        (None, None) => Scope::Global,
        (Some(_), Some(_)) => return Err(Failure::usage("name either --execution or --workflow")),
    })
}

fn show(entries: &[Entry], json: bool) {
    if json {
        out::json(&json!({ "items": entries }));
        return;
    }
    let mut table = Table::new(&["id", "kept", "score", "text"], &[2]);
    for entry in entries {
        let text = out::short(&entry.text.split_whitespace().collect::<Vec<_>>().join(" "), SHOWN);
        let score = entry.score.map(|score| format!("{score:.3}")).unwrap_or_default();
        table.row(vec![entry.id.to_string(), entry.created_at.to_string(), score, text]);
    }
    table.print("nothing is kept there");
}

/// Part by part, so that it may take as long as it takes.
async fn reembed(memory: &dyn Memory, budget: Option<Money>, json: bool) -> Result {
    let (mut entries, mut cost) = (0, Money::ZERO);
    let remaining = loop {
        let ctx = CallCtx::background().with_timeout(PART);
        let part = memory.reembed(&ctx, budget.map(|budget| budget.minus(cost))).await?;
        entries += part.entries;
        cost = cost.plus(part.cost);
        if part.remaining == 0 || part.entries == 0 {
            break part.remaining;
        }
        out::note(&format!("{entries} done, {} to go, {cost} spent", part.remaining));
    };
    if json {
        out::json(&json!({"entries": entries, "remaining": remaining, "cost_usd": cost}));
    } else {
        out::note(&format!("{entries} entries have new vectors, {remaining} are left; it cost {cost}"));
    }
    Ok(Exit::Success)
}

//! `executions list`, `show`, `cancel`, `delete`, `resume`.

use super::{documents::limit, gather, run};
use crate::{
    args::Executions,
    backend::Backend,
    exit::{Exit, Failure, Result},
    out::{self, Table},
    progress,
};
use nexus_api::{
    CallCtx,
    executor::{ExecutionFilter, Resume},
};
use nexus_model::{Execution, ExecutionId, ExecutionStatus, NodeId, Timestamp};
use serde_json::json;

/// `nexus executions …`.
pub(crate) async fn executions(backend: &Backend, command: &Executions) -> Result {
    let ctx = CallCtx::background();
    let executor = &backend.executor;
    match command {
        Executions::List { workflow, status, list } => {
            let filter = ExecutionFilter {
                workflow_id: workflow.as_deref().map(str::parse).transpose()?,
                status: status.as_deref().map(read_status).transpose()?,
            };
            let items =
                gather(list.limit, |page| executor.list_executions(&ctx, filter.clone(), page)).await?;
            if list.json {
                out::json(&json!({ "items": items }));
                return Ok(Exit::Success);
            }
            let mut table = Table::new(&["id", "status", "created", "tokens", "spent", "workflow"], &[3, 4]);
            for item in items {
                table.row(vec![
                    item.id.to_string(),
                    item.status.as_str().to_owned(),
                    moment(Some(item.created_at)),
                    (item.tokens.prompt + item.tokens.completion).to_string(),
                    item.budget.spent_usd.to_string(),
                    out::short(&item.workflow_name, 50),
                ]);
            }
            table.print("no executions");
            Ok(Exit::Success)
        }
        Executions::Show { id, json } => {
            let execution = executor.get_execution(&ctx, id.parse()?).await?;
            if *json {
                out::json(&execution);
            } else {
                show(&execution);
            }
            Ok(Exit::Success)
        }
        Executions::Cancel { id, json } => {
            let summary = executor.cancel_execution(&ctx, id.parse()?).await?;
            if *json {
                out::json(&summary);
            } else {
                out::line(&format!("{}: {}", summary.id, progress::word(summary.status)));
            }
            Ok(Exit::Success)
        }
        Executions::Delete { id } => {
            let id: ExecutionId = id.parse()?;
            executor.delete_execution(&ctx, id).await?;
            out::line(&format!("{id}: deleted"));
            Ok(Exit::Success)
        }
        Executions::Resume { id, budget, from_node, json } => {
            let id: ExecutionId = id.parse()?;
            let from_node = from_node.as_deref().map(NodeId::new).transpose()?;
            let seen = last_seq(backend, &ctx, id).await?;
            let resume = Resume { budget: limit(*budget), from_node };
            executor.resume_execution(&ctx, id, resume).await?;
            run::watch(backend, id, seen, *json).await
        }
    }
}

fn read_status(text: &str) -> Result<ExecutionStatus> {
    ExecutionStatus::parse(text).ok_or_else(|| {
        let known: Vec<_> = ExecutionStatus::ALL.iter().map(|status| status.as_str()).collect();
        Failure::usage(format!("`{text}` is no status; there are {}", known.join(", ")))
    })
}

/// The last event so far: what comes after it belongs to the run that is about to begin.
async fn last_seq(backend: &Backend, ctx: &CallCtx, id: ExecutionId) -> Result<u64> {
    const BATCH: u32 = 1_000;
    let mut seen = 0;
    loop {
        let events = backend.executor.list_events(ctx, id, seen, BATCH).await?;
        seen = events.last().map_or(seen, |event| event.seq);
        if events.len() < BATCH as usize {
            return Ok(seen);
        }
    }
}

/// A moment as lists show it: UTC, to the second.
pub(super) fn moment(at: Option<Timestamp>) -> String {
    at.map(|at| at.to_string().chars().take(19).map(|c| if c == 'T' { ' ' } else { c }).collect())
        .unwrap_or_default()
}

fn show(execution: &Execution) {
    let summary = &execution.summary;
    out::line(&format!("execution  {}", summary.id));
    out::line(&format!(
        "workflow   {} (version {} of {})",
        summary.workflow_name, summary.workflow_version, summary.workflow_id
    ));
    out::line(&format!("status     {}", progress::word(summary.status)));
    let cap = summary.budget.limit_usd.map(|cap| format!(" of {cap}")).unwrap_or_default();
    out::line(&format!("spent      {}{cap}", summary.budget.spent_usd));
    out::line(&format!("created    {}", moment(Some(summary.created_at))));
    out::line(&format!("ended      {}", moment(summary.finished_at)));
    if let Some(error) = &summary.error {
        out::line(&format!("error      {} [{}]", error.message, error.code));
    }
    out::line("");
    let mut table =
        Table::new(&["node", "status", "tries", "model", "tokens", "cost", "ms", "error"], &[2, 4, 5, 6]);
    for node in &execution.agent_executions {
        let status = serde_json::to_value(node.status).ok();
        table.row(vec![
            node.node_id.to_string(),
            status.as_ref().and_then(|status| status.as_str()).unwrap_or_default().to_owned(),
            node.attempts.len().to_string(),
            node.model.clone().unwrap_or_default(),
            (node.tokens.prompt + node.tokens.completion).to_string(),
            node.cost_usd.to_string(),
            node.latency_ms.map(|millis| millis.to_string()).unwrap_or_default(),
            node.error.as_ref().map(|error| out::short(&error.message, 60)).unwrap_or_default(),
        ]);
    }
    table.print("no nodes");
    if !execution.outputs.is_empty() {
        out::line("");
        out::line(&serde_json::to_string_pretty(&execution.outputs).unwrap_or_default());
    }
}

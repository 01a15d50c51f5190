//! `run`: a document from a file to its outputs.

use super::documents::{describe, limit, name_of};
use crate::{
    args::RunArgs,
    backend::Backend,
    exit::{Exit, Failure, Result},
    follow::follow,
    inputs, out,
    progress::View,
};
use nexus_api::{CallCtx, Planner, executor::StartExecution, planner::PageRequest};
use nexus_model::{Execution, ExecutionId, workflow::Workflow};
use serde_json::Value;

/// Pages of workflows of the same name that are searched for an identical one.
const PAGES: usize = 5;

/// `nexus run`.
pub(crate) async fn run(backend: &Backend, arguments: &RunArgs, document: Value, inputs: Value) -> Result {
    let ctx = CallCtx::background();
    let workflow = stored(&*backend.planner, &ctx, document).await?;
    let request = StartExecution {
        workflow_id: workflow.id,
        version: Some(workflow.version),
        inputs,
        budget: limit(arguments.budget),
        idempotency_key: None,
    };
    let started = backend.executor.start_execution(&ctx, request).await?;
    watch(backend, started.execution_id, 0, arguments.json).await
}

/// Reads the document and its inputs; refuses an invalid document with all its problems.
pub(crate) async fn prepare(planner: &dyn Planner, arguments: &RunArgs) -> Result<(Value, Value)> {
    let document = inputs::read_json(&arguments.file)?;
    let report = planner.validate(&CallCtx::background(), document.clone()).await?;
    if !report.valid {
        let problems: Vec<_> = report.errors.iter().map(|problem| describe("error", problem)).collect();
        return Err(Failure::usage(format!(
            "{} is not a valid workflow document\n{}",
            arguments.file.display(),
            problems.join("\n")
        )));
    }
    let inputs = inputs::gather(&arguments.inputs, &document)?;
    Ok((document, inputs))
}

/// The stored workflow that is this document, if there is one, else a new one: running a file twice does not fill the
/// list with copies.
async fn stored(planner: &dyn Planner, ctx: &CallCtx, document: Value) -> Result<Workflow> {
    let name = name_of(&document).to_owned();
    let mut cursor = None;
    for _ in 0..PAGES {
        let page = PageRequest { limit: Some(200), cursor };
        let page = planner.list_workflows(ctx, page, Some(name.clone())).await?;
        let same = |workflow: &Workflow| workflow.valid && Some(&workflow.document) == document.as_object();
        if let Some(workflow) = page.items.into_iter().find(same) {
            return Ok(workflow);
        }
        cursor = page.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    Ok(planner.create_workflow(ctx, document, false).await?)
}

/// Follows an execution to its end and prints its outputs.
pub(crate) async fn watch(backend: &Backend, id: ExecutionId, after: u64, json: bool) -> Result {
    let execution = backend.executor.get_execution(&CallCtx::background(), id).await?;
    if let Some(server) = &backend.server {
        out::note(&format!("on the server at {server}"));
    }
    let mut view = View::new(json, &execution);
    let Some(execution) = follow(&*backend.executor, id, after, &mut view).await? else {
        match &backend.server {
            Some(_) => {
                out::note(&format!("the run goes on at the server; see it with: nexus executions show {id}"))
            }
            None => {
                out::note(&format!("execution {id} is left as it is; the next `nexus up` goes on with it"))
            }
        }
        return Ok(Exit::Success);
    };
    if json {
        out::json_line(&execution.outputs);
    } else {
        out::json(&execution.outputs);
    }
    Ok(conclude(&execution))
}

/// The exit code, and why it is not 0.
fn conclude(execution: &Execution) -> Exit {
    let exit = Exit::from(execution.summary.status);
    let Some(error) = &execution.summary.error else { return exit };
    let node = error.node_id.as_ref().map(|node| format!("{node}: ")).unwrap_or_default();
    out::note(&format!("error: {node}{} [{}]", error.message, error.code));
    let id = execution.summary.id;
    match exit {
        Exit::Budget => {
            out::note(&format!("hint: go on with a higher limit: nexus executions resume {id} --budget USD"));
        }
        Exit::Failed => out::note(&format!("hint: try the failed step again: nexus executions resume {id}")),
        _ => {}
    }
    exit
}

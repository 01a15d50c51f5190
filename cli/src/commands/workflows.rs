//! `workflows list`, `import`, `export`.

use super::gather;
use crate::{
    args::Workflows,
    exit::{Exit, Failure, Result},
    inputs,
    out::{self, Table},
};
use nexus_api::{CallCtx, Planner};
use serde_json::json;

/// `nexus workflows …`.
pub(crate) async fn workflows(planner: &dyn Planner, command: &Workflows) -> Result {
    let ctx = CallCtx::background();
    match command {
        Workflows::List { query, list } => {
            let items = gather(list.limit, |page| planner.list_workflows(&ctx, page, query.clone())).await?;
            if list.json {
                out::json(&json!({ "items": items }));
                return Ok(Exit::Success);
            }
            let mut table = Table::new(&["id", "version", "updated", "name"], &[1]);
            for workflow in items {
                let draft = if workflow.valid { "" } else { "  (draft, not valid yet)" };
                table.row(vec![
                    workflow.id.to_string(),
                    workflow.version.to_string(),
                    super::executions::moment(Some(workflow.updated_at)),
                    format!("{}{draft}", out::short(workflow.name(), 60)),
                ]);
            }
            table.print("no workflows");
        }
        Workflows::Import { files, draft, json } => {
            for file in files {
                let document = inputs::read_json(file)?;
                let workflow =
                    planner.create_workflow(&ctx, document, *draft).await.map_err(|mut error| {
                        error.message = format!("{}: {}", file.display(), error.message);
                        Failure::from(error)
                    })?;
                if *json {
                    out::json_line(&workflow);
                } else {
                    out::line(&format!("{}  {}", workflow.id, workflow.name()));
                }
            }
        }
        Workflows::Export { id, version, output } => {
            let workflow = planner.get_workflow(&ctx, id.parse()?, *version).await?;
            let text = serde_json::to_string_pretty(&workflow.document).unwrap_or_default();
            match output {
                None => out::line(&text),
                Some(path) => std::fs::write(path, text + "\n").map_err(|error| {
                    Failure::new(Exit::Failed, format!("cannot write {}: {error}", path.display()))
                })?,
            }
        }
    }
    Ok(Exit::Success)
}

//! `validate`, `plan`, `estimate`: what can be said about a document without running it.

use crate::{
    args::{DocumentArgs, InputArgs},
    exit::{Exit, Result},
    inputs,
    out::{self, Table},
};
use nexus_api::{CallCtx, Planner, planner::Target};
use nexus_model::{Money, Problem, document::BudgetOverride};
use serde_json::Value;

/// `nexus validate`.
pub(crate) async fn validate(planner: &dyn Planner, arguments: &DocumentArgs) -> Result {
    let document = inputs::read_json(&arguments.file)?;
    let report = planner.validate(&CallCtx::background(), document).await?;
    if arguments.json {
        out::json(&report);
    } else {
        let verdict = if report.valid { "valid" } else { "not valid" };
        out::line(&format!("{}: {verdict}", arguments.file.display()));
        for problem in &report.errors {
            out::line(&describe("error", problem));
        }
        for problem in &report.warnings {
            out::line(&describe("warning", problem));
        }
    }
    Ok(if report.valid { Exit::Success } else { Exit::Usage })
}

/// A problem on one or two lines.
pub(crate) fn describe(kind: &str, problem: &Problem) -> String {
    let place = if problem.path.is_empty() { "(document)" } else { &problem.path };
    let mut text = format!("  {kind} {place}: {} [{}]", problem.message, problem.code);
    if let Some(suggestion) = &problem.suggestion {
        text.push_str(&format!("\n    hint: {suggestion}"));
    }
    text
}

/// `nexus plan`.
pub(crate) async fn plan(planner: &dyn Planner, arguments: &DocumentArgs) -> Result {
    let document = inputs::read_json(&arguments.file)?;
    let plan = planner.plan(&CallCtx::background(), Target::Document(document)).await?;
    if arguments.json {
        out::json(&plan);
        return Ok(Exit::Success);
    }
    let names = |nodes: &[nexus_model::NodeId], separator: &str| {
        nodes.iter().map(nexus_model::NodeId::as_str).collect::<Vec<_>>().join(separator)
    };
    let mut table = Table::new(&["depth", "nodes"], &[0]);
    for (depth, group) in plan.groups.iter().enumerate() {
        table.row(vec![(depth + 1).to_string(), names(group, ", ")]);
    }
    table.print("no nodes");
    out::line(&format!("critical path: {}", names(&plan.critical_path, " → ")));
    out::line(&format!("{} nodes, at most {} at a time", plan.node_count, plan.max_parallelism));
    Ok(Exit::Success)
}

/// `nexus estimate`.
pub(crate) async fn estimate(
    planner: &dyn Planner,
    arguments: &DocumentArgs,
    given: &InputArgs,
    budget: Option<Money>,
) -> Result {
    let document = inputs::read_json(&arguments.file)?;
    let inputs = inputs::gather(given, &document)?;
    let target = Target::Document(document);
    let estimate = planner.estimate(&CallCtx::background(), target, inputs, limit(budget)).await?;
    if arguments.json {
        out::json(&estimate);
        return Ok(Exit::Success);
    }
    let mut table = Table::new(&["node", "least", "expected", "most"], &[1, 2, 3]);
    let amounts =
        |least: Money, expected: Money, most: Money| [least, expected, most].map(|money| money.to_string());
    for node in &estimate.nodes {
        let mut row = vec![node.node_id.to_string()];
        row.extend(amounts(node.min_usd, node.expected_usd, node.max_usd));
        table.row(row);
    }
    let mut total = vec!["total".to_owned()];
    total.extend(amounts(estimate.min_usd, estimate.expected_usd, estimate.max_usd));
    table.row(total);
    table.print("nothing to pay for");
    let tokens = estimate.tokens.prompt + estimate.tokens.completion;
    let verdict = if estimate.fits_budget { "within the budget" } else { "the most is beyond the budget" };
    out::line(&format!("about {tokens} tokens; {verdict}"));
    Ok(Exit::Success)
}

/// A budget of which only the limit is given.
pub(crate) fn limit(budget: Option<Money>) -> Option<BudgetOverride> {
    budget.map(|limit| BudgetOverride { limit_usd: Some(limit), ..BudgetOverride::default() })
}

/// The document's name, for looking it up.
pub(crate) fn name_of(document: &Value) -> &str {
    document.get("name").and_then(Value::as_str).unwrap_or_default()
}

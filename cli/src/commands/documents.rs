//! `validate`, `plan`, `estimate`: what can be said about a document without running it.

use crate::{
    args::{DocumentArgs, InputArgs},
    exit::{Exit, Result},
    inputs,
    out::{self, Table},
};
use nexus_api::{
    CallCtx, Planner,
    planner::{Basis, Estimate, Target},
};
use nexus_model::{Money, Problem, document::BudgetOverride, execution::Tokens};
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
    show(&estimate);
    Ok(Exit::Success)
}

/// An estimate as a table, and in words what it rests on.
fn show(estimate: &Estimate) {
    let mut table =
        Table::new(&["node", "least", "expected", "most", "tokens", "likely", "rests on"], &[1, 2, 3, 4, 5]);
    let amounts = |least: Money, expected: Money, most: Money| [least, expected, most].map(short);
    let count = |tokens: Tokens| (tokens.prompt + tokens.completion).to_string();
    for node in &estimate.nodes {
        let mut row = vec![node.node_id.to_string()];
        row.extend(amounts(node.min_usd, node.expected_usd, node.max_usd));
        let basis = match node.basis {
            Basis::History => "earlier runs",
            Basis::Free => "",
            Basis::Assumed => "assumptions",
        };
        let basis = if node.priced { basis } else { "a model without a price, taken for free" };
        row.extend([count(node.tokens), format!("{:.0} %", node.probability * 100.0), basis.to_owned()]);
        table.row(row);
    }
    let mut total = vec!["total".to_owned()];
    total.extend(amounts(estimate.min_usd, estimate.expected_usd, estimate.max_usd));
    total.extend([count(estimate.tokens), String::new(), String::new()]);
    table.row(total);
    table.print("nothing to pay for");
    let verdict = match (estimate.limit_usd, estimate.fits_budget, estimate.likely_fits) {
        (None, true, _) => "there is no budget".to_owned(),
        (limit, true, _) => format!("even the most is within the budget{}", of(limit)),
        (limit, false, true) => {
            format!("the expected is within the budget{}, the most is beyond it", of(limit))
        }
        (limit, false, false) => format!("the expected is beyond the budget{}", of(limit)),
    };
    let learned = match estimate.history_runs {
        0 => "no earlier runs are known".to_owned(),
        1 => "learned from 1 earlier run".to_owned(),
        runs => format!("learned from {runs} earlier runs"),
    };
    out::line(&format!("{verdict}; {learned}"));
}

fn of(limit: Option<Money>) -> String {
    limit.map(|limit| format!(" of {limit}")).unwrap_or_default()
}

/// An amount in as many decimals as matter: millionths of a dollar.
fn short(amount: Money) -> String {
    const MICRO: i64 = 1_000_000;
    // Upwards, so that what costs something is never shown as nothing.
    let micros = amount.picos().saturating_add(MICRO - 1) / MICRO;
    Money::from_picos(micros.saturating_mul(MICRO)).to_string()
}

/// A budget of which only the limit is given.
pub(crate) fn limit(budget: Option<Money>) -> Option<BudgetOverride> {
    budget.map(|limit| BudgetOverride { limit_usd: Some(limit), ..BudgetOverride::default() })
}

/// The document's name, for looking it up.
pub(crate) fn name_of(document: &Value) -> &str {
    document.get("name").and_then(Value::as_str).unwrap_or_default()
}

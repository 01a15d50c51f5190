//! What is wrong with which document: a valid one, a change to it, and the problems that must be found then, no
//! more and no fewer.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test ends with a panic when something is off"
)]

#[path = "invalid_documents/contents.rs"]
mod contents;

use nexus_model::{limits::Limits, price::PriceBook, problem::Report};
use serde_json::{Value, json};

/// Valid, with one of everything.
fn base() -> Value {
    json!({
        "schema_version": 1, "name": "Base", "description": "",
        "inputs": {"type": "object", "properties": {"topic": {"type": "string"}}, "additionalProperties": false},
        "budget": {"limit_usd": 0.5, "warn_at": 0.8, "on_exhausted": "stop"},
        "graph": {
            "nodes": [
                {"id": "draft", "type": "agent", "name": "Draft", "position": {"x": 0, "y": 0},
                 "config": {"model": "demo/small", "fallbacks": ["demo/large"], "system": "Write.",
                            "prompt": "About {{ inputs.topic }}{% if feedback %}{{ feedback.message }}{% endif %} {{ memory }}",
                            "temperature": 0.2, "max_tokens": 800, "checks": ["size(output.text) > 3"],
                            "memory": {"recall": {"query": "{{ inputs.topic }}"}, "store": true}, "max_tool_rounds": 8},
                 "policy": {"timeout_seconds": 60, "retry": {"max_attempts": 3, "factor": 2.0}, "on_error": "fail",
                            "default_output": null, "budget_usd": 0.05, "join": "all"}},
                {"id": "good", "type": "conditional",
                 "config": {"cases": [{"handle": "yes", "when": "nodes.draft.output.text.contains('Nexus')"}], "else": "no"}},
                {"id": "fetch", "type": "tool",
                 "config": {"tool": "http_request", "method": "GET", "url": "https://example.com/{{ inputs.topic | urlencode }}",
                            "headers": {"x-run": "{{ execution.id }}"}}},
                {"id": "search", "type": "tool",
                 "config": {"tool": "http_request", "url": "https://example.com/?q={{ args.q }}", "description": "Searches.",
                            "parameters": {"type": "object", "properties": {"q": {"type": "string"}}, "additionalProperties": false}}},
                {"id": "review", "type": "agent",
                 "config": {"model": "demo/small", "prompt": "Judge {{ nodes.draft.output.text }}",
                            "output_schema": {"type": "object", "properties": {"ok": {"type": "boolean"}}, "required": ["ok"]},
                            "checks": ["output.ok"]},
                 "policy": {"backtrack": {"to": "draft", "max": 2}}},
                {"id": "count", "type": "tool",
                 "config": {"tool": "python", "code": "def run(inputs):\n    return 1\n", "inputs": {"a": "{{ nodes.review.output.ok }}"}}},
                {"id": "keep", "type": "tool", "config": {"tool": "memory_store", "text": "{{ nodes.count.output }}", "metadata": {}}}
            ],
            "edges": [
                {"id": "e0", "source": "draft", "target": "good"},
                {"id": "e1", "source": "good", "target": "fetch", "source_handle": "yes"},
                {"id": "e2", "source": "search", "target": "draft", "target_handle": "tools"},
                {"id": "e3", "source": "draft", "target": "review"},
                {"id": "e4", "source": "review", "target": "count"},
                {"id": "e5", "source": "count", "target": "keep"}
            ]
        }
    })
}

fn validate(document: &Value) -> Report {
    nexus_plan::validate(document, &Limits::default(), &PriceBook::builtin())
}

/// Sets what stands at the pointer; `-` at its end appends, `null` inside `REMOVE` removes.
fn change(document: &mut Value, pointer: &str, value: Value) {
    let (parent, last) = pointer.rsplit_once('/').expect("a pointer with a parent");
    let last = last.replace("~1", "/");
    match document.pointer_mut(parent).unwrap_or_else(|| panic!("{parent}")) {
        Value::Object(members) if value == json!(REMOVE) => drop(members.remove(&last)),
        Value::Object(members) => drop(members.insert(last, value)),
        Value::Array(items) if last == "-" => items.push(value),
        Value::Array(items) if value == json!(REMOVE) => drop(items.remove(last.parse().unwrap())),
        Value::Array(items) => items[last.parse::<usize>().unwrap()] = value,
        other => panic!("{pointer}: {other}"),
    }
}

const REMOVE: &str = "\u{0}remove";

/// Changes, then the problems as `code path`.
type Row = (Vec<(&'static str, Value)>, Vec<String>);

fn one(pointer: &'static str, value: Value, problem: &'static str) -> Row {
    (vec![(pointer, value)], vec![problem.to_owned()])
}

/// The problem is at the very place of the change.
fn at(pointer: &'static str, value: Value, code: &'static str) -> Row {
    (vec![(pointer, value)], vec![format!("{code} {pointer}")])
}

fn many(changes: Vec<(&'static str, Value)>, problems: Vec<&str>) -> Row {
    (changes, problems.into_iter().map(str::to_owned).collect())
}

fn found(problems: &[nexus_model::Problem]) -> Vec<String> {
    problems.iter().map(|problem| format!("{} {}", problem.code, problem.path)).collect()
}

fn check(rows: Vec<Row>, of: impl Fn(&Report) -> &[nexus_model::Problem]) {
    let mut wrong = Vec::new();
    for (changes, mut expected) in rows {
        let mut document = base();
        for (pointer, value) in &changes {
            change(&mut document, pointer, value.clone());
        }
        let report = validate(&document);
        let mut problems = found(of(&report));
        problems.sort();
        expected.sort();
        if problems != expected {
            wrong.push(format!("{changes:?}\n  expected {expected:?}\n  found    {:#?}", of(&report)));
        }
        assert_eq!(report.valid, report.errors.is_empty());
        for problem in report.errors.iter().chain(&report.warnings) {
            assert!(
                !problem.message.is_empty()
                    && problem.code.chars().all(|c| c.is_ascii_lowercase() || c == '_'),
                "{problem:?}"
            );
            let in_node = problem.path.strip_prefix("/graph/nodes/").and_then(|rest| rest.split('/').next());
            if let Some(node) = in_node.and_then(|ix| document.pointer(&format!("/graph/nodes/{ix}"))) {
                let id =
                    node.get("id").and_then(Value::as_str).filter(|id| nexus_model::NodeId::new(id).is_ok());
                assert_eq!(problem.node_id.as_ref().map(nexus_model::NodeId::as_str), id, "{problem:?}");
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_base_is_valid_and_so_is_the_contracts_example() {
    let report = validate(&base());
    assert_eq!((found(&report.errors), found(&report.warnings)), (vec![], vec![]));
    let mut example = base();
    change(&mut example, "/graph/nodes/0/config/model", json!("openai/gpt-5.6-luna"));
    change(&mut example, "/graph/nodes/0/config/fallbacks", json!(["anthropic/claude-haiku-5-5"]));
    assert_eq!(found(&validate(&example).errors), Vec::<String>::new());
    let smallest = json!({"graph": {"nodes": [{"id": "a", "type": "agent", "config": {"model": "demo/small", "prompt": "hi"}}]}});
    assert_eq!(validate(&smallest), Report { valid: true, ..Report::default() });
}

#[test]
fn shapes() {
    check(
        vec![
            at("/name", json!(3), "wrong_type"),
            at("/name", json!(null), "wrong_type"),
            at("/nmae", json!("x"), "unknown_field"),
            at("/a~1b", json!("x"), "unknown_field"),
            at("/schema_version", json!(2), "schema_version_unsupported"),
            at("/inputs", json!("x"), "wrong_type"),
            at("/inputs", json!({"type": "nonsense"}), "schema_invalid"),
            at("/inputs", json!({"$ref": "https://example.com/x"}), "schema_invalid"),
            at("/budget", json!(3), "wrong_type"),
            at("/budget/limit", json!(3), "unknown_field"),
            at("/budget/limit_usd", json!(0), "out_of_range"),
            at("/budget/limit_usd", json!(-1), "out_of_range"),
            at("/budget/limit_usd", json!("0.5"), "wrong_type"),
            at("/budget/warn_at", json!(1.5), "out_of_range"),
            at("/budget/warn_at", json!(-0.1), "out_of_range"),
            at("/budget/on_exhausted", json!("halt"), "unknown_value"),
            at("/graph", json!(REMOVE), "missing_field"),
            at("/graph", json!([]), "wrong_type"),
            at("/graph/nodes", json!(REMOVE), "missing_field"),
            at("/graph/nodes", json!({}), "wrong_type"),
            at("/graph/edges", json!("x"), "wrong_type"),
            at("/graph/groups", json!([]), "unknown_field"),
            at("/graph/nodes/2", json!("x"), "wrong_type").and("unknown_node /graph/edges/1/target"),
            at("/graph/nodes/6/id", json!(REMOVE), "missing_field").and("unknown_node /graph/edges/5/target"),
            at("/graph/nodes/6/id", json!("2x"), "invalid_id").and("unknown_node /graph/edges/5/target"),
            at("/graph/nodes/6/id", json!(7), "wrong_type").and("unknown_node /graph/edges/5/target"),
            at("/graph/nodes/0/type", json!(REMOVE), "missing_field"),
            at("/graph/nodes/0/type", json!("agnet"), "unknown_value"),
            at("/graph/nodes/0/config", json!(REMOVE), "missing_field"),
            at("/graph/nodes/0/config", json!("x"), "wrong_type"),
            at("/graph/nodes/2/config", json!(null), "wrong_type"),
            at("/graph/nodes/0/extra", json!(1), "unknown_field"),
            at("/graph/nodes/0/name", json!(1), "wrong_type"),
            at("/graph/nodes/0/position/x", json!(REMOVE), "missing_field"),
            at("/graph/nodes/0/position/z", json!(1), "unknown_field"),
            at("/graph/nodes/0/position/y", json!("1"), "wrong_type"),
            at("/graph/edges/0", json!(1), "wrong_type")
                .and("reference_not_ancestor /graph/nodes/1/config/cases/0/when"),
            at("/graph/edges/5/source", json!(REMOVE), "missing_field")
                .and("reference_not_ancestor /graph/nodes/6/config/text"),
            at("/graph/edges/5/label", json!("x"), "unknown_field"),
            at("/graph/edges/5/id", json!(5), "wrong_type"),
            at("/graph/edges/5/target", json!("a b"), "invalid_id")
                .and("reference_not_ancestor /graph/nodes/6/config/text"),
        ],
        |report| &report.errors,
    );
}

#[test]
fn configurations() {
    check(
        vec![
            at("/graph/nodes/0/config/model", json!(REMOVE), "missing_field"),
            at("/graph/nodes/0/config/model", json!(""), "empty_value"),
            at("/graph/nodes/0/config/prompt", json!(REMOVE), "missing_field"),
            at("/graph/nodes/0/config/prompt", json!("  "), "empty_value"),
            at("/graph/nodes/0/config/promt", json!("x"), "unknown_field"),
            at("/graph/nodes/0/config/prompt", json!("x".repeat(70_000)), "template_too_long"),
            at("/graph/nodes/0/config/temperature", json!(2.5), "out_of_range"),
            at("/graph/nodes/0/config/temperature", json!("0"), "wrong_type"),
            at("/graph/nodes/0/config/max_tokens", json!(0), "out_of_range"),
            at("/graph/nodes/0/config/max_tokens", json!(10.5), "out_of_range"),
            at("/graph/nodes/0/config/max_tokens", json!(null), "wrong_type"),
            at("/graph/nodes/0/config/max_tool_rounds", json!(0), "out_of_range"),
            at("/graph/nodes/0/config/fallbacks", json!("demo/large"), "wrong_type"),
            at("/graph/nodes/0/config/fallbacks/0", json!(1), "wrong_type"),
            at("/graph/nodes/0/config/checks/0", json!(true), "wrong_type"),
            at("/graph/nodes/0/config/checks/0", json!("1".repeat(9_000)), "expression_too_long"),
            at("/graph/nodes/0/config/memory/recall/query", json!(REMOVE), "missing_field"),
            at("/graph/nodes/0/config/memory/recall/top_k", json!(0), "out_of_range"),
            at("/graph/nodes/0/config/memory/recall/scope", json!("all"), "unknown_value"),
            at("/graph/nodes/0/config/memory/store", json!("yes"), "wrong_type"),
            at("/graph/nodes/4/config/output_schema", json!({"minimum": "x"}), "schema_invalid"),
            at("/graph/nodes/4/config/output_schema", json!([]), "wrong_type"),
            at("/graph/nodes/3/config/parameters", json!({"type": "string"}), "schema_invalid"),
            at("/graph/nodes/2/config/tool", json!(REMOVE), "missing_field"),
            at("/graph/nodes/2/config/tool", json!("http_requst"), "unknown_value"),
            at("/graph/nodes/2/config/url", json!(REMOVE), "missing_field"),
            at("/graph/nodes/2/config/url", json!(""), "empty_value"),
            at("/graph/nodes/2/config/url", json!("example.com"), "url_invalid"),
            at("/graph/nodes/2/config/url", json!("file:///etc/passwd"), "url_invalid"),
            at("/graph/nodes/2/config/method", json!("FETCH"), "unknown_value"),
            at("/graph/nodes/2/config/method", json!("get"), "unknown_value"),
            at("/graph/nodes/2/config/headers", json!([]), "wrong_type"),
            at("/graph/nodes/2/config/headers/x-n", json!(1), "wrong_type"),
            at("/graph/nodes/2/config/headers/a b", json!("x"), "header_invalid"),
            at("/graph/nodes/2/config/fail_on_error_status", json!(0), "wrong_type"),
            at("/graph/nodes/2/config/timeout", json!(1), "unknown_field"),
            one(
                "/graph/nodes/2/config",
                json!({"tool": "scraper"}),
                "missing_field /graph/nodes/2/config/job_id",
            ),
            one(
                "/graph/nodes/2/config",
                json!({"tool": "scraper", "job_id": "7"}),
                "invalid_id /graph/nodes/2/config/job_id",
            ),
            one(
                "/graph/nodes/2/config",
                json!({"tool": "memory_recall"}),
                "missing_field /graph/nodes/2/config/query",
            ),
            one(
                "/graph/nodes/2/config",
                json!({"tool": "template"}),
                "missing_field /graph/nodes/2/config/template",
            ),
            at("/graph/nodes/6/config/text", json!(REMOVE), "missing_field"),
            at("/graph/nodes/6/config/metadata", json!([]), "wrong_type"),
            at("/graph/nodes/5/config/code", json!(REMOVE), "missing_field"),
            at("/graph/nodes/5/config/code", json!("x = 1"), "python_without_run"),
            at("/graph/nodes/5/config/inputs", json!("x"), "wrong_type"),
            at("/graph/nodes/5/config/idempotent", json!(1), "wrong_type"),
            at("/graph/nodes/1/config/cases", json!(REMOVE), "missing_field"),
            at("/graph/nodes/1/config/cases", json!([]), "cases_empty")
                .and("handle_unknown /graph/edges/1/source_handle"),
            at("/graph/nodes/1/config/cases/0/when", json!(REMOVE), "missing_field"),
            at("/graph/nodes/1/config/cases/0/then", json!(1), "unknown_field"),
            at("/graph/nodes/1/config/else", json!(""), "empty_value"),
        ],
        |report| &report.errors,
    );
}

#[test]
fn graphs() {
    check(
        vec![
            many(
                vec![("/graph/nodes", json!([])), ("/graph/edges", json!([]))],
                vec!["graph_empty /graph/nodes"],
            ),
            one("/graph/nodes/-", base()["graph"]["nodes"][6].clone(), "duplicate_node_id /graph/nodes/7/id")
                .and("reference_not_ancestor /graph/nodes/7/config/text"),
            at("/graph/edges/3/id", json!("e0"), "duplicate_edge_id"),
            at("/graph/edges/5/target", json!("kep"), "unknown_node")
                .and("reference_not_ancestor /graph/nodes/6/config/text"),
            one(
                "/graph/edges/-",
                json!({"source": "nobody", "target": "keep"}),
                "unknown_node /graph/edges/6/source",
            ),
            one("/graph/edges/-", json!({"source": "keep", "target": "keep"}), "self_loop /graph/edges/6"),
            one(
                "/graph/edges/-",
                json!({"source": "draft", "target": "review"}),
                "duplicate_edge /graph/edges/6",
            ),
            one("/graph/edges/-", json!({"source": "keep", "target": "review"}), "cycle /graph/edges/6"),
            one("/graph/edges/-", json!({"source": "count", "target": "draft"}), "cycle /graph/edges/6"),
            at("/graph/edges/1/source_handle", json!("maybe"), "handle_unknown"),
            at("/graph/edges/1/source_handle", json!(REMOVE), "handle_missing"),
            at("/graph/edges/3/source_handle", json!("yes"), "handle_not_allowed"),
            at("/graph/edges/3/target_handle", json!("input"), "target_handle_unknown"),
            one(
                "/graph/nodes/1/config/cases/-",
                json!({"handle": "yes", "when": "true"}),
                "duplicate_handle /graph/nodes/1/config/cases/1/handle",
            ),
            one(
                "/graph/edges/-",
                json!({"source": "review", "target": "draft", "target_handle": "tools"}),
                "attached_not_tool /graph/edges/6/source",
            )
            .and("attached_tool_is_step /graph/edges/3")
            .and("attached_tool_is_step /graph/edges/4")
            .and("backtrack_not_ancestor /graph/nodes/4/policy/backtrack/to")
            .and("reference_not_ancestor /graph/nodes/4/config/prompt")
            .and("reference_not_ancestor /graph/nodes/5/config/inputs/a"),
            at("/graph/edges/2/target", json!("good"), "attached_to_no_agent"),
            one(
                "/graph/edges/-",
                json!({"source": "search", "target": "fetch"}),
                "attached_tool_is_step /graph/edges/6",
            ),
            one(
                "/graph/edges/-",
                json!({"source": "draft", "target": "search"}),
                "attached_tool_is_step /graph/edges/6",
            ),
        ],
        |report| &report.errors,
    );
    let mut circle = base();
    change(&mut circle, "/graph/edges/-", json!({"source": "keep", "target": "review"}));
    let report = validate(&circle);
    assert!(report.errors[0].message.contains("review -> count -> keep -> review"), "{report:?}");
}

#[test]
fn everything_is_reported_at_once_and_with_advice() {
    let document = json!({
        "graph": {"nodes": [
            {"id": "a", "type": "agent", "config": {"modl": "demo/small", "prompt": "{{ inputs"}},
            {"id": "b", "type": "tool", "config": {"tool": "http_request", "url": ""}},
            {"id": "c", "type": "conditional", "config": {"cases": [{"handle": "x", "when": "nodes.zz.output"}]}},
        ], "edges": [{"source": "a", "target": "bb"}, {"source": "c", "target": "b", "source_handle": "y"}]},
        "extra": true
    });
    let report = validate(&document);
    let mut codes = found(&report.errors);
    codes.sort();
    assert_eq!(
        codes,
        [
            "empty_value /graph/nodes/1/config/url",
            "handle_unknown /graph/edges/1/source_handle",
            "missing_field /graph/nodes/0/config/model",
            "reference_unknown_node /graph/nodes/2/config/cases/0/when",
            "template_syntax /graph/nodes/0/config/prompt",
            "unknown_field /extra",
            "unknown_field /graph/nodes/0/config/modl",
            "unknown_node /graph/edges/0/target",
        ]
    );
    let advice = |code: &str| {
        report
            .errors
            .iter()
            .find(|p| p.code == code && p.suggestion.is_some())
            .and_then(|p| p.suggestion.clone())
    };
    assert_eq!(advice("unknown_node").as_deref(), Some("did you mean `b`?"));
    assert_eq!(advice("missing_field").as_deref(), Some("did you mean `model` where it says `modl`?"));
}

#[test]
fn limits_are_named() {
    let limits = Limits { nodes: 6, edges: 5, ..Limits::default() };
    let report = nexus_plan::validate(&base(), &limits, &PriceBook::builtin());
    assert_eq!(found(&report.errors), ["too_many_nodes /graph/nodes", "too_many_edges /graph/edges"]);
    assert!(report.errors[0].message.contains("at most 6"));
    let mut deep = json!(1);
    for _ in 0..10_000 {
        deep = Value::Array(vec![deep]);
    }
    let mut document = base();
    change(&mut document, "/graph/nodes/0/policy/default_output", deep);
    let report = validate(&document);
    assert_eq!(report.errors.iter().map(|p| p.code.as_str()).collect::<Vec<_>>(), ["too_deep"]);
    dismantle(document);
    for other in [json!(null), json!([]), json!("x"), json!(1)] {
        assert_eq!(found(&validate(&other).errors), ["wrong_type "], "{other}");
    }
}

/// Dropping a value that nests this deeply would itself overflow the stack.
fn dismantle(value: Value) {
    let mut todo = vec![value];
    while let Some(value) = todo.pop() {
        match value {
            Value::Array(items) => todo.extend(items),
            Value::Object(members) => todo.extend(members.into_iter().map(|(_, value)| value)),
            _ => {}
        }
    }
}

#[test]
fn drafts_need_only_their_outline() {
    let limits = Limits::default();
    for draft in [
        json!({}),
        json!({"name": "begun"}),
        json!({"graph": {"nodes": []}}),
        json!({"graph": {"nodes": [{"type": "agent"}]}}),
        json!({"graph": {"nodes": [{"id": "a b", "type": "robot"}], "edges": [{}]}, "extra": 1}),
    ] {
        assert_eq!(nexus_plan::well_formed(&draft, &limits), Ok(()), "{draft}");
    }
    for (other, path) in [
        (json!([]), ""),
        (json!({"graph": []}), "/graph"),
        (json!({"graph": {"nodes": {}}}), "/graph/nodes"),
        (json!({"graph": {"nodes": [1]}}), "/graph/nodes"),
        (json!({"graph": {"nodes": [], "edges": {}}}), "/graph/edges"),
        (json!({"graph": {"nodes": [], "edges": [1]}}), "/graph/edges"),
    ] {
        assert_eq!(nexus_plan::well_formed(&other, &limits).unwrap_err().path, path, "{other}");
    }
}

trait And {
    fn and(self, problem: &'static str) -> Self;
}

impl And for Row {
    fn and(mut self, problem: &'static str) -> Self {
        self.1.push(problem.to_owned());
        self
    }
}

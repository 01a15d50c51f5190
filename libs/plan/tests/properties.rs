//! Whatever comes in: checking a document ends, without panic, with an answer that
//! agrees with itself; and the plan agrees with a naive one.

use nexus_model::{Document, NodeId, limits::Limits, price::PriceBook};
use proptest::{collection::vec, prelude::*, sample::select};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[a-z_./{} ]{0,12}".prop_map(Value::from),
    ];
    let key = select(vec!["graph", "nodes", "edges", "id", "type", "config", "tool", "policy", "cases", "x"]);
    leaf.prop_recursive(6, 64, 6, move |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Value::Array),
            vec((key.clone(), inner), 0..6).prop_map(|members| Value::Object(
                members.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
            )),
        ]
    })
}

fn valid() -> Value {
    json!({"name": "n", "inputs": {"type": "object"}, "budget": {"limit_usd": 1}, "graph": {"nodes": [
        {"id": "a", "type": "agent", "config": {"model": "demo/small", "prompt": "{{ inputs.x }}", "checks": ["output.text != ''"],
            "memory": {"recall": {"query": "q"}}}, "policy": {"retry": {"max_attempts": 2}, "backtrack": null}},
        {"id": "c", "type": "conditional", "config": {"cases": [{"handle": "y", "when": "nodes.a.output.text == 'x'"}]}},
        {"id": "t", "type": "tool", "config": {"tool": "http_request", "url": "https://x.org", "headers": {"a": "b"}}},
        {"id": "r", "type": "agent", "config": {"model": "demo/large", "prompt": "x", "output_schema": {"type": "object"}},
            "policy": {"backtrack": {"to": "a"}}},
    ], "edges": [{"id": "e", "source": "a", "target": "c"}, {"source": "c", "target": "t", "source_handle": "y"}, {"source": "a", "target": "r"}]}})
}

/// Every place in a value.
fn pointers(value: &Value, at: String, found: &mut Vec<String>) {
    found.push(at.clone());
    match value {
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(ix, item)| pointers(item, format!("{at}/{ix}"), found))
        }
        Value::Object(members) => {
            members.iter().for_each(|(name, member)| pointers(member, format!("{at}/{name}"), found))
        }
        _ => {}
    }
}

fn looked_through(document: &Value) -> Result<(), TestCaseError> {
    let limits = Limits::default();
    let report = nexus_plan::validate(document, &limits, &PriceBook::builtin());
    let (read, problems) = nexus_plan::parse(document, &limits);
    prop_assert_eq!(report.valid, report.errors.is_empty());
    prop_assert_eq!(read.is_some(), problems.is_empty());
    prop_assert!(problems.iter().all(|problem| report.errors.contains(problem)), "{:?}", problems);
    prop_assert!(report.errors.iter().all(|problem| problem.code != "unreadable"), "{:?}", report);
    // The shape here and the types of the model agree, but for ranges, which only the shape knows.
    let typed = serde_json::from_value::<Document>(document.clone());
    match typed {
        Ok(document) => drop(nexus_plan::plan(&document)),
        Err(error) => prop_assert!(read.is_none() && !report.valid, "{}", error),
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_json_is_looked_through(document in any_json()) {
        looked_through(&document)?;
    }

    #[test]
    fn changed_documents_are_looked_through(
        changes in vec((any::<prop::sample::Index>(), any_json(), 0..4_u8), 1..4),
    ) {
        let mut document = valid();
        for (place, value, how) in changes {
            let mut places = Vec::new();
            pointers(&document, String::new(), &mut places);
            let place = place.get(&places);
            let Some(found) = document.pointer_mut(place) else { continue };
            match (how, found) {
                (0, Value::Object(members)) => drop(members.pop_first_member()),
                (1, Value::Object(members)) => drop(members.insert("extra".into(), value)),
                (1, Value::Array(items)) => items.push(value),
                (2, Value::Array(items)) => drop(items.pop()),
                (_, found) => *found = value,
            }
        }
        looked_through(&document)?;
    }

    #[test]
    fn the_plan_is_that_of_a_naive_planner(
        count in 1..24_usize,
        pairs in vec((0..24_usize, 0..24_usize), 0..60),
        order in any::<prop::sample::Index>(),
    ) {
        // Edges from smaller to larger names; the document lists the nodes rotated.
        let edges: BTreeSet<(usize, usize)> = pairs.into_iter()
            .map(|(a, b)| (a.min(b) % count, a.max(b) % count))
            .filter(|(a, b)| a < b)
            .collect();
        let mut nodes: Vec<usize> = (0..count).collect();
        nodes.rotate_left(order.index(count));
        let document = json!({"graph": {
            "nodes": nodes.iter().map(|n| json!({"id": format!("n{n}"), "type": "tool", "config": {"tool": "template", "template": ""}})).collect::<Vec<_>>(),
            "edges": edges.iter().map(|(a, b)| json!({"source": format!("n{a}"), "target": format!("n{b}")})).collect::<Vec<_>>(),
        }});
        prop_assert!(nexus_plan::validate(&document, &Limits::default(), &PriceBook::builtin()).valid);
        let plan = nexus_plan::plan(&serde_json::from_value(document).unwrap());

        let mut depth = BTreeMap::new();
        for node in 0..count {
            let before = edges.iter().filter(|(_, b)| *b == node).map(|(a, _)| depth[a] + 1).max();
            depth.insert(node, before.unwrap_or(0));
        }
        let groups: Vec<Vec<NodeId>> = (0..=*depth.values().max().unwrap())
            .map(|level| nodes.iter().filter(|n| depth[n] == level).map(|n| NodeId::new(&format!("n{n}")).unwrap()).collect())
            .collect();
        prop_assert_eq!(plan.max_parallelism, groups.iter().map(Vec::len).max().unwrap());
        prop_assert_eq!(plan.critical_path.len(), groups.len());
        let number = |id: &NodeId| id.as_str()[1..].parse::<usize>().unwrap();
        for pair in plan.critical_path.windows(2) {
            prop_assert!(edges.contains(&(number(&pair[0]), number(&pair[1]))));
        }
        prop_assert_eq!(plan.groups, groups);
        prop_assert_eq!(plan.node_count, count);
    }

    #[test]
    fn a_graph_with_a_circle_is_refused_and_names_it(count in 2..10_usize, more in vec((0..10_usize, 0..10_usize), 0..10)) {
        let mut edges: BTreeSet<(usize, usize)> = (0..count).map(|n| (n, (n + 1) % count)).collect();
        edges.extend(more.into_iter().map(|(a, b)| (a % count, b % count)).filter(|(a, b)| a != b));
        let edges: Vec<_> = edges.into_iter().collect();
        let document = json!({"graph": {
            "nodes": (0..count).map(|n| json!({"id": format!("n{n}"), "type": "tool", "config": {"tool": "template", "template": ""}})).collect::<Vec<_>>(),
            "edges": edges.iter().map(|(a, b)| json!({"source": format!("n{a}"), "target": format!("n{b}")})).collect::<Vec<_>>(),
        }});
        let report = nexus_plan::validate(&document, &Limits::default(), &PriceBook::builtin());
        let cycles: Vec<_> = report.errors.iter().filter(|problem| problem.code == "cycle").collect();
        prop_assert!(!cycles.is_empty());
        for cycle in cycles {
            let names: Vec<usize> = cycle.message.rsplit(": ").next().unwrap().split(" -> ").map(|n| n[1..].parse().unwrap()).collect();
            prop_assert_eq!(names.first(), names.last());
            prop_assert!(names.windows(2).all(|pair| edges.contains(&(pair[0], pair[1]))), "{}", cycle.message);
            let edge: usize = cycle.path.rsplit('/').next().unwrap().parse().unwrap();
            prop_assert!(names.windows(2).any(|pair| edges[edge] == (pair[0], pair[1])));
        }
        nexus_plan::plan(&serde_json::from_value(document).unwrap());
    }
}

trait PopFirst {
    fn pop_first_member(&mut self) -> Option<Value>;
}

impl PopFirst for Map<String, Value> {
    fn pop_first_member(&mut self) -> Option<Value> {
        let first = self.keys().next().cloned()?;
        self.remove(&first)
    }
}

//! Tests of conditions. Not here: the language itself.

use super::*;
use crate::Kind;
use serde_json::json;

fn example() -> Value {
    json!({
        "inputs": {"n": 3, "f": 3.0, "name": "Nexus", "list": [1, 2, 3], "big": u64::MAX, "empty": [], "nil": null},
        "nodes": {"draft": {"output": {"text": "About Nexus", "score": 0.75}}, "gone": {"output": null}},
        "output": {"score": 0.9, "text": "äöü", "items": [{"ok": true, "v": 1}, {"ok": false, "v": 2.5}]},
        "execution": {"id": "e-1"},
    })
}

fn eval_with(source: &str) -> Result<Value> {
    eval(source, &Context::from_value(&example()))
}

#[test]
fn conditions_over_json_read_naturally() {
    for source in [
        "output.score > 0.5",
        "size(output.text) == 3",
        "output.text.size() == 3",
        "nodes.draft.output.text.contains('Nexus')",
        "inputs.n == 3 && inputs.n == 3.0 && inputs.f == 3 && inputs.f == inputs.n",
        "inputs.n < 3.5 && inputs.f <= 3 && inputs.n >= 2.9 && 3u == inputs.n",
        "inputs.n != 4 && inputs.n != '3'",
        "inputs.big > 9223372036854775807",
        "has(output.score) && !has(output.nope)",
        "!has(nodes.gone.output.text)",
        "nodes.gone.output == null",
        "nodes.gone.output == null || nodes.gone.output.text == ''",
        "2 in inputs.list && !(5 in inputs.list) && 2.0 in inputs.list",
        "'score' in output && !('x' in output)",
        "inputs.n > 2 ? true : false",
        "output.items.all(i, i.v > 0)",
        "output.items.exists(i, i.ok)",
        "output.items.exists_one(i, i.ok)",
        "output.items.filter(i, i.ok).size() == 1",
        "output.items.map(i, i.v) == [1, 2.5]",
        "output.items.map(i, i.ok, i.v) == [1]",
        "inputs.list.map(x, x * 2) == [2, 4, 6]",
        "inputs.list[0] == 1 && inputs['name'] == 'Nexus'",
        "inputs.empty.all(x, x) && !inputs.empty.exists(x, x)",
        "output.all(key, key != '')",
        "inputs.name.startsWith('Ne') && inputs.name.endsWith('us') && inputs.name.matches('^N.x')",
        "matches(inputs.name, 'x')",
        "inputs.name.lowerAscii() == 'nexus' && ' a '.trim() == 'a'",
        "'a,b'.split(',') == ['a', 'b'] && ['a', 'b'].join('-') == 'a-b'",
        "int('3') == 3 && double('2.5') == 2.5 && string(3) == '3' && bool('true') && int(2.9) == 2",
        "type(inputs.n) == int && type(inputs.f) == double && type(null) == null_type",
        "1 + 2 * 3 == 7 && 7 / 2 == 3 && 7 % 2 == 1 && 7 / 2.0 == 3.5 && -inputs.n == -3",
        "'a' + 'b' == 'ab' && [1] + [2] == [1, 2]",
        "{'a': 1, 'b': [2]} == {'b': [2.0], 'a': 1}",
        "{'a': 1}.a == 1 && {1: 'x'}[1] == 'x'",
        "false && inputs.missing == 1 ? false : true",
        "inputs.missing == 1 || true",
        "[1, 'a'].exists(x, x == 'a')",
        "[0, 1].exists(x, 1 / x == 1)",
        "output == output && nodes.draft == nodes.draft",
        "size(nodes) == 2 && size([]) == 0",
        "'b' > 'a' && true > false",
    ] {
        assert_eq!(eval_with(source), Ok(json!(true)), "{source}");
    }
}

#[test]
fn values_come_out_as_json() {
    assert_eq!(
        eval_with("{'a': [1, 2.5, null, 'x'], 'b': output.score}").unwrap(),
        json!({"a": [1, 2.5, null, "x"], "b": 0.9})
    );
    assert_eq!(eval_with("nodes").unwrap(), example()["nodes"]);
    let draft = json!({"text": "t"});
    let mut context = Context::new();
    context.set_node("draft", &draft).set_node("gone", &Value::Null);
    assert_eq!(
        eval("nodes", &context).unwrap(),
        json!({"draft": {"output": {"text": "t"}}, "gone": {"output": null}})
    );
    assert!(eval_bool("nodes.draft.output.text == 't' && nodes.gone.output == null", &context).unwrap());
}

#[test]
fn mistakes_are_told() {
    for (source, kind) in [
        ("", Kind::Syntax),
        ("1 +", Kind::Syntax),
        ("a b", Kind::Syntax),
        ("'open", Kind::Syntax),
        ("a = b", Kind::Syntax),
        ("foo(1)", Kind::Syntax),
        ("output.nope()", Kind::Syntax),
        ("size(1, 2)", Kind::Syntax),
        ("contains('a', 'b')", Kind::Syntax),
        ("b'bytes' == b'bytes'", Kind::Syntax),
        ("Message{a: 1}", Kind::Syntax),
        ("inputs.list.all(1, true)", Kind::Syntax),
        ("has(1)", Kind::Syntax),
        ("now() > 1", Kind::Syntax),
        ("missing", Kind::Undefined),
        ("inputs.missing == 1", Kind::Undefined),
        ("nodes.gone.output.text == ''", Kind::Undefined),
        ("inputs.list[9] == 1", Kind::Undefined),
        ("inputs.name > 1", Kind::Evaluation),
        ("1 / 0 == 1", Kind::Evaluation),
        ("9223372036854775807 + 1 > 0", Kind::Evaluation),
        ("!inputs.n", Kind::Evaluation),
        ("inputs.n && true", Kind::Evaluation),
        ("inputs.name.matches('(')", Kind::Evaluation),
        ("'a' in 'abc'", Kind::Evaluation),
        ("inputs.n", Kind::Evaluation),
        ("inputs.name", Kind::Evaluation),
    ] {
        let error = eval_bool(source, &Context::from_value(&example())).unwrap_err();
        assert_eq!(error.kind, kind, "{source}: {error}");
    }
}

#[test]
fn references_respect_locals() {
    for (source, expected) in [
        ("nodes.draft.output.text.contains(inputs.x)", vec!["nodes.draft.output.text", "inputs.x"]),
        ("nodes['draft'].output['a'].b == 1", vec!["nodes.draft.output.a.b"]),
        ("nodes[inputs.which].output", vec!["inputs.which", "nodes"]),
        ("inputs.list.all(nodes, nodes.x > output.y)", vec!["inputs.list", "output.y"]),
        ("has(output.a.b) ? type(output) == map : int == int", vec!["output.a.b", "output"]),
        ("{'k': inputs.a}['k'] + [inputs.b][0]", vec!["inputs.a", "inputs.b"]),
        ("1 == 1", vec![]),
    ] {
        let found: Vec<_> = references(source).unwrap().iter().map(ToString::to_string).collect();
        assert_eq!(found, expected, "{source}");
    }
}

#[test]
fn no_expression_runs_away() {
    let n = 4_000;
    for source in [
        "(".repeat(n),
        "[".repeat(n),
        format!("{}1", "!".repeat(n)),
        format!("{}1", "-".repeat(n)),
        format!("{}1", "!-".repeat(n)),
        format!("a{}", ".a".repeat(n)),
        format!("a{}", "[0]".repeat(n)),
        format!("a{}", "+a".repeat(n)),
        format!("a{}", " in a".repeat(n)),
        "1?1:".repeat(n),
        "a||".repeat(n),
        format!("{}{}", "(".repeat(300), ")".repeat(300)),
        format!("1{}", "+1".repeat(400)),
        format!("a{}", " in a".repeat(120)),
        format!("{}true{}", "[1].all(x, ".repeat(10), ")".repeat(10)),
        "x".repeat(100_000),
    ] {
        assert!(check(&source).is_err(), "{}", &source[..20]);
    }
    let data = json!({"inputs": {"list": vec![1; 100_000], "big": "x".repeat(1 << 20)}});
    for source in [
        "inputs.list.all(a, inputs.list.all(b, a == b))",
        "inputs.list.map(a, inputs.big + inputs.big).size() > 0",
        "inputs.list.all(a, inputs.big.contains('y') == false)",
        "inputs.list.all(a, inputs.big.matches('(x+x+)+y') == false)",
        "inputs.list.all(a, inputs.list == inputs.list)",
        "inputs.list.map(a, inputs.big.split('')) == []",
        "'x'.matches('((a{1000}){1000}){1000}')",
    ] {
        let error = eval_bool(source, &Context::from_value(&data)).unwrap_err();
        assert!(matches!(error.kind, Kind::Limit | Kind::Evaluation), "{source}: {error}");
    }
    assert!(eval_bool("inputs.list.all(a, a == 1 && a < 2)", &Context::from_value(&data)).unwrap());
    assert!(!eval_bool("inputs.big.matches('(x+x+)+y')", &Context::from_value(&data)).unwrap());
}

//! Tests of templates. Not here: the language itself.

use super::*;
use serde_json::json;

fn render_with(source: &str, context: &Value) -> Result<String> {
    render(source, &Context::from_value(context))
}

fn example() -> Value {
    json!({
        "inputs": {"topic": "ü & co", "n": 3, "price": 2.5, "tags": ["a", "b"], "html": "<b>"},
        "nodes": {"draft": {"output": {"text": "Hello", "score": 0.75, "parts": [{"k": "x"}, {"k": "y"}]}},
                  "gone": {"output": null}},
        "execution": {"id": "e-1"},
    })
}

#[test]
fn what_is_printed() {
    for (source, expected) in [
        ("plain } text %} #}\n", "plain } text %} #}\n"),
        ("{{ inputs.topic }}\n", "ü & co\n"),
        ("{{ inputs.topic | urlencode }}", "%C3%BC%20%26%20co"),
        ("{{ inputs.html }}", "<b>"),
        ("{{ inputs.n }} {{ inputs.price }} {{ inputs.n * 2 }} {{ true }}", "3 2.5 6 true"),
        ("{{ nodes.draft.output.parts }}", r#"[{"k":"x"},{"k":"y"}]"#),
        ("{{ nodes.draft.output }}", r#"{"parts":[{"k":"x"},{"k":"y"}],"score":0.75,"text":"Hello"}"#),
        ("{{ nodes.gone.output }}", "null"),
        ("{{ nodes['draft']['output']['text'] | upper }}", "HELLO"),
        ("{{ inputs.html | tojson }}", "\"<b>\""),
        ("{{ inputs.tags | tojson(indent=2) }}", "[\n  \"a\",\n  \"b\"\n]"),
        ("{% for tag in inputs.tags %}{{ loop.index }}{{ tag }}{% endfor %}", "1a2b"),
        ("{% for p in nodes.draft.output.parts %}{{ p.k }}{% endfor %}", "xy"),
        ("{{ nodes.draft.output.parts | map(attribute='k') | join('-') }}", "x-y"),
        ("{{ nodes.draft.output.text | replace('l', 'L') | indent(2, true) }}", "  HeLLo"),
        ("{% if inputs.missing is defined %}yes{% else %}no{% endif %}", "no"),
        ("{{ inputs.missing | default('d') }}", "d"),
        ("{{ 'x' if nodes.gone.output }}", ""),
        ("{% set a = inputs.n %}{{ a }}{% set b %}[{{ a }}]{% endset %}{{ b }}", "3[3]"),
        (
            "{% if inputs.n > 2 %}{% set size = 'big' %}{% else %}{% set size = 'small' %}{% endif %}{{ size }}",
            "big",
        ),
        ("{{ (inputs.price * inputs.n) | round(1) ~ ' USD' }}", "7.5 USD"),
        ("{{ inputs.price * 100 ~ '%' }}", "250.0%"),
        ("{{ '-' * 5 }}", "-----"),
        ("{{ inputs.tags[0] }}{{ inputs.tags | first }}{{ inputs.tags | length }}", "aa2"),
        ("{% for k, v in nodes.draft.output | items %}{{ k }};{% endfor %}", "parts;score;text;"),
        ("{# note #}{{ execution.id }}", "e-1"),
    ] {
        assert_eq!(render_with(source, &example()).as_deref(), Ok(expected), "{source}");
    }
}

#[test]
fn mistakes_are_told_with_their_line() {
    for (source, kind, line, part) in [
        ("a\n{{ inputs.missing }}", Kind::Undefined, 2, "missing"),
        ("{{ unknown }}", Kind::Undefined, 1, "unknown"),
        ("{{ nodes.gone.output.text }}", Kind::Undefined, 1, "text"),
        ("{{ nodes.other.output }}", Kind::Undefined, 1, "other"),
        ("\n\n{{ inputs. }}", Kind::Syntax, 3, ""),
        ("{% if %}", Kind::Syntax, 1, ""),
        ("{{ inputs.topic | nonsense }}", Kind::Syntax, 1, "nonsense"),
        ("{% include 'x' %}", Kind::Syntax, 1, "include"),
        ("{% macro m() %}{% endmacro %}", Kind::Syntax, 1, "macro"),
        ("{{ namespace() }}", Kind::Syntax, 1, "namespace"),
        ("{{ inputs.topic + 1 }}", Kind::Evaluation, 1, ""),
    ] {
        let error = render_with(source, &example()).unwrap_err();
        assert_eq!((error.kind, error.line), (kind, Some(line)), "{source}: {error}");
        assert!(error.message.contains(part), "{source}: {error}");
        assert!(!error.message.contains("minijinja"), "{error}");
    }
}

#[test]
fn references_respect_locals_and_subscripts() {
    for (source, expected) in [
        ("{{ inputs.a }} {{ inputs.a }}", vec!["inputs.a"]),
        (
            "{{ nodes.draft.output.text | replace(inputs.x, 'y') }}",
            vec!["nodes.draft.output.text", "inputs.x"],
        ),
        ("{{ nodes['draft'].output[0].text }}", vec!["nodes.draft.output"]),
        ("{{ nodes[inputs.which].output }}", vec!["inputs.which", "nodes"]),
        (
            "{% for nodes in inputs.list %}{{ nodes.x }}{% endfor %}{{ nodes.y }}",
            vec!["inputs.list", "nodes.y"],
        ),
        ("{% set output = inputs.a %}{{ output.text }}", vec!["inputs.a"]),
        ("{% if inputs.a %}{% set inputs = 1 %}{% endif %}{{ inputs.b }}", vec!["inputs.a", "inputs.b"]),
        ("{% with a = inputs.q %}{{ a.b }}{% endwith %}{{ a.c }}", vec!["inputs.q", "a.c"]),
        (
            "{% if feedback %}{{ feedback.message }}{% elif memory %}{{ loop }}{% endif %}",
            vec!["feedback", "feedback.message", "memory", "loop"],
        ),
        ("{{ x if y else z }} {{ a[b:c] }} {{ d is defined }} {{ e(f) }}", vec!["y", "x", "z"]),
        ("no tags", vec![]),
    ] {
        let found: Vec<String> = match references(source) {
            Ok(found) => found.iter().map(ToString::to_string).collect(),
            Err(error) => {
                assert!(source.contains("e(f)"), "{source}: {error}");
                continue;
            }
        };
        assert_eq!(found, expected, "{source}");
    }
    let lines: Vec<_> = references("{{ a }}\n{{ b }}").unwrap().iter().map(|r| r.line).collect();
    assert_eq!(lines, [1, 2]);
}

#[test]
fn only_what_is_mentioned_is_copied() {
    let huge = Value::String("x".repeat(50 << 20));
    let small = json!({"text": "hi"});
    let mut context = Context::new();
    context.set_node("huge", &huge).set_node("small", &small).set_owned("execution", json!({"id": 1}));
    let template = Template::compile("{{ nodes.small.output.text }}{{ execution.id }}").unwrap();
    assert_eq!(template.render(&context).unwrap(), "hi1");
    assert_eq!(render("{{ nodes | length }}", &Context::from_value(&example())).unwrap(), "2");
}

#[test]
fn no_template_takes_more_than_it_may() {
    let data = json!({"inputs": {"big": "x".repeat(1 << 20), "n": 1_000_000, "list": vec![0; 10_000]}});
    for source in [
        "{{ inputs.big ~ 'x' }}",
        "{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}",
        "{% for a in inputs.list %}{{ inputs.big }}{% endfor %}",
        "{% set t %}{% for a in inputs.list %}{{ inputs.big }}{% endfor %}{% endset %}",
        "{{ inputs.big | replace('x', inputs.big) }}",
        "{{ inputs.list | join(inputs.big) }}",
        "{{ inputs.big * inputs.n }}",
        "{{ 'x' * 100000000 }}",
        "{{ ((1, 2) * 50000000) | length }}",
        "{{ [inputs.big] * inputs.n }}",
        "{% for p in inputs | items %}{{ (p * inputs.n) | length }}{% endfor %}",
        "{{ inputs.list | batch(1000000000, 'x') }}",
        "{{ inputs.big | indent(1000000) }}",
        "{{ range(10000000) }}",
        "{{ inputs.list | map('replace', '0', inputs.big) }}",
        "{{ '%1000000000d' | format(1) }}",
        "{% macro d(x) %}{{ x }}{{ x }}{% endmacro %}{{ d(d(d(inputs.big))) }}",
        "{% for x in inputs.list recursive %}{{ loop([x]) }}{% endfor %}",
    ] {
        let error = render_with(source, &data).unwrap_err();
        assert!(!error.message.is_empty(), "{source}");
    }
    let mut doubling = String::from("{% set a = inputs.big %}");
    for _ in 0..40 {
        doubling += "{% set a = a ~ a %}";
    }
    assert_eq!(render_with(&(doubling + "{{ a }}"), &data).unwrap_err().kind, Kind::Limit);
    let mut nesting = String::from("{% set a = [1] %}");
    for _ in 0..40 {
        nesting += "{% set a = [a, a] %}";
    }
    assert_eq!(render_with(&(nesting + "{{ a }}"), &data).unwrap_err().kind, Kind::Limit);
}

#[test]
fn deep_templates_are_refused_before_they_are_parsed() {
    let n = 5_000;
    for source in [
        format!("{{{{ {} }}}}", "(".repeat(n)),
        format!("{{{{ a{} }}}}", "~a".repeat(n)),
        format!("{{{{ a{} }}}}", ".a".repeat(n)),
        format!("{{{{ a{} }}}}", "|upper".repeat(n)),
        format!("{{{{ {}1 }}}}", "-".repeat(n)),
        format!("{{{{ {}1 }}}}", "not ".repeat(n)),
        format!("{{{{ {}1 }}}}", "[".repeat(n)),
        format!("{{{{ {}1 }}}}", "1 if 1 else ".repeat(n)),
        "{% if a %}".repeat(n),
        format!("{{% if a %}}{}{{% endif %}}", "{% elif a %}".repeat(n)),
        "{% for a in b %}".repeat(n),
        "{% set a %}".repeat(n),
    ] {
        assert!(check(&source).is_err());
    }
}

#[test]
fn values_are_rendered_inside_out() {
    let rendered = render_value(
        &json!({"a": ["{{ inputs.n }}", 1, null], "{{ key }}": {"b": "{{ inputs.topic }}"}}),
        &Context::from_value(&example()),
    );
    assert_eq!(rendered.unwrap(), json!({"a": ["3", 1, null], "{{ key }}": {"b": "ü & co"}}));
    let template = ValueTemplate::compile(&json!(["{{ inputs.a }}", {"x": "{{ b }}"}])).unwrap();
    assert_eq!(template.references().iter().map(ToString::to_string).collect::<Vec<_>>(), ["inputs.a", "b"]);
    let big = json!({"inputs": {"n": "x".repeat(600 << 10)}});
    let error =
        render_value(&json!(["{{ inputs.n }}", "{{ inputs.n }}"]), &Context::from_value(&big)).unwrap_err();
    assert_eq!(error.kind, Kind::Limit);
}

#[test]
fn the_filters_and_tests_offered_are_those_there_are() {
    let env = base_environment().unwrap();
    let unknown = |result: std::result::Result<(), minijinja::Error>, kind: ErrorKind| {
        result.is_err_and(|error| error.kind() == kind)
    };
    for name in filters::FILTERS {
        let applied = env.empty_state().apply_filter(name, &[]).map(drop);
        assert!(!unknown(applied, ErrorKind::UnknownFilter), "{name}");
    }
    for name in filters::TESTS {
        let performed = env.empty_state().perform_test(name, &[]).map(drop);
        assert!(!unknown(performed, ErrorKind::UnknownTest), "{name}");
    }
}

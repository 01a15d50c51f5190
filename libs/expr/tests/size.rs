//! The bound on what a template prints holds, and is not absurd.
#![expect(clippy::unwrap_used, reason = "a test ends with a panic when something is not as it should be")]

use nexus_expr::{
    Context, Template,
    template::{Size, most_printed},
};
use nexus_model::price::bound::text_tokens;
use proptest::{collection::vec, prelude::*, sample::select};
use serde_json::{Value, json};

/// How long the value of a path is, exactly.
fn size_in(data: &Value, path: &[String]) -> Option<Size> {
    let value = path.iter().try_fold(data, |at, name| at.get(name))?;
    Some(match value {
        Value::String(text) => Size::text(text_tokens(text)),
        other => Size::value(text_tokens(&other.to_string())),
    })
}

fn bound(source: &str, data: &Value) -> Option<u64> {
    most_printed(source, &|path| size_in(data, path)).unwrap()
}

#[test]
fn plain_templates_have_tight_bounds() {
    let data = json!({"inputs": {"a": "hello", "n": 7, "list": ["one", "two"]}});
    for (source, most) in [
        ("no tags", 7),
        ("{{ inputs.a }}", 5),
        ("<{{ inputs.a | trim }}>", 7),
        ("{% if inputs.n > 3 %}{{ inputs.a }}{% else %}no{% endif %}", 5),
        ("{{ inputs.list | join(', ') }}", 13 + 7 * 2),
    ] {
        assert_eq!(bound(source, &data), Some(most), "{source}");
    }
    let looped = bound("{% for x in inputs.list %}- {{ x }}\n{% endfor %}", &data).unwrap();
    assert!((12..=60).contains(&looped), "{looped}");
    for unknown in ["{{ inputs.missing }}", "{{ 'a' * 9 }}", "{% for i in range(9) %}x{% endfor %}"] {
        assert_eq!(bound(unknown, &data), None, "{unknown}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 4_000, ..ProptestConfig::default() })]

    #[test]
    fn nothing_prints_more_than_its_bound(
        parts in vec(select(vec![
            "text ", "ﷺé\n", "{{ inputs.a }}", "{{ inputs.b.c }}", "{{ inputs }}", "{{ nodes.x.output.text }}", "{{ nodes.x.output }}",
            "{{ inputs.list | join('--') }}", "{{ inputs.list | join(inputs.a) }}", "{{ inputs.a | upper }}", "{{ inputs | upper }}",
            "{{ inputs.a | tojson }}", "{{ inputs.list | tojson }}", "{{ inputs.a | urlencode }}", "{{ inputs | escape }}",
            "{{ inputs.list | first }}", "{{ inputs.list | last | upper }}", "{{ inputs.a | list }}", "{{ inputs.list | reverse }}",
            "{{ inputs.a ~ inputs.list }}", "{{ inputs.a + inputs.a }}", "{{ inputs.list + inputs.list }}", "{{ inputs.n + 1 }}",
            "{{ inputs.list | map(attribute='c', default=inputs.a) }}", "{{ inputs.a | default('nothing') }}", "{{ inputs.list[0] }}",
            "{{ inputs.a[1:3] }}", "{{ [inputs.a, inputs.list] }}", "{{ inputs.a and inputs.n }}", "{{ inputs.n or inputs.a }}",
            "{{ inputs.list | length }}", "{{ inputs.list | sort }}", "{{ inputs.list | unique }}", "{{ inputs.a | split('l') }}",
            "{% for i in inputs.list %}{{ i }},{% endfor %}", "{% for i in inputs.list %}{{ loop.index }}{{ i | upper }}{{ inputs.a }}{% endfor %}",
            "{% for i in inputs.list %}{% for j in inputs.list %}{{ i }}{{ j }};{% endfor %}{% endfor %}",
            "{% for i in inputs.list %}{{ loop.previtem or '' }}{% else %}none{% endfor %}", "{% for i in inputs.a %}[{{ i }}]{% endfor %}",
            "{% for i in inputs.list %}{% for c in i %}{{ i }}{{ c }}{% endfor %}{% endfor %}", "{% for k in inputs.b %}{{ k }}{% endfor %}",
            "{% set s = inputs.a ~ '!' %}{{ s }}{{ s }}", "{% if inputs.n > 3 %}{{ inputs.a }}{% set s = inputs.list %}{% else %}{{ inputs.list }}{% endif %}",
            "{% if inputs.n > 3 %}{% set inputs = 'short' %}{% endif %}", "{% set c %}{{ inputs.a }}{{ inputs.a }}{% endset %}{{ c }}{{ c | tojson }}",
            "{% with w = inputs.list %}{{ w }}{% endwith %}", "{{ 'yes' if inputs.n > 3 else inputs.list }}", "{{ inputs.a | title }}",
            "{{ not inputs.a }}", "{{ inputs.n / 3 }}", "{{ inputs.a == 'x' }}", "{{ inputs.a | capitalize }}", "{{ inputs.b | tojson | tojson }}",
        ]), 1..8),
        a in "[a-zé'\"\\\\ΐﷺ\\u{1}\\u{301} <&]{0,12}",
        list in vec("[a-zΐﷺ\" ]{0,6}", 0..6),
        n in -5_i64..9,
        text in "[ -~é]{0,40}",
    ) {
        let items: Vec<Value> = list.iter().map(|item| json!(item)).collect();
        let data = json!({"inputs": {"a": a, "b": {"c": [a, {"d": n}]}, "list": items, "n": n}, "nodes": {"x": {"output": {"text": text}}}});
        let source = parts.concat();
        let Ok(template) = Template::compile(&source) else { return Ok(()) };
        if let (Ok(printed), Some(most)) = (template.render(&Context::from_value(&data)), bound(&source, &data)) {
            prop_assert!(text_tokens(&printed) <= most, "{source}\nprinted {} > {most}: {printed}", text_tokens(&printed));
        }
    }
}

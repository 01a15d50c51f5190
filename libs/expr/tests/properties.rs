//! Whatever the text: compiling and evaluating it ends, without panic.

use nexus_expr::{Condition, Context, Template};
use proptest::{collection::vec, prelude::*, sample::select};
use serde_json::json;

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_template_is_rendered_or_refused(
        source in prop_oneof![
            ".{0,80}",
            vec(select(vec!["{{", "}}", "{%", "%}", "{#", "#}", " if ", " for ", " in ", " set ", "endfor", "endif", "else", "elif",
                "inputs", ".x", "nodes", "[", "]", "(", ")", "|", "tojson", "join", "map", "range", "*", "~", "+", "-", "'a'", "9",
                "99999999", ",", "=", "==", "not ", "is ", "loop", "x", "raw", "endraw", "filter", "with", "\n", "{", "}", ":"]), 0..24)
                .prop_map(|parts| parts.join(" ")),
        ],
    ) {
        let data = json!({"inputs": {"x": ["a", 1, null]}, "nodes": {}});
        if let Ok(template) = Template::compile(&source) {
            let _ = template.render(&Context::from_value(&data));
        }
    }

    #[test]
    fn any_condition_is_evaluated_or_refused(
        source in prop_oneof![
            ".{0,80}",
            vec(select(vec!["inputs", ".x", "output", "(", ")", "[", "]", "{", "}", ".all(i, ", ".map(i, ", ".exists(i, ", "i", "size(",
                "has(", "?", ":", "&&", "||", "!", "-", "+", "*", "/", "%", "==", "<", ">=", " in ", "'a'", "b'a'", "r'\\'", "\"", "'''",
                "1", "2.5", "3u", "0x", "1e", "true", "null", ",", ".", "\\", "//", "`", "a.b{", "@"]), 0..24)
                .prop_map(|parts| parts.join("")),
        ],
    ) {
        let data = json!({"inputs": {"x": ["a", 1, null]}, "output": {"x": 2.5}});
        if let Ok(condition) = Condition::compile(&source) {
            let _ = condition.eval(&Context::from_value(&data));
        }
    }
}

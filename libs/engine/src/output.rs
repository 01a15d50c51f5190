//! From a model's text to a node's output, and the cut for events. Not here: asking again (`step`).

use crate::{EVENT_OUTPUT_BYTES, State, context};
use nexus_model::{document::NodeKind, execution::Failure, graph::NodeIx, limits::Limits};
use serde_json::{Value, json};

const SCHEMA_VIOLATION: &str = "schema_violation";
const SCHEMA_INVALID: &str = "schema_invalid";
const CHECK_FAILED: &str = "check_failed";

/// Whether this code means that an answer came but was not accepted.
pub(crate) fn is_rejection(code: &str) -> bool {
    [SCHEMA_VIOLATION, SCHEMA_INVALID, CHECK_FAILED].contains(&code)
}

/// The output that an answer makes, or the reason why the answer will not do.
pub(crate) fn of_answer(
    state: &State,
    node: NodeIx,
    text: &str,
    truncated: bool,
) -> Result<Value, Rejection> {
    let Some((_, agent)) = state.definition.agent(node) else {
        return Ok(json!({ "text": text }));
    };
    let output = match &agent.schema {
        None => json!({ "text": text }),
        Some(schema) => {
            let schema =
                schema.as_ref().map_err(|error| Rejection::new(SCHEMA_INVALID, error.to_string()))?;
            let value: Value = serde_json::from_str(text.trim()).map_err(|error| {
                let cause = if truncated { "; the answer was cut off at max_tokens" } else { "" };
                Rejection::new(SCHEMA_VIOLATION, format!("the answer is not JSON: {error}{cause}"))
            })?;
            schema.validate(&value).map_err(|violations| {
                let shown: Vec<String> = violations
                    .iter()
                    .take(5)
                    .map(|(path, message)| format!("{}: {message}", if path.is_empty() { "/" } else { path }))
                    .collect();
                Rejection::new(
                    SCHEMA_VIOLATION,
                    format!("the answer breaks the schema: {}", shown.join("; ")),
                )
            })?;
            value
        }
    };
    match rejected_by_checks(state, node, &output) {
        Some(rejection) => Err(Rejection { output: Some(output), ..rejection }),
        None => Ok(output),
    }
}

/// The first of the node's checks that does not hold for an output.
pub(crate) fn rejected_by_checks(state: &State, node: NodeIx, output: &Value) -> Option<Rejection> {
    let (_, agent) = state.definition.agent(node)?;
    agent.checks.iter().enumerate().find_map(|(nth, check)| {
        let mut context = context::of_node(state, node);
        context.set("output", output);
        let reason = match check.as_ref().map_err(Clone::clone).and_then(|check| check.eval_bool(&context)) {
            Ok(true) => return None,
            Ok(false) => format!("{} does not hold", named(state, node, nth)),
            Err(error) => format!("{} cannot be judged: {error}", named(state, node, nth)),
        };
        Some(Rejection::new(CHECK_FAILED, reason))
    })
}

fn named(state: &State, node: NodeIx, check: usize) -> String {
    match &state.definition.node(node).kind {
        NodeKind::Agent(agent) => agent.checks.get(check).map(|source| format!("the check `{source}`")),
        _ => None,
    }
    .unwrap_or_else(|| format!("check {check}"))
}

/// Whether an output is small and flat enough to be kept: what cannot be read back must not be written.
pub(crate) fn fits(output: &Value, limits: &Limits) -> Result<(), Failure> {
    let bytes = output.to_string().len();
    let (code, message) = if bytes > limits.output_bytes {
        (
            "output_too_large",
            format!("the output has {bytes} bytes; the limit output_bytes is {}", limits.output_bytes),
        )
    } else if nests_deeper(output, limits.json_depth) {
        (
            "output_too_deep",
            format!("the output nests deeper than the limit json_depth, {}", limits.json_depth),
        )
    } else {
        return Ok(());
    };
    Err(Failure { code: code.to_owned(), message, node_id: None })
}

fn nests_deeper(value: &Value, levels: usize) -> bool {
    let inside = |value: &Value| nests_deeper(value, levels - 1);
    match value {
        Value::Array(items) => levels == 0 || items.iter().any(inside),
        Value::Object(members) => levels == 0 || members.values().any(inside),
        _ => false,
    }
}

/// Why an answer will not do.
#[derive(Debug)]
pub(crate) struct Rejection {
    /// Stable code.
    pub(crate) code: &'static str,
    /// In a sentence; the model is told it as well.
    pub(crate) reason: String,
    /// The output it would have been, where it was one.
    pub(crate) output: Option<Value>,
}

impl Rejection {
    fn new(code: &'static str, reason: String) -> Self {
        Self { code, reason, output: None }
    }

    /// Whether one of the node's checks says no, rather than its schema.
    pub(crate) fn is_check(&self) -> bool {
        self.code == CHECK_FAILED
    }
}

/// The output as events carry it, and whether it was cut.
pub(crate) fn for_event(output: &Value) -> (Value, bool) {
    let text = match output.get("text") {
        Some(Value::String(text)) if output.as_object().is_some_and(|object| object.len() == 1) => text,
        _ => {
            let json = output.to_string();
            return if json.len() <= EVENT_OUTPUT_BYTES {
                (output.clone(), false)
            } else {
                (Value::from(cut(&json)), true)
            };
        }
    };
    if text.len() <= EVENT_OUTPUT_BYTES {
        (output.clone(), false)
    } else {
        (json!({ "text": cut(text) }), true)
    }
}

fn cut(text: &str) -> &str {
    let mut end = EVENT_OUTPUT_BYTES.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_that_are_too_large_or_too_deep_do_not_fit() {
        let limits = Limits { output_bytes: 100, json_depth: 3, ..Limits::default() };
        let code = |output: Value| fits(&output, &limits).map_err(|failure| failure.code);
        assert_eq!(code(json!({"a": {"b": [1, "x"]}})), Ok(()));
        assert_eq!(code(json!({"a": {"b": [[1]]}})), Err("output_too_deep".into()));
        assert_eq!(code(json!("x".repeat(99))), Err("output_too_large".into()));
    }

    #[test]
    fn long_outputs_are_cut_for_events_at_a_character() {
        let (short, was_cut) = for_event(&json!({"text": "hello"}));
        assert_eq!((short, was_cut), (json!({"text": "hello"}), false));
        let (long, was_cut) = for_event(&json!({ "text": "é".repeat(EVENT_OUTPUT_BYTES) }));
        assert!(was_cut);
        assert_eq!(long["text"].as_str().unwrap().len(), EVENT_OUTPUT_BYTES);
        let (object, was_cut) = for_event(&json!({ "rows": vec!["x".repeat(100); 1_000] }));
        assert!(was_cut && object.is_string());
    }
}

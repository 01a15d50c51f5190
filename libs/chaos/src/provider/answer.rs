//! What a model says: a text as long as the prompt's mark wants it, a value for a schema, calls of tools; and what
//! that used. Not here: how it goes wrong (`fate`), HTTP (`serve`).

use crate::dice::Dice;
use nexus_model::price::Usage;
use serde_json::{Value, json};

/// Whose call it is, read from the prompt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) execution: String,
    pub(super) job: u64,
    pub(super) node: String,
    /// How many tokens the answer is to have.
    pub(super) answer: u64,
}

impl Mark {
    /// The first mark in a text: `<<execution|job|node|answer>>`.
    pub(super) fn find(text: &str) -> Option<Self> {
        let (_, rest) = text.split_once("<<")?;
        let (mark, _) = rest.split_once(">>")?;
        let mut parts = mark.split('|');
        let execution = parts.next()?.to_owned();
        let job = parts.next()?.parse().ok()?;
        let node = parts.next()?.to_owned();
        let answer = parts.next()?.parse().ok()?;
        Some(Self { execution, job, node, answer })
    }
}

/// An answer.
pub(super) struct Answer {
    pub(super) text: String,
    pub(super) calls: Vec<Value>,
    pub(super) finish: &'static str,
    pub(super) usage: Usage,
}

const WORDS: [&str; 8] = ["nexus", "moves", "every", "step", "with", "care", "and", "proof"];

impl Answer {
    pub(super) fn of(body: &Value, mark: &Mark, dice: &mut Dice) -> Self {
        let cap = ["max_completion_tokens", "max_tokens"].iter().find_map(|name| body[*name].as_u64());
        let cap = cap.unwrap_or(u64::MAX);
        let mut calls = Vec::new();
        let mut text = if body["response_format"]["json_schema"].is_object() {
            // One answer in ten keeps to no schema.
            match dice.weighted(&[(55, 0), (35, 1), (10, 2)]) {
                Some(0) => json!({"approved": true, "note": "good"}).to_string(),
                Some(1) => json!({"approved": false, "note": "too long"}).to_string(),
                _ => json!({"approved": "maybe"}).to_string(),
            }
        } else {
            words(mark.answer)
        };
        let rounds = messages(body).filter(|message| message["tool_calls"].is_array()).count();
        let wanted = usize::try_from(Dice::new(mark.job, &[&"rounds"]).between(0, 3)).unwrap_or_default();
        if rounds < wanted && body["tools"].is_array() && body["tool_choice"] != "none" {
            calls = tool_calls(body, rounds, dice);
            text = String::new();
        }
        let said = |text: &str, calls: &[Value]| {
            let called: usize = calls.iter().map(|call| call["function"].to_string().len()).sum();
            ((text.len() + called) as u64).div_ceil(4).max(1)
        };
        let mut finish = if calls.is_empty() { "stop" } else { "tool_calls" };
        let mut output = said(&text, &calls);
        if output > cap {
            calls.clear();
            text.truncate(usize::try_from(cap.saturating_mul(4)).unwrap_or(usize::MAX).min(text.len()));
            finish = "length";
            output = said(&text, &calls).min(cap);
        }
        Self { text, calls, finish, usage: Usage { output, ..prompt_usage(body, dice) } }
    }

    /// Parts of the text as a stream sends them.
    pub(super) fn parts(&self, count: usize) -> Vec<String> {
        // Only plain letters are in it, so any place is a boundary.
        let size = self.text.len().div_ceil(count.max(1)).max(1);
        self.text.as_bytes().chunks(size).map(|part| String::from_utf8_lossy(part).into_owned()).collect()
    }
}

fn words(tokens: u64) -> String {
    let bytes = usize::try_from(tokens.saturating_mul(4)).unwrap_or_default();
    let mut text: String = WORDS.iter().cycle().flat_map(|word| [word, " "]).take(bytes).collect();
    text.truncate(bytes);
    text
}

fn messages(body: &Value) -> impl Iterator<Item = &Value> {
    body["messages"].as_array().into_iter().flatten()
}

/// One to three calls of the tools on offer; now and then with arguments that the tool does not take.
fn tool_calls(body: &Value, round: usize, dice: &mut Dice) -> Vec<Value> {
    let tools: Vec<&str> = body["tools"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|tool| tool["function"]["name"].as_str())
        .collect();
    (0..dice.between(1, 3))
        .filter_map(|nth| {
            let tool = dice.pick(&tools)?;
            let arguments =
                if dice.percent(10) { json!({"p": 1}) } else { json!({"q": format!("{round} {nth}")}) };
            Some(json!({"index": nth, "id": format!("call_{round}_{nth}"), "type": "function",
                "function": {"name": tool, "arguments": arguments.to_string()}}))
        })
        .collect()
}

/// What the prompt used: usually a token for four bytes, now and then one for each byte, which is the most a
/// tokenizer can make of it; part of it maybe from the provider's cache.
pub(super) fn prompt_usage(body: &Value, dice: &mut Dice) -> Usage {
    let contents =
        messages(body).filter_map(|message| message["content"].as_str()).map(str::len).sum::<usize>();
    let inputs = body["input"].as_str().map_or(0, str::len)
        + body["input"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .map(str::len)
            .sum::<usize>();
    let bytes = (contents + inputs) as u64;
    let prompt = if dice.percent(10) { bytes } else { bytes.div_ceil(4) }.max(1);
    let cached = if dice.percent(15) { prompt / 2 } else { 0 };
    Usage { input: prompt - cached, cached_input: cached, ..Usage::default() }
}

/// The counts as OpenAI gives them.
pub(super) fn wire_usage(usage: &Usage) -> Value {
    json!({"prompt_tokens": usage.prompt(), "completion_tokens": usage.output,
        "total_tokens": usage.prompt() + usage.output,
        "prompt_tokens_details": {"cached_tokens": usage.cached_input}})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_found() {
        let mark = Mark::find(r#"{"content":"a <<0192-x|17|n3|40>> b <<other|1|2|3>>"#).unwrap();
        assert_eq!(
            (mark.execution.as_str(), mark.job, mark.node.as_str(), mark.answer),
            ("0192-x", 17, "n3", 40)
        );
        assert_eq!(Mark::find("nothing << here"), None);
    }

    #[test]
    fn answers_keep_to_the_cap() {
        let mark = Mark { execution: "x".into(), job: 1, node: "n".into(), answer: 500 };
        for seed in 0..50 {
            let body =
                json!({"messages": [{"role": "user", "content": "write"}], "max_completion_tokens": 30});
            let answer = Answer::of(&body, &mark, &mut Dice::new(seed, &[]));
            assert_eq!((answer.finish, answer.usage.output, answer.text.len()), ("length", 30, 120));
            assert!(answer.usage.prompt() <= 5);
            assert_eq!(answer.parts(4).concat(), answer.text);
        }
    }
}

//! The words of the demo provider: honest about what they are, made of the prompt. Not here: structured answers.

use nexus_api::llm::{Message, Role};
use std::collections::HashMap;

/// Words that say nothing of a topic.
const STOP_WORDS: &[&str] = &[
    "about",
    "above",
    "after",
    "again",
    "answer",
    "because",
    "before",
    "being",
    "below",
    "between",
    "could",
    "demo",
    "every",
    "following",
    "given",
    "please",
    "prompt",
    "should",
    "their",
    "there",
    "these",
    "thing",
    "those",
    "three",
    "under",
    "until",
    "using",
    "where",
    "which",
    "while",
    "words",
    "would",
    "write",
    "without",
    "model",
    "short",
];

/// A text in answer to the prompt; a longer one if `long`.
pub(super) fn text(messages: &[Message], prompt: &str, long: bool) -> String {
    let topic = excerpt(prompt, 140);
    let keywords = keywords(prompt, if long { 5 } else { 3 });
    let mut text = String::from(
        "This is a demo answer: Nexus made it from the prompt by rule, without asking a language model.",
    );
    if topic.is_empty() {
        text.push_str(" The prompt is empty.");
    } else {
        text.push_str(&format!(" The prompt reads: “{topic}”"));
    }
    for message in messages.iter().filter(|message| message.role == Role::Tool) {
        text.push_str(&format!(" A tool answered: “{}”", excerpt(&message.content, 140)));
    }
    if let Some((last, rest)) = keywords.split_last() {
        let list = if rest.is_empty() { last.clone() } else { format!("{} and {last}", rest.join(", ")) };
        text.push_str(&format!(" It is about {list}."));
    }
    if long {
        for keyword in &keywords {
            text.push_str(&format!(
                "\n\nOn {keyword}: here a real model would say what there is to know about {keyword}, in a paragraph \
                 of about this length, and how it bears on the question."
            ));
        }
    }
    text.push_str(" Set a provider's API key and choose one of its models for a real answer.");
    text
}

/// The beginning of a text on one line, cut between words.
pub(super) fn excerpt(text: &str, most: usize) -> String {
    let mut out = String::new();
    for word in text.split_whitespace() {
        if out.chars().count() + word.chars().count() + 1 > most {
            if out.is_empty() {
                out.extend(word.chars().take(most));
            }
            out.push('…');
            break;
        }
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(word);
    }
    out
}

/// The words that stand out: the most frequent long ones, the earlier first.
pub(super) fn keywords(text: &str, most: usize) -> Vec<String> {
    let mut seen: HashMap<String, (usize, usize)> = HashMap::new();
    for (place, word) in text.split(|c: char| !c.is_alphanumeric()).enumerate() {
        let word = word.to_lowercase();
        if word.chars().count() >= 5 && !STOP_WORDS.contains(&word.as_str()) {
            seen.entry(word).or_insert((0, place)).0 += 1;
        }
    }
    let mut words: Vec<_> = seen.into_iter().collect();
    words.sort_by_key(|(_, (count, place))| (std::cmp::Reverse(*count), *place));
    words.into_iter().take(most).map(|(word, _)| word).collect()
}

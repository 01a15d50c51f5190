//! How the demo provider decides where a schema leaves a choice: by words of the prompt, the friendly way if they say
//! nothing, so that example workflows run through. Not here: the shape of values (`sample`).

use serde_json::Value;

/// Choices and the words of a prompt that speak for them.
const SIGNS: &[(&[&str], &[&str])] = &[
    (
        &["positive", "happy", "praise", "good"],
        &[
            "love",
            "great",
            "excellent",
            "good",
            "happy",
            "wonderful",
            "perfect",
            "thank",
            "amazing",
            "best",
            "fast",
        ],
    ),
    (
        &["negative", "unhappy", "complaint", "angry", "bad"],
        &[
            "hate",
            "terrible",
            "broken",
            "bad",
            "refund",
            "angry",
            "awful",
            "worst",
            "disappoint",
            "unhappy",
            "useless",
            "complain",
            "late",
            "damaged",
        ],
    ),
    (&["mixed"], &["but", "however", "although"]),
    (
        &["billing", "payment", "finance", "invoice"],
        &["invoice", "charge", "refund", "payment", "bill", "credit card", "price", "paid", "subscription"],
    ),
    (
        &["technical", "tech", "bug", "support", "incident", "engineering"],
        &[
            "error",
            "crash",
            "bug",
            "fail",
            "broken",
            "not work",
            "doesn't work",
            "login",
            "install",
            "timeout",
            "down",
        ],
    ),
    (
        &["account", "access", "security"],
        &["account", "password", "log in", "login", "locked", "sign in", "two-factor"],
    ),
    (
        &["sales", "order", "quote"],
        &["buy", "purchase", "order", "quote", "discount", "demo", "trial", "upgrade"],
    ),
    (
        &["shipping", "delivery", "logistics"],
        &["shipping", "delivery", "package", "parcel", "arrive", "tracking"],
    ),
    (
        &["feature", "feature_request", "idea"],
        &["feature", "wish", "would be nice", "could you add", "suggest"],
    ),
    (&["question", "how_to"], &["how do", "how can", "what is", "why", "where"]),
    (
        &["urgent", "high", "critical", "p1", "severe"],
        &["urgent", "asap", "immediately", "critical", "outage", "down", "emergency", "right now", "blocked"],
    ),
    (&["low", "minor", "p3", "p4"], &["minor", "typo", "whenever", "no rush", "small", "cosmetic"]),
    (&["spam"], &["winner", "lottery", "viagra", "free money", "click here"]),
];

/// Choices of a reviewer that let the work go on.
const FRIENDLY: &[&str] = &[
    "approve", "approved", "accept", "accepted", "pass", "passed", "yes", "ok", "publish", "done", "success",
];

/// Names of booleans that are better false.
const UNFRIENDLY: &[&str] = &[
    "reject",
    "spam",
    "error",
    "fail",
    "block",
    "toxic",
    "flag",
    "unsafe",
    "harmful",
    "needs_",
    "missing",
    "escalat",
    "duplicate",
    "invalid",
    "risk",
    "has_issue",
    "has_problem",
    "phishing",
    "fraud",
    "revision",
    "deny",
    "denied",
];

/// One of the values of an `enum`.
pub(super) fn one_of(values: &[Value], prompt: &str) -> Value {
    let prompt = prompt.to_lowercase();
    let mut best: Option<(usize, &Value)> = None;
    for value in values {
        let points = value.as_str().map_or(0, |text| points(&text.to_lowercase(), &prompt));
        // Only more points win: the first value stays on a draw.
        if best.is_none_or(|(most, _)| points > most) {
            best = Some((points, value));
        }
    }
    best.map(|(_, value)| value.clone()).unwrap_or_default()
}

fn points(choice: &str, prompt: &str) -> usize {
    if FRIENDLY.contains(&choice) {
        return 100;
    }
    let signs = SIGNS.iter().filter(|(choices, _)| choices.contains(&choice));
    let signs = signs.flat_map(|(_, words)| words.iter()).filter(|word| has_word(prompt, word)).count();
    // A prompt that lists the choices names each once; a second time means something.
    let named = prompt.matches(choice).count().saturating_sub(1);
    2 * signs + named
}

/// Whether a word of the text begins so.
fn has_word(text: &str, start: &str) -> bool {
    text.match_indices(start)
        .any(|(at, _)| text.get(..at).is_none_or(|before| !before.ends_with(char::is_alphanumeric)))
}

/// A boolean of this name.
pub(super) fn boolean(name: &str) -> bool {
    let name = name.to_lowercase();
    !UNFRIENDLY.iter().any(|word| name.contains(word))
}

/// A number of this name, before bounds are looked at.
pub(super) fn number(name: &str) -> f64 {
    let name = name.to_lowercase();
    match name.as_str() {
        _ if name.contains("confidence") || name.contains("probability") => 0.9,
        _ if name.contains("score") || name.contains("rating") || name.contains("grade") => 8.0,
        _ if name.contains("year") => 2026.0,
        _ if name.contains("price") || name.contains("amount") || name.contains("cost") => 42.0,
        _ => 3.0,
    }
}

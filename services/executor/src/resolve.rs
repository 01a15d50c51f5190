//! Secrets in a call: put in right before it is made, taken out of whatever comes back. Between the two nothing is
//! recorded, logged or sent elsewhere. Not here: where secrets are kept (`vault`), which tools may use them
//! (`nexus-plan`).

use crate::vault::Vault;
use base64::{
    Engine,
    engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD},
};
use nexus_api::{Code, Error, Result};
use nexus_engine::{CallFailure, Changed, Form, ToolWork};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// What `urlencode` leaves as it is.
const UNRESERVED: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');
/// The same for whole components.
const COMPONENT: &AsciiSet = &UNRESERVED.add(b'/');
/// Shortest piece of an encoded value that is looked for: shorter ones may be part of anything.
const LEAST_PIECE: usize = 6;

/// Work with its secrets in place, and what takes them out of its result. `None` if it needs none.
pub(crate) async fn resolve(
    vault: &Vault,
    workspace: &str,
    work: &ToolWork,
) -> Result<Option<(ToolWork, Redaction)>> {
    let mark = vault.mark();
    let changed = |changed: Changed| Error::new(Code::Invalid, changed.to_string()).reason("secret_changed");
    let mut names = BTreeSet::new();
    texts(work, &mut |text| mark.names(text, &mut names)).map_err(changed)?;
    if names.is_empty() {
        return Ok(None);
    }
    let names: Vec<String> = names.into_iter().collect();
    let values = vault.open(workspace, &names).await?;
    let put = |text: &str| {
        mark.replace(text, |form, name| {
            values.get(name).map(|value| written(form, value)).unwrap_or_default()
        })
    };
    let resolved = filled(work, &put).map_err(changed)?;
    Ok(Some((resolved, Redaction::new(&values))))
}

/// A value as the template would have written it.
fn written(form: Form, value: &str) -> String {
    match form {
        Form::Plain => value.to_owned(),
        Form::Url => utf8_percent_encode(value, UNRESERVED).to_string(),
        Form::Json => json_escaped(value),
    }
}

fn json_escaped(value: &str) -> String {
    let quoted = Value::from(value).to_string();
    quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or_default().to_owned()
}

/// Every text of the work that may hold secrets.
fn texts(work: &ToolWork, look: &mut impl FnMut(&str) -> Result<(), Changed>) -> Result<(), Changed> {
    match work {
        ToolWork::Http { url, headers, body, .. } => {
            look(url)?;
            headers.values().try_for_each(|value| look(value))?;
            body.iter().try_for_each(|body| within(body, look))
        }
        ToolWork::Python { inputs, .. } => within(inputs, look),
        ToolWork::Scraper { .. } | ToolWork::MemoryStore { .. } | ToolWork::MemoryRecall { .. } => Ok(()),
    }
}

fn within(value: &Value, look: &mut impl FnMut(&str) -> Result<(), Changed>) -> Result<(), Changed> {
    match value {
        Value::String(text) => look(text),
        Value::Array(items) => items.iter().try_for_each(|item| within(item, look)),
        Value::Object(members) => members.values().try_for_each(|member| within(member, look)),
        _ => Ok(()),
    }
}

/// The work with every text replaced.
fn filled(work: &ToolWork, put: &impl Fn(&str) -> Result<String, Changed>) -> Result<ToolWork, Changed> {
    let mut filled = work.clone();
    match &mut filled {
        ToolWork::Http { url, headers, body, .. } => {
            *url = put(url)?;
            for value in headers.values_mut() {
                *value = put(value)?;
            }
            if let Some(body) = body {
                fill(body, put)?;
            }
        }
        ToolWork::Python { inputs, .. } => fill(inputs, put)?,
        ToolWork::Scraper { .. } | ToolWork::MemoryStore { .. } | ToolWork::MemoryRecall { .. } => {}
    }
    Ok(filled)
}

fn fill(value: &mut Value, put: &impl Fn(&str) -> Result<String, Changed>) -> Result<(), Changed> {
    match value {
        Value::String(text) => *text = put(text)?,
        Value::Array(items) => items.iter_mut().try_for_each(|item| fill(item, put))?,
        Value::Object(members) => members.values_mut().try_for_each(|member| fill(member, put))?,
        _ => {}
    }
    Ok(())
}

/// Takes values out of texts: as they are, escaped for JSON or for addresses, and in base64, wherever in a longer text
/// they were when that was encoded.
pub(crate) struct Redaction {
    /// What to look for and what to put there, longest first.
    pieces: Vec<(String, String)>,
}

impl Redaction {
    fn new(values: &BTreeMap<String, String>) -> Self {
        let mut pieces: Vec<(String, String)> = Vec::new();
        for (name, value) in values {
            let shown = format!("[secret {name}]");
            pieces.push((value.clone(), shown.clone()));
            // A server answers with what it has understood, mostly without white space around it.
            pieces.push((value.trim().to_owned(), shown.clone()));
            let encoded = encodings(value).into_iter().filter(|piece| piece.len() >= LEAST_PIECE);
            pieces.extend(encoded.map(|piece| (piece, shown.clone())));
        }
        pieces.retain(|(piece, _)| !piece.is_empty());
        pieces.sort_by(|(a, _), (b, _)| b.len().cmp(&a.len()).then(a.cmp(b)));
        pieces.dedup_by(|(a, _), (b, _)| a == b);
        Self { pieces }
    }

    /// The text without the values.
    pub(crate) fn text(&self, text: String) -> String {
        let clean = self.pieces.iter().fold(text, |text, (piece, shown)| match text.contains(piece) {
            true => text.replace(piece, shown),
            false => text,
        });
        self.cut_off(clean)
    }

    /// The text without the beginning of a value at its end: somebody has cut it in the middle.
    fn cut_off(&self, text: String) -> String {
        let end = text.trim_end_matches(['.', '…', ' ']);
        let beginning = |piece: &str| {
            let lengths = (LEAST_PIECE..piece.len()).rev().filter(|length| piece.is_char_boundary(*length));
            lengths.into_iter().find(|length| end.ends_with(&piece[..*length]))
        };
        let found = self.pieces.iter().filter_map(|(piece, shown)| Some((beginning(piece)?, shown)));
        match found.max_by_key(|(length, _)| *length) {
            None => text,
            Some((length, shown)) => {
                format!("{}{shown}{}", &end[..end.len() - length], &text[end.len()..])
            }
        }
    }

    /// The value without the values, names of members included.
    pub(crate) fn value(&self, value: Value) -> Value {
        match value {
            Value::String(text) => self.text(text).into(),
            Value::Array(items) => items.into_iter().map(|item| self.value(item)).collect(),
            Value::Object(members) => {
                members.into_iter().map(|(name, member)| (self.text(name), self.value(member))).collect()
            }
            // a value made of digits alone comes back as a number
            Value::Number(number) => {
                let text = number.to_string();
                let clean = self.text(text.clone());
                if clean == text { Value::Number(number) } else { clean.into() }
            }
            other => other,
        }
    }

    /// The failure without the values.
    pub(crate) fn failure(&self, failure: CallFailure) -> CallFailure {
        CallFailure { message: self.text(failure.message), ..failure }
    }

    /// The port's failure without the values.
    pub(crate) fn error(&self, mut error: Error) -> Error {
        error.message = self.text(error.message);
        error.suggestion = error.suggestion.map(|suggestion| self.text(suggestion));
        for detail in &mut error.details {
            detail.path = self.text(std::mem::take(&mut detail.path));
            detail.message = self.text(std::mem::take(&mut detail.message));
        }
        error
    }
}

/// How else a value may come back.
fn encodings(value: &str) -> Vec<String> {
    let escaped = |set| utf8_percent_encode(value, set).to_string();
    // the digits of escapes, and nothing else
    let lower = |text: &str| {
        let mut pieces = text.split('%');
        let first = pieces.next().unwrap_or_default().to_owned();
        pieces.fold(first, |lower, piece| {
            let (digits, rest) = piece.split_at_checked(2).unwrap_or((piece, ""));
            format!("{lower}%{}{rest}", digits.to_ascii_lowercase())
        })
    };
    let mut found = vec![json_escaped(value), json_escaped(&json_escaped(value))];
    found.extend([value.to_lowercase(), value.to_uppercase()]);
    for set in [UNRESERVED, COMPONENT, NON_ALPHANUMERIC] {
        let text = escaped(set);
        found.extend([text.replace("%20", "+"), text]);
    }
    let escaped_lower: Vec<String> = found.iter().map(|text| lower(text)).collect();
    found.extend(escaped_lower);
    // what was escaped may have been encoded after that
    let plain: Vec<String> = found.iter().cloned().chain([value.to_owned()]).collect();
    for text in &plain {
        for offset in 0..3 {
            found.push(based(text, offset, |bytes| STANDARD_NO_PAD.encode(bytes)));
            found.push(based(text, offset, |bytes| URL_SAFE_NO_PAD.encode(bytes)));
        }
    }
    found.extend([hex(value), hex(value).to_ascii_uppercase()]);
    found
}

fn hex(value: &str) -> String {
    value.bytes().map(|byte| format!("{byte:02x}")).collect()
}

/// What of a longer text's base64 the value alone decides, if `offset` bytes (modulo 3) come before it.
fn based(value: &str, offset: usize, encode: impl Fn(&[u8]) -> String) -> String {
    let padded = [vec![0; offset], value.as_bytes().to_vec()].concat();
    let text = encode(&padded);
    // digits that bytes before it, or after it, have a part in
    let start = (offset * 8).div_ceil(6);
    let end = padded.len() * 8 / 6;
    text.get(start..end).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::engine::general_purpose::STANDARD;
    use serde_json::json;

    const VALUE: &str = "s3cr\"et/with &odd= chärs+";

    fn redaction(value: &str) -> Redaction {
        Redaction::new(&BTreeMap::from([("key".to_owned(), value.to_owned())]))
    }

    #[test]
    fn a_value_is_found_however_it_comes_back() {
        let redaction = redaction(VALUE);
        let component = utf8_percent_encode(VALUE, NON_ALPHANUMERIC).to_string();
        let forms = [
            VALUE.to_owned(),
            format!("Bearer {VALUE}."),
            json!({ "echo": VALUE }).to_string(),
            component.clone(),
            written(Form::Url, VALUE),
            component.replace("%20", "+"),
            component.to_ascii_lowercase(),
            STANDARD.encode(VALUE),
            STANDARD.encode(format!("u:{VALUE}")),
            STANDARD.encode(format!("me:{VALUE} and more")),
            STANDARD.encode(format!("you:{VALUE}")),
            hex(VALUE),
        ];
        for form in forms {
            let clean = redaction.text(form.clone());
            assert!(clean.contains("[secret key]"), "{form} stays {clean}");
            assert!(!clean.contains("s3cr"), "{form} stays {clean}");
        }
        let value = json!({ VALUE: [1, {"deep": format!("x{VALUE}")}] });
        assert_eq!(redaction.value(value), json!({"[secret key]": [1, {"deep": "x[secret key]"}]}));
        assert_eq!(
            self::redaction("123456").value(json!({"n": 1234567, "m": 5})),
            json!({"n": "[secret key]7", "m": 5})
        );
    }

    #[test]
    fn other_text_stays_as_it_is() {
        assert_eq!(redaction("0123456789").text("it was 012345...".into()), "it was [secret key]...");
        assert_eq!(redaction("0123456789").text("it was 01234".into()), "it was 01234");
        let text = "Bearer of good news: s3cret, 100 % of c2VjcmV0";
        assert_eq!(redaction(VALUE).text(text.into()), text);
        assert_eq!(redaction("abcd").text("YWJj is not YWJjZ".into()), "YWJj is not YWJjZ");
    }

    #[test]
    fn a_value_is_written_as_its_template_says() {
        assert_eq!(written(Form::Plain, "a\"b c/"), "a\"b c/");
        assert_eq!(written(Form::Url, "a\"b c/ü"), "a%22b%20c/%C3%BC");
        assert_eq!(written(Form::Json, "a\"b\n"), "a\\\"b\\n");
        assert_eq!(written(Form::Json, "\"q\""), "\\\"q\\\"");
    }
}

//! What the interpreter and we say to each other: length-prefixed JSON on two pipes of its own, never on stdout.
//! Everything that comes from a sandbox is taken for hostile here. Not here: the other end (`python/runner.py`).

use crate::{Entry, Reason};
use serde::{Deserialize, Serialize};
use serde_json::Value;

const MAGIC: &[u8; 4] = b"NXS1";
const HEADER: usize = 8;

/// What a frame may hold beside the value: names, messages, tracebacks, all cut by the runner.
pub(crate) const OVERHEAD: usize = 64 << 10;

/// What the interpreter is told.
#[derive(Debug, Serialize)]
pub(crate) struct Request<'a> {
    /// Must be in the answer: whoever writes without having been told is not the runner.
    pub(crate) nonce: &'a str,
    pub(crate) code: &'a str,
    pub(crate) entry: Entry,
    pub(crate) function: &'a str,
    pub(crate) argument: &'a Value,
    pub(crate) result_limit: usize,
    /// Port of the proxy on 127.0.0.1; no network if absent.
    pub(crate) proxy: Option<u16>,
}

/// What the interpreter answers.
#[derive(Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum Answer {
    /// Imports are done; sent once, before there is any untrusted code.
    Ready,
    Value {
        value: Value,
    },
    Exception {
        class: Box<str>,
        message: Box<str>,
        traceback: Box<str>,
        line: Option<u32>,
    },
    Syntax {
        message: String,
        line: u32,
    },
    NoFunction,
    ForbiddenImport {
        module: String,
        why: String,
        line: u32,
    },
    NotInstalled {
        module: String,
    },
    WrongShape {
        message: String,
    },
    TooLarge,
    Memory,
}

#[derive(Debug, Deserialize)]
struct Signed {
    nonce: String,
    #[serde(flatten)]
    answer: Answer,
}

/// The frame for a message; `None` if it is longer than a frame can be.
pub(crate) fn encode(message: &impl Serialize) -> Option<Vec<u8>> {
    let mut frame = vec![0; HEADER];
    serde_json::to_writer(&mut frame, message).ok()?;
    let length = u32::try_from(frame.len() - HEADER).ok()?;
    frame[..4].copy_from_slice(MAGIC);
    frame[4..HEADER].copy_from_slice(&length.to_le_bytes());
    Some(frame)
}

/// The length of the first frame in `bytes`, header included, once that is known.
pub(crate) fn length(bytes: &[u8]) -> Result<Option<usize>, Reason> {
    let Some(header) = bytes.get(..HEADER) else {
        return if MAGIC.starts_with(&bytes[..bytes.len().min(4)]) {
            Ok(None)
        } else {
            Err(Reason::InvalidResult)
        };
    };
    let (magic, length) = header.split_at(4);
    if magic != MAGIC {
        return Err(Reason::InvalidResult);
    }
    let length = length.try_into().map(u32::from_le_bytes).unwrap_or(u32::MAX);
    Ok(Some(usize::try_from(length).unwrap_or(usize::MAX).saturating_add(HEADER)))
}

/// The one answer that `bytes`, all that was ever written, consist of. `None` if nothing was written.
pub(crate) fn decode(bytes: &[u8], nonce: &str) -> Result<Option<Answer>, Reason> {
    if bytes.is_empty() {
        return Ok(None);
    }
    if length(bytes)? != Some(bytes.len()) {
        return Err(Reason::InvalidResult);
    }
    match serde_json::from_slice::<Signed>(&bytes[HEADER..]) {
        Ok(Signed { nonce: theirs, answer }) if theirs == nonce => Ok(Some(answer)),
        Ok(_) => Err(Reason::InvalidResult),
        Err(error) if error.to_string().starts_with("recursion limit") => {
            Err(Reason::WrongShape("the returned value is nested too deeply".to_owned()))
        }
        Err(_) => Err(Reason::InvalidResult),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn framed(value: &Value) -> Vec<u8> {
        encode(value).unwrap()
    }

    #[test]
    fn an_answer_comes_through() {
        let bytes = framed(&json!({"nonce": "n", "kind": "value", "value": [1, null]}));
        let Some(Answer::Value { value }) = decode(&bytes, "n").unwrap() else { panic!("no value") };
        assert_eq!(value, json!([1, null]));
        assert!(decode(b"", "n").unwrap().is_none());
    }

    #[test]
    fn whatever_else_is_written_is_refused() {
        let good = framed(&json!({"nonce": "n", "kind": "value", "value": 1}));
        let mut twice = good.clone();
        twice.extend_from_slice(&good);
        let mut trailing = good.clone();
        trailing.push(b'\n');
        let mut long = good.clone();
        long[4..8].copy_from_slice(&u32::MAX.to_le_bytes());
        let mut other = good.clone();
        other[0] = b'X';
        let cases = [
            twice,
            trailing,
            long,
            other,
            good[..good.len() - 1].to_vec(),
            b"{\"kind\": \"value\"}".to_vec(),
            b"N".to_vec(),
            framed(&json!({"nonce": "m", "kind": "value", "value": 1})),
            framed(&json!({"kind": "value", "value": 1})),
            framed(&json!({"nonce": "n", "kind": "surprise"})),
            framed(&json!([])),
        ];
        for bytes in cases {
            let refused = decode(&bytes, "n").unwrap_err();
            assert_eq!(refused, Reason::InvalidResult, "{}", String::from_utf8_lossy(&bytes));
        }
    }

    #[test]
    fn deep_values_are_wrong_rather_than_deadly() {
        let text = format!(
            "{{\"nonce\":\"n\",\"kind\":\"value\",\"value\":{}{}}}",
            "[".repeat(5000),
            "]".repeat(5000)
        );
        let mut bytes = b"NXS1".to_vec();
        bytes.extend_from_slice(&u32::try_from(text.len()).unwrap().to_le_bytes());
        bytes.extend_from_slice(text.as_bytes());
        assert!(matches!(decode(&bytes, "n"), Err(Reason::WrongShape(_))));
    }

    #[test]
    fn the_length_is_known_from_the_header_on() {
        assert_eq!(length(b"NX").unwrap(), None);
        assert!(length(b"NY").is_err());
        assert_eq!(length(b"NXS1\x02\0\0\0").unwrap(), Some(10));
    }
}

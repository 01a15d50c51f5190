//! Entity tags of workflows: the version as a strong tag. Not here: who refuses a stale one (the planner).

use crate::error::{Answer, Failure};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use nexus_api::Code;

/// The tag of a version.
pub(crate) fn of(version: u32) -> HeaderValue {
    // Digits and quotes are always a header value.
    HeaderValue::try_from(format!("\"{version}\"")).unwrap_or_else(|_| HeaderValue::from_static("\"\""))
}

/// What `If-Match` demands.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum IfMatch {
    /// `*`: any version.
    Any,
    /// One of these versions; tags that are none of ours, weak ones included, match nothing and are left out.
    Versions(Vec<u32>),
}

/// Reads `If-Match`; `None` if it is missing.
pub(crate) fn if_match(headers: &HeaderMap) -> Answer<Option<IfMatch>> {
    let Some(tags) = list(headers, header::IF_MATCH)? else { return Ok(None) };
    if tags == ["*"] {
        return Ok(Some(IfMatch::Any));
    }
    let mut versions = Vec::new();
    for tag in tags {
        match opaque(tag) {
            Some((false, text)) => versions.extend(version(text)),
            Some((true, _)) => {}
            None => {
                return Err(Failure::malformed("If-Match", "must be an entity tag in double quotes, or *")
                    .suggest("send the `ETag` of the workflow as you got it, e.g. \"3\""));
            }
        }
    }
    Ok(Some(IfMatch::Versions(versions)))
}

/// `If-Match` is missing where it must not be.
pub(crate) fn missing_if_match() -> Failure {
    Failure::new(Code::PreconditionRequired, "`If-Match` is missing").suggest(
        "send the `ETag` of the version you changed as `If-Match`, so that nobody's work is overwritten",
    )
}

/// Whether `If-None-Match` names this version: then the client has it already.
pub(crate) fn client_has(headers: &HeaderMap, current: &HeaderValue) -> bool {
    let Ok(Some(tags)) = list(headers, header::IF_NONE_MATCH) else { return false };
    let current = current.to_str().ok().and_then(opaque);
    tags.iter().any(|tag| *tag == "*" || opaque(tag).map(|(_, text)| text) == current.map(|(_, text)| text))
}

fn list(headers: &HeaderMap, name: HeaderName) -> Answer<Option<Vec<&str>>> {
    let mut tags = Vec::new();
    for value in headers.get_all(&name) {
        let text = value.to_str().map_err(|_| Failure::malformed(name.as_str(), "must be ASCII text"))?;
        // No tag of ours holds a comma, so splitting at them is safe for the ones that can match.
        tags.extend(text.split(',').map(str::trim).filter(|tag| !tag.is_empty()));
    }
    Ok((!tags.is_empty()).then_some(tags))
}

/// Whether the tag is weak, and what stands between its quotes.
fn opaque(tag: &str) -> Option<(bool, &str)> {
    let (weak, quoted) = tag.strip_prefix("W/").map_or((false, tag), |rest| (true, rest));
    Some((weak, quoted.strip_prefix('"')?.strip_suffix('"')?))
}

/// Only the spelling that we send: `"03"` is not version 3.
fn version(text: &str) -> Option<u32> {
    text.parse().ok().filter(|version: &u32| version.to_string() == text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, value.parse().unwrap())])
    }

    #[test]
    fn if_match_takes_strong_tags_of_ours() {
        let read = |value| if_match(&headers(header::IF_MATCH, value)).ok().flatten();
        assert_eq!(read("\"3\""), Some(IfMatch::Versions(vec![3])));
        assert_eq!(read("\"3\", \"4\", \"x\", W/\"5\", \"07\""), Some(IfMatch::Versions(vec![3, 4])));
        assert_eq!(read("*"), Some(IfMatch::Any));
        assert_eq!(read("3"), None);
        assert!(if_match(&headers(header::IF_MATCH, "3")).is_err());
        assert_eq!(if_match(&HeaderMap::new()).unwrap(), None);
    }

    #[test]
    fn if_none_match_compares_weakly() {
        let has = |value| client_has(&headers(header::IF_NONE_MATCH, value), &of(3));
        assert!(has("\"3\"") && has("W/\"3\"") && has("\"1\", \"3\"") && has("*"));
        assert!(!has("\"4\"") && !has("3"));
    }
}

//! Finds members of JSON objects that are there twice. Parsers keep the last one and say nothing, so that whoever wrote
//! the first wonders why it has no effect. Looks at the text, since a parsed value does not know any more.
//! Not here: whether the text is JSON at all.

use std::collections::HashSet;

/// Where one is in a text.
enum Place {
    /// In an object: the names so far, the one that is next or was last.
    Object(HashSet<String>, String),
    /// In an array, at this position.
    Array(usize),
}

/// JSON Pointer to the second of the first two members of one name. The text must be valid JSON.
pub fn duplicate_member(json: &[u8]) -> Option<String> {
    let (mut places, mut at, mut name_next): (Vec<Place>, usize, bool) = (Vec::new(), 0, false);
    while let Some(byte) = json.get(at) {
        let mut end = at + 1;
        match byte {
            b'{' => {
                places.push(Place::Object(HashSet::new(), String::new()));
                name_next = true;
            }
            b'[' => {
                places.push(Place::Array(0));
                name_next = false;
            }
            b'}' | b']' => {
                places.pop();
                name_next = false;
            }
            b',' => match places.last_mut() {
                Some(Place::Array(index)) => *index += 1,
                Some(Place::Object(..)) => name_next = true,
                None => {}
            },
            b'"' => {
                end = end_of_text(json, at);
                if name_next && let Some(Place::Object(names, name)) = places.last_mut() {
                    *name = serde_json::from_slice(json.get(at..end).unwrap_or_default()).unwrap_or_default();
                    name_next = false;
                    if !names.insert(name.clone()) {
                        return Some(pointer(&places));
                    }
                }
            }
            _ => {}
        }
        at = end;
    }
    None
}

/// One beyond the closing quote of the text that begins at `start`.
fn end_of_text(json: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while let Some(byte) = json.get(at) {
        match byte {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    json.len()
}

fn pointer(places: &[Place]) -> String {
    places.iter().fold(String::new(), |pointer, place| match place {
        Place::Array(index) => format!("{pointer}/{index}"),
        Place::Object(_, name) => format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_of_two_members_is_found_wherever_it_is() {
        for (json, path) in [
            (r#"{"a": 1, "a": 2}"#, "/a"),
            (r#"{"a": {"b": [0, {"c": 1, "d": {"x": 1}, "c": 2}]}}"#, "/a/b/1/c"),
            (r#"{"x/y~": 1, "\u0078/y~": 1}"#, "/x~1y~0"),
            (r#"[[], {"a\"": "a", "a\"": []}]"#, r#"/1/a""#),
            (r#"{"a": [], "b": {}, "a": 1}"#, "/a"),
            (r#"{"": 1, "": 1}"#, "/"),
        ] {
            assert_eq!(duplicate_member(json.as_bytes()).as_deref(), Some(path), "{json}");
        }
    }

    #[test]
    fn names_may_come_again_elsewhere() {
        for json in [
            r#"{"a": {"a": {"a": "a"}}, "b": {"a": 1}}"#,
            r#"[{"a": 1}, {"a": 1}]"#,
            r#"{"a": "b", "b": "a", "c": ["a", "a"], "d": "{\"a\":1,\"a\":2}"}"#,
            r#"{"a": "\"", "b": "\\"}"#,
            "[]",
            "",
            "1",
        ] {
            assert_eq!(duplicate_member(json.as_bytes()), None, "{json}");
        }
    }
}

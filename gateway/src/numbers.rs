//! Finds integers in a JSON text that an IEEE double cannot hold. Between the processes of a mesh numbers travel as
//! doubles, and most clients read them as such: whoever sends 9007199254740993 would get another number back.
//! Not here: fractions, which are rounded everywhere.

/// Where one is in a text.
enum Place<'a> {
    /// In an object, at the member with this name; the name as it is written, quotes included.
    Member(&'a [u8]),
    /// In an array, at this position.
    Item(usize),
}

/// JSON Pointer and digits of the first integer that does not fit. The text must be valid JSON.
pub(crate) fn inexact(json: &[u8]) -> Option<(String, String)> {
    let (mut places, mut at, mut name_next) = (Vec::new(), 0, false);
    while let Some(byte) = json.get(at) {
        let mut end = at + 1;
        match byte {
            b'{' => {
                places.push(Place::Member(b"\"\""));
                name_next = true;
            }
            b'[' => places.push(Place::Item(0)),
            b'}' | b']' => drop(places.pop()),
            b',' => match places.last_mut() {
                Some(Place::Item(index)) => *index += 1,
                Some(Place::Member(_)) => name_next = true,
                None => {}
            },
            b'"' => {
                end = end_of_text(json, at);
                if let Some(Place::Member(name)) = places.last_mut()
                    && name_next
                {
                    *name = json.get(at..end).unwrap_or_default();
                    name_next = false;
                }
            }
            b'-' | b'0'..=b'9' => {
                let rest = json.get(at..).unwrap_or_default();
                let number = rest.split(|byte| !is_of_number(*byte)).next().unwrap_or_default();
                end = at + number.len();
                if !fits(number) {
                    return Some((pointer(&places), String::from_utf8_lossy(number).into_owned()));
                }
            }
            _ => {}
        }
        at = end;
    }
    None
}

fn is_of_number(byte: u8) -> bool {
    matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E' | b'0'..=b'9')
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

/// Whether a number is the same as a double. Those with a point or an exponent are doubles by their spelling.
fn fits(number: &[u8]) -> bool {
    // The largest of which every smaller one fits has 16 digits.
    if number.len() < 16 || number.iter().any(|byte| matches!(byte, b'.' | b'e' | b'E')) {
        return true;
    }
    let Some(integer) = std::str::from_utf8(number).ok().and_then(|text| text.parse::<i128>().ok()) else {
        return false;
    };
    // A double holds 53 binary digits; zeros behind them are free.
    let digits = integer.unsigned_abs();
    digits == 0 || (128 - digits.leading_zeros() - digits.trailing_zeros()) <= 53
}

fn pointer(places: &[Place<'_>]) -> String {
    places.iter().fold(String::new(), |mut pointer, place| {
        pointer.push('/');
        match place {
            Place::Item(index) => pointer.push_str(&index.to_string()),
            Place::Member(name) => {
                let name: String = serde_json::from_slice(name).unwrap_or_default();
                pointer.push_str(&crate::body::escaped(&name));
            }
        }
        pointer
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_double_holds_passes() {
        for json in [
            "0",
            "[9007199254740992, -9007199254740992, 18446744073709551616, 9007199254740994]",
            r#"{"9007199254740993": "9007199254740993", "a\"": ["\\", 9007199254740993.0, 1e300]}"#,
            "{} ",
            "",
        ] {
            assert_eq!(inexact(json.as_bytes()), None, "{json}");
        }
    }

    #[test]
    fn what_it_does_not_hold_is_found_with_its_place() {
        let endless = "1".repeat(200);
        for (json, pointer, number) in [
            ("9007199254740993", "", "9007199254740993"),
            ("[1, -9007199254740993]", "/1", "-9007199254740993"),
            (
                r#"{"a": {}, "b/\u0041~": [[], {"c": 18446744073709551615}]}"#,
                "/b~1A~0/1/c",
                "18446744073709551615",
            ),
            (
                r#"{"a": [1, "x,y", {"k": "v"}, 123456789012345678901234567891]}"#,
                "/a/3",
                "123456789012345678901234567891",
            ),
            (&endless, "", &endless),
        ] {
            assert_eq!(inexact(json.as_bytes()), Some((pointer.to_owned(), number.to_owned())), "{json}");
        }
    }
}

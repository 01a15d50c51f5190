//! Characters that a provider has cut in two: a JSON text may write a character as two escapes (`\ud83d\ude00`), and
//! some servers cut their pieces between the two. Neither half is valid by itself, and strict readers refuse the piece.
//! Here halves are marked before reading and joined after the pieces are put together. Not here: reading JSON.

use serde::de::DeserializeOwned;
use std::borrow::Cow;

// Halves travel as characters of a private plane that nobody sends: plane 16, which has room for all 2048.
const MARK: u32 = 0x10_F000;
const FIRST_HALF: u32 = 0xD800;
const SECOND_HALF: u32 = 0xDC00;
const END: u32 = 0xE000;

/// The JSON text with every half that stands alone replaced by its mark; the text itself if there is none.
fn mark(json: &str) -> Cow<'_, str> {
    let bytes = json.as_bytes();
    let mut out = String::new();
    let (mut at, mut copied) = (0, 0);
    while let Some(byte) = bytes.get(at) {
        if *byte != b'\\' {
            at += 1;
            continue;
        }
        match half(json, at) {
            // An escape of two characters (`\\` too), or a `\u` that is no half.
            None => at += 2,
            Some(first)
                if first < SECOND_HALF && half(json, at + 6).is_some_and(|next| next >= SECOND_HALF) =>
            {
                at += 12;
            }
            Some(alone) => {
                out.push_str(json.get(copied..at).unwrap_or_default());
                out.extend(char::from_u32(MARK + alone - FIRST_HALF));
                at += 6;
                copied = at;
            }
        }
    }
    if copied == 0 {
        return Cow::Borrowed(json);
    }
    out.push_str(json.get(copied..).unwrap_or_default());
    Cow::Owned(out)
}

/// The half of a character that is escaped at this place.
fn half(json: &str, at: usize) -> Option<u32> {
    let digits = json.get(at..at + 6)?.strip_prefix("\\u")?;
    let value = u32::from_str_radix(digits, 16).ok()?;
    (FIRST_HALF..END).contains(&value).then_some(value)
}

fn marked(character: char) -> Option<u32> {
    let value = u32::from(character).checked_sub(MARK)? + FIRST_HALF;
    (value < END).then_some(value)
}

/// Reads JSON whose characters may be cut in two; the text within has to be joined.
pub(crate) fn from_str<T: DeserializeOwned>(json: &str) -> serde_json::Result<T> {
    // Hardly ever is there anything to mark, so the first try is without looking.
    serde_json::from_str(json).or_else(|error| match mark(json) {
        Cow::Owned(marked) => serde_json::from_str(&marked),
        Cow::Borrowed(_) => Err(error),
    })
}

/// Joins a text that comes in pieces.
#[derive(Debug, Default)]
pub(crate) struct Joiner {
    /// The first half at the end of the last piece, whose other half may follow. At the end of all it is dropped.
    open: Option<char>,
}

impl Joiner {
    /// What can be shown after this piece.
    pub(crate) fn push(&mut self, piece: String) -> String {
        if self.open.is_none() && !piece.chars().any(|character| marked(character).is_some()) {
            return piece;
        }
        let mut whole: String = self.open.take().into_iter().collect();
        whole.push_str(&piece);
        let last = whole.chars().next_back();
        if last.and_then(marked).is_some_and(|half| half < SECOND_HALF) {
            self.open = whole.pop();
        }
        join(whole)
    }
}

/// The text with its halves joined; what has no other half is the replacement character.
pub(crate) fn join(text: String) -> String {
    if !text.chars().any(|character| marked(character).is_some()) {
        return text;
    }
    let mut out = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        let Some(first) = marked(character) else {
            out.push(character);
            continue;
        };
        let second = characters.peek().copied().and_then(marked).filter(|half| *half >= SECOND_HALF);
        match second {
            Some(second) if first < SECOND_HALF => {
                characters.next();
                let whole = 0x1_0000 + ((first - FIRST_HALF) << 10) + (second - SECOND_HALF);
                out.push(char::from_u32(whole).unwrap_or(char::REPLACEMENT_CHARACTER));
            }
            _ => out.push(char::REPLACEMENT_CHARACTER),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn whole_texts_are_left_alone() {
        for text in [r#""plain""#, r#""\ud83d\ude00 \n \\ud83d \u00e9""#, "", "\\", r#""\u12"#] {
            assert!(matches!(mark(text), Cow::Borrowed(_)), "{text}");
        }
    }

    #[test]
    fn halves_are_joined_or_replaced() {
        let read = |json: &str| serde_json::from_str::<String>(&mark(json)).unwrap();
        assert_eq!(join(read(r#""a\ud83d""#) + &read(r#""\ude00b""#)), "a😀b");
        let mut joiner = Joiner::default();
        let mut push = |json: &str| joiner.push(read(json));
        assert_eq!(push(r#""a\ud83d""#), "a");
        assert_eq!(push(r#""""#), "");
        assert_eq!(push(r#""\ude00b""#), "😀b");
        assert_eq!(push(r#""\ud83d""#), "");
        assert_eq!(push(r#""x\ude00""#), "\u{fffd}x\u{fffd}");
        assert_eq!(join(read(r#""\ude00\ud83d""#)), "\u{fffd}\u{fffd}");
        assert_eq!(join(read(r#""x\\\ud83dx""#)), "x\\\u{fffd}x");
    }

    proptest! {
        #[test]
        fn any_cut_is_mended(text in "[a😀é\\\\𝄞\"]{0,12}", cut in any::<prop::sample::Index>()) {
            // Cut between UTF-16 units, each piece escaped by itself.
            let units: Vec<u16> = text.encode_utf16().collect();
            let (one, other) = units.split_at(cut.index(units.len() + 1));
            let read = |units: &[u16]| {
                let json: String = units.iter().map(|unit| format!("\\u{unit:04x}")).collect();
                serde_json::from_str::<String>(&mark(&format!("\"{json}\""))).unwrap()
            };
            prop_assert_eq!(join(read(one) + &read(other)), text);
        }
    }
}

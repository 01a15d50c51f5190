//! Which characters a page's bytes are: byte order mark, HTTP header, `<meta>`, then a guess from the bytes
//! themselves. Not here: markup (`parse`).

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Encoding, UTF_8};
use serde::{Deserialize, Serialize};

/// How far into a page its `<meta>` is looked for; browsers look at 1024 bytes, real pages are sloppier.
const HEAD: usize = 4096;

/// A page as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decoded {
    /// The text.
    pub text: String,
    /// Its encoding, by the name Python and browsers know, e.g. `utf-8`, `windows-1252`.
    pub encoding: String,
    /// How the encoding was found.
    pub source: Source,
    /// Whether bytes were not valid in that encoding and were replaced.
    pub replaced: bool,
}

/// How an encoding was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// Byte order mark.
    Bom,
    /// `Content-Type` of the response.
    Header,
    /// `<meta charset>` of the page, or the XML declaration.
    Meta,
    /// Guessed from the bytes.
    Guess,
}

/// Decodes a page. `content_type` is the response's header, if it had one.
///
/// A declared encoding is believed unless the bytes say otherwise: pages that declare something else and are valid
/// UTF-8 with characters beyond ASCII are UTF-8.
pub fn decode(bytes: &[u8], content_type: Option<&str>) -> Decoded {
    if let Some((encoding, length)) = Encoding::for_bom(bytes) {
        return finish(&bytes[length..], encoding, Source::Bom);
    }
    let header = content_type.and_then(charset_of_header).map(|encoding| (encoding, Source::Header));
    let declared = header.or_else(|| charset_of_meta(bytes).map(|encoding| (encoding, Source::Meta)));
    if let Some((encoding, source)) = declared {
        let utf8 = encoding != UTF_8 && !bytes.is_ascii() && std::str::from_utf8(bytes).is_ok();
        if utf8 && encoding.is_ascii_compatible() {
            return finish(bytes, UTF_8, Source::Guess);
        }
        let decoded = finish(bytes, encoding, source);
        let mostly_wrong = decoded.replaced && {
            let broken = decoded.text.matches('\u{fffd}').count();
            broken > 3 && broken * 50 > decoded.text.chars().filter(|letter| !letter.is_ascii()).count()
        };
        if !mostly_wrong {
            return decoded;
        }
    }
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    detector.feed(bytes, true);
    finish(bytes, detector.guess(None, Utf8Detection::Allow), Source::Guess)
}

fn finish(bytes: &[u8], encoding: &'static Encoding, source: Source) -> Decoded {
    let (text, replaced) = encoding.decode_without_bom_handling(bytes);
    Decoded { text: text.into_owned(), encoding: encoding.name().to_ascii_lowercase(), source, replaced }
}

fn charset_of_header(header: &str) -> Option<&'static Encoding> {
    let at = header.to_ascii_lowercase().find("charset=")?;
    let label = header[at + "charset=".len()..].split(';').next()?;
    Encoding::for_label(label.trim().trim_matches(['"', '\'']).as_bytes())
}

fn charset_of_meta(bytes: &[u8]) -> Option<&'static Encoding> {
    let head = String::from_utf8_lossy(&bytes[..bytes.len().min(HEAD)]).to_ascii_lowercase();
    let from = |at: usize, key: &str| {
        let label = head[at + key.len()..].trim_start_matches([' ', '=', '"', '\'']);
        let end = label.find(|letter: char| !letter.is_ascii_alphanumeric() && !"-_:".contains(letter))?;
        Encoding::for_label(&label.as_bytes()[..end])
    };
    if let Some(at) = head.find("<?xml")
        && let Some(end) = head[at..].find("?>")
        && let Some(key) = head[at..at + end].find("encoding")
        && let Some(encoding) = from(at + key, "encoding")
    {
        return Some(encoding);
    }
    let mut start = 0;
    while let Some(found) = head[start..].find("<meta") {
        let at = start + found;
        let end = head[at..].find('>').map_or(head.len(), |end| at + end);
        if let Some(key) = head[at..end].find("charset")
            && let Some(encoding) = from(at + key, "charset")
        {
            // The page was readable as ASCII so far, so it cannot be what it says.
            return Some(if encoding.is_ascii_compatible() { encoding } else { UTF_8 });
        }
        start = end;
    }
    None
}

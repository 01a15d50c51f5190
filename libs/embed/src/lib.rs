//! The built-in embedding: texts as vectors, made here and now, without a model, a network or a price. It is lexical:
//! texts are alike if they share words or parts of words, not if they mean the same. Features (words, and the pieces
//! of three to five characters of each word) are hashed into a vector of fixed length; the same text makes the same
//! vector on every machine and in every version, so whatever changes that must change [`MODEL`], too.
//!
//! Not here: who keeps vectors and finds them again (`nexus-memory`), models of providers (`nexus-llm-gateway`).

use std::collections::HashMap;
use unicode_normalization::UnicodeNormalization;

/// The name by which it is chosen: `EMBEDDING_MODEL=local/hashed-ngrams-512`.
pub const MODEL: &str = "local/hashed-ngrams-512";
/// Length of its vectors.
pub const DIMENSIONS: usize = 512;

/// Pieces of this many characters are features of their own.
const PIECES: std::ops::RangeInclusive<usize> = 3..=5;
/// What all pieces of a word together weigh, beside the word itself with 1.
const PIECES_WEIGHT: f32 = 0.7;
/// What a word weighs that says little.
const FILLER_WEIGHT: f32 = 0.2;
/// A longer word is hardly a word; it counts with its beginning.
const LONGEST_WORD: usize = 64;

/// English words that stand in nearly every text. Other languages do without: there all words weigh the same.
const FILLERS: &[&str] = &[
    "a", "about", "all", "an", "and", "any", "are", "as", "at", "be", "been", "but", "by", "can", "could",
    "did", "do", "does", "for", "from", "had", "has", "have", "he", "her", "his", "how", "i", "if", "in",
    "into", "is", "it", "its", "me", "my", "no", "not", "of", "on", "or", "our", "she", "should", "so",
    "some", "than", "that", "the", "their", "them", "then", "there", "these", "they", "this", "to", "us",
    "was", "we", "were", "what", "when", "where", "which", "who", "why", "will", "with", "would", "you",
    "your",
];

/// The vector of a text, of length 1. A text without letters and digits is taken by its other characters; only an empty
/// or blank one has no direction and makes a vector of zeros.
pub fn embed(text: &str) -> Vec<f32> {
    let mut vector = vec![0.0_f32; DIMENSIONS];
    let text = folded(text);
    let mut counts: HashMap<&str, u32> = HashMap::new();
    for word in words(&text) {
        *counts.entry(word).or_default() += 1;
    }
    if counts.is_empty() {
        let mut buffer = [0; 4];
        for sign in text.chars().filter(|c| !c.is_whitespace()) {
            add(&mut vector, b's', sign.encode_utf8(&mut buffer), 1.0);
        }
    }
    // In a fixed order, since sums of floats depend on it.
    let mut counts: Vec<(&str, u32)> = counts.into_iter().collect();
    counts.sort_unstable();
    for (word, count) in counts {
        let filler = FILLERS.binary_search(&word).is_ok();
        // The tenth time says less than the first.
        let weight = (count as f32).sqrt() * if filler { FILLER_WEIGHT } else { 1.0 };
        add(&mut vector, b'w', word, weight);
        if !filler {
            add_pieces(&mut vector, word, weight);
        }
    }
    normalize(&mut vector);
    vector
}

/// Lower case, compatible forms made one (`ﬁ`, full-width letters), accents dropped.
fn folded(text: &str) -> String {
    let accent = |c: &char| ('\u{300}'..='\u{36f}').contains(c);
    text.nfkd().filter(|c| !accent(c)).flat_map(char::to_lowercase).collect()
}

/// Runs of letters and digits. Scripts that write no spaces make no words: there each character is one, and each pair
/// of neighbours.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !is_word(c)).filter(|run| !run.is_empty()).flat_map(|run| {
        let mut parts = Vec::new();
        let mut start = 0;
        let chars: Vec<(usize, char)> = run.char_indices().collect();
        for (nr, &(at, c)) in chars.iter().enumerate() {
            if !is_spaceless(c) {
                continue;
            }
            if start < at {
                parts.push(&run[start..at]);
            }
            start = at + c.len_utf8();
            parts.push(&run[at..start]);
            if let Some(&(next, other)) = chars.get(nr + 1).filter(|(_, other)| is_spaceless(*other)) {
                parts.push(&run[at..next + other.len_utf8()]);
            }
        }
        if start < run.len() {
            parts.push(&run[start..]);
        }
        parts
    })
}

fn is_word(c: char) -> bool {
    // Signs that change a letter before them (vowels of Indic scripts, for example) belong to the word.
    c.is_alphanumeric() || unicode_normalization::char::is_combining_mark(c)
}

/// Chinese, Japanese, Thai, Lao, Khmer and Burmese letters.
fn is_spaceless(c: char) -> bool {
    matches!(u32::from(c),
        0x0e00..=0x0eff | 0x1000..=0x109f | 0x1780..=0x17ff | 0x3040..=0x30ff | 0x3400..=0x4dbf
        | 0x4e00..=0x9fff | 0xf900..=0xfaff | 0x20000..=0x3ffff)
}

/// Adds the pieces of a word, its beginning and end marked.
fn add_pieces(vector: &mut [f32], word: &str, weight: f32) {
    let marked: Vec<char> =
        std::iter::once('<').chain(word.chars().take(LONGEST_WORD)).chain(['>']).collect();
    let count: usize = PIECES.map(|length| (marked.len() + 1).saturating_sub(length)).sum();
    if count == 0 {
        return;
    }
    let weight = weight * PIECES_WEIGHT / (count as f32).sqrt();
    for length in PIECES {
        for piece in marked.windows(length) {
            let piece: String = piece.iter().collect();
            add(vector, b'p', &piece, weight);
        }
    }
}

/// Adds a feature at the place, and with the sign, that its hash says: so that features which share a place cancel out
/// as often as they add up.
fn add(vector: &mut [f32], kind: u8, feature: &str, weight: f32) {
    let hash = mixed(fnv(std::iter::once(kind).chain(feature.bytes())));
    let sign = if hash >> 63 == 0 { 1.0 } else { -1.0 };
    let place = (hash % DIMENSIONS as u64) as usize;
    if let Some(value) = vector.get_mut(place) {
        *value += sign * weight;
    }
}

/// FNV-1a.
fn fnv(bytes: impl Iterator<Item = u8>) -> u64 {
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// Spreads the last bytes over the whole hash, which FNV does not.
fn mixed(mut hash: u64) -> u64 {
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^ (hash >> 33)
}

fn normalize(vector: &mut [f32]) {
    let length = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
    if length > 0.0 {
        vector.iter_mut().for_each(|value| *value /= length);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn likeness(a: &str, b: &str) -> f32 {
        embed(a).iter().zip(embed(b)).map(|(a, b)| a * b).sum()
    }

    #[test]
    fn fillers_are_sorted_since_they_are_searched() {
        assert!(FILLERS.is_sorted());
    }

    /// Kept vectors must stay comparable with those of tomorrow: if this fails, `MODEL` needs another name.
    #[test]
    fn the_vectors_of_this_name_never_change() {
        let digest = |text: &str| {
            let bits = embed(text).into_iter().map(|value| (value * 1e4).round() as i32);
            fnv(bits.flat_map(i32::to_le_bytes))
        };
        let texts = ["The quick brown fox", "日本語のテキスト", "naïve Ünïcode ﬁle", "?!"];
        let digests = [
            12_273_328_267_918_809_671,
            18_220_268_802_286_600_570,
            8_798_880_073_154_555_725,
            4_644_131_157_450_158_097,
        ];
        assert_eq!(texts.map(digest), digests);
    }

    #[test]
    fn what_shares_words_is_closer_than_what_does_not() {
        let texts = [
            "The Eiffel Tower stands in Paris and was finished in 1889.",
            "Sourdough bread needs flour, water, salt and patience.",
            "Rust's borrow checker refuses two mutable references.",
            "富士山は日本で一番高い山です。",
            "Der Rhein entspringt in den Schweizer Alpen.",
        ];
        for (query, best) in [
            ("When was the Eiffel tower finished?", 0),
            ("eiffel TOWER", 0),
            ("how do I bake a sourdough loaf", 1),
            ("mutable reference", 2),
            ("borrowing", 2),
            ("日本の山", 3),
            ("富士山", 3),
            ("Wo entspringt der Rhein?", 4),
            ("Schweiz", 4),
        ] {
            let likenesses = texts.map(|text| likeness(query, text));
            let found = (0..texts.len()).max_by(|a, b| likenesses[*a].total_cmp(&likenesses[*b]));
            assert_eq!(found, Some(best), "{query}: {likenesses:?}");
        }
    }

    #[test]
    fn spellings_of_the_same_are_the_same() {
        for (a, b) in [("café", "CAFE\u{301}"), ("ﬁle", "File"), ("ＡＢＣ", "abc"), ("a, b! c", "c a\nb")]
        {
            assert!(likeness(a, b) > 0.999, "{a} {b}");
        }
        // A vowel sign is not an accent.
        assert!(likeness("कि", "क") < 0.99);
    }

    #[test]
    fn a_blank_text_has_no_direction_and_any_other_has_one() {
        assert!(embed(" \n\t").iter().all(|value| *value == 0.0));
        assert!(likeness("?!", "?!") > 0.99);
        assert!(likeness("🦀", "🦀") > 0.99);
    }

    proptest! {
        #[test]
        fn vectors_are_of_one_length_and_finite(text in "\\PC{0,300}") {
            let vector = embed(&text);
            prop_assert_eq!(vector.len(), DIMENSIONS);
            let length: f32 = vector.iter().map(|value| value * value).sum();
            prop_assert!(length == 0.0 || (length - 1.0).abs() < 1e-4, "{length}");
            prop_assert_eq!(vector, embed(&text));
        }
    }
}

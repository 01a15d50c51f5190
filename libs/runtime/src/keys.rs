//! API keys: who may call. Only hashes are kept. Not here: where the key stands in a request (gateway, rpc).

use crate::config::Error;
use sha2::{Digest, Sha256};
use std::fmt::Write;

/// The name under which the processes of a mesh call each other.
pub const MESH: &str = "nexus-mesh";

/// The keys that are let in; empty means that everyone is.
#[derive(Debug, Clone, Default)]
pub struct ApiKeys {
    keys: Vec<ApiKey>,
}

#[derive(Clone)]
struct ApiKey {
    name: String,
    sha256: [u8; 32],
}

impl std::fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.name)
    }
}

impl ApiKeys {
    /// Reads `name:sha256-of-key`, separated by commas.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let mut keys: Vec<ApiKey> = Vec::new();
        for (n, entry) in text.split(',').map(str::trim).filter(|entry| !entry.is_empty()).enumerate() {
            // The entry itself is not repeated: it may be a key that someone forgot to hash.
            let wrong = |problem: &str| {
                Error::new(format!(
                    "entry {} of NEXUS_API_KEYS {problem}; write name:hash with the hash from `printf %s KEY | sha256sum`",
                    n + 1
                ))
            };
            let (name, hash) = entry.split_once(':').ok_or_else(|| wrong("has no colon"))?;
            let good = |c: char| c.is_ascii_alphanumeric() || "._@-".contains(c);
            if name.is_empty() || name.len() > 64 || !name.chars().all(good) || name == MESH {
                return Err(wrong("has no usable name"));
            }
            if keys.iter().any(|key| key.name == name) {
                return Err(wrong("repeats a name"));
            }
            keys.push(ApiKey {
                name: name.to_owned(),
                sha256: from_hex(hash).ok_or_else(|| wrong("has no SHA-256 in hexadecimal"))?,
            });
        }
        if keys.is_empty() {
            return Err(Error::new("NEXUS_API_KEYS has no entry; remove it or write name:sha256-of-key"));
        }
        Ok(Self { keys })
    }

    /// Whether everyone is let in.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The name of whoever has this key. Takes the same time for every wrong key.
    pub fn name_of(&self, key: &str) -> Option<&str> {
        let given: [u8; 32] = Sha256::digest(key.as_bytes()).into();
        let mut found = None;
        for known in &self.keys {
            // Hashes are compared to the last byte, and all of them: how far a guess got must not show.
            let difference = known.sha256.iter().zip(given).fold(0, |sum, (a, b)| sum | (a ^ b));
            if difference == 0 {
                found = Some(known.name.as_str());
            }
        }
        found
    }

    /// The names, in order, and hashes in hexadecimal.
    pub fn entries(&self) -> impl Iterator<Item = (&str, String)> {
        self.keys.iter().map(|key| (key.name.as_str(), to_hex(&key.sha256)))
    }

    /// The same keys and one more that all processes with these keys can compute: with it they call each other, so
    /// that a mesh needs no further setting. Whoever can read `NEXUS_API_KEYS` can compute it too, so the list of
    /// hashes belongs into a secret. `None` if everyone is let in.
    pub fn with_mesh_key(&self) -> Option<(Self, String)> {
        if self.keys.is_empty() {
            return None;
        }
        let mut hashes: Vec<[u8; 32]> = self.keys.iter().map(|key| key.sha256).collect();
        hashes.sort_unstable();
        let mut digest = Sha256::new();
        digest.update(b"nexus mesh key 1\0");
        for hash in &hashes {
            digest.update(hash);
        }
        let key = to_hex(&digest.finalize().into());
        let mut keys = self.keys.clone();
        keys.push(ApiKey { name: MESH.to_owned(), sha256: Sha256::digest(key.as_bytes()).into() });
        Some((Self { keys }, key))
    }
}

fn from_hex(text: &str) -> Option<[u8; 32]> {
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    let mut bytes = [0; 32];
    for (n, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * n..2 * n + 2)?, 16).ok()?;
    }
    Some(bytes)
}

fn to_hex(bytes: &[u8; 32]) -> String {
    bytes.iter().fold(String::with_capacity(64), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SHA-256 of `foo` and `bar`.
    const KEYS: &str = "alice:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae, \
                        bob:FCDE2B2EDBA56BF408601FB721FE9B5C338D10EE429EA04FAE5511B68FBF8FB9";

    #[test]
    fn a_key_has_a_name_and_a_guess_has_none() {
        let keys = ApiKeys::parse(KEYS).unwrap();
        assert_eq!(keys.name_of("foo"), Some("alice"));
        assert_eq!(keys.name_of("bar"), Some("bob"));
        assert_eq!(keys.name_of("baz"), None);
        assert_eq!(keys.entries().count(), 2);
        assert!(!format!("{keys:?}").contains("2c26"));
    }

    #[test]
    fn a_mesh_key_depends_on_the_keys_and_not_on_their_order() {
        let keys = ApiKeys::parse(KEYS).unwrap();
        let (with, key) = keys.with_mesh_key().unwrap();
        assert_eq!(with.name_of(&key), Some(MESH));
        assert_eq!(with.name_of("foo"), Some("alice"));
        let turned: Vec<&str> = KEYS.split(',').rev().collect();
        assert_eq!(ApiKeys::parse(&turned.join(",")).unwrap().with_mesh_key().unwrap().1, key);
        let fewer = ApiKeys::parse(turned[0].trim()).unwrap();
        assert_ne!(fewer.with_mesh_key().unwrap().1, key);
        assert!(ApiKeys::default().with_mesh_key().is_none());
    }

    #[test]
    fn a_forgotten_hash_is_not_repeated_in_the_complaint() {
        for text in ["alice:hunter2", "hunter2", "nexus-mesh:hunter2", "a b:hunter2"] {
            let complaint = ApiKeys::parse(text).unwrap_err().to_string();
            assert!(complaint.contains("NEXUS_API_KEYS") && !complaint.contains("hunter2"), "{complaint}");
        }
    }
}

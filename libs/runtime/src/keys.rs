//! API keys: who may call, what, where, for how much. Only hashes are kept. Not here: where the key stands in a
//! request (gateway, rpc), other credentials and reading the file again when it changes (`nexus-auth`).

mod file;

use crate::config::{BudgetPeriod, Error};
use nexus_api::access::{Identity, Scopes, Workspace};
use nexus_model::Money;
use sha2::{Digest, Sha256};
use std::fmt::Write;

/// The name under which the processes of a mesh call each other.
pub const MESH: &str = "nexus-mesh";

/// Budgets of a key: what it may spend in each of these periods.
pub type Budgets = Vec<(BudgetPeriod, Money)>;

/// The keys that are let in.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ApiKeys {
    keys: Vec<ApiKey>,
}

#[derive(Clone, PartialEq)]
struct ApiKey {
    sha256: [u8; 32],
    identity: Identity,
    budgets: Budgets,
}

impl std::fmt::Debug for ApiKey {
    // Even a hash does not belong into a log: short keys can be guessed from it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.identity.name)
    }
}

impl ApiKeys {
    /// Reads `name:sha256-of-key`, separated by commas: keys that may do everything in the default workspace.
    ///
    /// # Errors
    /// The sentence says which entry is wrong; it never repeats it.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let mut keys = Self::default();
        for (n, entry) in text.split(',').map(str::trim).filter(|entry| !entry.is_empty()).enumerate() {
            // The entry itself is not repeated: it may be a key that someone forgot to hash.
            let wrong = |problem: &str| {
                Error::new(format!(
                    "entry {} of NEXUS_API_KEYS {problem}; write name:hash with the hash from `printf %s KEY | sha256sum`",
                    n + 1
                ))
            };
            let (name, hash) = entry.split_once(':').ok_or_else(|| wrong("has no colon"))?;
            if !is_name(name) {
                return Err(wrong("has no usable name"));
            }
            if keys.has(name) {
                return Err(wrong("repeats a name"));
            }
            let sha256 = from_hex(hash).ok_or_else(|| wrong("has no SHA-256 in hexadecimal"))?;
            let identity = Identity::unrestricted(name);
            keys.keys.push(ApiKey { sha256, identity, budgets: Vec::new() });
        }
        if keys.is_empty() {
            return Err(Error::new("NEXUS_API_KEYS has no entry; remove it or write name:sha256-of-key"));
        }
        Ok(keys)
    }

    /// Reads what stands in `NEXUS_API_KEYS_FILE`: TOML, one `[[keys]]` for each key, with `name`, `sha256`, `scopes`
    /// and, if wanted, `workspace` and `budget`.
    ///
    /// # Errors
    /// The sentence says what is wrong; it repeats no hash.
    pub fn parse_file(text: &str) -> Result<Self, Error> {
        file::parse(text)
    }

    /// Both; no name may be in both.
    ///
    /// # Errors
    /// Names the key that is in both.
    pub fn and(&self, other: &Self) -> Result<Self, Error> {
        if let Some(twice) = other.names().find(|name| self.has(name)) {
            return Err(Error::new(format!(
                "the key `{twice}` is in NEXUS_API_KEYS and in NEXUS_API_KEYS_FILE; remove one of them"
            )));
        }
        Ok(Self { keys: self.keys.iter().chain(&other.keys).cloned().collect() })
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Whose key this is. Takes the same time for every wrong key.
    pub fn identify(&self, key: &str) -> Option<&Identity> {
        let given: [u8; 32] = Sha256::digest(key.as_bytes()).into();
        let mut found = None;
        for known in &self.keys {
            // Hashes are compared to the last byte, and all of them: how far a guess got must not show.
            let difference = known.sha256.iter().zip(given).fold(0, |sum, (a, b)| sum | (a ^ b));
            if std::hint::black_box(difference) == 0 {
                found = Some(&known.identity);
            }
        }
        found
    }

    /// The names, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.keys.iter().map(|key| key.identity.name.as_str())
    }

    /// Whether there is a key of this name.
    pub fn has(&self, name: &str) -> bool {
        self.names().any(|known| known == name)
    }

    /// The budgets that stand beside keys, by their names.
    pub fn budgets(&self) -> impl Iterator<Item = (&str, &Budgets)> {
        let with = self.keys.iter().filter(|key| !key.budgets.is_empty());
        with.map(|key| (key.identity.name.as_str(), &key.budgets))
    }

    /// A key that all processes with these keys can compute: with it they call each other, so that a mesh needs no
    /// further setting. Whoever can read `NEXUS_API_KEYS` can compute it too, so the list of hashes belongs into a
    /// secret. `None` without keys.
    pub fn mesh_key(&self) -> Option<String> {
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
        Some(to_hex(&digest.finalize().into()))
    }

    /// The same keys and this one, by which the processes of a mesh know each other.
    #[must_use]
    pub fn with_mesh_key(mut self, key: &str) -> Self {
        let identity = Identity { mesh: true, ..Identity::unrestricted(MESH) };
        let sha256 = Sha256::digest(key.as_bytes()).into();
        self.keys.push(ApiKey { sha256, identity, budgets: Vec::new() });
        self
    }

    fn add(&mut self, name: &str, sha256: [u8; 32], scopes: Scopes, workspace: Workspace, budgets: Budgets) {
        let identity = Identity { name: name.to_owned(), scopes, workspace, mesh: false };
        self.keys.push(ApiKey { sha256, identity, budgets });
    }
}

/// Whether a key may be called so: nothing that could be mistaken for something else in logs and settings.
fn is_name(name: &str) -> bool {
    let good = |c: char| c.is_ascii_alphanumeric() || "._@-".contains(c);
    !name.is_empty() && name.len() <= 64 && name.chars().all(good) && name != MESH
}

fn from_hex(text: &str) -> Option<[u8; 32]> {
    if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
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
    use nexus_api::access::Scope;

    /// SHA-256 of `foo` and `bar`.
    const KEYS: &str = "alice:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae, \
                        bob:FCDE2B2EDBA56BF408601FB721FE9B5C338D10EE429EA04FAE5511B68FBF8FB9";

    fn name<'a>(keys: &'a ApiKeys, key: &str) -> Option<&'a str> {
        keys.identify(key).map(|identity| identity.name.as_str())
    }

    #[test]
    fn a_key_has_a_name_and_a_guess_has_none() {
        let keys = ApiKeys::parse(KEYS).unwrap();
        assert_eq!(name(&keys, "foo"), Some("alice"));
        assert_eq!(name(&keys, "bar"), Some("bob"));
        assert_eq!(name(&keys, "baz"), None);
        assert_eq!(keys.names().count(), 2);
        let alice = keys.identify("foo").unwrap();
        assert!(alice.scopes.allow(Scope::Admin) && alice.workspace.is_default() && !alice.mesh);
        assert!(!format!("{keys:?}").contains("2c26"));
    }

    #[test]
    fn a_mesh_key_depends_on_the_keys_and_not_on_their_order() {
        let keys = ApiKeys::parse(KEYS).unwrap();
        let key = keys.mesh_key().unwrap();
        let with = keys.clone().with_mesh_key(&key);
        assert_eq!(name(&with, &key), Some(MESH));
        assert!(with.identify(&key).unwrap().mesh && keys.identify(&key).is_none());
        assert_eq!(name(&with, "foo"), Some("alice"));
        let turned: Vec<&str> = KEYS.split(',').rev().collect();
        assert_eq!(ApiKeys::parse(&turned.join(",")).unwrap().mesh_key().unwrap(), key);
        let fewer = ApiKeys::parse(turned[0].trim()).unwrap();
        assert_ne!(fewer.mesh_key().unwrap(), key);
        assert!(ApiKeys::default().mesh_key().is_none());
    }

    #[test]
    fn a_forgotten_hash_is_not_repeated_in_the_complaint() {
        for text in [
            "alice:hunter2",
            "hunter2",
            "nexus-mesh:hunter2",
            "a b:hunter2",
            &format!("a:{}", "+1".repeat(32)),
        ] {
            let complaint = ApiKeys::parse(text).unwrap_err().to_string();
            assert!(complaint.contains("NEXUS_API_KEYS") && !complaint.contains("hunter2"), "{complaint}");
        }
    }

    #[test]
    fn a_name_is_given_once() {
        let (keys, other) =
            (ApiKeys::parse(KEYS).unwrap(), ApiKeys::parse(&KEYS.replace("alice", "carol")).unwrap());
        let complaint = keys.and(&other).unwrap_err().to_string();
        assert!(complaint.contains("`bob`") && complaint.contains("NEXUS_API_KEYS_FILE"), "{complaint}");
        assert_eq!(keys.and(&ApiKeys::default()).unwrap(), keys);
    }
}

//! Identifiers: UUIDv7 for what Nexus creates, user-chosen names for nodes. Not here: who creates them when.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr, sync::Arc};
use uuid::Uuid;

/// The text is not an identifier of the expected form.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a valid {what}")]
pub struct InvalidId {
    /// What was expected, e.g. `workflow id (a UUID)`.
    pub what: &'static str,
    /// What was given.
    pub text: String,
}

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// A new, time-ordered id (UUIDv7).
            pub fn generate() -> Self {
                Self(Uuid::now_v7())
            }
            /// The UUID itself.
            pub fn uuid(self) -> Uuid {
                self.0
            }
        }

        impl From<Uuid> for $name {
            fn from(uuid: Uuid) -> Self {
                Self(uuid)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;
            fn from_str(text: &str) -> Result<Self, InvalidId> {
                // Only the hyphenated form is an id of ours; Uuid would also take URNs and braces.
                match Uuid::try_parse(text) {
                    Ok(uuid) if text.len() == 36 => Ok(Self(uuid)),
                    _ => Err(InvalidId { what: $what, text: text.chars().take(64).collect() }),
                }
            }
        }
    };
}

uuid_id!(/** A stored workflow. */ WorkflowId, "workflow id (a UUID)");
uuid_id!(/** One execution of a workflow. */ ExecutionId, "execution id (a UUID)");
uuid_id!(/** A scraper job. */ JobId, "scraper job id (a UUID)");
uuid_id!(/** A report to a webhook. */ DeliveryId, "delivery id (a UUID)");
uuid_id!(/** A memory entry. */ MemoryId, "memory id (a UUID)");

/// A node's name within its workflow: `[A-Za-z_][A-Za-z0-9_]{0,62}`, chosen by the user. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct NodeId(Arc<str>);

impl NodeId {
    /// Checks the form and makes an id.
    pub fn new(text: &str) -> Result<Self, InvalidId> {
        let valid = text.len() <= 63
            && text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        if valid {
            Ok(Self(text.into()))
        } else {
            Err(InvalidId {
                what: "node id (letters, digits and _, not starting with a digit, at most 63)",
                text: text.chars().take(80).collect(),
            })
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::borrow::Borrow<str> for NodeId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl FromStr for NodeId {
    type Err = InvalidId;
    fn from_str(text: &str) -> Result<Self, InvalidId> {
        Self::new(text)
    }
}

impl<'de> Deserialize<'de> for NodeId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::new(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn node_ids_follow_the_documented_form() {
        for good in ["a", "_", "draft_2", &"x".repeat(63)] {
            assert!(NodeId::new(good).is_ok(), "{good}");
        }
        for bad in ["", "2x", "a-b", "a b", "é", &"x".repeat(64)] {
            assert!(NodeId::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn uuids_are_taken_only_in_hyphenated_form() {
        let id = WorkflowId::generate();
        assert_eq!(id.to_string().parse::<WorkflowId>().unwrap(), id);
        assert!(id.uuid().simple().to_string().parse::<WorkflowId>().is_err());
        assert!("nonsense".parse::<ExecutionId>().is_err());
    }
}

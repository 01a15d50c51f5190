//! What a place for memory entries and their vectors promises. Two of its implementations are here, in the backends;
//! a third one, on a Qdrant server, is in `nexus-memory`. Its suite is there, too, since it runs over all three.
//! Not here: where vectors come from, what a caller may ask (`nexus-memory`).

use async_trait::async_trait;
use nexus_api::{
    Result, Workspace,
    memory::{Entry, Scope},
};
use nexus_model::{MemoryId, Timestamp};
use std::{fmt, str::FromStr};

/// Whose memory, in which workspace. As text, which is how it is kept, it reads as scopes did before there were
/// workspaces: `execution:ID`, `workflow:ID` or `global`, with `WORKSPACE/` in front unless it is the default one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Shelf {
    /// The workspace: of two with the same scope in different ones, neither is found by the other.
    pub workspace: Workspace,
    /// Whose memory.
    pub scope: Scope,
}

impl fmt::Display for Shelf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.workspace.is_default() {
            write!(f, "{}/", self.workspace)?;
        }
        match self.scope {
            Scope::Execution(id) => write!(f, "execution:{id}"),
            Scope::Workflow(id) => write!(f, "workflow:{id}"),
            Scope::Global => f.write_str("global"),
        }
    }
}

impl FromStr for Shelf {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no scope of memory");
        let (workspace, scope) = match text.split_once('/') {
            Some((workspace, scope)) => (workspace.parse().map_err(|_| wrong())?, scope),
            None => (Workspace::default(), text),
        };
        let scope = match scope.split_once(':') {
            Some(("execution", id)) => id.parse().map(Scope::Execution).map_err(|_| wrong())?,
            Some(("workflow", id)) => id.parse().map(Scope::Workflow).map_err(|_| wrong())?,
            None if scope == "global" => Scope::Global,
            _ => return Err(wrong()),
        };
        Ok(Self { workspace, scope })
    }
}

/// Vectors that can be compared: made by one model, of one length.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Space {
    /// `provider/model`.
    pub model: String,
    /// Numbers in a vector.
    pub dimensions: u32,
}

/// An entry with its vector, to be kept.
#[derive(Debug, Clone, PartialEq)]
pub struct Kept {
    /// Whose it is.
    pub shelf: Shelf,
    /// The entry; its score is ignored.
    pub entry: Entry,
    /// Its vector, of length 1 (or all zeros).
    pub vector: Vec<f32>,
}

/// An entry that was found by its id.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// Whose it is.
    pub shelf: Shelf,
    /// The entry, without a score.
    pub entry: Entry,
    /// What its vector can be compared with.
    pub space: Space,
}

/// A place in a list that runs from the newest entry to the oldest.
pub type Place = (Timestamp, MemoryId);

/// Keeps entries and finds those whose vectors are closest to another one.
///
/// Whatever a method has written is durable when it answers. Searching may be exact or approximate.
#[async_trait]
pub trait MemoryStore: Send + Sync + 'static {
    /// Answers if it can be used.
    async fn check(&self) -> Result<()>;
    /// Keeps an entry. One of the same id is replaced, in whichever space it was.
    async fn put(&self, space: &Space, kept: Kept) -> Result<()>;
    /// The entry with this id.
    async fn find(&self, id: MemoryId) -> Result<Option<Found>>;
    /// The `limit` entries of a scope whose vectors are closest to this one, of those in this space, with scores; the
    /// closest first, of those equally close the newest.
    async fn nearest(&self, space: &Space, shelf: &Shelf, vector: &[f32], limit: u32) -> Result<Vec<Entry>>;
    /// Entries of a scope in all spaces, newest first, of those that come after `after`.
    async fn list(&self, shelf: &Shelf, after: Option<Place>, limit: u32) -> Result<Vec<Entry>>;
    /// Forgets an entry; `false` if there was none.
    async fn delete(&self, id: MemoryId) -> Result<bool>;
    /// Forgets all entries of a scope; returns how many there were.
    async fn delete_shelf(&self, shelf: &Shelf) -> Result<u64>;
    /// Every space that has entries, and how many.
    async fn spaces(&self) -> Result<Vec<(Space, u64)>>;
    /// The oldest entries of a space, whatever their scope.
    async fn oldest(&self, space: &Space, limit: u32) -> Result<Vec<Found>>;
    /// Gives an entry a vector in another space, if it is still as it was found; returns whether it was.
    async fn move_to(&self, space: &Space, found: Found, vector: Vec<f32>) -> Result<bool>;
}

#[cfg(test)]
mod tests {
    use super::*;
    use nexus_model::ExecutionId;

    #[test]
    fn shelves_of_the_default_workspace_read_as_they_always_did_and_others_are_others() {
        let scope = Scope::Execution(ExecutionId::generate());
        let team = Workspace::new("team-a").unwrap();
        for scope in [scope, Scope::Global] {
            for workspace in [Workspace::default(), team.clone()] {
                let shelf = Shelf { workspace, scope };
                assert_eq!(shelf.to_string().parse(), Ok(shelf));
            }
        }
        assert_eq!(Shelf { workspace: Workspace::default(), scope: Scope::Global }.to_string(), "global");
        assert_eq!(Shelf { workspace: team, scope: Scope::Global }.to_string(), "team-a/global");
        for wrong in ["", "team-a/", "/global", "execution:1", "A/global", "a/b/global", "globe"] {
            assert!(wrong.parse::<Shelf>().is_err(), "{wrong}");
        }
    }
}

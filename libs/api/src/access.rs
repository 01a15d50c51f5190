//! Who calls, and what they may do: scopes, workspaces, identities, and the port that turns a credential into one.
//! Not here: which credentials there are (`nexus-auth`), which route or method needs which scope (gateway, `nexus-rpc`).

use crate::Result;
use async_trait::async_trait;
use std::{fmt, str::FromStr, sync::Arc};

/// A kind of right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scope {
    /// Looking at things, and judging documents that come with the call.
    Read,
    /// Spending: starting, cancelling and resuming executions, calling models, running scrapers.
    Run,
    /// Changing what is stored: workflows, memory, scrapers.
    Edit,
    /// What concerns everybody on the server: maintenance, code that is in no workflow.
    Admin,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Scope; 4] = [Scope::Read, Scope::Run, Scope::Edit, Scope::Admin];

    /// The name in settings, claims and messages.
    pub fn as_str(self) -> &'static str {
        match self {
            Scope::Read => "read",
            Scope::Run => "run",
            Scope::Edit => "edit",
            Scope::Admin => "admin",
        }
    }

    /// The scope with this name.
    pub fn parse(name: &str) -> Option<Scope> {
        Scope::ALL.into_iter().find(|scope| scope.as_str() == name)
    }

    /// Itself and what nobody could use it without.
    fn bits(self) -> u8 {
        match self {
            Scope::Read => 0b0001,
            Scope::Run => 0b0011,
            Scope::Edit => 0b0101,
            Scope::Admin => 0b1111,
        }
    }
}

/// What somebody may do. `run` and `edit` include `read`, `admin` includes all; `run` and `edit` do not include each
/// other: whoever may change workflows need not be allowed to spend, and the other way round.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Scopes(u8);

impl Scopes {
    /// Everything.
    pub const ALL: Scopes = Scopes(0b1111);

    /// Whether this is among them.
    pub fn allow(self, needed: Scope) -> bool {
        // What a scope includes is included as well: its own bit decides.
        let own = match needed {
            Scope::Read => 0b0001,
            Scope::Run => 0b0010,
            Scope::Edit => 0b0100,
            Scope::Admin => 0b1000,
        };
        self.0 & own != 0
    }

    /// Whether nothing is allowed.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        Self(scopes.into_iter().fold(0, |bits, scope| bits | scope.bits()))
    }
}

impl fmt::Debug for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(Scope::ALL.into_iter().filter(|scope| self.allow(*scope))).finish()
    }
}

/// A part of the server whose things are seen by nobody outside of it. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Workspace(Arc<str>);

/// Not the name of a workspace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the name of a workspace is 1 to 64 of a-z, 0-9, `-`, `_` and `.`, and begins with a letter or a digit"
)]
pub struct InvalidWorkspace;

impl Workspace {
    /// The one of everybody who is not said to be in another.
    pub const DEFAULT: &'static str = "default";

    /// The workspace with this name.
    ///
    /// # Errors
    /// If it is no name of a workspace.
    pub fn new(name: &str) -> Result<Self, InvalidWorkspace> {
        let good = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_.".contains(&byte);
        let begins =
            name.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
        if begins && name.len() <= 64 && name.bytes().all(good) {
            Ok(Self(name.into()))
        } else {
            Err(InvalidWorkspace)
        }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is the one of everybody who is not said to be in another.
    pub fn is_default(&self) -> bool {
        &*self.0 == Self::DEFAULT
    }
}

impl Default for Workspace {
    fn default() -> Self {
        Self(Self::DEFAULT.into())
    }
}

impl FromStr for Workspace {
    type Err = InvalidWorkspace;
    fn from_str(name: &str) -> Result<Self, InvalidWorkspace> {
        Self::new(name)
    }
}

impl fmt::Display for Workspace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Somebody whose credential was accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Name of the key, or subject of the token: what logs and budgets know them by.
    pub name: String,
    /// What they may do.
    pub scopes: Scopes,
    /// Where they may do it.
    pub workspace: Workspace,
    /// Another process of the same mesh, which says on whose behalf it calls and has judged that already.
    pub mesh: bool,
}

impl Identity {
    /// Somebody who may do everything in the default workspace.
    pub fn unrestricted(name: impl Into<String>) -> Self {
        Self { name: name.into(), scopes: Scopes::ALL, workspace: Workspace::default(), mesh: false }
    }
}

/// Turns credentials into identities.
#[async_trait]
pub trait Authenticator: Send + Sync + 'static {
    /// Whose credential this is: what came as `Authorization: Bearer …`.
    ///
    /// # Errors
    /// `Unauthenticated` if it is nobody's; `Unavailable` if that cannot be found out at the moment.
    async fn identify(&self, credential: &str) -> Result<Identity>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spending_and_changing_do_not_include_each_other() {
        let allowed = |scope: Scope| {
            let scopes = Scopes::from_iter([scope]);
            Scope::ALL.into_iter().filter(|needed| scopes.allow(*needed)).collect::<Vec<_>>()
        };
        assert_eq!(allowed(Scope::Read), [Scope::Read]);
        assert_eq!(allowed(Scope::Run), [Scope::Read, Scope::Run]);
        assert_eq!(allowed(Scope::Edit), [Scope::Read, Scope::Edit]);
        assert_eq!(allowed(Scope::Admin), Scope::ALL);
        assert!(Scopes::default().is_empty() && !Scopes::default().allow(Scope::Read));
        assert_eq!(Scopes::from_iter(Scope::ALL), Scopes::ALL);
        assert!(Scope::ALL.into_iter().all(|scope| Scope::parse(scope.as_str()) == Some(scope)));
    }

    #[test]
    fn names_of_workspaces_can_stand_in_headers_keys_and_columns() {
        for good in ["default", "a", "7", "team-a.eu_1", &"x".repeat(64)] {
            assert_eq!(Workspace::new(good).unwrap().as_str(), good);
        }
        for bad in ["", "A", "-a", ".", "a b", "a/b", "a:b", "ä", "a\n", &"x".repeat(65)] {
            assert!(Workspace::new(bad).is_err(), "{bad:?}");
        }
        assert!(Workspace::default().is_default() && !Workspace::new("other").unwrap().is_default());
    }
}

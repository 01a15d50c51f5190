//! Keys for tests: `secret` may do everything, and one for each scope has that scope's name.

use async_trait::async_trait;
use nexus_api::{
    Code, Error, Result, Workspace,
    access::{Authenticator, Identity, Scope, Scopes},
};
use std::sync::Arc;

struct Keys;

/// Knows the keys.
pub(crate) fn keys() -> Option<Arc<dyn Authenticator>> {
    Some(Arc::new(Keys))
}

#[async_trait]
impl Authenticator for Keys {
    async fn identify(&self, credential: &str) -> Result<Identity> {
        let restricted = |name: &str, scopes, workspace: &str| {
            let workspace = Workspace::new(workspace).unwrap();
            Identity { name: name.to_owned(), scopes, workspace, mesh: false }
        };
        match credential {
            "secret" => Ok(Identity::unrestricted("ci")),
            "elsewhere" => Ok(restricted("other", Scopes::ALL, "team-b")),
            "nothing" => Ok(restricted("nothing", Scopes::default(), "default")),
            "mesh" => Ok(Identity { mesh: true, ..Identity::unrestricted("mesh") }),
            "unsure" => Err(Error::unavailable("nobody can say whose token this is")),
            name => match Scope::parse(name) {
                Some(scope) => Ok(restricted(name, Scopes::from_iter([scope]), "default")),
                None => Err(Error::new(Code::Unauthenticated, "the API key is not accepted")),
            },
        }
    }
}

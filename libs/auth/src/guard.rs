//! All credentials at one place. Not here: the form of keys (`nexus_runtime::keys`), what tokens say (`token`).

use crate::{Error, token::Tokens};
use async_trait::async_trait;
use nexus_api::{
    Code,
    access::{Authenticator, Identity},
};
use nexus_runtime::{ApiKeys, Config, config::KeyFile};
use std::{
    fmt,
    sync::{Arc, PoisonError, RwLock, Weak},
    time::Duration,
};

/// How often the file of keys is looked at. Whoever mounts it as a secret replaces it as a whole, so that it is never
/// seen half written.
const LOOK: Duration = Duration::from_secs(2);

/// Knows all who may call.
pub struct Guard {
    keys: RwLock<Arc<ApiKeys>>,
    /// Those of the environment and the one of the mesh: they stay when the file changes.
    fixed: ApiKeys,
    tokens: Option<Tokens>,
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard").field("keys", &self.keys).field("tokens", &self.tokens.is_some()).finish()
    }
}

impl Guard {
    /// Whoever this configuration lets in; `None` if it lets in everybody. With `mesh`, the other processes of a mesh
    /// are let in as well, by their own key. A file of keys is read again when it changes, which needs a runtime.
    ///
    /// # Errors
    /// Says which setting is wrong.
    pub fn of(config: &Config, mesh: bool) -> Result<Option<Arc<Self>>, Error> {
        if !config.has_callers() {
            return Ok(None);
        }
        let mesh_key = mesh.then(|| config.access.mesh_key(&config.api_keys)).flatten();
        let fixed = match mesh_key {
            Some(key) => config.api_keys.clone().with_mesh_key(&key),
            None => config.api_keys.clone(),
        };
        let tokens = config.access.oidc.clone().map(Tokens::new).transpose()?;
        let file = config.access.file.as_ref();
        let keys = joined(&fixed, file.map(|file| &file.keys)).map_err(|error| Error(error.to_string()))?;
        let guard = Arc::new(Self { keys: RwLock::new(Arc::new(keys)), fixed, tokens });
        if let Some(file) = file {
            tokio::spawn(follow(file.clone(), Arc::downgrade(&guard)));
        }
        Ok(Some(guard))
    }

    /// Takes the keys of a file's new text; says whether they are others than before. A text that is wrong changes
    /// nothing: locking everybody out by a slip of the hand is worse than going on with the keys of before.
    fn take(&self, text: &str) -> Result<bool, String> {
        let read = ApiKeys::parse_file(text).and_then(|keys| joined(&self.fixed, Some(&keys)));
        let read = Arc::new(read.map_err(|error| error.to_string())?);
        let mut keys = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        let changed = *keys != read;
        *keys = read;
        Ok(changed)
    }
}

fn joined(fixed: &ApiKeys, file: Option<&ApiKeys>) -> Result<ApiKeys, nexus_runtime::config::Error> {
    file.map_or_else(|| Ok(fixed.clone()), |keys| fixed.and(keys))
}

/// Looks at the file again and again.
async fn follow(file: KeyFile, guard: Weak<Guard>) {
    let mut complained = false;
    loop {
        tokio::time::sleep(LOOK).await;
        let read = tokio::fs::read_to_string(&file.path).await.map_err(|error| error.to_string());
        let Some(guard) = guard.upgrade() else { return };
        match read.and_then(|text| guard.take(&text)) {
            Ok(changed) => {
                complained = false;
                if changed {
                    tracing::info!("NEXUS_API_KEYS_FILE has changed and was read again");
                }
            }
            Err(why) if !complained => {
                complained = true;
                tracing::error!(why, "NEXUS_API_KEYS_FILE cannot be used; the keys of before stay in force");
            }
            Err(_) => {}
        }
    }
}

#[async_trait]
impl Authenticator for Guard {
    async fn identify(&self, credential: &str) -> nexus_api::Result<Identity> {
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(identity) = keys.identify(credential) {
            return Ok(identity.clone());
        }
        match &self.tokens {
            Some(tokens) if Tokens::is_one(credential) => tokens.identify(credential).await,
            _ => Err(nexus_api::Error::new(Code::Unauthenticated, "the API key is not accepted")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SHA-256 of `foo`.
    const FOO: &str = "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae";

    fn file(name: &str) -> String {
        format!("[[keys]]\nname = '{name}'\nsha256 = '{FOO}'\nscopes = ['read']\n")
    }

    #[test]
    fn a_broken_file_changes_nothing() {
        let fixed = ApiKeys::parse(&format!("root:{FOO}")).unwrap();
        let guard = Guard { keys: RwLock::new(Arc::new(fixed.clone())), fixed, tokens: None };
        let names = || guard.keys.read().unwrap().names().map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(guard.take(&file("ci")), Ok(true));
        assert_eq!(guard.take(&file("ci")), Ok(false));
        for broken in ["[[keys]", "keys = 1", &file("root"), &file("a b")] {
            assert!(guard.take(broken).is_err(), "{broken}");
            assert_eq!(names(), ["root", "ci"]);
        }
        assert_eq!(guard.take(""), Ok(true));
        assert_eq!(names(), ["root"]);
    }
}

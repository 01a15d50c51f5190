//! Secrets: sealed with AES-256-GCM before they reach the database, opened right before the call that needs them.
//! Not here: putting them into a call and taking them out of its result (`resolve`).

use async_trait::async_trait;
use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use nexus_api::{
    CallCtx, Code, Error, Result,
    planner::PageRequest,
    secrets::{Secret, SecretValue, Secrets},
};
use nexus_engine::Mark;
use nexus_model::{NodeId, Timestamp, workflow::Page};
use nexus_store::{SealedSecret, SecretRow, SecretStore};
use ring::{
    aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    rand::{SecureRandom, SystemRandom},
};
use sha2::{Digest, Sha256};
use std::{collections::BTreeMap, fmt, sync::Arc};

/// Shortest value, bytes: a shorter one could not be told from other text where results are cleaned of it.
const LEAST_BYTES: usize = 4;
/// Longest value, bytes.
const MOST_BYTES: usize = 64 << 10;
/// What sealed values begin with; tells this form from later ones.
const FORMAT: &str = "v1";

/// The key that secrets are sealed with.
struct Key {
    aead: LessSafeKey,
    /// Tells keys apart without telling them.
    id: String,
}

/// Where secrets are kept. Cheap to clone.
#[derive(Clone)]
pub struct Vault {
    store: Arc<dyn SecretStore>,
    key: Option<Arc<Key>>,
    mark: Mark,
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vault").field("key", &self.key.is_some()).finish_non_exhaustive()
    }
}

/// The 32 bytes of a key.
pub type KeyBytes = [u8; 32];

impl Vault {
    /// Over a place for sealed secrets. Without a key there are no secrets.
    pub fn new(store: Arc<dyn SecretStore>, key: Option<&KeyBytes>) -> Self {
        let key = key.and_then(|bytes| {
            let aead = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, bytes).ok()?);
            let id = Sha256::new().chain_update(b"nexus secrets key ").chain_update(bytes).finalize();
            Some(Arc::new(Key { aead, id: id.iter().take(4).map(|byte| format!("{byte:02x}")).collect() }))
        });
        let nonce: u128 = rand::random();
        Self { store, key, mark: Mark::new(&format!("{nonce:032x}")) }
    }

    /// What stands for this process's secrets until they are put to their use.
    pub(crate) fn mark(&self) -> &Mark {
        &self.mark
    }

    /// The values of these secrets.
    pub(crate) async fn open(&self, workspace: &str, names: &[String]) -> Result<BTreeMap<String, String>> {
        let key = self.key()?;
        let found = self.store.sealed_secrets(workspace, names).await?;
        let opened: BTreeMap<String, String> = found
            .into_iter()
            .map(|SealedSecret { name, sealed }| Ok((name.clone(), key.unseal(workspace, &name, &sealed)?)))
            .collect::<Result<_>>()?;
        match names.iter().find(|name| !opened.contains_key(*name)) {
            None => Ok(opened),
            Some(name) => Err(Error::new(Code::NotFound, format!("there is no secret `{name}`"))
                .reason("secret_unknown")
                .suggest(format!("set it with `nexus secrets set {name}`, then resume"))),
        }
    }

    fn key(&self) -> Result<&Key> {
        self.key.as_deref().ok_or_else(|| {
            Error::new(Code::Unavailable, "secrets are not available: there is no key to encrypt them with")
                .reason("secrets_unavailable")
                .retryable(false)
                .suggest("set NEXUS_SECRETS_KEY_FILE or NEXUS_SECRETS_KEY, e.g. to what `openssl rand -base64 32` prints, and restart")
        })
    }
}

impl Key {
    /// Bound to its place: a sealed value that is moved to another name or workspace cannot be opened there.
    fn aad(workspace: &str, name: &str) -> Aad<Vec<u8>> {
        Aad::from(format!("{FORMAT}\0{workspace}\0{name}").into_bytes())
    }

    fn seal(&self, workspace: &str, name: &str, value: &str) -> Result<String> {
        let failed = |_| Error::internal("a secret could not be sealed");
        let mut nonce = [0; NONCE_LEN];
        SystemRandom::new().fill(&mut nonce).map_err(failed)?;
        let mut text = value.as_bytes().to_vec();
        let aad = Self::aad(workspace, name);
        let nonce_ = Nonce::assume_unique_for_key(nonce);
        self.aead.seal_in_place_append_tag(nonce_, aad, &mut text).map_err(failed)?;
        Ok(format!("{FORMAT}.{}.{}", self.id, BASE64.encode([nonce.as_slice(), &text].concat())))
    }

    fn unseal(&self, workspace: &str, name: &str, sealed: &str) -> Result<String> {
        let unreadable = |why: &str| {
            Error::new(Code::Invalid, format!("the secret `{name}` cannot be read: {why}"))
                .reason("secret_unreadable")
                .suggest(format!("give this process the key it was set under, or set it again with `nexus secrets set {name}`"))
        };
        let damaged = || unreadable("what is stored is damaged or belongs elsewhere");
        let mut parts = sealed.splitn(3, '.');
        let (Some(FORMAT), Some(id), Some(sealed)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(damaged());
        };
        if id != self.id {
            return Err(unreadable("it was set under another key"));
        }
        let mut bytes = BASE64.decode(sealed).map_err(|_| damaged())?;
        let (nonce, text) = bytes.split_at_mut_checked(NONCE_LEN).ok_or_else(damaged)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| damaged())?;
        let opened =
            self.aead.open_in_place(nonce, Self::aad(workspace, name), text).map_err(|_| damaged())?;
        String::from_utf8(opened.to_vec()).map_err(|_| damaged())
    }
}

fn shown(row: SecretRow) -> Secret {
    let SecretRow { name, created_at, updated_at } = row;
    Secret { name, created_at, updated_at }
}

fn checked(name: &str) -> Result<()> {
    NodeId::new(name).map(drop).map_err(|_| {
        Error::new(Code::Invalid, "this cannot be the name of a secret")
            .suggest("use letters, digits and _, not starting with a digit, at most 63")
            .detail("name", "must match [A-Za-z_][A-Za-z0-9_]{0,62}")
    })
}

#[async_trait]
impl Secrets for Vault {
    async fn list_secrets(&self, ctx: &CallCtx, page: PageRequest) -> Result<Page<Secret>> {
        let limit = page.checked_limit()?;
        let workspace = ctx.workspace.as_str();
        let rows = self.store.list_secrets(workspace, page.cursor.as_deref(), limit + 1).await?;
        let mut items: Vec<Secret> = rows.into_iter().map(shown).collect();
        let more = items.len() > limit as usize;
        items.truncate(limit as usize);
        let next_cursor = items.last().filter(|_| more).map(|last| last.name.clone());
        Ok(Page { items, next_cursor })
    }

    async fn set_secret(&self, ctx: &CallCtx, name: String, value: SecretValue) -> Result<Secret> {
        checked(&name)?;
        let key = self.key()?;
        let bytes = value.expose().len();
        if !(LEAST_BYTES..=MOST_BYTES).contains(&bytes) {
            let message =
                format!("the value of a secret has {LEAST_BYTES} to {MOST_BYTES} bytes, not {bytes}");
            return Err(Error::new(Code::Invalid, message)
                .suggest("a shorter value could not be told from other text where results are cleaned of it")
                .detail("value", "has the wrong length"));
        }
        let workspace = ctx.workspace.as_str();
        let sealed = key.seal(workspace, &name, value.expose())?;
        let row = self.store.put_secret(workspace, &name, &sealed, Timestamp::now()).await?;
        tracing::info!(secret = %name, workspace, "a secret was set");
        Ok(shown(row))
    }

    async fn delete_secret(&self, ctx: &CallCtx, name: String) -> Result<()> {
        if checked(&name).is_ok() && self.store.delete_secret(ctx.workspace.as_str(), &name).await? {
            tracing::info!(secret = %name, workspace = ctx.workspace.as_str(), "a secret was deleted");
            return Ok(());
        }
        Err(Error::new(Code::NotFound, "there is no such secret")
            .suggest("`nexus secrets list` says which there are"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nexus_store::sqlite::SqliteStore;

    fn vault(store: &Arc<SqliteStore>, key: Option<u8>) -> Vault {
        Vault::new(store.clone(), key.map(|byte| [byte; 32]).as_ref())
    }

    /// A store, for as long as its folder is held.
    fn store() -> (tempfile::TempDir, Arc<SqliteStore>) {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(folder.path().join("nexus.db")).unwrap();
        (folder, Arc::new(store))
    }

    async fn set(vault: &Vault, name: &str, value: &str) -> Result<Secret> {
        vault.set_secret(&CallCtx::background(), name.into(), SecretValue::new(value)).await
    }

    async fn open(vault: &Vault, name: &str) -> Result<String> {
        let opened = vault.open("default", &[name.to_owned()]).await?;
        Ok(opened[name].clone())
    }

    fn reason(result: Result<String>) -> String {
        result.unwrap_err().reason.unwrap_or_default()
    }

    #[tokio::test]
    async fn what_is_sealed_is_opened_by_its_key_alone() {
        let (_folder, store) = store();
        let ours = vault(&store, Some(1));
        let first = set(&ours, "token", "canary-1").await.unwrap();
        assert_eq!(open(&ours, "token").await.unwrap(), "canary-1");
        let again = set(&ours, "token", "canary-2").await.unwrap();
        assert_eq!((&again.name, again.created_at), (&first.name, first.created_at));
        assert_eq!(open(&ours, "token").await.unwrap(), "canary-2");
        let sealed = &store.sealed_secrets("default", &["token".into()]).await.unwrap()[0].sealed;
        assert!(!sealed.contains("canary") && !sealed.contains(&BASE64.encode("canary")[..8]), "{sealed}");
        assert_eq!(reason(open(&vault(&store, Some(2)), "token").await), "secret_unreadable");
        assert_eq!(reason(open(&vault(&store, None), "token").await), "secrets_unavailable");
        assert_eq!(reason(open(&ours, "other").await), "secret_unknown");
    }

    #[tokio::test]
    async fn what_was_moved_or_changed_is_not_opened() {
        let (_folder, store) = store();
        let ours = vault(&store, Some(1));
        set(&ours, "one", "first value").await.unwrap();
        let sealed = store.sealed_secrets("default", &["one".into()]).await.unwrap().remove(0).sealed;
        let now = Timestamp::now();
        store.put_secret("default", "two", &sealed, now).await.unwrap();
        assert_eq!(reason(open(&ours, "two").await), "secret_unreadable");
        store.put_secret("other", "one", &sealed, now).await.unwrap();
        assert_eq!(
            ours.open("other", &["one".into()]).await.unwrap_err().reason.unwrap(),
            "secret_unreadable"
        );
        for bad in ["", "v1", "v2.00.AAAA", "v1.x.y", &sealed[..sealed.len() - 4], &format!("{sealed}AAAA")] {
            store.put_secret("default", "one", bad, now).await.unwrap();
            assert_eq!(reason(open(&ours, "one").await), "secret_unreadable", "{bad}");
        }
    }

    #[tokio::test]
    async fn names_are_listed_page_by_page_and_values_are_not() {
        let (_folder, store) = store();
        let ours = vault(&store, Some(1));
        for name in ["b", "_a", "C"] {
            set(&ours, name, "a value").await.unwrap();
        }
        let ctx = CallCtx::background();
        let page = |cursor: Option<String>| PageRequest { limit: Some(2), cursor };
        let first = ours.list_secrets(&ctx, page(None)).await.unwrap();
        let rest = ours.list_secrets(&ctx, page(first.next_cursor.clone())).await.unwrap();
        let names: Vec<_> =
            first.items.iter().chain(&rest.items).map(|secret| secret.name.as_str()).collect();
        assert_eq!(names, ["C", "_a", "b"]);
        assert_eq!(rest.next_cursor, None);
        ours.delete_secret(&ctx, "b".into()).await.unwrap();
        assert_eq!(ours.delete_secret(&ctx, "b".into()).await.unwrap_err().code, Code::NotFound);
        for (name, value) in [("a b", "a value"), ("", "a value"), ("1a", "a value"), ("a", "abc"), ("a", "")]
        {
            assert_eq!(set(&ours, name, value).await.unwrap_err().code, Code::Invalid, "{name} {value}");
        }
        assert_eq!(set(&vault(&store, None), "a", "a value").await.unwrap_err().code, Code::Unavailable);
    }
}

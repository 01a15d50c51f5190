//! The keys with which an identity provider signs: found by its discovery document, kept, fetched again when they are
//! old or a token names one that is not among them. A provider that is down does not lock out those whose key is known.
//! Not here: tokens (`token`).

use crate::{Error, crypto};
use jsonwebtoken::{
    Algorithm, DecodingKey,
    jwk::{Jwk, PublicKeyUse},
};
use reqwest::{Client, redirect};
use serde::Deserialize;
use serde_json::Value;
use std::{
    str::FromStr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::time::Instant;

/// Keys are asked for again after this time.
const FRESH: Duration = Duration::from_secs(600);
/// Keys that could not be confirmed for this long are not used any more: one of them may have been withdrawn.
const MOST_STALE: Duration = Duration::from_secs(24 * 3_600);
/// Pause between questions, whatever tokens ask for: they may be made up.
const PAUSE: Duration = Duration::from_secs(10);
const TIMEOUT: Duration = Duration::from_secs(5);
/// Largest answer that is read.
const MOST_BYTES: usize = 1 << 20;

/// Why there is no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Missing {
    /// The provider does not know it.
    Unknown,
    /// The provider could not be asked.
    NotAsked,
}

/// The keys of one provider.
pub(crate) struct Jwks {
    client: Client,
    issuer: String,
    known: Mutex<Known>,
    asking: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct Known {
    keys: Arc<Vec<Published>>,
    fetched: Option<Instant>,
    asked: Option<Instant>,
}

/// A published key.
struct Published {
    id: Option<String>,
    /// The only algorithm it is for, if it says so.
    algorithm: Option<Algorithm>,
    key: DecodingKey,
}

#[derive(Deserialize)]
struct Discovery {
    issuer: String,
    jwks_uri: String,
}

#[derive(Deserialize)]
struct Set {
    keys: Vec<Value>,
}

impl Jwks {
    pub(crate) fn new(issuer: &str) -> Result<Self, Error> {
        nexus_runtime::tls::install();
        let client = Client::builder()
            .user_agent(concat!("nexus/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .timeout(TIMEOUT)
            .build()
            .map_err(|error| Error(format!("NEXUS_OIDC_ISSUER cannot be asked: {error}")))?;
        Ok(Self {
            client,
            issuer: issuer.to_owned(),
            known: Mutex::default(),
            asking: tokio::sync::Mutex::default(),
        })
    }

    /// The key of this id for this algorithm.
    pub(crate) async fn key(&self, id: Option<&str>, algorithm: Algorithm) -> Result<DecodingKey, Missing> {
        match self.look(id, algorithm) {
            Found::Fresh(key) => return Ok(key),
            Found::Old(_) => {
                // One asks; the others need not wait for it.
                if let Ok(_turn) = self.asking.try_lock() {
                    self.ask_if_due().await;
                }
            }
            Found::Nothing => {
                let _turn = self.asking.lock().await;
                // Another one may have asked meanwhile.
                if let Found::Fresh(key) = self.look(id, algorithm) {
                    return Ok(key);
                }
                self.ask_if_due().await;
            }
        }
        match self.look(id, algorithm) {
            Found::Fresh(key) | Found::Old(key) => Ok(key),
            Found::Nothing if self.is_usable() => Err(Missing::Unknown),
            Found::Nothing => Err(Missing::NotAsked),
        }
    }

    fn known(&self) -> std::sync::MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether what is known can be relied on.
    fn is_usable(&self) -> bool {
        self.known().fetched.is_some_and(|fetched| fetched.elapsed() < MOST_STALE)
    }

    fn look(&self, id: Option<&str>, algorithm: Algorithm) -> Found {
        let (keys, fetched) = {
            let known = self.known();
            (known.keys.clone(), known.fetched)
        };
        let Some(age) = fetched.map(|fetched| fetched.elapsed()).filter(|age| *age < MOST_STALE) else {
            return Found::Nothing;
        };
        let fits = |key: &&Published| {
            key.key.family() == algorithm.family() && key.algorithm.is_none_or(|only| only == algorithm)
        };
        let mut fitting = keys.iter().filter(fits).filter(|key| id.is_none() || key.id.as_deref() == id);
        match (fitting.next(), fitting.next()) {
            // A token that names no key is only understood where there is no choice.
            (Some(_), Some(_)) if id.is_none() => Found::Nothing,
            (Some(found), _) if age < FRESH => Found::Fresh(found.key.clone()),
            (Some(found), _) => Found::Old(found.key.clone()),
            (None, _) => Found::Nothing,
        }
    }

    async fn ask_if_due(&self) {
        {
            let mut known = self.known();
            if known.asked.is_some_and(|asked| asked.elapsed() < PAUSE) {
                return;
            }
            known.asked = Some(Instant::now());
        }
        match self.fetch().await {
            Ok(keys) => {
                let mut known = self.known();
                known.keys = Arc::new(keys);
                known.fetched = Some(Instant::now());
            }
            Err(why) => {
                tracing::warn!(issuer = self.issuer, why, "the identity provider's keys cannot be read")
            }
        }
    }

    async fn fetch(&self) -> Result<Vec<Published>, String> {
        let issuer = self.issuer.trim_end_matches('/');
        let discovery: Discovery = self.get(&format!("{issuer}/.well-known/openid-configuration")).await?;
        if discovery.issuer.trim_end_matches('/') != issuer {
            return Err("its discovery document names another issuer".to_owned());
        }
        // Keys that come without TLS could be anybody's, unless the issuer itself is on this machine.
        if issuer.starts_with("https://") && !discovery.jwks_uri.starts_with("https://") {
            return Err("its keys are at an address without TLS".to_owned());
        }
        let set: Set = self.get(&discovery.jwks_uri).await?;
        // Keys of kinds that are not known here may stand beside those that are.
        let keys: Vec<Published> = set.keys.into_iter().filter_map(published).collect();
        if keys.is_empty() { Err("it publishes no key that can be used".to_owned()) } else { Ok(keys) }
    }

    async fn get<T: for<'de> Deserialize<'de>>(&self, url: &str) -> Result<T, String> {
        let failed = |error: reqwest::Error| error.without_url().to_string();
        let mut response = self.client.get(url).send().await.map_err(failed)?;
        if !response.status().is_success() {
            return Err(format!("it answers {}", response.status()));
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            body.extend_from_slice(&chunk);
            if body.len() > MOST_BYTES {
                return Err("its answer is too large".to_owned());
            }
        }
        serde_json::from_slice(&body).map_err(|error| format!("its answer cannot be read: {error}"))
    }
}

enum Found {
    Fresh(DecodingKey),
    Old(DecodingKey),
    Nothing,
}

fn published(key: Value) -> Option<Published> {
    let jwk: Jwk = serde_json::from_value(key).ok()?;
    let for_signing = match &jwk.common.public_key_use {
        None | Some(PublicKeyUse::Signature) => true,
        Some(_) => false,
    };
    let key = DecodingKey::from_jwk(&jwk).ok()?;
    let algorithm = match jwk.common.key_algorithm {
        None => None,
        Some(algorithm) => Some(Algorithm::from_str(&algorithm.to_string()).ok()?),
    };
    (for_signing && crypto::is_public(key.family())).then_some(Published {
        id: jwk.common.key_id,
        algorithm,
        key,
    })
}

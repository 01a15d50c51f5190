//! Tokens against a real provider over HTTP: one that this test makes, with keys of its own.
#![expect(clippy::unwrap_used, reason = "a failed expectation is a failed test")]

use axum::{Json, Router, extract::State, http::StatusCode, routing::get};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use nexus_api::{
    Code,
    access::{Authenticator, Identity, Scope},
};
use nexus_auth::Guard;
use nexus_runtime::{Config, config::Flags};
use ring::{
    hmac,
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair},
};
use serde_json::{Value, json};
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// A key of the provider.
struct Signer {
    id: &'static str,
    pair: EcdsaKeyPair,
}

impl Signer {
    fn new(id: &'static str) -> Self {
        let random = SystemRandom::new();
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        let pair =
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref(), &random).unwrap();
        Self { id, pair }
    }

    fn published(&self) -> Value {
        let (x, y) = self.pair.public_key().as_ref()[1..].split_at(32);
        json!({
            "kty": "EC", "crv": "P-256", "kid": self.id, "use": "sig", "alg": "ES256",
            "x": BASE64.encode(x), "y": BASE64.encode(y),
        })
    }

    fn sign(&self, claims: &Value) -> String {
        self.sign_as(&json!({"alg": "ES256", "typ": "JWT", "kid": self.id}), claims)
    }

    fn sign_as(&self, header: &Value, claims: &Value) -> String {
        let message = unsigned(header, claims);
        let signature = self.pair.sign(&SystemRandom::new(), message.as_bytes()).unwrap();
        format!("{message}.{}", BASE64.encode(signature))
    }
}

fn unsigned(header: &Value, claims: &Value) -> String {
    format!("{}.{}", BASE64.encode(header.to_string()), BASE64.encode(claims.to_string()))
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// What the provider says of itself.
struct Provider {
    issuer: Mutex<String>,
    keys: Mutex<Vec<Value>>,
    down: AtomicBool,
    asked: AtomicUsize,
}

impl Provider {
    async fn start(keys: Vec<Value>) -> Arc<Self> {
        let provider = Arc::new(Self {
            issuer: Mutex::default(),
            keys: Mutex::new(keys),
            down: AtomicBool::new(false),
            asked: AtomicUsize::new(0),
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        *provider.issuer.lock().unwrap() = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(discovery))
            .route("/keys", get(keys_of))
            .with_state(provider.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        provider
    }

    fn issuer(&self) -> String {
        self.issuer.lock().unwrap().clone()
    }

    fn publish(&self, keys: Vec<Value>) {
        *self.keys.lock().unwrap() = keys;
    }

    fn claims(&self) -> Value {
        json!({
            "iss": self.issuer(), "aud": ["other", "nexus"], "sub": "user-1", "exp": now() + 300,
            "scope": "openid nexus:run", "org": "team-a",
        })
    }

    fn guard(&self, more: &[(&str, &str)]) -> Arc<Guard> {
        let issuer = self.issuer();
        let mut settings = vec![("NEXUS_OIDC_ISSUER", issuer.as_str()), ("NEXUS_OIDC_AUDIENCE", "nexus")];
        settings.extend(more);
        let config = Config::from_lookup(&Flags::new(), |name| {
            Ok(settings.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned()))
        });
        Guard::of(&config.unwrap(), false).unwrap().unwrap()
    }
}

async fn discovery(State(provider): State<Arc<Provider>>) -> Result<Json<Value>, StatusCode> {
    if provider.down.load(Ordering::SeqCst) {
        return Err(StatusCode::SERVICE_UNAVAILABLE);
    }
    let issuer = provider.issuer();
    Ok(Json(json!({"issuer": issuer, "jwks_uri": format!("{issuer}/keys")})))
}

async fn keys_of(State(provider): State<Arc<Provider>>) -> Json<Value> {
    provider.asked.fetch_add(1, Ordering::SeqCst);
    Json(json!({"keys": provider.keys.lock().unwrap().clone()}))
}

async fn identify(guard: &Guard, token: &str) -> Result<Identity, (Code, String)> {
    guard.identify(token).await.map_err(|error| (error.code, error.message))
}

/// Lets time pass, without that anything on the way over the network takes it for silence.
async fn later(seconds: u64) {
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(seconds)).await;
    tokio::time::resume();
}

fn with(claims: &Value, name: &str, value: Value) -> Value {
    let mut claims = claims.clone();
    match value {
        Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
        value => claims[name] = value,
    }
    claims
}

#[tokio::test]
async fn a_good_token_names_its_owner_scopes_and_workspace() {
    let signer = Signer::new("one");
    let provider = Provider::start(vec![json!({"kty": "future", "kid": "x"}), signer.published()]).await;
    let token = signer.sign(&provider.claims());
    let identity = identify(&provider.guard(&[("NEXUS_OIDC_WORKSPACE_CLAIM", "org")]), &token).await.unwrap();
    assert_eq!((identity.name.as_str(), identity.workspace.as_str()), ("oidc:user-1", "team-a"));
    assert!(identity.scopes.allow(Scope::Run) && !identity.scopes.allow(Scope::Edit) && !identity.mesh);
    let guard = provider.guard(&[("NEXUS_OIDC_SCOPES_CLAIM", "org")]);
    let identity = identify(&guard, &token).await.unwrap();
    assert!(identity.workspace.is_default() && identity.scopes.is_empty());
    // Clocks may differ a little, and keys are asked for once.
    for _ in 0..5 {
        let late = signer.sign(&with(&provider.claims(), "exp", json!(now() - 30)));
        identify(&guard, &late).await.unwrap();
    }
    assert_eq!(provider.asked.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn tokens_that_are_not_for_us_now_are_refused() {
    let signer = Signer::new("one");
    let provider = Provider::start(vec![signer.published()]).await;
    let guard = provider.guard(&[("NEXUS_OIDC_WORKSPACE_CLAIM", "org")]);
    let good = provider.claims();
    for (name, value, why) in [
        ("exp", json!(now() - 120), "expired"),
        ("exp", Value::Null, "lacks"),
        ("exp", json!("tomorrow"), ""),
        ("nbf", json!(now() + 600), "not valid yet"),
        ("iss", json!("https://other.example"), "another issuer"),
        ("iss", Value::Null, "lacks"),
        ("aud", json!("other"), "another audience"),
        ("aud", Value::Null, "lacks"),
        ("sub", Value::Null, "lacks"),
        ("sub", json!("a b\nc"), "subject"),
        ("sub", json!(""), "subject"),
        ("org", Value::Null, "no workspace"),
        ("org", json!("../default"), "no workspace"),
    ] {
        let token = signer.sign(&with(&good, name, value.clone()));
        let (code, message) = identify(&guard, &token).await.unwrap_err();
        assert_eq!(code, Code::Unauthenticated, "{name} {value}");
        assert!(message.contains(why), "{name} {value}: {message}");
    }
    for garbage in ["", "a.b.c", "a.b", "....", &"x".repeat(1 << 20)] {
        assert_eq!(identify(&guard, garbage).await.unwrap_err().0, Code::Unauthenticated);
    }
    identify(&guard, &signer.sign(&good)).await.unwrap();
}

#[tokio::test]
async fn a_token_does_not_choose_how_it_is_judged() {
    let (signer, stranger) = (Signer::new("one"), Signer::new("one"));
    let provider = Provider::start(vec![
        signer.published(),
        json!({"kty": "oct", "kid": "shared", "k": BASE64.encode("s")}),
    ])
    .await;
    let guard = provider.guard(&[]);
    let claims = provider.claims();
    let point = signer.pair.public_key().as_ref().to_vec();
    // Signed with the public key, as if it were a shared secret.
    let hs256 = |header: &Value, secret: &[u8]| {
        let message = unsigned(header, &claims);
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), message.as_bytes());
        format!("{message}.{}", BASE64.encode(tag))
    };
    let good = signer.sign(&claims);
    let (head, signature) = good.rsplit_once('.').unwrap();
    let forged = unsigned(&json!({"alg": "ES256", "kid": "one"}), &with(&claims, "scope", json!("admin")));
    for (what, token) in [
        ("none", format!("{}.", unsigned(&json!({"alg": "none"}), &claims))),
        ("None", format!("{}.", unsigned(&json!({"alg": "None", "kid": "one"}), &claims))),
        ("public key as secret", hs256(&json!({"alg": "HS256", "kid": "one"}), &point)),
        ("published secret", hs256(&json!({"alg": "HS256", "kid": "shared"}), b"s")),
        ("no signature", format!("{head}.")),
        ("signature of something else", format!("{forged}.{signature}")),
        ("a key of one's own", stranger.sign(&claims)),
        (
            "an algorithm that is not accepted",
            signer.sign_as(&json!({"alg": "ES384", "kid": "one"}), &claims),
        ),
        ("RS256 with a key for ES256", signer.sign_as(&json!({"alg": "RS256", "kid": "one"}), &claims)),
        (
            "a key in the token",
            stranger.sign_as(&json!({"alg": "ES256", "kid": "mine", "jwk": stranger.published()}), &claims),
        ),
    ] {
        let (code, message) = identify(&guard, &token).await.unwrap_err();
        assert_eq!(code, Code::Unauthenticated, "{what}: {message}");
    }
    identify(&guard, &good).await.unwrap();
    // Without a name of a key, there must be no choice.
    let nameless = signer.sign_as(&json!({"alg": "ES256"}), &claims);
    identify(&guard, &nameless).await.unwrap();
}

#[tokio::test]
async fn keys_are_rotated_without_a_restart_and_made_up_ones_do_not_flood_the_provider() {
    let (old, new) = (Signer::new("old"), Signer::new("new"));
    let provider = Provider::start(vec![old.published()]).await;
    let guard = provider.guard(&[]);
    identify(&guard, &old.sign(&provider.claims())).await.unwrap();
    provider.publish(vec![new.published()]);
    for n in 0..50 {
        let made_up =
            new.sign_as(&json!({"alg": "ES256", "kid": format!("made-up-{n}")}), &provider.claims());
        assert_eq!(identify(&guard, &made_up).await.unwrap_err().0, Code::Unauthenticated);
    }
    assert_eq!(provider.asked.load(Ordering::SeqCst), 1);
    later(11).await;
    identify(&guard, &new.sign(&provider.claims())).await.unwrap();
    assert_eq!(provider.asked.load(Ordering::SeqCst), 2);
    let withdrawn = identify(&guard, &old.sign(&provider.claims())).await.unwrap_err();
    assert!(withdrawn.1.contains("does not publish"), "{}", withdrawn.1);
}

#[tokio::test]
async fn a_provider_that_is_down_locks_out_nobody_who_is_known_for_a_day() {
    let signer = Signer::new("one");
    let provider = Provider::start(vec![signer.published()]).await;
    let (known, unknown) = (provider.guard(&[]), provider.guard(&[]));
    let token = signer.sign(&provider.claims());
    identify(&known, &token).await.unwrap();
    provider.down.store(true, Ordering::SeqCst);
    let (code, message) = identify(&unknown, &token).await.unwrap_err();
    assert_eq!(code, Code::Unavailable, "{message}");
    later(3_600).await;
    identify(&known, &token).await.unwrap();
    later(24 * 3_600).await;
    assert_eq!(identify(&known, &token).await.unwrap_err().0, Code::Unavailable);
    provider.down.store(false, Ordering::SeqCst);
    later(11).await;
    identify(&known, &token).await.unwrap();
    identify(&unknown, &token).await.unwrap();
}

#[tokio::test]
async fn a_provider_that_names_another_issuer_is_not_believed() {
    let signer = Signer::new("one");
    let provider = Provider::start(vec![signer.published()]).await;
    let guard = provider.guard(&[]);
    let claims = provider.claims();
    *provider.issuer.lock().unwrap() = "https://other.example".to_owned();
    assert_eq!(identify(&guard, &signer.sign(&claims)).await.unwrap_err().0, Code::Unavailable);
}

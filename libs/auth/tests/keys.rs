//! The file of keys while it changes.
#![expect(clippy::unwrap_used, reason = "a failed expectation is a failed test")]

use nexus_api::access::{Authenticator, Identity, Scope};
use nexus_auth::Guard;
use nexus_runtime::{Config, config::Flags};
use std::{path::Path, sync::Arc, time::Duration};

/// SHA-256 of `foo` and `bar`.
const FOO: &str = "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae";
const BAR: &str = "fcde2b2edba56bf408601fb721fe9b5c338d10ee429ea04fae5511b68fbf8fb9";

fn key(name: &str, hash: &str, scope: &str) -> String {
    format!("[[keys]]\nname = \"{name}\"\nsha256 = \"{hash}\"\nscopes = [\"{scope}\"]\n")
}

fn guard(file: &Path, mesh: bool) -> Arc<Guard> {
    let config = Config::from_lookup(&Flags::new(), |name| {
        Ok(match name {
            "NEXUS_API_KEYS" => Some(format!("root:{BAR}")),
            "NEXUS_API_KEYS_FILE" => Some(file.display().to_string()),
            "NEXUS_MESH_KEY" => Some("m".repeat(32)),
            _ => None,
        })
    });
    Guard::of(&config.unwrap(), mesh).unwrap().unwrap()
}

/// Waits until the answer to a key is as wanted.
async fn until(guard: &Guard, key: &str, wanted: impl Fn(Option<&Identity>) -> bool) {
    let waiting = async {
        while !wanted(guard.identify(key).await.ok().as_ref()) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), waiting).await.unwrap();
}

#[tokio::test]
async fn keys_come_and_go_with_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("keys.toml");
    std::fs::write(&file, key("ci", FOO, "read")).unwrap();
    let guard = guard(&file, false);
    assert!(!guard.identify("foo").await.unwrap().scopes.allow(Scope::Run));
    assert_eq!(guard.identify("bar").await.unwrap().name, "root");

    std::fs::write(&file, key("ci", FOO, "run")).unwrap();
    until(&guard, "foo", |found| found.is_some_and(|ci| ci.scopes.allow(Scope::Run))).await;
    std::fs::write(&file, "").unwrap();
    until(&guard, "foo", |found| found.is_none()).await;
    assert_eq!(guard.identify("bar").await.unwrap().name, "root");
}

#[tokio::test]
async fn only_who_serves_the_mesh_knows_its_key() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("keys.toml");
    std::fs::write(&file, key("ci", FOO, "read")).unwrap();
    let mesh_key = "m".repeat(32);
    assert!(guard(&file, true).identify(&mesh_key).await.unwrap().mesh);
    assert!(guard(&file, false).identify(&mesh_key).await.is_err());
}

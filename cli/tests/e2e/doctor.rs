//! `nexus doctor` names what is wrong and what to do, in every unhappy case we know. Not here: reading settings
//! (`nexus-runtime`), a mesh without its database (`metrics`).

use crate::{Place, blocking, one_json};
use nexus_testkit::{nats::NatsServer, postgres, process::settings, provider::FakeProvider};
use serde_json::Value;
use std::net::TcpListener;

/// Free addresses, and no Ollama to look for.
fn quiet() -> Vec<(String, String)> {
    settings([("NEXUS_HTTP_ADDR", "127.0.0.1:0"), ("NEXUS_GRPC_ADDR", "127.0.0.1:0"), ("OLLAMA_HOST", "off")])
}

async fn doctor(place: &Place) -> (i32, Value) {
    let done = place.nexus_async(&["doctor", "--json"]).await;
    (done.code(), one_json(&done.stdout))
}

fn finding<'a>(report: &'a Value, check: &str) -> &'a Value {
    let findings = report["checks"].as_array().unwrap();
    findings.iter().find(|one| one["check"] == check).unwrap_or_else(|| panic!("no {check}: {report}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_healthy_place_is_healthy_and_stays_untouched() {
    let mut place = Place::new();
    place.settings = quiet();
    let (code, report) = doctor(&place).await;
    assert_eq!(code, 0, "{report}");
    assert_ne!(report["status"], "fail");
    for check in ["settings", "data folder", "disk", "database", "prices", "NEXUS_HTTP_ADDR"] {
        assert_eq!(finding(&report, check)["status"], "ok", "{report}");
    }
    // Without any key only the demo answers, which somebody should know.
    assert!(finding(&report, "models")["fix"].as_str().unwrap().contains("OPENAI_API_KEY"));
    assert!(!place.data().exists(), "it makes nothing");
    let text = place.nexus_async(&["doctor"]).await;
    assert!(text.stdout.contains("ok    data folder"), "{}", text.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_that_are_wrong_are_all_named_with_what_to_do() {
    let mut place = Place::new();
    place.settings = quiet();
    place.settings.extend(settings([
        ("NEXUS_METRICS_ADDR", "here"),
        ("LOG_FORMAT", "xml"),
        ("NEXUS_HTPP_ADDR", "127.0.0.1:1"),
        ("NEXUS_PRICING_FILE", "/nowhere/prices.json"),
    ]));
    let (code, report) = doctor(&place).await;
    assert_eq!(code, 1, "{report}");
    for check in ["NEXUS_METRICS_ADDR", "LOG_FORMAT", "prices"] {
        assert_eq!(finding(&report, check)["status"], "fail", "{report}");
    }
    let almost = finding(&report, "NEXUS_HTPP_ADDR");
    assert_eq!(almost["status"], "warn");
    assert_eq!(almost["fix"], "did you mean NEXUS_HTTP_ADDR?");
    // What does not depend on them is looked at all the same.
    assert_eq!(finding(&report, "data folder")["status"], "ok");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_is_none_and_a_database_that_is_none_are_told() {
    let mut place = Place::new();
    place.settings = quiet();
    std::fs::write(place.data(), "a file").unwrap();
    let (code, report) = doctor(&place).await;
    assert_eq!((code, finding(&report, "data folder")["status"].as_str()), (1, Some("fail")), "{report}");

    let place = Place { settings: quiet(), ..Place::new() };
    std::fs::create_dir_all(place.data()).unwrap();
    std::fs::write(place.data().join("nexus.db"), "no database at all").unwrap();
    let (code, report) = doctor(&place).await;
    assert_eq!((code, finding(&report, "database")["status"].as_str()), (1, Some("fail")), "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_that_are_away_or_not_ours_are_told() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken_addr = taken.local_addr().unwrap().to_string();
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let mut place = Place::new();
    place.settings = quiet();
    place.settings.retain(|(name, _)| name != "NEXUS_GRPC_ADDR");
    place.settings.extend(settings([
        ("NEXUS_GRPC_ADDR", &taken_addr),
        ("DATABASE_URL", &format!("postgres://nobody:canary-password@{free}/nothing")),
        ("NATS_URL", &format!("nats://{free}")),
        ("QDRANT_URL", &format!("http://{free}")),
        ("NEXUS_PLANNER_URL", &format!("http://{free}")),
        ("NEXUS_EXECUTOR_URL", &format!("http://{free}")),
        ("NEXUS_LLM_GATEWAY_URL", &format!("http://{free}")),
        ("NEXUS_MEMORY_URL", &format!("http://{free}")),
        ("NEXUS_SCRAPER_URL", &format!("http://{free}")),
        ("OPENAI_API_KEY", "sk-canary"),
        ("OPENAI_BASE_URL", &format!("http://{free}/v1")),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &format!("http://{free}")),
    ]));
    let (code, report) = doctor(&place).await;
    assert_eq!(code, 1, "{report}");
    for check in [
        "database",
        "vectors",
        "openai",
        "NEXUS_GRPC_ADDR",
        "planner",
        "executor",
        "llm-gateway",
        "memory",
        "scraper",
    ] {
        let finding = finding(&report, check);
        assert_eq!(finding["status"], "fail", "{finding}");
        assert!(finding["fix"].as_str().is_some_and(|fix| fix.len() > 10), "{finding}");
    }
    for check in ["events", "traces"] {
        assert_eq!(finding(&report, check)["status"], "warn", "{report}");
    }
    let text = report.to_string();
    assert!(!text.contains("canary"), "{text}");
    drop(taken);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_without_our_schema_and_a_provider_without_our_key_are_told() {
    let provider = FakeProvider::start().await.unwrap();
    provider.require_key("another");
    let (server, nats) =
        blocking(|| (postgres::Server::start_without_fsync().unwrap(), NatsServer::start().unwrap())).await;
    let mut place = Place::with_provider(&provider);
    place.settings.extend(quiet());
    place
        .settings
        .extend(settings([("DATABASE_URL", &server.create_database().unwrap()), ("NATS_URL", &nats.url())]));
    let (code, report) = doctor(&place).await;
    assert_eq!(code, 1, "{report}");
    let database = finding(&report, "database");
    assert_eq!(
        (database["status"].as_str(), database["fix"].as_str()),
        (Some("fail"), Some("run `nexus migrate`"))
    );
    assert_eq!(finding(&report, "clock")["status"], "ok");
    assert!(finding(&report, "events")["message"].as_str().unwrap().starts_with("NATS 2."), "{report}");
    assert_ne!(finding(&report, "openai")["status"], "ok", "{report}");

    assert_eq!(place.nexus_async(&["migrate"]).await.code(), 0);
    let (_, report) = doctor(&place).await;
    assert_eq!(finding(&report, "database")["status"], "ok", "{report}");
}

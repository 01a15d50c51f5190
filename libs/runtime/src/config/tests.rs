//! Tests of the configuration.

use super::*;

fn load(environment: &[(&str, &str)]) -> Result<Config, Error> {
    load_with(&Flags::new(), environment)
}

fn load_with(flags: &Flags, environment: &[(&str, &str)]) -> Result<Config, Error> {
    Config::from_lookup(flags, |name| {
        Ok(environment.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned()))
    })
}

fn complaint(name: &str, value: &str) -> String {
    load(&[(name, value)]).expect_err(&format!("{name}={value} was accepted")).to_string()
}

const HASH: &str = "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae";

#[test]
fn nothing_set_means_embedded_on_loopback() {
    let config = load(&[]).unwrap();
    assert_eq!(config.http_addr().to_string(), "127.0.0.1:8080");
    assert_eq!(config.grpc_addr(50051).to_string(), "127.0.0.1:50051");
    assert!(matches!(&config.database, Database::Sqlite(path) if path.ends_with(".nexus/nexus.db")));
    assert_eq!(config.peers.scraper, "http://127.0.0.1:50055");
    assert!(config.nats_url.is_none() && config.api_keys.is_empty() && !config.insecure);
    assert_eq!(config.limits, Limits::default());
}

#[test]
fn executions_are_kept_for_ever_or_for_days() {
    assert_eq!(load(&[]).unwrap().retention, None);
    let kept = |days: &str| load(&[("NEXUS_RETENTION_DAYS", days)]).unwrap().retention.unwrap();
    assert_eq!(kept("90"), Duration::from_secs(90 * 86_400));
    assert_eq!(kept("0.5"), Duration::from_secs(43_200));
}

#[test]
fn flags_win_and_empty_values_are_not_set() {
    let flags = Flags::from([("NEXUS_HTTP_ADDR", "127.0.0.1:1".to_owned())]);
    let config =
        load_with(&flags, &[("NEXUS_HTTP_ADDR", "127.0.0.1:2"), ("NATS_URL", " "), ("DATABASE_URL", "")]);
    let config = config.unwrap();
    assert_eq!(config.http_addr().port(), 1);
    assert!(config.nats_url.is_none());
}

#[test]
fn every_wrong_value_gets_a_sentence_that_names_the_setting() {
    for (name, value) in [
        ("NEXUS_HTTP_ADDR", "8080"),
        ("NEXUS_HTTP_ADDR", "example.com:80"),
        ("NEXUS_GRPC_ADDR", "127.0.0.1:99999"),
        ("DATABASE_URL", "mysql://user:secret@host/db"),
        ("DATABASE_URL", "sqlite::memory:"),
        ("NATS_URL", "http://host"),
        ("QDRANT_URL", "host:6334"),
        ("NEXUS_PLANNER_URL", "planner:50051"),
        ("OPENAI_BASE_URL", "ftp://user:secret@x"),
        ("FRONTEND_URL", "https://a.example/path"),
        ("NEXUS_API_KEYS", "alice"),
        ("NEXUS_API_KEYS", "alice:secret"),
        ("NEXUS_INSECURE", "maybe"),
        ("NEXUS_EGRESS_ALLOW", "10.0.0.0/33"),
        ("NEXUS_EGRESS_ALLOW", "intranet"),
        ("LOG_LEVEL", "verbose"),
        ("NEXUS_RETENTION_DAYS", "0"),
        ("NEXUS_RETENTION_DAYS", "-1"),
        ("NEXUS_RETENTION_DAYS", "NaN"),
        ("NEXUS_RETENTION_DAYS", "36501"),
        ("NEXUS_RETENTION_DAYS", "a month"),
        ("LOG_FORMAT", "xml"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector"),
        ("NEXUS_LIMIT_NODES", "0"),
        ("NEXUS_LIMIT_JSON_DEPTH", "1000"),
    ] {
        let sentence = complaint(name, value);
        assert!(sentence.contains(name), "{sentence}");
        assert!(!sentence.contains('\n') && !sentence.contains("secret"), "{sentence}");
    }
}

#[test]
fn databases_are_told_apart() {
    for url in ["postgres://u:p@h/d", "postgresql:///d?host=/tmp"] {
        assert!(load(&[("DATABASE_URL", url)]).unwrap().require_postgres("x").is_ok());
    }
    for (url, path) in [("sqlite:///a/b.db", "/a/b.db"), ("sqlite://c.db", "c.db"), ("sqlite:c.db", "c.db")] {
        let config = load(&[("DATABASE_URL", url)]).unwrap();
        assert!(matches!(&config.database, Database::Sqlite(found) if found.as_os_str() == path));
        assert!(
            config.require_postgres("nexus serve planner").unwrap_err().to_string().contains("DATABASE_URL")
        );
    }
}

#[test]
fn others_reach_it_only_with_keys_or_on_purpose() {
    let everywhere: SocketAddr = "0.0.0.0:8080".parse().unwrap();
    let open = load(&[]).unwrap();
    assert!(open.check_exposure("NEXUS_HTTP_ADDR", "[::1]:8080".parse().unwrap()).is_ok());
    let sentence = open.check_exposure("NEXUS_HTTP_ADDR", everywhere).unwrap_err().to_string();
    assert!(sentence.contains("NEXUS_API_KEYS") && sentence.contains("NEXUS_INSECURE=1"), "{sentence}");
    assert!(load(&[("NEXUS_INSECURE", "1")]).unwrap().check_exposure("NEXUS_HTTP_ADDR", everywhere).is_ok());
    let keys = format!("alice:{HASH}");
    assert!(
        load(&[("NEXUS_API_KEYS", &keys)]).unwrap().check_exposure("NEXUS_HTTP_ADDR", everywhere).is_ok()
    );
    assert_eq!(load(&[("NEXUS_HTTP_ADDR", ":80")]).unwrap().http_addr().to_string(), "0.0.0.0:80");
}

#[test]
fn passwords_are_refused_as_flags_and_never_shown() {
    let flags = Flags::from([("DATABASE_URL", "postgres://u:hunter2@h/d".to_owned())]);
    let sentence = load_with(&flags, &[]).unwrap_err().to_string();
    assert!(sentence.contains("DATABASE_URL") && !sentence.contains("hunter2"), "{sentence}");
    let config = load(&[
        ("DATABASE_URL", "postgres://u:hunter2@h/d"),
        ("OPENAI_API_KEY", "hunter2"),
        ("NATS_URL", "nats://u:hunter2@h:4222"),
        ("NEXUS_API_KEY", "hunter2"),
    ]);
    assert!(!format!("{config:?}").contains("hunter2"));
}

#[test]
fn lists_are_read() {
    let config = load(&[
        ("FRONTEND_URL", "https://A.example/, http://localhost:3000"),
        ("NEXUS_EGRESS_ALLOW", "10.0.0.0/8,127.0.0.1, intranet:8080, [::1]:80"),
        ("LOG_LEVEL", "INFO, nexus_executor=debug"),
        ("NEXUS_EXECUTOR_URL", "http://a:1, http://b:2/"),
    ])
    .unwrap();
    assert_eq!(config.frontend_origins, ["https://a.example", "http://localhost:3000"]);
    assert_eq!(config.egress_allow.len(), 4);
    assert_eq!(config.peers.executor, "http://a:1,http://b:2");
    assert_eq!(config.egress_allow[3], EgressRule::Host { host: "::1".into(), port: 80 });
    assert_eq!(config.log_level.as_deref(), Some("info,nexus_executor=debug"));
}

#[test]
fn the_weakest_sandbox_is_b_unless_said_otherwise() {
    assert_eq!(load(&[]).unwrap().sandbox, Sandbox { python: None, min_tier: 'B' });
    let config =
        load(&[("NEXUS_SANDBOX_MIN_TIER", "c"), ("NEXUS_SANDBOX_PYTHON", "/opt/nexus/python")]).unwrap();
    assert_eq!(config.sandbox, Sandbox { python: Some("/opt/nexus/python".into()), min_tier: 'C' });
    let refused = load(&[("NEXUS_SANDBOX_MIN_TIER", "D")]).unwrap_err();
    assert_eq!(refused.to_string(), "NEXUS_SANDBOX_MIN_TIER is `D`; set it to A, B or C");
}

#[test]
fn budgets_of_keys_are_read_or_refused() {
    let keys = format!("ci:{HASH},alice:{HASH}");
    let with = |budgets: &str| load(&[("NEXUS_API_KEYS", &keys), ("NEXUS_API_KEY_BUDGETS", budgets)]);
    let budgets = with("ci:5.50/day, ci:0.000001/month,alice:0/total").unwrap().key_budgets;
    let picos =
        |key: &str| budgets[key].iter().map(|(period, limit)| (*period, limit.picos())).collect::<Vec<_>>();
    assert_eq!(picos("ci"), [(BudgetPeriod::Day, 5_500_000_000_000), (BudgetPeriod::Month, 1_000_000)]);
    assert_eq!(picos("alice"), [(BudgetPeriod::Total, 0)]);
    for (wrong, part) in [
        ("ci", "no colon"),
        ("bob:1/day", "no key of that name"),
        ("ci:1", "no period"),
        ("ci:1/week", "not known"),
        ("ci:-1/day", "no amount"),
        ("ci:x/day", "no amount"),
        ("ci:NaN/day", "no amount"),
        ("ci:1/day,ci:2/day", "already"),
    ] {
        let sentence = with(wrong).unwrap_err().to_string();
        assert!(sentence.contains(part) && sentence.contains("e.g. ci:5.50/day"), "{sentence}");
    }
    assert!(load(&[("NEXUS_API_KEY_BUDGETS", "ci:1/day")]).is_err());
}

#[test]
fn an_ollama_server_is_looked_for_unless_that_is_off() {
    let place = |value: &str| load(&[("OLLAMA_HOST", value)]).unwrap().ollama;
    assert_eq!(place("").as_deref(), Some("127.0.0.1:11434"));
    assert_eq!(place("0.0.0.0").as_deref(), Some("127.0.0.1:11434"));
    assert_eq!(place("gpu-box:9999").as_deref(), Some("gpu-box:9999"));
    assert_eq!(place("off"), None);
}

#[test]
fn settings_have_distinct_flags() {
    let flags: std::collections::HashSet<_> = SETTINGS.iter().map(Setting::flag).collect();
    assert_eq!(flags.len(), SETTINGS.len());
    assert_eq!(setting("NEXUS_HTTP_ADDR").unwrap().flag(), "http-addr");
    assert_eq!(setting("NEXUS_HTTP_ADDR").unwrap().long_flag(), "nexus-http-addr");
}

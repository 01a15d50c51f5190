//! What is told of an endpoint beside its data, with every field set, and with every field that may be absent absent.
//! Not here: other values (`samples`).

use crate::samples::job_id;
use nexus_api::endpoint::{
    ChangeCounts, Delivery, DeliveryStatus, Health, HealthStatus, Run, Schedule, Trigger,
};
use nexus_model::Timestamp;
use serde_json::json;

fn at(micros: i64) -> Timestamp {
    Timestamp::from_micros(1_800_000_000_000_000 + micros)
}

pub(crate) fn health() -> Health {
    let run = |ok: bool| Run {
        at: at(1),
        ok,
        trigger: if ok { Trigger::Schedule } else { Trigger::Made },
        records: 20,
        duration_ms: 1_234,
        code_version: 3,
        error: (!ok).then(|| json!({"code": "WebsiteAccessError", "message": "m", "suggestion": null})),
        drift: vec!["The field `price` is gone.".into()],
        note: ok.then(|| "mended".to_owned()),
    };
    Health {
        job_id: job_id(),
        status: HealthStatus::Degraded,
        message: "m".into(),
        drift: vec!["d".into()],
        last_ok_at: Some(at(1)),
        runs: vec![run(true), run(false)],
        schedule: Some(schedule()),
    }
}

pub(crate) fn schedule() -> Schedule {
    let delivery = |done: bool| Delivery {
        id: "01890a5d-ac96-774b-bcce-b302099a805b".parse().unwrap(),
        event: "scraper.changed".into(),
        status: if done { DeliveryStatus::Delivered } else { DeliveryStatus::Pending },
        attempts: 2,
        created_at: at(3),
        last_attempt_at: done.then(|| at(4)),
        http_status: done.then_some(204),
        error: (!done).then(|| "no answer".to_owned()),
    };
    Schedule {
        job_id: job_id(),
        every: "15m".into(),
        every_seconds: 900,
        webhook_url: Some("https://example.com/".into()),
        webhook_signed: true,
        next_run_at: at(5),
        last_run_at: None,
        last_ok: Some(false),
        last_error: Some(json!({"code": "SandboxExecutionError"})),
        last_change_at: Some(at(6)),
        last_changes: Some(ChangeCounts { added: 1, removed: 2, changed: 3 }),
        deliveries: vec![delivery(true), delivery(false)],
    }
}

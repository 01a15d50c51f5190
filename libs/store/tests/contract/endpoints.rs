//! What is promised of scrapers' endpoints: a run's end is written whole, a schedule belongs to one at a time, a
//! report is there exactly if the run that has something to tell has ended.

use crate::harness::Db;
use nexus_api::endpoint::{ChangeCounts, DeliveryStatus, Run, Trigger};
use nexus_model::{DeliveryId, JobId, Timestamp};
use nexus_store::{
    endpoints::{
        Attempt, Ended, EndpointResult, EndpointStore, KEPT_DELIVERIES, KEPT_RUNS, LastRun, NewDelivery,
        NewSchedule, ScheduleEnd, Which,
    },
    postgres::PostgresStore,
    sqlite::SqliteStore,
};
use serde_json::{Map, Value, json};
use std::{collections::BTreeSet, sync::Arc, time::Duration};

async fn open(db: &Db) -> Arc<dyn EndpointStore> {
    match db.address.strip_prefix("sqlite://") {
        Some(path) => Arc::new(SqliteStore::open(path).unwrap()),
        None => Arc::new(PostgresStore::connect(&db.address).await.unwrap()),
    }
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(1_800_000_000_000_000 + seconds * 1_000_000)
}

fn object(value: Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap()
}

fn ran(seconds: i64, ok: bool) -> Run {
    Run {
        at: at(seconds),
        ok,
        trigger: Trigger::Endpoint,
        records: 2,
        duration_ms: 17,
        code_version: 3,
        error: (!ok).then(|| json!({"code": "WebsiteAccessError", "message": "ü\u{0}"})),
        drift: vec!["The field `price` is empty.".into()],
        note: None,
    }
}

fn gave(seconds: i64, title: &str) -> EndpointResult {
    EndpointResult {
        code_version: 3,
        fetched_at: at(seconds),
        duration: Duration::from_millis(1_234),
        data: vec![object(json!({"title": title, "price": null, "tags": ["ü\u{0}", 0.1]}))],
        metadata: object(json!({"pages": 2})),
    }
}

fn ended(seconds: i64, title: &str, is_baseline: bool) -> Ended {
    Ended { run: ran(seconds, true), result: Some(gave(seconds, title)), is_baseline }
}

fn hourly(next: i64) -> NewSchedule {
    NewSchedule {
        every: Duration::from_secs(3_600),
        next_at: at(next),
        webhook_url: Some("https://example.com/hook".into()),
        webhook_secret: Some("s3cret".into()),
    }
}

fn end(seconds: i64, report: Option<NewDelivery>) -> ScheduleEnd {
    let changes = Some(ChangeCounts { added: 1, removed: 0, changed: 2 });
    ScheduleEnd {
        at: at(seconds),
        next_at: at(seconds + 3_600),
        last: LastRun { ok: true, error: None, changes },
        result: Some(gave(seconds, "reported")),
        changed: report.is_some(),
        report,
    }
}

fn report() -> NewDelivery {
    NewDelivery {
        id: DeliveryId::generate(),
        event: "scraper.changed".into(),
        url: "https://example.com/hook".into(),
        secret: Some("s3cret".into()),
        body: "{\"added\":[\"ü\"]}".into(),
    }
}

pub(crate) async fn a_result_comes_back_as_it_was_and_older_ones_never_replace_it(db: &Db) {
    let (store, job) = (open(db).await, JobId::generate());
    assert_eq!(store.endpoint_result(job, Which::Latest).await, Ok(None));
    store.end_run(job, ended(10, "first", true)).await.unwrap();
    store.end_run(job, ended(20, "second", false)).await.unwrap();
    store.end_run(job, Ended { run: ran(30, false), result: None, is_baseline: false }).await.unwrap();
    store.end_run(job, ended(15, "late", true)).await.unwrap();
    store.end_run(JobId::generate(), ended(99, "another job's", true)).await.unwrap();
    assert_eq!(store.endpoint_result(job, Which::Latest).await, Ok(Some(gave(20, "second"))));
    assert_eq!(store.endpoint_result(job, Which::Baseline).await, Ok(Some(gave(15, "late"))));
    let runs = store.runs(job, 3).await.unwrap();
    assert_eq!(runs, [ran(30, false), ran(20, true), ran(15, true)]);
}

pub(crate) async fn only_the_last_runs_are_kept(db: &Db) {
    let (store, job) = (open(db).await, JobId::generate());
    let other = JobId::generate();
    store.end_run(other, ended(0, "x", true)).await.unwrap();
    for seconds in 0..i64::from(KEPT_RUNS) + 7 {
        store
            .end_run(job, Ended { run: ran(seconds, false), result: None, is_baseline: false })
            .await
            .unwrap();
    }
    let runs = store.runs(job, 1_000).await.unwrap();
    assert_eq!(runs.len(), KEPT_RUNS as usize);
    assert_eq!((runs[0].at, runs.last().unwrap().at), (at(56), at(7)));
    assert_eq!(store.runs(other, 9).await.unwrap().len(), 1);
}

pub(crate) async fn a_due_schedule_is_claimed_by_one_of_many(db: &Db) {
    let store = open(db).await;
    let jobs: Vec<JobId> = (0..20).map(|_| JobId::generate()).collect();
    for job in &jobs {
        store.put_schedule(*job, hourly(0)).await.unwrap();
    }
    let later = JobId::generate();
    store.put_schedule(later, hourly(100)).await.unwrap();
    let claims = (0..8).map(|_| {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            let mut mine = Vec::new();
            loop {
                let claimed = store.claim_schedules(at(1), at(61), 3).await.unwrap();
                if claimed.is_empty() {
                    return mine;
                }
                mine.extend(claimed.into_iter().map(|claimed| claimed.job_id));
            }
        })
    });
    let claimed: Vec<JobId> =
        futures::future::join_all(claims).await.into_iter().flat_map(Result::unwrap).collect();
    assert_eq!(claimed.len(), 20);
    assert_eq!(claimed.into_iter().collect::<BTreeSet<_>>(), jobs.into_iter().collect());
    // Nobody gets them before their time is over, everybody may afterwards.
    assert_eq!(store.claim_schedules(at(60), at(120), 99).await.unwrap().len(), 0);
    assert_eq!(store.claim_schedules(at(61), at(120), 99).await.unwrap().len(), 20);
}

pub(crate) async fn whoever_lost_a_schedule_writes_nothing(db: &Db) {
    let (store, job) = (open(db).await, JobId::generate());
    store.put_schedule(job, hourly(0)).await.unwrap();
    let mine = store.claim_schedules(at(1), at(61), 1).await.unwrap().remove(0);
    assert_eq!(mine.schedule, hourly(0));
    assert_eq!(store.renew_schedule(job, mine.fence, at(90)).await, Ok(true));
    assert_eq!(store.claim_schedules(at(70), at(130), 1).await, Ok(Vec::new()));
    let theirs = store.claim_schedules(at(90), at(150), 1).await.unwrap().remove(0);
    assert!(theirs.fence > mine.fence);
    assert_eq!(store.renew_schedule(job, mine.fence, at(500)).await, Ok(false));
    assert_eq!(store.end_scheduled(job, mine.fence, end(95, Some(report()))).await, Ok(false));
    assert_eq!(store.deliveries(job, 9).await, Ok(Vec::new()));
    assert_eq!(store.endpoint_result(job, Which::Reported).await, Ok(None));

    let told = report();
    assert_eq!(store.end_scheduled(job, theirs.fence, end(100, Some(told.clone()))).await, Ok(true));
    let kept = store.schedule(job).await.unwrap().unwrap();
    assert_eq!(
        (kept.schedule.next_at, kept.last_at, kept.last_change_at),
        (at(3_700), Some(at(100)), Some(at(100)))
    );
    assert_eq!(kept.last.unwrap().changes.unwrap().changed, 2);
    assert_eq!(store.deliveries(job, 9).await.unwrap().len(), 1);
    assert_eq!(store.endpoint_result(job, Which::Reported).await, Ok(Some(gave(100, "reported"))));
    assert_eq!(store.endpoint_result(job, Which::Latest).await, Ok(None));
    // A run without changes leaves the time of the last one.
    let again = store.claim_schedules(at(3_700), at(3_800), 1).await.unwrap().remove(0);
    assert_eq!(store.end_scheduled(job, again.fence, end(3_710, None)).await, Ok(true));
    let kept = store.schedule(job).await.unwrap().unwrap();
    assert_eq!((kept.last_at, kept.last_change_at), (Some(at(3_710)), Some(at(100))));

    // A change of the schedule ends the claim on the old one, and keeps what happened.
    let old = store.claim_schedules(at(9_000), at(9_060), 1).await.unwrap().remove(0);
    let daily = NewSchedule {
        every: Duration::from_secs(86_400),
        webhook_url: None,
        webhook_secret: None,
        ..hourly(9_001)
    };
    store.put_schedule(job, daily.clone()).await.unwrap();
    assert_eq!(store.end_scheduled(job, old.fence, end(9_002, None)).await, Ok(false));
    let kept = store.schedule(job).await.unwrap().unwrap();
    assert_eq!((kept.schedule, kept.last_change_at), (daily, Some(at(100))));
    assert_eq!(store.delete_schedule(job).await, Ok(true));
    assert_eq!(store.delete_schedule(job).await, Ok(false));
    assert_eq!(store.schedule(job).await, Ok(None));
    assert_eq!(store.endpoint_result(job, Which::Reported).await, Ok(None));
}

pub(crate) async fn changes_are_told_against_what_was_there_when_the_schedule_began(db: &Db) {
    let (store, job) = (open(db).await, JobId::generate());
    store.end_run(job, ended(10, "first", true)).await.unwrap();
    store.put_schedule(job, hourly(0)).await.unwrap();
    store.end_run(job, ended(20, "second", true)).await.unwrap();
    store.put_schedule(job, hourly(0)).await.unwrap();
    assert_eq!(store.endpoint_result(job, Which::Reported).await, Ok(Some(gave(10, "first"))));
    assert_eq!(store.endpoint_result(job, Which::Latest).await, Ok(Some(gave(20, "second"))));
}

pub(crate) async fn a_report_is_tried_until_it_is_delivered(db: &Db) {
    let (store, job) = (open(db).await, JobId::generate());
    store.put_schedule(job, hourly(0)).await.unwrap();
    let mine = store.claim_schedules(at(0), at(60), 1).await.unwrap().remove(0);
    let told = report();
    store.end_scheduled(job, mine.fence, end(10, Some(told.clone()))).await.unwrap();
    // The same end once more, as after an answer that got lost, tells nobody twice.
    store.end_scheduled(job, mine.fence, end(10, Some(told.clone()))).await.unwrap();

    assert_eq!(store.claim_deliveries(at(9), at(69), 9).await, Ok(Vec::new()));
    let due = store.claim_deliveries(at(10), at(70), 9).await.unwrap();
    assert_eq!(due.len(), 1);
    assert_eq!((&due[0].delivery, due[0].job_id, due[0].attempts), (&told, job, 0));
    assert_eq!(store.claim_deliveries(at(11), at(71), 9).await, Ok(Vec::new()));
    let failed = Attempt {
        at: at(12),
        status: DeliveryStatus::Pending,
        next_at: at(42),
        http_status: Some(503),
        error: Some("the receiver answered 503\u{0}".into()),
    };
    store.end_attempt(told.id, failed).await.unwrap();
    assert_eq!(store.claim_deliveries(at(41), at(71), 9).await, Ok(Vec::new()));
    let due = store.claim_deliveries(at(42), at(102), 9).await.unwrap();
    assert_eq!(due[0].attempts, 1);
    let done = Attempt {
        at: at(43),
        status: DeliveryStatus::Delivered,
        next_at: at(43),
        http_status: Some(204),
        error: None,
    };
    store.end_attempt(told.id, done).await.unwrap();
    assert_eq!(store.claim_deliveries(at(999), at(1_999), 9).await, Ok(Vec::new()));
    let shown = store.deliveries(job, 9).await.unwrap().remove(0);
    assert_eq!(
        (shown.status, shown.attempts, shown.http_status, shown.last_attempt_at),
        (DeliveryStatus::Delivered, 2, Some(204), Some(at(43)))
    );
    assert_eq!((shown.created_at, shown.event.as_str()), (at(10), "scraper.changed"));
}

pub(crate) async fn old_reports_and_deleted_jobs_leave_nothing(db: &Db) {
    let (store, job, other) = (open(db).await, JobId::generate(), JobId::generate());
    for job in [job, other] {
        store.put_schedule(job, hourly(0)).await.unwrap();
        store.end_run(job, ended(1, "x", true)).await.unwrap();
    }
    for n in 0..i64::from(KEPT_DELIVERIES) + 5 {
        let mine = store.claim_schedules(at(n * 10_000), at(n * 10_000), 99).await.unwrap();
        let mine = mine.iter().find(|claimed| claimed.job_id == job).unwrap();
        let told = report();
        store.end_scheduled(job, mine.fence, end(n * 10_000, Some(told.clone()))).await.unwrap();
        let done = Attempt {
            at: at(n * 10_000),
            status: if n % 2 == 0 { DeliveryStatus::Delivered } else { DeliveryStatus::Failed },
            next_at: at(0),
            http_status: None,
            error: None,
        };
        store.end_attempt(told.id, done).await.unwrap();
    }
    let kept = store.deliveries(job, 999).await.unwrap();
    assert_eq!(kept.len(), KEPT_DELIVERIES as usize);
    assert_eq!(kept[0].created_at, at(240_000));

    // A process that has the database to itself knows that nobody is at work.
    let claimed = store.claim_schedules(at(999_999), at(9_999_999), 99).await.unwrap();
    assert_eq!(claimed.len(), 2);
    store.release_endpoint_claims().await.unwrap();
    assert_eq!(store.renew_schedule(job, claimed[0].fence, at(1)).await, Ok(false));
    assert_eq!(store.claim_schedules(at(999_999), at(9_999_999), 99).await.unwrap().len(), 2);

    store.forget_endpoint(job).await.unwrap();
    store.forget_endpoint(job).await.unwrap();
    assert_eq!(store.endpoint_result(job, Which::Latest).await, Ok(None));
    assert_eq!(store.endpoint_result(job, Which::Baseline).await, Ok(None));
    assert_eq!(store.runs(job, 9).await, Ok(Vec::new()));
    assert_eq!(store.schedule(job).await, Ok(None));
    assert_eq!(store.deliveries(job, 9).await, Ok(Vec::new()));
    assert!(store.schedule(other).await.unwrap().is_some());
    assert_eq!(store.runs(other, 9).await.unwrap().len(), 1);
}

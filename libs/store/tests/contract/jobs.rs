//! What is promised of scraper jobs: each is worked on by one at a time, nobody writes who has lost it, versions are
//! numbered without gaps, nothing is left of what was deleted.

use crate::harness::{Db, LONG, SHORT};
use nexus_api::scraper::JobStatus;
use nexus_model::{JobId, Money, Timestamp};
use nexus_store::{
    ClaimedJob, Error, JobFilter, JobStore, JobUpdate, KEPT_ATTEMPTS, KEPT_VERSIONS, NewCode, NewJob,
    StoredJob, postgres::PostgresStore, sqlite::SqliteStore,
};
use serde_json::{Value, json};
use std::{collections::BTreeSet, sync::Arc};

async fn open(db: &Db) -> Arc<dyn JobStore> {
    match db.address.strip_prefix("sqlite://") {
        Some(path) => Arc::new(SqliteStore::open(path).unwrap()),
        None => Arc::new(PostgresStore::connect(&db.address).await.unwrap()),
    }
}

fn new(url: &str) -> NewJob {
    NewJob {
        id: JobId::generate(),
        workspace: "default".into(),
        url: url.into(),
        description: "title and price of every book".into(),
        user_id: Some("me\0".into()),
        ignore_robots: true,
        message: "Waiting".into(),
        created_at: Timestamp::from_micros(1_800_000_000_000_000),
    }
}

async fn create(store: &dyn JobStore, url: &str) -> JobId {
    let job = new(url);
    let id = job.id;
    assert_eq!(store.create_job(job, 1_000).await, Ok(true));
    id
}

async fn read(store: &dyn JobStore, id: JobId) -> StoredJob {
    store.job(id).await.unwrap().unwrap()
}

async fn claim(store: &dyn JobStore, worker: &str) -> ClaimedJob {
    store.claim_job(worker, LONG, None).await.unwrap().unwrap()
}

fn update(status: JobStatus) -> JobUpdate {
    JobUpdate {
        status,
        message: format!("{status:?}"),
        error: None,
        analysis: None,
        sample_data: None,
        attempts: Vec::new(),
        cost: Money::ZERO,
        code: None,
        at: Timestamp::from_micros(1_800_000_000_000_001),
    }
}

fn code(text: &str) -> NewCode {
    NewCode {
        code: text.into(),
        recipe: Some(json!({"fields": []})),
        schema: None,
        sample: vec![json!({"title": "Dune \u{0}"})],
        records: 20,
        made_by: "miner".into(),
        created_at: Timestamp::from_micros(1_800_000_000_000_002),
    }
}

/// Works on a job until it is ready with this code.
async fn finish(store: &dyn JobStore, text: &str) -> JobId {
    let ClaimedJob { job, fence } = claim(store, "w").await;
    let ready = JobUpdate { code: Some(code(text)), ..update(JobStatus::Ready) };
    store.update_job(job.id, fence, ready).await.unwrap();
    job.id
}

pub(crate) async fn a_job_comes_back_as_it_was_written(db: &Db) {
    let store = open(db).await;
    let id = create(&*store, "http://shop.test/books").await;
    let job = read(&*store, id).await;
    assert_eq!((job.status, job.change, job.round, job.recoveries), (JobStatus::Pending, 1, 1, 0));
    assert_eq!((job.url.as_str(), job.ignore_robots), ("http://shop.test/books", true));
    assert_eq!(job.user_id.as_deref(), Some("me\u{fffd}"));
    assert_eq!((job.current, job.attempts.len(), job.cost), (None, 0, Money::ZERO));
    assert_eq!(store.job_change(id).await, Ok(Some(1)));

    let ClaimedJob { fence, .. } = claim(&*store, "w").await;
    let full = JobUpdate {
        error: Some(json!({"code": "x"})),
        analysis: Some(json!({"title": "\u{0}ü"})),
        sample_data: Some(json!([{"a": 1}])),
        attempts: (0..KEPT_ATTEMPTS + 3).map(|n| json!({"attempt": n})).collect(),
        cost: Money::from_picos(7),
        code: Some(code("def scrape_data(url): ...")),
        ..update(JobStatus::Testing)
    };
    assert_eq!(store.update_job(id, fence, full.clone()).await, Ok(2));
    let job = read(&*store, id).await;
    assert_eq!((job.status, job.message.as_str(), job.change), (JobStatus::Testing, "Testing", 2));
    assert_eq!((job.error, job.analysis, job.sample_data), (full.error, full.analysis, full.sample_data));
    assert_eq!(job.attempts.len(), KEPT_ATTEMPTS);
    assert_eq!(job.attempts[0], json!({"attempt": 3}), "the oldest are forgotten");
    assert_eq!((job.cost, job.round_cost), (Money::from_picos(7), Money::from_picos(7)));
    let version = job.current.unwrap();
    assert_eq!((version.number, version.records, version.made_by.as_str()), (1, 20, "miner"));
    assert_eq!(version.sample, [json!({"title": "Dune \u{0}"})]);
    assert_eq!(version.recipe, Some(json!({"fields": []})));
    let gave_back = JobUpdate { cost: Money::from_picos(-5), ..update(JobStatus::Failed) };
    assert_eq!(store.update_job(id, fence, gave_back).await, Ok(3));
    store.add_job_cost(id, Money::from_picos(10)).await.unwrap();
    assert_eq!(read(&*store, id).await.cost, Money::from_picos(12));
    assert_eq!(store.job(JobId::generate()).await, Ok(None));
    assert_eq!(store.job_change(JobId::generate()).await, Ok(None));
}

pub(crate) async fn each_job_is_claimed_once(db: &Db) {
    let store = open(db).await;
    let mut made = BTreeSet::new();
    for n in 0..40 {
        made.insert(create(&*store, &format!("http://{n}.test/")).await);
    }
    let claims = (0..8).map(|n| {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            let mut claimed = Vec::new();
            while let Some(job) = store.claim_job(&format!("w{n}"), LONG, None).await.unwrap() {
                assert_eq!((job.fence, job.job.recoveries), (1, 0));
                claimed.push(job.job.id);
            }
            claimed
        })
    });
    let claimed: Vec<JobId> =
        futures::future::join_all(claims).await.into_iter().flat_map(Result::unwrap).collect();
    assert_eq!(claimed.len(), 40);
    assert_eq!(claimed.into_iter().collect::<BTreeSet<_>>(), made);
}

pub(crate) async fn a_job_without_its_worker_is_taken_over(db: &Db) {
    let store = open(db).await;
    let id = create(&*store, "http://a.test/").await;
    let lost = store.claim_job("dead", SHORT, None).await.unwrap().unwrap();
    // Nothing else is to be had, so this waits for the end of the lease.
    let taken = loop {
        if let Some(taken) = store.claim_job("next", LONG, None).await.unwrap() {
            break taken;
        }
    };
    assert_eq!((taken.job.id, taken.job.recoveries, taken.fence), (id, 1, lost.fence + 1));
    assert_eq!(store.update_job(id, lost.fence, update(JobStatus::Ready)).await, Err(Error::FenceLost));
    assert_eq!(store.renew_jobs(&[(id, lost.fence)], LONG).await, Ok(Vec::new()));
    assert_eq!(store.renew_jobs(&[(id, taken.fence)], LONG).await, Ok(vec![id]));
    // Giving back under a lost fence changes nothing, under the right one no recovery is counted.
    store.release_job(id, lost.fence).await.unwrap();
    assert_eq!(store.claim_job("third", LONG, None).await, Ok(None));
    store.release_job(id, taken.fence).await.unwrap();
    let again = claim(&*store, "third").await;
    assert_eq!((again.job.recoveries, again.job.status), (1, JobStatus::Pending));
    // Its end forgets them.
    store.update_job(id, again.fence, update(JobStatus::Failed)).await.unwrap();
    assert_eq!(read(&*store, id).await.recoveries, 0);
    assert_eq!(store.update_job(id, again.fence, update(JobStatus::Ready)).await, Err(Error::FenceLost));
    assert_eq!(store.claim_job("third", LONG, None).await, Ok(None));
}

pub(crate) async fn a_named_job_is_claimed_alone(db: &Db) {
    let store = open(db).await;
    create(&*store, "http://older.test/").await;
    let id = create(&*store, "http://own.test/").await;
    let claimed = store.claim_job("w", LONG, Some(id)).await.unwrap().unwrap();
    assert_eq!(claimed.job.id, id);
    assert_eq!(store.claim_job("w", LONG, Some(id)).await, Ok(None));
}

pub(crate) async fn a_restarted_job_keeps_its_version_until_there_is_a_better_one(db: &Db) {
    let store = open(db).await;
    let id = create(&*store, "http://a.test/").await;
    assert_eq!(store.restart_job(id, None, "again", Timestamp::now()).await, Ok(false), "it has not ended");
    finish(&*store, "one").await;
    store.note_run(id, Some("price is empty")).await.unwrap();
    for feedback in [None, Some("also the rating"), Some("and the author")] {
        assert_eq!(store.restart_job(id, feedback, "again", Timestamp::now()).await, Ok(true));
        let job = read(&*store, id).await;
        assert_eq!((job.status, job.round_cost), (JobStatus::Pending, Money::ZERO));
        assert_eq!(job.current.unwrap().code, "one");
        assert_eq!(job.last_failure.as_deref(), Some("price is empty"));
        let claimed = claim(&*store, "w").await;
        store.update_job(id, claimed.fence, update(JobStatus::Ready)).await.unwrap();
    }
    let job = read(&*store, id).await;
    assert_eq!((job.round, job.feedback.as_deref()), (4, Some("also the rating\nand the author")));
    assert_eq!(store.restart_job(id, None, "again", Timestamp::now()).await, Ok(true));
    finish(&*store, "two").await;
    let job = read(&*store, id).await;
    let current = job.current.unwrap();
    assert_eq!((current.number, current.code.as_str(), job.last_failure), (2, "two", None));
    let missing = store.restart_job(JobId::generate(), None, "again", Timestamp::now()).await;
    assert_eq!(missing, Err(Error::NotFound));
}

pub(crate) async fn code_is_replaced_only_if_it_is_still_in_use(db: &Db) {
    let store = open(db).await;
    let id = create(&*store, "http://a.test/").await;
    assert_eq!(store.replace_code(id, 1, code("early")).await, Ok(None));
    finish(&*store, "one").await;
    assert_eq!(store.replace_code(id, 1, code("two")).await, Ok(Some(2)));
    assert_eq!(store.replace_code(id, 1, code("late")).await, Ok(None));
    // Whoever writes a new version is not disturbed.
    store.restart_job(id, None, "again", Timestamp::now()).await.unwrap();
    assert_eq!(store.replace_code(id, 2, code("between")).await, Ok(None));
    let claimed = claim(&*store, "w").await;
    store.update_job(id, claimed.fence, update(JobStatus::Ready)).await.unwrap();
    for n in 2..2 + KEPT_VERSIONS {
        assert_eq!(store.replace_code(id, n, code("more")).await, Ok(Some(n + 1)));
    }
    let versions = store.job_versions(id).await.unwrap();
    assert_eq!(versions.len(), KEPT_VERSIONS as usize);
    assert_eq!(versions[0].number, KEPT_VERSIONS + 2, "newest first");
    assert!(versions.windows(2).all(|pair| pair[0].number == pair[1].number + 1));
    assert_eq!(read(&*store, id).await.current.unwrap(), versions[0]);
}

pub(crate) async fn a_deleted_job_leaves_nothing(db: &Db) {
    let store = open(db).await;
    let id = create(&*store, "http://a.test/").await;
    finish(&*store, "one").await;
    store.restart_job(id, None, "again", Timestamp::now()).await.unwrap();
    let claimed = claim(&*store, "w").await;
    assert_eq!(store.delete_job(id).await, Ok(true));
    assert_eq!(store.delete_job(id).await, Ok(false));
    assert_eq!(store.update_job(id, claimed.fence, update(JobStatus::Ready)).await, Err(Error::FenceLost));
    assert_eq!(store.job_versions(id).await, Ok(Vec::new()));
    assert_eq!(store.job(id).await, Ok(None));
    assert_eq!(store.claim_job("w", LONG, None).await, Ok(None));
}

pub(crate) async fn jobs_are_listed_newest_first_and_found(db: &Db) {
    let store = open(db).await;
    let mut ids = Vec::new();
    for n in 0..5 {
        ids.push(create(&*store, &format!("http://Shop{n}.test/")).await);
    }
    let other = NewJob { workspace: "other".into(), ..new("http://shop9.test/") };
    assert_eq!(store.create_job(other, 1_000).await, Ok(true));
    finish(&*store, "one").await;
    ids.reverse();
    let ours = JobFilter { workspace: Some("default".into()), ..JobFilter::default() };
    let listed = async |filter: &JobFilter, before, limit| -> Vec<JobId> {
        let found = store.jobs(filter, before, limit).await.unwrap();
        found.into_iter().map(|job| job.id).collect()
    };
    assert_eq!(listed(&ours, None, 3).await, ids[..3]);
    assert_eq!(listed(&ours, Some(ids[2]), 10).await, ids[3..]);
    assert_eq!(listed(&JobFilter::default(), None, 10).await.len(), 6);
    let ready = JobFilter { status: Some(JobStatus::Ready), ..ours.clone() };
    assert_eq!(listed(&ready, None, 10).await, [ids[4]]);
    for (query, found) in [("SHOP3", 1), ("every BOOK", 5), ("%", 0), ("shop9", 0)] {
        let filter = JobFilter { query: Some(query.into()), ..ours.clone() };
        assert_eq!(listed(&filter, None, 10).await.len(), found, "{query}");
    }
}

pub(crate) async fn failed_jobs_make_room(db: &Db) {
    let store = open(db).await;
    for n in 0..3 {
        assert_eq!(store.create_job(new(&format!("http://{n}.test/")), 3).await, Ok(true));
    }
    assert_eq!(store.create_job(new("http://full.test/"), 3).await, Ok(false));
    finish(&*store, "works").await;
    assert_eq!(store.create_job(new("http://full.test/"), 3).await, Ok(false), "what works stays");
    let claimed = claim(&*store, "w").await;
    store.update_job(claimed.job.id, claimed.fence, update(JobStatus::Failed)).await.unwrap();
    assert_eq!(store.create_job(new("http://fits.test/"), 3).await, Ok(true));
    assert_eq!(store.job(claimed.job.id).await, Ok(None));
    let urls: Vec<Value> = store
        .jobs(&JobFilter::default(), None, 10)
        .await
        .unwrap()
        .into_iter()
        .map(|job| job.url.into())
        .collect();
    assert_eq!(urls, ["http://fits.test/", "http://2.test/", "http://0.test/"]);
}

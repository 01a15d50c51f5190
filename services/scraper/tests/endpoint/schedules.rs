//! Schedules and webhooks: one process runs what is due, changes are told, and told until somebody has them.

use crate::support::{Place, access_error, books, ctx, quiet};
use nexus_api::{
    Code,
    endpoint::{DeliveryStatus, PutSchedule, Schedule, Trigger},
};
use nexus_scraper::endpoint::Options;
use nexus_testkit::site::Site;
use serde_json::{Value, json};
use std::time::Duration;

fn hourly(webhook_url: Option<String>, secret: Option<&str>) -> PutSchedule {
    PutSchedule { every: "1h".into(), webhook_url, webhook_secret: secret.map(str::to_owned) }
}

fn running() -> Options {
    Options { schedules: true, ..quiet() }
}

/// The schedule once this holds.
async fn until(place: &Place, what: &str, holds: impl Fn(&Schedule) -> bool) -> Schedule {
    let asking = async {
        loop {
            let schedule = place.endpoints.get_schedule(&ctx(), place.fake.id).await.unwrap();
            if holds(&schedule) {
                return schedule;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), asking).await.unwrap_or_else(|_| panic!("no {what}"))
}

fn body(call: &nexus_testkit::site::Call) -> Value {
    serde_json::from_str(&call.body).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schedule_survives_its_process_and_runs_in_one_of_many() {
    let place = Place::new(Ok(books(1, 5)), quiet());
    place.made(books(1, 5)).await;
    let put = place.endpoints.put_schedule(&ctx(), place.fake.id, hourly(None, None)).await.unwrap();
    assert_eq!((put.every.as_str(), put.every_seconds, put.last_run_at), ("1h", 3_600, None));
    // That process ends without having run it; three others begin.
    place.endpoints.shutdown().await;
    let others: Vec<_> = (0..3).map(|_| place.another(running())).collect();
    let ran = until(&place, "run", |schedule| schedule.last_run_at.is_some()).await;
    assert_eq!((ran.last_ok, ran.last_change_at), (Some(true), None));
    assert!(ran.next_run_at > put.next_run_at);
    for other in &others {
        other.shutdown().await;
    }
    assert_eq!(place.fake.runs(), 1);
    let health = place.endpoints.health(&ctx(), place.fake.id).await.unwrap();
    assert_eq!(health.runs[0].trigger, Trigger::Schedule);
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_failures_and_recoveries_are_told_signed_until_somebody_has_them() {
    let site = Site::start().await.unwrap();
    let place = Place::new(Ok(books(1, 5)), running());
    place.made(books(1, 5)).await;
    let hook = Some(format!("{}/hook", site.url));
    let put = || async {
        let schedule = hourly(hook.clone(), Some("s3cret"));
        place.endpoints.put_schedule(&ctx(), place.fake.id, schedule).await.unwrap()
    };
    // Nothing has changed: nothing is told.
    assert!(put().await.webhook_signed);
    let first = until(&place, "first run", |schedule| schedule.last_run_at.is_some()).await;
    assert_eq!((first.last_change_at, first.deliveries.len()), (None, 0));

    place.fake.give(Ok(books(2, 6)));
    put().await;
    let calls = tokio::time::timeout(Duration::from_secs(60), site.called(1)).await.unwrap();
    let told = body(&calls[0]);
    assert_eq!(
        (&told["event"], &told["counts"]),
        (&json!("scraper.changed"), &json!({"added": 1, "removed": 1, "changed": 0}))
    );
    assert_eq!(
        (&told["added"][0]["title"], &told["removed"][0]["title"]),
        (&json!("Book 6"), &json!("Book 1"))
    );
    let headers = &calls[0].headers;
    assert_eq!(headers["x-nexus-event"], "scraper.changed");
    assert_eq!(headers["x-nexus-delivery"], told["id"].as_str().unwrap());
    let signature = headers["x-nexus-signature"].to_str().unwrap();
    assert!(signature.starts_with("sha256=") && signature.len() == 71, "{signature}");
    let changed = until(&place, "delivery", |schedule| {
        schedule.deliveries.first().is_some_and(|delivery| delivery.status == DeliveryStatus::Delivered)
    })
    .await;
    assert!(changed.last_change_at.is_some() && changed.last_changes.unwrap().added == 1);

    // A failure is told once, and the end of it.
    let runs = |count: usize| {
        let place = &place;
        async move {
            until(place, "run", |_| place.fake.runs() >= count).await;
            until(place, "end of the run", |schedule| schedule.next_run_at > nexus_model::Timestamp::now())
                .await
        }
    };
    place.fake.give(Err(access_error()));
    for _ in 0..2 {
        let before = place.fake.runs();
        put().await;
        runs(before + 1).await;
    }
    place.fake.give(Ok(books(2, 6)));
    put().await;
    let calls = tokio::time::timeout(Duration::from_secs(60), site.called(3)).await.unwrap();
    let events: Vec<_> = calls.iter().map(|call| body(call)["event"].as_str().unwrap().to_owned()).collect();
    assert_eq!(events, ["scraper.changed", "scraper.failing", "scraper.recovered"]);
    assert_eq!(body(&calls[1])["error"]["code"], "WebsiteAccessError");
    place.endpoints.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_refuses_is_tried_again_and_a_forbidden_one_is_not() {
    let site = Site::start().await.unwrap();
    site.refuse_next(500);
    let place = Place::new(Ok(books(2, 6)), running());
    place.made(books(1, 5)).await;
    let hook = format!("{}/hook", site.url);
    place.endpoints.put_schedule(&ctx(), place.fake.id, hourly(Some(hook), None)).await.unwrap();
    let refused = until(&place, "refusal", |schedule| {
        schedule.deliveries.first().is_some_and(|delivery| delivery.attempts > 0)
    })
    .await;
    let delivery = &refused.deliveries[0];
    assert_eq!((delivery.status, delivery.http_status), (DeliveryStatus::Pending, Some(500)));
    assert!(site.calls()[0].headers.get("x-nexus-signature").is_none());

    // What may not be reached is not tried again: the address of a cloud's secrets.
    place.fake.give(Ok(books(3, 7)));
    let metadata = Some("http://169.254.169.254/latest".to_owned());
    place.endpoints.put_schedule(&ctx(), place.fake.id, hourly(metadata, None)).await.unwrap();
    let failed = until(&place, "failure", |schedule| {
        schedule.deliveries.first().is_some_and(|delivery| delivery.status == DeliveryStatus::Failed)
    })
    .await;
    assert!(failed.deliveries[0].error.is_some() && failed.deliveries[0].attempts == 1);
    place.endpoints.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schedule_of_a_deleted_job_ends_by_itself() {
    let place = Place::new(Ok(books(1, 5)), quiet());
    place.endpoints.put_schedule(&ctx(), place.fake.id, hourly(None, None)).await.unwrap();
    place.fake.deleted.store(true, std::sync::atomic::Ordering::SeqCst);
    let other = place.another(running());
    use nexus_store::endpoints::EndpointStore;
    let gone = async {
        while place.store.schedule(place.fake.id).await.unwrap().is_some() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), gone).await.unwrap();
    other.shutdown().await;
    place.fake.deleted.store(false, std::sync::atomic::Ordering::SeqCst);
    let error = place.endpoints.get_schedule(&ctx(), place.fake.id).await.unwrap_err();
    assert_eq!(error.code, Code::NotFound);
    assert_eq!(
        place.endpoints.delete_schedule(&ctx(), place.fake.id).await.unwrap_err().code,
        Code::NotFound
    );
}

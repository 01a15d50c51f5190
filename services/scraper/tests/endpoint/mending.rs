//! Mending: a redesigned page is mined again, and the code in use is replaced only by what does better.

use crate::support::{CODE, Place, access_error, books, code_error, ctx, quiet};
use nexus_api::{endpoint::HealthStatus, scraper::EndpointQuery};
use nexus_scraper::endpoint::Options;
use std::{sync::atomic::Ordering, time::Duration};

const PAGE: &str = "<h1>Books</h1><ul>\
    <li class=b><a href=/1>Book 1</a> <b class=p>£1.00</b></li><li class=b><a href=/2>Book 2</a> <b class=p>£2.00</b></li>\
    <li class=b><a href=/3>Book 3</a> <b class=p>£3.00</b></li><li class=b><a href=/4>Book 4</a> <b class=p>£4.00</b></li></ul>";

fn fresh() -> EndpointQuery {
    EndpointQuery { fresh: true, ..EndpointQuery::default() }
}

/// A job that gave twenty books and whose page is another one now.
async fn redesigned(options: Options) -> Place {
    let place = Place::new(Ok(books(1, 20)), options);
    place.made(books(1, 20)).await;
    place.fake.give(Ok(Vec::new()));
    *place.fake.html.lock().unwrap() = PAGE.to_owned();
    place
}

#[tokio::test]
async fn what_does_better_on_the_new_page_takes_the_old_ones_place() {
    let place = redesigned(quiet()).await;
    place.fake.give_for("*", Ok(books(1, 19)));
    let answer = place.endpoints.data(&ctx(), place.fake.id, &fresh()).await.unwrap();
    assert_eq!((answer.data.len(), answer.metadata["code_version"].as_u64()), (19, Some(2)));
    assert!(answer.metadata["note"].as_str().unwrap().contains("version 2"), "{}", answer.metadata);
    assert_eq!((place.fake.version(), place.fake.asked_model.load(Ordering::SeqCst)), (2, 0));
    let health = place.endpoints.health(&ctx(), place.fake.id).await.unwrap();
    assert_eq!(health.status, HealthStatus::Healthy);
}

#[tokio::test]
async fn what_is_worse_never_replaces_what_works() {
    // The code in use still gives half of what it used to; what is found anew gives less than that.
    let place = redesigned(quiet()).await;
    place.fake.give(Ok(books(1, 9)));
    place.fake.give_for("*", Ok(books(1, 3)));
    let answer = place.endpoints.data(&ctx(), place.fake.id, &fresh()).await.unwrap();
    assert_eq!((answer.data.len(), place.fake.version()), (9, 1));
    assert_eq!(place.fake.asked_model.load(Ordering::SeqCst), 1);
    assert_eq!(place.endpoints.health(&ctx(), place.fake.id).await.unwrap().status, HealthStatus::Degraded);
}

#[tokio::test]
async fn mending_in_vain_is_not_repeated_at_once() {
    let place = redesigned(Options { pause_after_mending: Duration::from_secs(3_600), ..quiet() }).await;
    place.fake.give(Err(code_error()));
    for _ in 0..3 {
        place.endpoints.data(&ctx(), place.fake.id, &fresh()).await.unwrap_err();
    }
    assert_eq!(place.fake.asked_model.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_page_that_is_away_is_no_reason_to_mend_and_a_test_never_mends() {
    let place = redesigned(quiet()).await;
    place.fake.give_for("*", Ok(books(1, 20)));
    place.fake.give(Err(access_error()));
    place.endpoints.data(&ctx(), place.fake.id, &fresh()).await.unwrap_err();
    place.fake.give(Err(code_error()));
    assert!(!place.endpoints.test(&ctx(), place.fake.id).await.unwrap().ok);
    assert_eq!((place.fake.version(), place.fake.runs()), (1, 2));
}

#[tokio::test]
async fn whoever_wrote_a_version_meanwhile_wins() {
    let place = redesigned(quiet()).await;
    place.fake.give_for("*", Ok(books(1, 20)));
    place.fake.replaced_meanwhile.store(true, Ordering::SeqCst);
    let error = place.endpoints.data(&ctx(), place.fake.id, &fresh()).await.unwrap_err();
    assert_eq!(error.reason.as_deref(), Some("SandboxExecutionError"));
    assert_eq!(place.fake.scraper.lock().unwrap().as_ref().unwrap().code, CODE);
}

//! What endpoints answer: cached, fresh, stale, in parts, or why not.

use crate::support::{Place, access_error, books, code_error, ctx, quiet, records};
use nexus_api::{
    CallCtx, Code, Workspace,
    endpoint::{HealthStatus, Trigger},
    scraper::EndpointQuery,
};
use nexus_scraper::endpoint::Options;
use serde_json::json;
use std::time::Duration;

fn fresh() -> EndpointQuery {
    EndpointQuery { fresh: true, ..EndpointQuery::default() }
}

#[tokio::test]
async fn a_hundred_who_ask_at_once_cause_one_run() {
    let place = Place::new(Ok(books(1, 20)), quiet());
    let asked = (0..100).map(|_| {
        let (endpoints, id) = (place.endpoints.clone(), place.fake.id);
        tokio::spawn(async move { endpoints.data(&ctx(), id, &EndpointQuery::default()).await.unwrap() })
    });
    for answer in futures::future::join_all(asked).await {
        assert_eq!(answer.unwrap().data.len(), 20);
    }
    assert_eq!(place.fake.runs(), 1);
    // From what was kept, by another process, too.
    let other = place.another(quiet());
    let answer = other.data(&ctx(), place.fake.id, &EndpointQuery::default()).await.unwrap();
    assert_eq!((&answer.metadata["cached"], &answer.metadata["total"]), (&json!(true), &json!(20)));
    assert_eq!((place.fake.runs(), answer.source_url.as_str()), (1, "http://shop.test/books"));
    let answer = place.endpoints.data(&ctx(), place.fake.id, &fresh()).await.unwrap();
    assert_eq!((&answer.metadata["cached"], &answer.metadata["stale"]), (&json!(false), &json!(false)));
    assert_eq!(place.fake.runs(), 2);
}

#[tokio::test]
async fn what_was_made_is_the_first_answer_and_a_new_version_is_run() {
    let place = Place::new(Ok(books(1, 9)), quiet());
    place.made(books(1, 20)).await;
    let ask =
        || async { place.endpoints.data(&ctx(), place.fake.id, &EndpointQuery::default()).await.unwrap() };
    assert_eq!((ask().await.data.len(), place.fake.runs()), (20, 0));
    place.fake.scraper.lock().unwrap().as_mut().unwrap().version = 2;
    let answer = ask().await;
    assert_eq!((answer.metadata["code_version"].as_u64(), place.fake.runs()), (Some(2), 1));
}

#[tokio::test]
async fn a_result_is_kept_as_long_as_was_said() {
    let place = Place::new(Ok(books(1, 3)), Options { cache: Duration::ZERO, ..quiet() });
    for runs in 1..=3 {
        place.endpoints.data(&ctx(), place.fake.id, &EndpointQuery::default()).await.unwrap();
        assert_eq!(place.fake.runs(), runs);
    }
}

#[tokio::test]
async fn parts_are_cut_out_and_counted() {
    let place = Place::new(Ok(books(1, 20)), quiet());
    for (limit, offset, expected) in [
        (None, 0, 1..21),
        (Some(5), 0, 1..6),
        (Some(5), 18, 19..21),
        (Some(5), 20, 21..21),
        (None, u32::MAX, 21..21),
    ] {
        let query = EndpointQuery { fresh: false, limit, offset };
        let answer = place.endpoints.data(&ctx(), place.fake.id, &query).await.unwrap();
        let titles: Vec<_> =
            answer.data.iter().map(|book| book["title"].as_str().unwrap().to_owned()).collect();
        let wanted: Vec<_> = expected.map(|n: usize| format!("Book {n}")).collect();
        assert_eq!(titles, wanted);
        let metadata = &answer.metadata;
        assert_eq!((&metadata["total"], &metadata["count"]), (&json!(20), &json!(wanted.len())));
        assert_eq!((&metadata["fields"], &metadata["pages"]), (&json!(["price", "title"]), &json!(2)));
    }
    assert_eq!(place.fake.runs(), 1);
}

#[tokio::test]
async fn a_failing_page_is_answered_with_the_last_good_data_and_says_so() {
    let place = Place::new(Ok(books(1, 20)), Options { cache: Duration::ZERO, ..quiet() });
    place.endpoints.data(&ctx(), place.fake.id, &EndpointQuery::default()).await.unwrap();
    for failure in [access_error(), code_error()] {
        place.fake.give(Err(failure.clone()));
        let answer = place.endpoints.data(&ctx(), place.fake.id, &EndpointQuery::default()).await.unwrap();
        assert_eq!((answer.data.len(), &answer.metadata["stale"]), (20, &json!(true)));
        assert_eq!(answer.metadata["error"]["code"], failure.reason.clone().unwrap());
        // Who asks for fresh data gets that or an error.
        let error = place.endpoints.data(&ctx(), place.fake.id, &fresh()).await.unwrap_err();
        assert_eq!((error.code, error.reason), (failure.code, failure.reason));
    }
    let health = place.endpoints.health(&ctx(), place.fake.id).await.unwrap();
    assert_eq!((health.status, health.runs.len()), (HealthStatus::Failing, 5));
    assert!(health.last_ok_at.is_some() && health.message.contains("KeyError"), "{health:?}");
    assert_eq!(place.fake.notes.lock().unwrap().last().unwrap().as_deref(), Some("the code raised KeyError"));
    place.fake.give(Ok(books(1, 20)));
    place.endpoints.data(&ctx(), place.fake.id, &fresh()).await.unwrap();
    assert_eq!(place.endpoints.health(&ctx(), place.fake.id).await.unwrap().status, HealthStatus::Healthy);
}

#[tokio::test]
async fn nobody_waits_for_the_same_failure_again_at_once() {
    let options = Options { pause_after_failure: Duration::from_secs(3_600), ..quiet() };
    let place = Place::new(Err(access_error()), options);
    for _ in 0..3 {
        let error = place.endpoints.data(&ctx(), place.fake.id, &EndpointQuery::default()).await.unwrap_err();
        assert_eq!(error.reason.as_deref(), Some("WebsiteAccessError"));
    }
    assert_eq!(place.fake.runs(), 1);
    place.fake.give(Ok(books(1, 2)));
    place.endpoints.data(&ctx(), place.fake.id, &fresh()).await.unwrap();
    assert_eq!(
        place.endpoints.data(&ctx(), place.fake.id, &EndpointQuery::default()).await.unwrap().data.len(),
        2
    );
}

#[tokio::test]
async fn no_records_are_an_error_with_advice_even_the_first_time() {
    let place = Place::new(Ok(Vec::new()), quiet());
    let error = place.endpoints.data(&ctx(), place.fake.id, &EndpointQuery::default()).await.unwrap_err();
    assert_eq!((error.code, error.reason.as_deref()), (Code::Invalid, Some("SandboxExecutionError")));
    assert!(error.suggestion.unwrap().contains("regenerate"));
}

#[tokio::test]
async fn a_test_runs_now_and_a_failure_is_an_answer() {
    let place = Place::new(Ok(books(1, 4)), quiet());
    place.made(books(1, 4)).await;
    let result = place.endpoints.test(&ctx(), place.fake.id).await.unwrap();
    assert!(result.ok && result.error.is_none() && result.data.as_array().unwrap().len() == 4);
    place.fake.give(Err(code_error()));
    let result = place.endpoints.test(&ctx(), place.fake.id).await.unwrap();
    assert_eq!((result.ok, &result.data), (false, &json!([])));
    assert_eq!(result.error.unwrap()["code"], "SandboxExecutionError");
    assert_eq!(place.fake.runs(), 2);
    let health = place.endpoints.health(&ctx(), place.fake.id).await.unwrap();
    let triggers: Vec<_> = health.runs.iter().map(|run| run.trigger).collect();
    assert_eq!(triggers, [Trigger::Test, Trigger::Test, Trigger::Made]);
}

#[tokio::test]
async fn a_field_that_became_empty_is_told() {
    let place = Place::new(Ok(books(1, 20)), quiet());
    place.made(books(1, 20)).await;
    let bare: Vec<_> = (1..=20).map(|n| json!({"title": format!("Book {n}"), "price": null})).collect();
    place.fake.give(Ok(records(&bare)));
    let answer = place.endpoints.data(&ctx(), place.fake.id, &fresh()).await.unwrap();
    assert!(answer.metadata["warnings"][0].as_str().unwrap().contains("`price`"), "{}", answer.metadata);
    let health = place.endpoints.health(&ctx(), place.fake.id).await.unwrap();
    assert_eq!((health.status, health.drift.len()), (HealthStatus::Degraded, 1));
    // What is wrong does not become what is usual.
    place.endpoints.data(&ctx(), place.fake.id, &fresh()).await.unwrap();
    assert_eq!(place.endpoints.health(&ctx(), place.fake.id).await.unwrap().status, HealthStatus::Degraded);
}

#[tokio::test]
async fn a_version_that_was_asked_for_may_have_other_fields() {
    let place = Place::new(Ok(books(1, 20)), quiet());
    place.made(books(1, 20)).await;
    // Written anew without prices, and not tried on all pages, so that nothing was made of it yet.
    place.fake.scraper.lock().unwrap().as_mut().unwrap().version = 2;
    let bare: Vec<_> = (1..=4).map(|n| json!({"title": format!("Book {n}")})).collect();
    place.fake.give(Ok(records(&bare)));
    for _ in 0..2 {
        let answer = place.endpoints.data(&ctx(), place.fake.id, &fresh()).await.unwrap();
        assert_eq!(answer.metadata["warnings"], json!([]));
    }
    let health = place.endpoints.health(&ctx(), place.fake.id).await.unwrap();
    assert_eq!((health.status, place.fake.version()), (HealthStatus::Healthy, 2));
}

#[tokio::test]
async fn a_job_without_code_has_a_health_and_no_data() {
    let place = Place::new(Ok(books(1, 2)), quiet());
    *place.fake.scraper.lock().unwrap() = None;
    let (endpoints, id) = (&place.endpoints, place.fake.id);
    let health = endpoints.health(&ctx(), id).await.unwrap();
    assert_eq!((health.status, health.runs.len(), health.schedule), (HealthStatus::Unknown, 0, None));
    assert_eq!(endpoints.data(&ctx(), id, &EndpointQuery::default()).await.unwrap_err().code, Code::Conflict);
    // Others do not learn that it is there.
    let stranger = CallCtx { workspace: Workspace::new("other").unwrap(), ..ctx() };
    let error = endpoints.data(&stranger, id, &EndpointQuery::default()).await.unwrap_err();
    assert_eq!(error.code, Code::NotFound);
    assert_eq!(endpoints.health(&stranger, id).await.unwrap_err().code, Code::NotFound);
}

#[tokio::test]
async fn other_workspaces_and_unknown_jobs_are_not_there() {
    let place = Place::new(Ok(books(1, 2)), quiet());
    let stranger = CallCtx { workspace: Workspace::new("other").unwrap(), ..ctx() };
    let (endpoints, id) = (&place.endpoints, place.fake.id);
    let query = EndpointQuery::default();
    for (ctx, id) in [(stranger, id), (ctx(), nexus_model::JobId::generate())] {
        let codes = [
            endpoints.data(&ctx, id, &query).await.unwrap_err().code,
            endpoints.test(&ctx, id).await.unwrap_err().code,
            endpoints.health(&ctx, id).await.unwrap_err().code,
            endpoints.get_schedule(&ctx, id).await.unwrap_err().code,
            endpoints.delete_schedule(&ctx, id).await.unwrap_err().code,
        ];
        assert_eq!(codes, [Code::NotFound; 5]);
    }
    assert_eq!(place.fake.runs(), 0);
}

#[tokio::test]
async fn a_page_that_asks_for_a_password_is_no_fault_of_the_code() {
    let place = Place::new(Ok(Vec::new()), quiet());
    *place.fake.html.lock().unwrap() = "<html><head><title>Sign in</title></head><body><form action='/login' method='post'>\
        <input name='user'><input type='password' name='password'><button>Sign in</button></form></body></html>"
        .to_owned();
    let error = place.endpoints.data(&ctx(), place.fake.id, &EndpointQuery::default()).await.unwrap_err();
    assert_eq!(error.reason.as_deref(), Some("WebsiteAccessError"), "{error:?}");
    assert!(error.message.contains("login"), "{error:?}");
    // Nothing stands in the way: then it is the code.
    let place = Place::new(Ok(Vec::new()), quiet());
    *place.fake.html.lock().unwrap() =
        "<html><body><h1>Books</h1><p>There is nothing on offer at the moment, come again.</p></body></html>"
            .to_owned();
    let error = place.endpoints.data(&ctx(), place.fake.id, &EndpointQuery::default()).await.unwrap_err();
    assert_eq!(error.reason.as_deref(), Some("SandboxExecutionError"), "{error:?}");
}

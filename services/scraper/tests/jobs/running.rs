//! Jobs that work: what is told, what is kept, many at a time, cancelled ones, new versions.

use crate::support::{World, assert_ready, books, ctx, options, request, within};
use nexus_api::{
    CallCtx, Code, Scraper,
    planner::PageRequest,
    scraper::{EndpointQuery, JobStatus, Regenerate},
};
use nexus_testkit::{
    held::{Held, HeldPages},
    site::Site,
};
use serde_json::Value;

#[tokio::test(flavor = "multi_thread")]
async fn a_sentence_becomes_an_endpoint() {
    let (world, site) = (World::new().await, Site::start().await.unwrap());
    let url = format!("{}/books", site.url);
    let job = world.create(&url, "title, price and rating of every book").await;
    assert_eq!((job.status, job.progress, job.api_endpoint), (JobStatus::Pending, 0, None));
    assert_eq!(job.user_id.as_deref(), Some("me"));
    let told = world.watched(job.id).await;
    let steps: Vec<(JobStatus, u32)> = told.iter().map(|job| (job.status, job.progress)).collect();
    assert!(steps.is_sorted_by_key(|(_, progress)| *progress), "{steps:?}");
    let known = [
        (JobStatus::Pending, 0),
        (JobStatus::Analyzing, 20),
        (JobStatus::Generating, 50),
        (JobStatus::Testing, 80),
        (JobStatus::Ready, 100),
    ];
    assert!(steps.iter().all(|step| known.contains(step)), "{steps:?}");
    let job = told.last().unwrap();
    assert_ready(job);
    assert_eq!(*job, world.get(job.id).await);
    assert_eq!((job.code_version, &job.error), (Some(1), &None));
    assert_eq!(job.api_endpoint.as_deref(), Some(format!("/api/v1/generated/{}", job.id).as_str()));
    assert!(job.scraper_code.as_ref().unwrap().contains("def scrape_data(url)"));
    let sample = job.sample_data.as_ref().unwrap().as_array().unwrap();
    assert_eq!(sample.len(), 3);
    for record in sample {
        for field in ["title", "price", "rating"] {
            assert!(!matches!(record[field], Value::Null), "{record}");
        }
    }
    let analysis = job.analysis.as_ref().unwrap();
    assert_eq!(analysis["page_type"], "list");
    assert!(analysis["regions"].as_array().is_some_and(|regions| !regions.is_empty()));
    assert_eq!(analysis["requests"][0]["status"], 200);
    let [attempt] = &job.attempts[..] else { panic!("{:?}", job.attempts) };
    assert_eq!(
        (&attempt["status"], &attempt["version"], &attempt["source"]),
        (&"succeeded".into(), &1.into(), &"miner".into())
    );
    assert!(attempt["requests"].as_array().is_some_and(|requests| !requests.is_empty()), "{attempt}");

    // Three pages of eight; the trial read two of them.
    let data = within(world.service.run_endpoint(&ctx(), job.id, EndpointQuery::default())).await.unwrap();
    assert_eq!(data.data.len(), 24);

    let listed = world.service.list_jobs(&ctx(), PageRequest { limit: None, cursor: None }).await.unwrap();
    assert_eq!(listed.items[0].id, job.id);
    assert!(listed.items[0].analysis.as_ref().unwrap().get("regions").is_none());
    assert!(listed.items[0].attempts[0].get("code").is_none());
    world.service.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watcher_that_comes_late_is_told_the_end() {
    let (world, site) = (World::new().await, Site::start().await.unwrap());
    let job = world.made(&format!("{}/table", site.url), "all rows").await;
    assert_ready(&job);
    assert_eq!(world.watched(job.id).await, [job]);
    world.service.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn five_are_made_at_a_time_and_others_wait() {
    let pages = HeldPages::start().await.unwrap();
    let mut options = options();
    options.parallel = 5;
    let here = nexus_egress::Policy::public().allow_network(std::net::Ipv4Addr::LOCALHOST.into(), 8);
    let world = World::with(std::sync::Arc::new(crate::support::NoModels), options, here);
    pages.put("/robots.txt", Held::page(""));
    pages.hold_from("/robots.txt", 1);
    let mut ids = Vec::new();
    for n in 0..7 {
        pages.put(&format!("/{n}"), Held::page(books(6)));
        ids.push(world.create(&format!("{}/{n}", pages.url), "titles").await.id);
    }
    // Five have begun, and wait for the one robots.txt; nothing can begin before one of them ends.
    let mut begun = 0;
    for id in &ids[..5] {
        let mut told = world.service.watch_job(&ctx(), *id).await.unwrap();
        use futures::StreamExt;
        while let Some(job) = within(told.next()).await {
            if job.unwrap().status == JobStatus::Analyzing {
                begun += 1;
                break;
            }
        }
    }
    assert_eq!(begun, 5);
    for id in &ids[5..] {
        assert_eq!(world.get(*id).await.status, JobStatus::Pending);
    }
    // One that is deleted makes room at once, whatever it waits for.
    world.service.delete_job(&ctx(), ids[0]).await.unwrap();
    let mut told = world.service.watch_job(&ctx(), ids[5]).await.unwrap();
    use futures::StreamExt;
    while within(told.next()).await.unwrap().unwrap().status == JobStatus::Pending {}
    assert_eq!(world.service.get_job(&ctx(), ids[0]).await.unwrap_err().code, Code::NotFound);
    world.service.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_job_is_gone_for_its_watchers_too() {
    let (world, pages) = (World::new().await, HeldPages::start().await.unwrap());
    pages.put("/list", Held::page(books(6)));
    pages.hold_from("/list", 1);
    let job = world.create(&format!("{}/list", pages.url), "titles").await;
    let told = world.service.watch_job(&ctx(), job.id).await.unwrap();
    pages.arrived("/list", 1).await;
    world.service.delete_job(&ctx(), job.id).await.unwrap();
    use futures::StreamExt;
    let told: Vec<_> = within(told.collect()).await;
    assert_eq!(told.last().unwrap().as_ref().unwrap_err().code, Code::NotFound);
    assert_eq!(world.service.delete_job(&ctx(), job.id).await.unwrap_err().code, Code::NotFound);
    let query = EndpointQuery::default();
    assert_eq!(world.service.run_endpoint(&ctx(), job.id, query).await.unwrap_err().code, Code::NotFound);
    world.service.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn new_code_is_a_new_version_and_never_a_worse_one() {
    let (world, pages) = (World::new().await, HeldPages::start().await.unwrap());
    pages.put("/list", Held::page(books(12)));
    let url = format!("{}/list", pages.url);
    let job = world.made(&url, "title and price").await;
    assert_ready(&job);
    let again = world.service.regenerate_job(&ctx(), job.id, Regenerate::default()).await.unwrap();
    assert_eq!((again.status, again.code_version), (JobStatus::Pending, Some(1)), "the old one stays in use");
    let busy = world.service.regenerate_job(&ctx(), job.id, Regenerate::default()).await.unwrap_err();
    assert_eq!(busy.code, Code::Conflict);
    let job = world.watched(job.id).await.pop().unwrap();
    assert_ready(&job);
    assert_eq!((job.code_version, job.attempts.len()), (Some(2), 2));

    // What a person says counts.
    let feedback = Regenerate { feedback: Some("also the rating".into()) };
    world.service.regenerate_job(&ctx(), job.id, feedback).await.unwrap();
    let job = world.watched(job.id).await.pop().unwrap();
    assert_ready(&job);
    assert_eq!((job.code_version, job.feedback.as_deref()), (Some(3), Some("also the rating")));
    assert!(job.sample_data.as_ref().unwrap()[0].get("rating").is_some(), "{:?}", job.sample_data);

    // A page without anything makes no new version; the one that worked stays.
    pages.put("/list", Held { status: 503, ..Held::page("") });
    world.service.regenerate_job(&ctx(), job.id, Regenerate::default()).await.unwrap();
    let job = world.watched(job.id).await.pop().unwrap();
    assert_ready(&job);
    assert_eq!((job.code_version, &job.error), (Some(3), &None));
    assert!(job.message.contains("Version 3 stays in use"), "{}", job.message);
    assert_eq!(job.attempts.last().unwrap()["error"]["code"], "WebsiteAccessError");
    world.service.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn robots_are_asked_for_unless_the_job_says_otherwise() {
    let (world, site) = (World::new().await, Site::start().await.unwrap());
    let url = format!("{}/private", site.url);
    let refused = world.made(&url, "titles of books").await;
    assert_eq!(refused.status, JobStatus::Failed);
    assert_eq!(refused.error.as_ref().unwrap()["reason"], "robots_forbidden");
    assert_eq!(site.hits("/private"), 0);
    let asked = nexus_api::scraper::CreateJob { ignore_robots: true, ..request(&url, "titles of books") };
    let job = world.service.create_job(&ctx(), asked).await.unwrap();
    let job = world.watched(job.id).await.pop().unwrap();
    assert_ready(&job);
    assert!(job.ignore_robots);
    world.service.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_of_another_workspace_are_not_there() {
    let (world, site) = (World::new().await, Site::start().await.unwrap());
    let job = world.made(&format!("{}/table", site.url), "all rows").await;
    let other = nexus_api::Workspace::new("other").unwrap();
    let other = CallCtx::background().on_behalf(None, other);
    let service = &world.service;
    assert_eq!(service.get_job(&other, job.id).await.unwrap_err().code, Code::NotFound);
    assert_eq!(service.delete_job(&other, job.id).await.unwrap_err().code, Code::NotFound);
    let regenerated = service.regenerate_job(&other, job.id, Regenerate::default()).await;
    assert_eq!(regenerated.unwrap_err().code, Code::NotFound);
    assert!(service.watch_job(&other, job.id).await.is_err());
    let none = service.list_jobs(&other, PageRequest { limit: None, cursor: None }).await.unwrap();
    assert_eq!(none.items.len(), 0);
    let _: Option<Value> = world.get(job.id).await.sample_data;
    world.service.shutdown().await;
}

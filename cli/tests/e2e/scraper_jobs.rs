//! Scraper jobs over the real program: the whole way over REST and WebSocket, and the program killed in every state of a
//! job. A server that holds its answers back, or a model that does, pins the state. Not here: what jobs are told in
//! detail (`services/scraper`).

use crate::{Place, blocking, http::Api, nexus, provider_settings, within};
use futures::StreamExt;
use nexus_testkit::{
    held::{Held, HeldPages},
    process::{Mesh, Settings, Up, settings},
    provider::{FakeProvider, Matcher, Reply},
};
use serde_json::{Value, json};
use std::{collections::BTreeSet, path::Path, time::Duration};

/// A list of books.
fn books() -> Held {
    let book = |n: u32| {
        format!(
            "<li class=book><h3><a href=\"/book/{n}\">The garden of number {n}</a></h3>\
             <p class=price>£{}.50</p><p class=rating>{} stars</p></li>",
            10 + n,
            1 + n % 5
        )
    };
    let items: String = (1..=12).map(book).collect();
    Held::page(format!(
        "<html><head><title>Books</title></head><body><h1>Books</h1><ul>{items}</ul></body></html>"
    ))
}

fn here(extra: Settings) -> Settings {
    let mut all = settings([("NEXUS_EGRESS_ALLOW", "127.0.0.0/8"), ("NEXUS_SANDBOX_MIN_TIER", "C")]);
    all.extend(extra);
    all
}

async fn up(place: &Place, extra: Settings) -> Up {
    let data = place.data();
    let environment = here(extra);
    blocking(move || Up::start(nexus(), Path::new(&data), environment).unwrap()).await
}

async fn create(api: &Api, url: &str) -> String {
    let wish = json!({"url": url, "description": "title, price and rating of every book"});
    let job = api.post("/api/v1/scraping/requests", wish).await;
    assert_eq!((&job["status"], &job["progress"]), (&json!("pending"), &json!(0)));
    job["id"].as_str().unwrap().to_owned()
}

/// The job once it is as wanted.
async fn job_when(api: &Api, id: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    let path = format!("/api/v1/scraping/jobs/{id}");
    within("the job", async {
        loop {
            // A process may be away for a moment.
            if let Ok(answer) = api.try_call(reqwest::Method::GET, &path, None).await
                && answer.status.is_success()
                && wanted(&answer.body)
            {
                return answer.body;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await
}

fn has_ended(job: &Value) -> bool {
    matches!(job["status"].as_str(), Some("ready" | "failed"))
}

/// All processes that descend from this one.
fn descendants(pid: u32) -> BTreeSet<u32> {
    let mut parents = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let Ok(own) = entry.file_name().to_string_lossy().parse::<u32>() else { continue };
        let Ok(stat) = std::fs::read_to_string(entry.path().join("stat")) else { continue };
        // The name in parentheses may hold anything.
        let parent = stat.rsplit_once(") ").and_then(|(_, rest)| rest.split(' ').nth(1)?.parse::<u32>().ok());
        parents.extend(parent.map(|parent| (own, parent)));
    }
    let mut found = BTreeSet::from([pid]);
    while parents.iter().any(|(own, parent)| found.contains(parent) && found.insert(*own)) {}
    found.remove(&pid);
    found
}

/// Waits until none of these processes is left.
async fn all_gone(pids: &BTreeSet<u32>) {
    let alive = |pid: &u32| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        // A zombie has ended, and waits for whoever has adopted it.
        !stat.is_empty() && !stat.contains(") Z ")
    };
    within("the end of the sandboxes", async {
        while pids.iter().any(alive) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
}

/// Kills the program, looks for what is left of it, and starts it again over the same data.
async fn killed_and_restarted(mut server: Up, place: &Place, extra: Settings) -> Up {
    let sandboxes = descendants(server.process.pid());
    assert!(!sandboxes.is_empty(), "there should be sandboxes by now");
    server.process.kill9();
    all_gone(&sandboxes).await;
    up(place, extra).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sentence_becomes_an_endpoint_while_a_web_socket_tells_how() {
    let (place, pages) = (Place::new(), HeldPages::start().await.unwrap());
    pages.put("/books", books());
    let server = up(&place, Settings::new()).await;
    let api = Api::new(&server.http);
    let id = create(&api, &format!("{}/books", pages.url)).await;
    let url = format!("{}/ws/scraping/jobs/{id}", server.http.replacen("http", "ws", 1));
    let (mut socket, _) = within("the WebSocket", tokio_tungstenite::connect_async(url)).await.unwrap();
    let mut told = Vec::new();
    while let Some(Ok(message)) = within("a message", socket.next()).await {
        if let Ok(text) = message.to_text()
            && let Ok(state) = serde_json::from_str::<Value>(text)
        {
            told.push((state["status"].as_str().unwrap().to_owned(), state["progress"].as_u64().unwrap()));
        }
    }
    assert_eq!(told.last().unwrap(), &("ready".to_owned(), 100), "{told:?}");
    assert!(told.is_sorted_by_key(|(_, progress)| *progress), "{told:?}");
    let job = api.get(&format!("/api/v1/scraping/jobs/{id}")).await;
    assert_eq!(job["sample_data"].as_array().unwrap().len(), 3);
    let data = api.get(job["api_endpoint"].as_str().unwrap()).await;
    assert_eq!(data["data"].as_array().unwrap().len(), 12, "{data}");
    assert_eq!(data["data"][0]["title"], "The garden of number 1");

    // What was told to end leaves no sandbox behind.
    let sandboxes = descendants(server.process.pid());
    server.process.terminate().unwrap();
    let mut process = server.process;
    let done = blocking(move || process.wait().unwrap()).await;
    assert_eq!(done.code(), 0, "{}", done.stderr);
    all_gone(&sandboxes).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_while_jobs_wait_and_pages_are_read_all_of_them_end() {
    let (place, pages) = (Place::new(), HeldPages::start().await.unwrap());
    let one = settings([("NEXUS_SCRAPER_PARALLEL", "1")]);
    for path in ["/first", "/second"] {
        pages.put(path, books());
    }
    pages.hold_from("/first", 1);
    let server = up(&place, one.clone()).await;
    let api = Api::new(&server.http);
    let first = create(&api, &format!("{}/first", pages.url)).await;
    within("the page", pages.arrived("/first", 1)).await;
    // The first is being analyzed, the second cannot be anything but pending.
    let second = create(&api, &format!("{}/second", pages.url)).await;
    job_when(&api, &first, |job| job["status"] == "analyzing").await;
    assert_eq!(api.get(&format!("/api/v1/scraping/jobs/{second}")).await["status"], "pending");
    let server = killed_and_restarted(server, &place, one).await;
    let api = Api::new(&server.http);
    within("the page again", pages.arrived("/first", 2)).await;
    pages.release("/first");
    for id in [&first, &second] {
        let job = job_when(&api, id, has_ended).await;
        assert_eq!(job["status"], "ready", "{job}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_while_a_model_is_asked_the_job_ends_and_its_money_is_counted() {
    let (place, pages) = (Place::new(), HeldPages::start().await.unwrap());
    let provider = FakeProvider::start().await.unwrap();
    provider.always(Matcher::any(), Reply::text("I would rather not."));
    provider.hold("title, price and rating");
    pages.put("/books", books());
    let server = up(&place, provider_settings(&provider)).await;
    let api = Api::new(&server.http);
    let id = create(&api, &format!("{}/books", pages.url)).await;
    within("the model", provider.held("title, price and rating", 1)).await;
    let job = job_when(&api, &id, |job| job["status"] == "generating").await;
    assert!(job["cost_usd"].as_f64().unwrap() > 0.0, "what the call can cost is held back: {job}");
    let server = killed_and_restarted(server, &place, provider_settings(&provider)).await;
    provider.release("title, price and rating");
    let api = Api::new(&server.http);
    let after = job_when(&api, &id, has_ended).await;
    assert_eq!(after["status"], "ready", "{after}");
    // Nobody knows what the first call cost: it counts in full.
    assert!(after["cost_usd"].as_f64().unwrap() >= job["cost_usd"].as_f64().unwrap(), "{after}");
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_while_code_is_tried_the_job_ends() {
    let (place, pages) = (Place::new(), HeldPages::start().await.unwrap());
    pages.put("/books", books());
    // The first request studies the page, the second comes from the sandbox.
    pages.hold_from("/books", 2);
    let server = up(&place, Settings::new()).await;
    let api = Api::new(&server.http);
    let id = create(&api, &format!("{}/books", pages.url)).await;
    within("the sandbox", pages.arrived("/books", 2)).await;
    job_when(&api, &id, |job| job["status"] == "testing").await;
    let server = killed_and_restarted(server, &place, Settings::new()).await;
    pages.release("/books");
    let api = Api::new(&server.http);
    let job = job_when(&api, &id, has_ended).await;
    assert_eq!(job["status"], "ready", "{job}");

    // Asked for anew and killed again: the version that worked is still there.
    pages.hold_from("/books", pages.count("/books") + 1);
    api.post(&format!("/api/v1/scraping/jobs/{id}/regenerate"), json!({})).await;
    job_when(&api, &id, |job| job["status"] == "analyzing").await;
    let server = killed_and_restarted(server, &place, Settings::new()).await;
    pages.release("/books");
    let job = job_when(&Api::new(&server.http), &id, has_ended).await;
    assert_eq!((&job["status"], &job["code_version"]), (&json!("ready"), &json!(2)), "{job}");
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_mesh_another_scraper_takes_over_from_a_killed_one() {
    let pages = HeldPages::start().await.unwrap();
    pages.put("/books", books());
    pages.hold_from("/books", 2);
    let mut mesh = blocking(|| Mesh::start(nexus(), 1, 1, here(Settings::new())).unwrap()).await;
    let api = Api::new(mesh.http());
    let id = create(&api, &format!("{}/books", pages.url)).await;
    within("the sandbox", pages.arrived("/books", 2)).await;
    let scraper = mesh.others.iter_mut().last().unwrap();
    let sandboxes = descendants(scraper.process.pid());
    assert!(!sandboxes.is_empty());
    scraper.process.kill9();
    all_gone(&sandboxes).await;
    pages.release("/books");
    let mesh = blocking(move || {
        mesh.add_scraper().unwrap();
        mesh
    })
    .await;
    // A gateway that knows the new one.
    let api = Api::new(&mesh.gateways.last().unwrap().url);
    let job = job_when(&api, &id, has_ended).await;
    assert_eq!(job["status"], "ready", "{job}");
}

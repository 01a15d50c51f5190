//! Scrapers from end to end, over a site of the tests' own: the command line, the endpoint in all its forms, a redesign,
//! schedules with a webhook, pages that cannot be scraped, a workflow that uses one. Without any model.
//! Not here: how well the miner does (`nexus-miner`), what dies when in the middle of a job (`nexus-scraper`).

use crate::{Place, blocking, http::Api, nexus, one_json, read, within};
use futures::StreamExt;
use nexus_testkit::{
    process::{Mesh, Settings, Up, repository, settings},
    site::Site,
};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::time::Duration;
use tokio_tungstenite::tungstenite::Message;

const BOOKS: &str = "title, price and rating of every book";
const GOODS: &str = "name, price and maker of every product";

/// Scrapers may look at this machine, nothing asks a model, and nothing is kept longer than said.
fn local(more: &[(&str, &str)]) -> Settings {
    let mut all = settings([("NEXUS_EGRESS_ALLOW", "127.0.0.0/8"), ("NEXUS_SCRAPER_MODEL", "off")]);
    all.extend(more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    all
}

/// Everything in one process, and a site.
struct World {
    place: Place,
    site: Site,
    up: Up,
    api: Api,
}

impl World {
    async fn new(more: &[(&str, &str)]) -> Self {
        let site = Site::start().await.unwrap();
        let place = Place { settings: local(more), ..Place::new() };
        let up = start(&place).await;
        let api = Api::new(&up.http);
        Self { place, site, up, api }
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.site.url)
    }

    /// A scraper that is ready; its id.
    async fn ready(&self, path: &str, description: &str) -> String {
        let job = ended(&self.api, &self.url(path), description).await;
        assert_eq!(job["status"], "ready", "{path}: {} {}", job["error"], job["message"]);
        job["id"].as_str().unwrap().to_owned()
    }

    /// What the endpoint answers once what it kept is too old.
    async fn anew(&self, id: &str) -> Value {
        within("an answer that is not from the cache", async {
            loop {
                let answer = self.data(id, "").await;
                if answer["metadata"]["cached"] == false || answer["metadata"]["stale"] == true {
                    return answer;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        })
        .await
    }

    async fn data(&self, id: &str, query: &str) -> Value {
        self.api.get(&format!("/api/v1/generated/{id}{query}")).await
    }
}

async fn start(place: &Place) -> Up {
    let (data, environment) = (place.data(), place.settings.clone());
    blocking(move || Up::start(nexus(), &data, environment).unwrap()).await
}

/// The job once it has ended.
async fn ended(api: &Api, url: &str, description: &str) -> Value {
    let request = json!({"url": url, "description": description});
    let job = api.post("/api/v1/scraping/requests", request).await;
    let path = format!("/api/v1/scraping/jobs/{}", job["id"].as_str().unwrap());
    within("the end of the job", async {
        loop {
            let job = api.get(&path).await;
            if matches!(job["status"].as_str(), Some("ready" | "failed")) {
                return job;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await
}

fn titles(answer: &Value, field: &str) -> Vec<String> {
    let records = answer["data"].as_array().unwrap();
    records.iter().map(|record| record[field].as_str().unwrap_or_default().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sentence_becomes_an_endpoint_with_paging_csv_and_a_description() {
    let world = World::new(&[]).await;
    let done = world.place.nexus_async(&["scrape", &world.url("/books"), BOOKS]).await;
    assert_eq!(done.code(), 0, "{}", done.stderr);
    let told = one_json(&done.stdout);
    let id = told["id"].as_str().unwrap();
    assert_eq!(told["api_endpoint"], format!("/api/v1/generated/{id}"));
    assert_eq!(told["sample_data"].as_array().unwrap().len(), 3);
    assert!(done.stderr.contains("analyzing") && done.stderr.contains("ready"), "{}", done.stderr);

    let all = world.data(id, "").await;
    assert_eq!(all["source_url"], world.url("/books"));
    assert!(all["request_timestamp"].is_string());
    let books = titles(&all, "title");
    assert_eq!(
        (books.len(), books[0].as_str(), books[23].as_str()),
        (24, "A Light in the Attic", "Chase Me")
    );
    assert_eq!(all["data"][1]["price"], "£12.37");
    assert!(
        all["data"].as_array().unwrap().iter().all(|book| !book["rating"].is_null()),
        "{}",
        all["data"][0]
    );
    let part = world.data(id, "?limit=5&offset=20").await;
    assert_eq!(titles(&part, "title"), books[20..24]);
    let metadata = &part["metadata"];
    assert_eq!(
        (&metadata["cached"], &metadata["total"], &metadata["count"]),
        (&json!(true), &json!(24), &json!(4))
    );
    let hits = world.site.hits("/books");
    let fresh = world.data(id, "?fresh=true").await;
    assert_eq!((&fresh["metadata"]["cached"], world.site.hits("/books")), (&json!(false), hits + 3));

    // As a table.
    let csv = reqwest::Client::builder().no_proxy().build().unwrap();
    let csv =
        csv.get(format!("{}/api/v1/generated/{id}?format=csv&limit=2", world.up.http)).send().await.unwrap();
    assert!(csv.headers()["content-type"].to_str().unwrap().starts_with("text/csv"));
    assert_eq!(csv.headers()["x-total-count"], "24");
    let csv = csv.text().await.unwrap();
    let lines: Vec<&str> = csv.lines().collect();
    assert_eq!((lines.len(), lines[0]), (3, "title,price,rating"));
    assert!(lines[1].starts_with("A Light in the Attic,£10.00,"), "{csv}");

    // As others import it.
    let described = world.api.get(&format!("/api/v1/generated/{id}/openapi.json")).await;
    assert!(described["paths"][format!("/api/v1/generated/{id}")]["get"].is_object());
    assert!(described["components"]["schemas"]["Record"]["properties"]["price"].is_object(), "{described}");

    let tried = world.api.post(&format!("/api/v1/scraping/jobs/{id}/test"), json!({})).await;
    assert_eq!((&tried["ok"], tried["data"].as_array().unwrap().len()), (&json!(true), 24));
    assert!(tried["duration_ms"].as_u64().unwrap() > 0 && tried.get("error").is_none(), "{tried}");
    let health = world.api.get(&format!("/api/v1/scraping/jobs/{id}/health")).await;
    assert_eq!(health["status"], "healthy", "{health}");

    for query in ["?limit=0", "?offset=-1", "?format=xml", "?fresh=maybe"] {
        let path = format!("/api/v1/generated/{id}{query}");
        let refused = world.api.try_call(Method::GET, &path, None).await.unwrap();
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{query} {}", refused.body);
    }
    let deleted =
        world.api.try_call(Method::DELETE, &format!("/api/v1/scraping/jobs/{id}"), None).await.unwrap();
    assert_eq!(deleted.status, StatusCode::NO_CONTENT);
    for path in [format!("/api/v1/generated/{id}"), format!("/api/v1/generated/{id}/openapi.json")] {
        assert_eq!(world.api.try_call(Method::GET, &path, None).await.unwrap().status, StatusCode::NOT_FOUND);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn progress_comes_over_the_web_socket_and_ends_with_the_job() {
    let world = World::new(&[]).await;
    let request = json!({"url": world.url("/shop"), "description": GOODS});
    let accepted = world.api.post("/api/v1/scraping/requests", request).await;
    let id = accepted["id"].as_str().unwrap();
    let url = format!("{}/ws/scraping/jobs/{id}", world.up.http.replacen("http", "ws", 1));
    let (mut socket, _) = within("the WebSocket", tokio_tungstenite::connect_async(url)).await.unwrap();
    let mut seen: Vec<Value> = Vec::new();
    while let Some(Ok(message)) = within("a state", socket.next()).await {
        match message {
            Message::Text(text) => seen.push(serde_json::from_str(&text).unwrap()),
            Message::Close(frame) => {
                assert_eq!(u16::from(frame.unwrap().code), 1000);
                break;
            }
            _ => {}
        }
    }
    let last = seen.last().unwrap();
    assert_eq!((&last["status"], &last["progress"]), (&json!("ready"), &json!(100)), "{last}");
    let progress: Vec<u64> = seen.iter().map(|state| state["progress"].as_u64().unwrap()).collect();
    assert!(progress.is_sorted(), "{progress:?}");
    assert!(seen.iter().all(|state| state["id"] == id && state["message"].is_string()));
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_many_kinds_are_read() {
    let world = World::new(&[]).await;
    let (table, detail) = tokio::join!(
        world.ready("/table", "team, wins and losses of every team"),
        world.ready("/book/3", "title and price of the book")
    );
    let table = world.data(&table, "").await;
    assert_eq!(table["data"].as_array().unwrap().len(), 8, "{table}");
    assert_eq!(
        (&table["data"][1]["team"], &table["data"][1]["win"]),
        (&json!("Chicago"), &json!(47)),
        "{table}"
    );
    let detail = world.data(&detail, "").await;
    assert_eq!(
        (titles(&detail, "title"), &detail["data"][0]["price"]),
        (vec!["Soumission".to_owned()], &json!("£14.74"))
    );
    let (linked, next, cafes) = tokio::join!(
        world.ready("/jsonld", "name and price of every product"),
        world.ready("/next", "title and price of every book"),
        world.ready("/latin1", "name, street and price of every café")
    );
    assert_eq!(titles(&world.data(&linked, "").await, "name").len(), 6);
    assert_eq!(titles(&world.data(&next, "").await, "title").len(), 9);
    let cafes = world.data(&cafes, "").await;
    assert_eq!(titles(&cafes, "name")[..2], ["Café Olé", "Brûlerie Zoé"], "{cafes}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_scraped_is_told_with_a_code_and_advice() {
    let world = World::new(&[]).await;
    let pages = ["/nothing", "/forbidden", "/pdf", "/login", "/app", "/private", "/slow"];
    let urls = pages.iter().map(|path| world.url(path)).chain(["http://no-such-host.invalid/".to_owned()]);
    let jobs = urls.map(|url| {
        let api = &world.api;
        async move { (url.clone(), ended(api, &url, "title and price of everything").await) }
    });
    for (url, job) in futures::future::join_all(jobs).await {
        assert_eq!(job["status"], "failed", "{url}: {job}");
        let error = &job["error"];
        assert_eq!(error["code"], "WebsiteAccessError", "{url}: {error}");
        for part in ["message", "suggestion"] {
            assert!(error[part].as_str().is_some_and(|text| text.len() > 10), "{url}: {error}");
        }
        // It has no endpoint, and says why.
        let id = job["id"].as_str().unwrap();
        let none = world.api.try_call(Method::GET, &format!("/api/v1/generated/{id}"), None).await.unwrap();
        assert_eq!(none.status, StatusCode::CONFLICT, "{url}: {}", none.body);
        assert!(none.body["suggestion"].is_string());
        let health = world.api.get(&format!("/api/v1/scraping/jobs/{id}/health")).await;
        assert_eq!((&health["status"], &health["schedule"]), (&json!("unknown"), &json!(null)), "{url}");
    }
    // On the command line.
    let failed = world.place.nexus_async(&["scrape", &world.url("/nothing"), BOOKS]).await;
    assert_eq!(failed.code(), 1, "{}", failed.stderr);
    assert!(
        failed.stderr.contains("WebsiteAccessError") && failed.stderr.contains("hint:"),
        "{}",
        failed.stderr
    );
    for (url, description) in
        [("ftp://example.com", BOOKS), ("no address", BOOKS), (&*world.url("/books"), " ")]
    {
        let refused = world.place.nexus_async(&["scrape", url, description]).await;
        assert_eq!(refused.code(), 2, "{url}: {}", refused.stderr);
    }
    let away = Place::new();
    let away =
        away.nexus_async(&["scrape", "http://example.com", BOOKS, "--server", "http://127.0.0.1:9"]).await;
    assert_eq!(away.code(), 5, "{}", away.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redesigned_page_is_mended_and_one_that_is_away_is_answered_with_what_was() {
    let world = World::new(&[("NEXUS_SCRAPER_CACHE_SECONDS", "1")]).await;
    let id = world.ready("/shop", GOODS).await;
    let before = world.data(&id, "").await;
    let names = titles(&before, "name");
    assert_eq!((names.len(), &before["metadata"]["code_version"]), (6, &json!(1)), "{before}");

    world.site.redesign();
    let after = world.anew(&id).await;
    assert_eq!(titles(&after, "name"), names, "{after}");
    assert_eq!(titles(&after, "price"), titles(&before, "price"));
    assert_eq!(after["metadata"]["code_version"], 2, "{after}");
    let job = world.api.get(&format!("/api/v1/scraping/jobs/{id}")).await;
    assert_eq!((&job["status"], &job["code_version"]), (&json!("ready"), &json!(2)));
    let health = world.api.get(&format!("/api/v1/scraping/jobs/{id}/health")).await;
    assert_eq!(health["status"], "healthy", "{health}");
    assert!(health["runs"][0]["note"].as_str().unwrap().contains("redesigned"), "{health}");

    world.site.set_broken(true);
    let stale = world.anew(&id).await;
    assert_eq!((titles(&stale, "name"), &stale["metadata"]["stale"]), (names, &json!(true)), "{stale}");
    let path = format!("/api/v1/generated/{id}?fresh=true");
    let failed = world.api.try_call(Method::GET, &path, None).await.unwrap();
    assert_eq!(
        (failed.status, &failed.body["error"]),
        (StatusCode::SERVICE_UNAVAILABLE, &json!("WebsiteAccessError"))
    );
    assert!(failed.body["suggestion"].is_string() && failed.headers.contains_key("retry-after"));
    let tried = world.api.post(&format!("/api/v1/scraping/jobs/{id}/test"), json!({})).await;
    assert_eq!(
        (&tried["ok"], &tried["error"]["code"]),
        (&json!(false), &json!("WebsiteAccessError")),
        "{tried}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schedule_tells_a_webhook_what_changed_even_if_the_server_died_in_between() {
    let mut world = World::new(&[]).await;
    let id = world.ready("/shop", GOODS).await;
    let path = format!("/api/v1/scraping/jobs/{id}/schedule");
    let none = world.api.try_call(Method::GET, &path, None).await.unwrap();
    assert_eq!(none.status, StatusCode::NOT_FOUND);
    for bad in
        [json!({"every": "30s"}), json!({"every": "soon"}), json!({"every": "1h", "webhook_url": "ftp://x"})]
    {
        let refused = world.api.try_call(Method::PUT, &path, Some(bad)).await.unwrap();
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", refused.body);
    }
    let wanted = json!({"every": 900, "webhook_url": world.url("/hook"), "webhook_secret": "s3cret"});
    let put = world.api.try_call(Method::PUT, &path, Some(wanted.clone())).await.unwrap();
    assert_eq!((put.status, &put.body["every"]), (StatusCode::OK, &json!("15m")), "{}", put.body);
    assert!(!put.body.to_string().contains("s3cret"));

    world.site.begin_sale();
    world.up.process.kill9();
    world.up = start(&world.place).await;
    world.api = Api::new(&world.up.http);
    // It may have run just before it died; then this is the run that sees the sale.
    let put = world.api.try_call(Method::PUT, &path, Some(wanted)).await.unwrap();
    assert_eq!(put.status, StatusCode::OK, "{}", put.body);
    let calls = within("the webhook", world.site.called(1)).await;
    let told: Value = serde_json::from_str(&calls[0].body).unwrap();
    assert_eq!(told["event"], "scraper.changed");
    assert_eq!(told["counts"], json!({"added": 1, "removed": 1, "changed": 1}), "{told}");
    assert_eq!(told["added"][0]["name"], "Clay pot");
    assert_eq!(told["changed"][0]["before"]["price"], "$12.50");
    assert!(calls[0].headers.contains_key("x-nexus-signature"));
    let shown = world.api.get(&path).await;
    assert!(shown["last_change_at"].is_string() && shown["last_changes"]["changed"] == 1, "{shown}");
    assert_eq!(world.api.try_call(Method::DELETE, &path, None).await.unwrap().status, StatusCode::NO_CONTENT);
    assert_eq!(world.api.try_call(Method::DELETE, &path, None).await.unwrap().status, StatusCode::NOT_FOUND);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_server_the_endpoint_is_there_when_one_starts() {
    let site = Site::start().await.unwrap();
    let place = Place { settings: local(&[]), ..Place::new() };
    let done = place.nexus_async(&["scrape", &format!("{}/shop", site.url), GOODS, "--json"]).await;
    assert_eq!(done.code(), 0, "{}", done.stderr);
    let lines: Vec<Value> = done.stdout.lines().map(one_json).collect();
    let (job, states) = lines.split_last().unwrap();
    assert_eq!((&job["status"], job["sample_data"].as_array().unwrap().len()), (&json!("ready"), 3));
    assert!(states.iter().all(|state| state["progress"].is_u64() && state["id"] == job["id"]));
    assert!(done.stderr.contains("nexus up"), "{}", done.stderr);
    let up = start(&place).await;
    let endpoint = job["api_endpoint"].as_str().unwrap();
    let answer = Api::new(&up.http).get(endpoint).await;
    assert_eq!(answer["data"].as_array().unwrap().len(), 6, "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workflow_scrapes_sums_up_and_remembers() {
    let world = World::new(&[]).await;
    let id = world.ready("/shop", GOODS).await;
    let mut document = read(&repository().join("examples/scraping/summarise-page.json"));
    let mut tools = 0;
    for node in document["graph"]["nodes"].as_array_mut().unwrap() {
        if node["config"]["tool"] == "scraper" {
            node["config"]["job_id"] = json!(id);
            tools += 1;
        }
    }
    assert_eq!(tools, 1);
    let file = world.place.write("summarise.json", &document);
    let done = world.place.nexus_async(&["run", &file]).await;
    assert_eq!(done.code(), 0, "{}", done.stderr);
    let outputs = one_json(&done.stdout);
    assert!(outputs["remember"]["id"].is_string(), "{outputs}");
    let listed = world.api.get("/api/v1/executions").await;
    let execution =
        world.api.get(&format!("/api/v1/executions/{}", listed["items"][0]["id"].as_str().unwrap())).await;
    let nodes = execution["agent_executions"].as_array().unwrap();
    let page = nodes.iter().find(|node| node["node_id"] == "page").unwrap();
    assert_eq!(page["output"]["data"].as_array().unwrap().len(), 6, "{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_mesh_makes_and_serves_scrapers_too() {
    let site = Site::start().await.unwrap();
    let mesh = blocking(|| Mesh::start(nexus(), 0, 1, local(&[])).unwrap()).await;
    let api = Api::new(mesh.http());
    let job = ended(&api, &format!("{}/shop", site.url), GOODS).await;
    assert_eq!(job["status"], "ready", "{}", job["error"]);
    let id = job["id"].as_str().unwrap();
    let answer = api.get(&format!("/api/v1/generated/{id}?limit=2")).await;
    assert_eq!((answer["data"].as_array().unwrap().len(), &answer["metadata"]["total"]), (2, &json!(6)));
    let path = format!("/api/v1/scraping/jobs/{id}/schedule");
    let put = api.try_call(Method::PUT, &path, Some(json!({"every": "1d"}))).await.unwrap();
    assert_eq!((put.status, &put.body["every_seconds"]), (StatusCode::OK, &json!(86_400)), "{}", put.body);
    let health = api.get(&format!("/api/v1/scraping/jobs/{id}/health")).await;
    assert_eq!(health["status"], "healthy", "{health}");
}

//! Generated Python against the Rust that it was generated from: over real HTTP, with the real libraries, on all of
//! our pages, the same records to the last letter. Not here: the sandbox.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "that is how a test fails")]

mod site;

use nexus_miner::{Dom, Page, Recipe, analyse, extract, lint, python, recipe::MOST_PAGES};
use serde_json::{Value, json};
use std::{
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    path::PathBuf,
    process::Command,
    thread,
};

/// Runs each scraper of a list in one process and prints what it returned or how it failed.
const DRIVER: &str = r#"
import json, sys
for job in json.load(open(sys.argv[1], encoding="utf-8")):
    space = {}
    try:
        exec(compile(job["code"], job["page"], "exec"), space)
        print(json.dumps({"page": job["page"], "result": space["scrape_data"](job["url"])}))
    except Exception as error:
        print(json.dumps({"page": job["page"], "error": repr(error)}))
"#;

/// The Python with requests, Beautiful Soup and lxml that scrapers run on.
fn sandbox_python() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../target")), PathBuf::from);
    let folder = target.join("sandbox-python");
    assert!(folder.join("site-packages/bs4").is_dir(), "run scripts/sandbox_python.sh first");
    folder
}

fn run(jobs: &[Value]) -> Vec<Value> {
    let folder = sandbox_python();
    let work = std::env::temp_dir().join(format!(
        "nexus-miner-python-{}-{:?}",
        std::process::id(),
        thread::current().id()
    ));
    std::fs::create_dir_all(&work).unwrap();
    std::fs::write(work.join("jobs.json"), serde_json::to_vec(jobs).unwrap()).unwrap();
    let output = Command::new(folder.join("bin/python3"))
        .args(["-c", DRIVER])
        .arg(work.join("jobs.json"))
        .env("PYTHONPATH", folder.join("site-packages"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("NO_PROXY", "*")
        .output()
        .unwrap();
    std::fs::remove_dir_all(&work).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout.lines().map(|line| serde_json::from_str(&line.unwrap()).unwrap()).collect()
}

/// Serves our pages, and the pages of a paginated list, until the test's process ends.
fn serve() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            thread::spawn(move || answer(&stream));
        }
    });
    address
}

fn answer(mut stream: &TcpStream) {
    let mut request = String::new();
    let mut reader = BufReader::new(stream);
    reader.read_line(&mut request).expect("a request");
    let mut line = String::new();
    while reader.read_line(&mut line).is_ok_and(|length| length > 2) {
        line.clear();
    }
    let path = request.split(' ').nth(1).unwrap_or("/").trim_start_matches('/').to_owned();
    let truth = site::all().into_iter().find(|truth| truth.page == path);
    let (status, kind, body) = match (truth, path.strip_prefix("list?page=")) {
        (Some(truth), _) => (
            "200 OK",
            truth.content_type.clone().unwrap_or_else(|| "text/html".to_owned()),
            site::body(&truth.page),
        ),
        (None, Some(number)) => (
            "200 OK",
            "text/html; charset=utf-8".to_owned(),
            list_page(number.parse().unwrap_or(1)).into_bytes(),
        ),
        (None, None) => ("404 Not Found", "text/plain".to_owned(), b"no such page".to_vec()),
    };
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    // Whoever asked may have gone.
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body));
}

/// Page `number` of a list with more pages than a scraper reads.
fn list_page(number: u32) -> String {
    let rows: String = (0..5).map(|row| format!("<li class=thing><a href='/t/{number}-{row}'>Thing {number}-{row} of the list</a><b>${number}.{row}0</b></li>")).collect();
    let pages: String = (1..=15)
        .filter(|page| *page != number)
        .map(|page| format!("<a href='?page={page}'>{page}</a> "))
        .collect();
    format!(
        "<!DOCTYPE html><title>List</title><h1>Things</h1><ul>{rows}</ul><div class=pagination>{pages}</div>"
    )
}

fn code(recipe: &Recipe, url: &str, description: &str, encoding: &str) -> String {
    let code = python::generate(recipe, python::About { url, description, encoding });
    assert_eq!(lint::check(&code, "scrape_data"), [], "{code}");
    code
}

#[test]
fn python_finds_what_rust_finds() {
    let server = serve();
    let mut jobs = Vec::new();
    let mut expected = Vec::new();
    for truth in site::all() {
        let url = format!("{server}/{}", truth.page);
        let body = site::body(&truth.page);
        for description in ["", truth.description.as_str()] {
            let page = Page { url: &url, body: &body, content_type: truth.content_type.as_deref() };
            let (analysis, dom): (_, Dom) = analyse(page, description);
            let Some(mut recipe) = analysis.recipe else { continue };
            recipe.max_pages = 1;
            expected.push(extract(&dom, &recipe, &url).unwrap());
            jobs.push(json!({"page": truth.page, "url": url, "code": code(&recipe, &url, description, &analysis.encoding)}));
        }
    }
    assert!(jobs.len() > 60);
    let results = run(&jobs);
    assert_eq!(results.len(), jobs.len());
    for (result, expected) in results.iter().zip(expected) {
        assert_eq!(result.get("error"), None, "{result}");
        assert_eq!(result["result"]["data"], json!(expected), "{}", result["page"]);
        assert_eq!(result["result"]["metadata"]["count"], json!(expected.len()));
    }
}

#[test]
fn further_pages_are_read_up_to_the_limit() {
    let server = serve();
    let url = format!("{server}/list?page=1");
    let (analysis, _) = analyse(
        Page { url: &url, body: list_page(1).as_bytes(), content_type: None },
        "name and price of all things",
    );
    let recipe = analysis.recipe.unwrap();
    assert_eq!(recipe.max_pages, MOST_PAGES);
    let results = run(&[
        json!({"page": "list", "url": url, "code": code(&recipe, &url, "all things", &analysis.encoding)}),
    ]);
    let result = &results[0]["result"];
    assert_eq!(result["metadata"]["pages"], json!(MOST_PAGES), "{results:?}");
    assert_eq!(result["data"].as_array().unwrap().len(), 50);
    assert_eq!(result["data"][49]["price"], json!("$10.40"));
}

#[test]
fn a_page_that_is_not_there_is_an_error() {
    let server = serve();
    let (analysis, _) = analyse(Page { url: &server, body: list_page(1).as_bytes(), content_type: None }, "");
    let recipe = analysis.recipe.unwrap();
    let results = run(&[
        json!({"page": "gone", "url": format!("{server}/gone"), "code": code(&recipe, &server, "", "utf-8")}),
    ]);
    assert!(results[0]["error"].as_str().is_some_and(|error| error.contains("404")), "{results:?}");
}

#[test]
fn hostile_texts_stay_texts() {
    let page = r#"<ul><li class=x>one "two" \ three</li><li class=x>four</li><li class=x>five six</li><li class=x>seven</li></ul>"#;
    let url = "http://a.test/\"\"\"\nimport os\n\"\"\"";
    let (analysis, _) =
        analyse(Page { url, body: page.as_bytes(), content_type: None }, "\"\"\"\nimport os # x");
    let recipe = analysis.recipe.unwrap();
    let code = code(&recipe, url, "\"\"\"\nimport os\n\\", "utf-8");
    assert!(!code.lines().any(|line| line.trim_start().starts_with("import os")), "{code}");
}

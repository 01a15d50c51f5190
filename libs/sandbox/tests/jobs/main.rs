//! What honest programs see: values, output, errors that help, the network through the one way out; and how the pool
//! behaves. Not here: hostile programs (`hostile`).
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test ends with a panic when something is not as it should be"
)]

mod lifetime;
mod mistakes;
mod network;

use nexus_sandbox::{Config, Entry, Error, Job, Limits, Network, Outcome, Pool, Tier, detect};
use serde_json::{Value, json};
use std::time::Duration;

/// A configuration that accepts whatever this machine can do.
fn config() -> Config {
    let folder = std::env::var_os("NEXUS_SANDBOX_PYTHON")
        .map_or_else(nexus_sandbox::find_python, |it| Some(it.into()));
    let folder = folder.expect("run scripts/sandbox_python.sh first");
    let helper = Some(env!("CARGO_BIN_EXE_nexus-sandbox-child").into());
    Config { helper, min_tier: Tier::C, warm: 1, ..Config::new(folder) }
}

fn job(code: &str, argument: Value) -> Job {
    Job {
        code: code.to_owned(),
        entry: Entry::Run,
        argument,
        limits: Limits::default(),
        network: Network::None,
    }
}

fn scraper(code: &str) -> Job {
    Job { entry: Entry::ScrapeData, ..job(code, json!("http://pages.test/")) }
}

/// Runs one job in a pool of its own.
async fn once(job: Job) -> Result<Outcome, Error> {
    let pool = Pool::open(config()).await.unwrap();
    let ended = pool.run(job).await;
    pool.close().await;
    ended
}

#[tokio::test]
async fn values_come_and_go_as_they_are() {
    let pool = Pool::open(config()).await.unwrap();
    let argument = json!({
        "text": "Grüße, 世界 \u{1F600} \"quoted\" \\ \n\u{0}", "numbers": [0, -1, 9_007_199_254_740_993_i64, 0.1, 1e300],
        "nothing": null, "nested": {"a": {"b": [[], {}]}}, "yes": true,
    });
    let outcome = pool.run(job("def run(inputs): return inputs", argument.clone())).await.unwrap();
    assert_eq!(outcome.value, argument);
    assert!(outcome.peak_memory > 1 << 20 && outcome.duration > Duration::ZERO);

    let code = "
import datetime, decimal
def run(inputs):
    return {'when': datetime.date(2026, 1, 2), 'price': decimal.Decimal('1.5'), 'set': {1}, 'pair': (1, 2), 1: 'key'}";
    let outcome = pool.run(job(code, Value::Null)).await.unwrap();
    let wanted = json!({"when": "2026-01-02", "price": 1.5, "set": [1], "pair": [1, 2], "1": "key"});
    assert_eq!(outcome.value, wanted);
    pool.close().await;
}

#[tokio::test]
async fn pages_are_read_with_the_installed_libraries() {
    let code = r#"
import re
from dataclasses import dataclass
from bs4 import BeautifulSoup
import lxml.html

@dataclass
class Book:
    title: str
    price: float

def scrape_data(url):
    page = '<ul><li><b>One</b> £1.50</li><li><b>Two</b> £2.25</li></ul>'
    books = [Book(li.b.get_text(), float(re.search(r'[\d.]+', li.get_text())[0]))
             for li in BeautifulSoup(page, 'lxml').select('li')]
    assert len(lxml.html.fromstring(page).cssselect('li') if False else lxml.html.fromstring(page).xpath('//li')) == 2
    return {'data': [vars(book) for book in books]}
"#;
    let outcome = once(scraper(code)).await.unwrap();
    let books = json!([{"title": "One", "price": 1.5}, {"title": "Two", "price": 2.25}]);
    assert_eq!(outcome.value, json!({"data": books, "metadata": {}}));
}

#[tokio::test]
async fn output_is_kept_and_cut() {
    let pool = Pool::open(config()).await.unwrap();
    let code = "
import sys
def run(inputs):
    print('to the user'); print('to the log', file=sys.stderr); print('half\\ud800')
    return 1";
    let outcome = pool.run(job(code, Value::Null)).await.unwrap();
    assert_eq!((outcome.stdout.as_str(), outcome.stderr.as_str()), ("to the user\nhalf?\n", "to the log\n"));

    let mut long = job("def run(inputs):\n    print('x' * 1000)\n    raise ValueError", Value::Null);
    long.limits.output = 10;
    let error = pool.run(long).await.unwrap_err();
    assert_eq!(&*error.stdout, "xxxxxxxxxx\n… (cut)");
    pool.close().await;
}

#[tokio::test]
async fn limits_of_a_job_hold_beside_those_of_the_pool() {
    let pool = Pool::open(config()).await.unwrap();
    let mut small = job("def run(inputs): return len(bytearray(300 << 20))", Value::Null);
    assert_eq!(
        pool.run(Job { limits: small.limits, ..job(&small.code, Value::Null) }).await.unwrap().value,
        300 << 20
    );
    small.limits.memory = 256 << 20;
    let error = pool.run(small).await.unwrap_err();
    assert_eq!(
        (error.code(), error.to_string().as_str()),
        ("memory", "the code used more than 256 MB of memory")
    );
    pool.close().await;
}

#[tokio::test]
async fn a_machine_that_cannot_do_enough_is_refused_with_reasons() {
    let weak = Config { tier: Tier::C, min_tier: Tier::B, ..config() };
    let Err(error) = Pool::open(weak).await else { panic!("accepted") };
    assert_eq!(error.code(), "refused");
    assert!(error.to_string().contains("tier B is asked for, but: sandbox tier C"), "{error}");
    assert!(error.suggestion().contains("NEXUS_SANDBOX_MIN_TIER"));

    let folder = tempfile::tempdir().unwrap();
    let report = detect(&Config { python: folder.path().to_owned(), ..config() }).await;
    assert_eq!((report.tier, report.obstacles.len()), (None, 3));
    assert!(report.obstacles[0].reason.contains("scripts/sandbox_python.sh"), "{report}");

    let helpless = Config { helper: Some("/bin/true".into()), ..config() };
    let report = detect(&helpless).await;
    assert_eq!(report.tier, None, "a helper that does nothing keeps no sandbox");

    let crowded = Config { tier: Tier::B, processes: 2, ..config() };
    assert!(detect(&crowded).await.to_string().contains("needs cgroups"));
}

#[tokio::test]
async fn the_report_names_the_tier_and_what_is_above_it() {
    let report = detect(&Config { tier: Tier::C, ..config() }).await;
    assert_eq!(report.tier, Some(Tier::C));
    assert_eq!(report.obstacles.iter().map(|obstacle| obstacle.tier).collect::<Vec<_>>(), [Tier::A, Tier::B]);
    assert!(report.python.unwrap().starts_with("3."));
    assert!(Tier::A > Tier::B && Tier::B > Tier::C);
    assert_eq!("b".parse::<Tier>().unwrap().to_string(), "B");
    assert!("D".parse::<Tier>().unwrap_err().contains("use A, B or C"));
}

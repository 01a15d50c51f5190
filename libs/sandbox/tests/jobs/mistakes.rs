//! Mistakes that people and models make: each has a code, a message that names the place, and advice.
//! Not here: malice (`hostile`).

use crate::{config, job, scraper};
use nexus_sandbox::{Job, Pool, Reason};
use serde_json::Value;

fn run(code: &str) -> Job {
    job(code, Value::Null)
}

#[tokio::test]
async fn mistakes_are_explained() {
    let cases: Vec<(Job, &str, &str, &str)> = vec![
        (run("def run(inputs:\n    pass"), "syntax", "line 1: '(' was never closed", "correct line 1"),
        (run("x = 1"), "no_function", "the code does not define the function `run`", "def run(inputs)"),
        (scraper("def scrape(url): pass"), "no_function", "function `scrape_data`", "def scrape_data(url)"),
        (
            run("import json\nimport subprocess\ndef run(i): pass"),
            "forbidden_import",
            "line 2: `subprocess` cannot be used here: programs cannot be started",
            "requests, bs4",
        ),
        (
            run("def run(i):\n    from ctypes import CDLL"),
            "forbidden_import",
            "line 2: `ctypes`",
            "requests, bs4",
        ),
        (
            run("import pandas\ndef run(i): pass"),
            "not_installed",
            "the module `pandas` is not installed",
            "requests, bs4",
        ),
        (
            run("def run(i):\n    x = {}\n    return x['title']"),
            "exception",
            "KeyError: 'title'",
            "look at line 3",
        ),
        (
            run("def helper(): return None.text\ndef run(i):\n    return helper()"),
            "exception",
            "AttributeError",
            "look at line 1",
        ),
        (run("raise RuntimeError('early')"), "exception", "RuntimeError: early", "look at line 1"),
        (
            scraper("def scrape_data(url): return []"),
            "wrong_shape",
            "returned a value of type list: return {\"data\": [...]",
            "plain dicts",
        ),
        (
            scraper("def scrape_data(url): return {'items': []}"),
            "wrong_shape",
            "without a list called data",
            "plain dicts",
        ),
        (
            scraper("def scrape_data(url): return {'data': [], 'x': 1}"),
            "wrong_shape",
            "further fields (x)",
            "plain dicts",
        ),
        (
            scraper("def scrape_data(url): return {'data': [], 'metadata': 1}"),
            "wrong_shape",
            "metadata is no dict",
            "plain dicts",
        ),
        (scraper("def scrape_data(url): pass"), "wrong_shape", "type NoneType", "plain dicts"),
        (
            run("from bs4 import BeautifulSoup\ndef run(i): return BeautifulSoup('<p>x</p>', 'lxml').p"),
            "wrong_shape",
            ".get_text()",
            "plain dicts",
        ),
        (run("def run(i): return b'x'"), "wrong_shape", ".decode()", "plain dicts"),
        (run("def run(i): return float('nan')"), "wrong_shape", "NaN", "plain dicts"),
        (run("def run(i): return {(1, 2): 3}"), "wrong_shape", "keys that are no strings", "plain dicts"),
        (run("def run(i): return [len]"), "wrong_shape", "builtin_function_or_method", "plain dicts"),
        (run("def run(): pass"), "exception", "TypeError: run() takes 0 positional arguments", "traceback"),
        (
            run("import requests\ndef run(i): requests.get('http://pages.test/')"),
            "exception",
            "requests.exceptions.ConnectionError",
            "without network",
        ),
        (run("import sys\ndef run(i): sys.exit(1)"), "exception", "SystemExit: 1", "look at line 2"),
    ];
    let pool = Pool::open(config()).await.unwrap();
    for (job, code, message, advice) in cases {
        let source = job.code.clone();
        let error = pool.run(job).await.unwrap_err();
        assert_eq!(error.code(), code, "{source}: {error}");
        assert!(error.to_string().contains(message), "{source}: {error}");
        assert!(error.suggestion().contains(advice), "{source}: {}", error.suggestion());
        assert!(!error.reason.is_ours(), "{source}");
    }
    pool.close().await;
}

#[tokio::test]
async fn tracebacks_show_the_code_and_nothing_else() {
    let code = "def inner(n):\n    return 10 / n\n\ndef run(inputs):\n    return inner(0)\n";
    let error = crate::once(run(code)).await.unwrap_err();
    let Reason::Exception { traceback, line, .. } = error.reason else { panic!("{error}") };
    assert_eq!(line, Some(2));
    assert!(traceback.contains("line 5, in run") && traceback.contains("return 10 / n"), "{traceback}");
    assert!(!traceback.contains("<string>"), "the runner shows: {traceback}");
}

//! What the first look at Python sees. Not here: what Python itself says of code (the sandbox).

use nexus_miner::lint::check;

fn messages(code: &str) -> Vec<String> {
    check(code, "scrape_data").iter().map(ToString::to_string).collect()
}

#[test]
fn good_code_passes() {
    let code = "import requests, re\nfrom bs4 import BeautifulSoup\nfrom urllib.parse import urljoin\n\n\ndef scrape_data(url):\n    \"\"\"Has `import os` and ( in a text.\"\"\"\n    # and import socket [ in a comment\n    return {\"data\": [], \"metadata\": {}}\n";
    assert_eq!(messages(code), Vec::<String>::new());
}

#[test]
fn each_fault_is_named_with_its_line() {
    let cases = [
        ("def scrape(url):\n    pass\n", "line 1: The code does not define `scrape_data`"),
        (
            "import os\ndef scrape_data(url):\n    pass\n",
            "line 1: `os` cannot be imported: scrapers run in a sandbox",
        ),
        (
            "def scrape_data(url):\n    from selenium import webdriver\n",
            "line 2: `selenium` cannot be imported: there is no browser",
        ),
        (
            "import json; import httpx\ndef scrape_data(url):\n    pass\n",
            "line 1: `httpx` cannot be imported. Use requests",
        ),
        ("import pandas as pd\ndef scrape_data(url):\n    pass\n", "line 1: `pandas` cannot be imported"),
        ("def scrape_data(url):\n    return {'data': [\n", "line 2: This `[` is not closed"),
        ("def scrape_data(url):\n    return 'abc\n", "line 2: A text begins here and is not closed"),
        ("def scrape_data(url):\n    return 1)\n", "line 2: This `)` closes nothing"),
        ("async def scrape_data(url):\n    pass\n", "line 1: `scrape_data` must be a plain function"),
        ("def scrape_data(url):\n \tpass\n", "line 2: Tabs and spaces are mixed"),
        ("class A:\n    def scrape_data(url):\n        pass\n", "line 1: The code does not define"),
    ];
    for (code, expected) in cases {
        let found = messages(code);
        assert!(found.iter().any(|message| message.starts_with(expected)), "{expected}: {found:?}");
    }
}

#[test]
fn code_without_end_is_not_read() {
    assert!(messages(&"#".repeat(300_000))[0].contains("longer than"));
}

//! Selectors, encodings and links where details matter: the same as in Python. Not here: choosing selectors.

use nexus_miner::{decode, parse, select::Selector, url::join};

const PAGE: &str = r#"<body><div id="a" class="x y"><p>one</p><p class="k">two <b>bold</b></p><span data-n="12-34">three</span></div>
<div class="x"><table><tr><th>Name</th><td>Ann</td></tr><tr><td>1</td><td>2</td></tr></table><dl><dt>Size:</dt><dd>9</dd></dl></div></body>"#;

#[test]
fn selectors_find_what_they_should() {
    let dom = parse(PAGE);
    let cases: [(&str, &[&str]); 20] = [
        ("p", &["one", "two bold"]),
        ("div.x.y > p.k", &["two bold"]),
        ("#a p", &["one", "two bold"]),
        ("div > b", &[]),
        ("div b", &["bold"]),
        ("[data-n]", &["three"]),
        ("[data-n^=\"12\"]", &["three"]),
        ("[data-n$='34']", &["three"]),
        ("[data-n*='2-3']", &["three"]),
        ("[class~=y] span", &["three"]),
        ("p:nth-of-type(2), dd", &["two bold", "9"]),
        ("p + p", &["two bold"]),
        ("p ~ span", &["three"]),
        ("td:nth-child(2)", &["Ann", "2"]),
        ("tr:has(> th) > td", &["Ann"]),
        ("table tr:not(:first-child)", &["1 2"]),
        ("dt:-soup-contains(\"Size:\") + dd", &["9"]),
        ("p:has(b)", &["two bold"]),
        ("div span:last-child", &["three"]),
        ("DIV > SPAN", &["three"]),
    ];
    for (selector, expected) in cases {
        let found = Selector::new(selector).unwrap().all(&dom, 0);
        assert_eq!(found.iter().map(|node| dom.text(*node)).collect::<Vec<_>>(), expected, "{selector}");
    }
}

#[test]
fn what_is_no_selector_is_refused() {
    for text in [
        "",
        ">",
        "p >",
        "p:hover",
        "p[",
        "p[x=\"]",
        ":has(a",
        "p:nth-child(2n)",
        "a,,b",
        "a::before",
        "p:has(a > b)",
        "}{",
    ] {
        let error = Selector::new(text).unwrap_err();
        assert!(error.to_string().contains("is not a selector that can be used here"), "{text}");
    }
}

#[test]
fn encodings_are_found_where_they_are_said_or_guessed() {
    let cases: [(&[u8], Option<&str>, &str, &str); 7] = [
        (b"\xef\xbb\xbfh\xc3\xa9", None, "utf-8", "hé"),
        (b"h\xe9llo", Some("text/html; charset=ISO-8859-1"), "windows-1252", "héllo"),
        (b"<meta charset='windows-1251'>\xcf\xf0\xe8\xe2\xe5\xf2", None, "windows-1251", "Привет"),
        (
            b"<meta http-equiv=\"Content-Type\" content=\"text/html; charset=gbk\">\xc4\xe3\xba\xc3",
            None,
            "gbk",
            "你好",
        ),
        (b"<meta charset=iso-8859-1>h\xc3\xa9", None, "utf-8", "hé"),
        (b"plain", None, "utf-8", "plain"),
        ("<p>Ünïcödé</p>".as_bytes(), None, "utf-8", "Ünïcödé"),
    ];
    for (bytes, header, encoding, text) in cases {
        let decoded = decode::decode(bytes, header);
        assert_eq!(decoded.encoding, encoding, "{text}");
        assert!(decoded.text.contains(text), "{}", decoded.text);
    }
}

#[test]
fn links_are_joined_as_python_joins_them() {
    let cases = [
        ("http://a/b/c/d;p?q", "g", "http://a/b/c/g"),
        ("http://a/b/c/d?q", "../g", "http://a/b/g"),
        ("http://a/b/c/d?q", "../../../g", "http://a/g"),
        ("http://a/b/c/d?q", "/g", "http://a/g"),
        ("http://a/b/c/d?q", "//x/y", "http://x/y"),
        ("http://a/b/c/d?q", "?y", "http://a/b/c/d?y"),
        ("http://a/b/c/d?q", "#s", "http://a/b/c/d?q#s"),
        ("http://a/b/c/d?q", "", "http://a/b/c/d?q"),
        ("http://a/b/c/d?q", "./g/.", "http://a/b/c/g/"),
        ("http://a/b/c/d?q", "mailto:x@y", "mailto:x@y"),
        ("http://a/b/c/d?q", "HTTPS://Host/x", "HTTPS://Host/x"),
        ("http://a", "g h?x=1#f", "http://a/g h?x=1#f"),
        ("http://a/b/", "x//y", "http://a/b/x/y"),
    ];
    for (base, link, expected) in cases {
        assert_eq!(join(base, link), expected, "{base} + {link}");
    }
}

#[test]
fn hostile_pages_are_read_without_harm() {
    let deep = "<div>".repeat(20_000);
    let formatting = "<b><i><a>".repeat(2_000);
    let table = "<table><tr><td>".repeat(2_000);
    for page in [deep.as_str(), &formatting, &table, "", "\u{0}", "<", "<!--", "<script>", "<ul><li><ul><li>"]
    {
        let (analysis, dom) = nexus_miner::analyse(
            nexus_miner::Page { url: "http://a.test/", body: page.as_bytes(), content_type: None },
            "all",
        );
        assert!(dom.len() < 2_000_000 && analysis.records < 100_000);
    }
}

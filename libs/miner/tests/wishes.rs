//! What is given for what was asked for, on small pages made for it. Not here: sentences (`wish`), whole pages as
//! they are found (`pages`).
#![expect(clippy::unwrap_used, reason = "that is how a test fails")]

use nexus_miner::{Analysis, Page, Record, analyse, extract, page::Sort};
use serde_json::Value;

const URL: &str = "https://site.test/list";

fn mine(html: &str, description: &str) -> (Analysis, Vec<Record>) {
    let page = Page { url: URL, body: html.as_bytes(), content_type: Some("text/html; charset=utf-8") };
    let (analysis, dom) = analyse(page, description);
    let records =
        analysis.recipe.as_ref().map(|recipe| extract(&dom, recipe, URL).unwrap()).unwrap_or_default();
    (analysis, records)
}

const TITLES: [&str; 10] = [
    "A new compiler for old machines",
    "Why rivers bend",
    "The cost of small batteries, measured",
    "A spreadsheet in the terminal",
    "Counting birds with radar",
    "How paper maps are printed",
    "The lost code of a moon lander",
    "A museum of broken clocks",
    "Sorting without comparing",
    "Bread at high altitude",
];

/// Stories in rows of a table, each with a row of facts below it; `cell` is the class of the title's cell.
fn stories(cell: &str) -> String {
    let rows = TITLES.iter().enumerate().map(|(at, title)| {
        let (points, replies) = (37 + at * 13, 3 + at * 2);
        format!(
            r#"<tr class="athing" id="{at}"><td {cell}><span class="rank">{at}.</span></td>
            <td class="votelinks"><a href="vote?id={at}"><div class="votearrow" title="upvote"></div></a></td>
            <td {cell}><span class="titleline"><a href="https://site{at}.test/story">{title}</a><span class="sitebit"> (<a
            href="from?site=site{at}.test"><span class="sitestr">site{at}.test</span></a>)</span></span></td></tr>
            <tr><td colspan="2"></td><td class="subtext"><span class="subline"><span class="score">{points} points</span> by
            <a href="user?id=user{at}" class="hnuser">user{at}</a> <span class="age"><a href="item?id={at}">{replies} hours ago</a></span>
            | <a href="hide?id={at}">hide</a> | <a href="item?id={at}">{replies}&nbsp;comments</a></span></td></tr>
            <tr class="spacer"></tr>"#
        )
    });
    let rows: String = rows.collect();
    format!(
        "<html><title>News</title><body><table><tr><td><table>{rows}</table></td></tr></table></body></html>"
    )
}

#[test]
fn stories_have_their_title_points_author_link_and_comments() {
    let expected = [
        ("title", "Why rivers bend"),
        ("headline", "Why rivers bend"),
        ("point", "50 points"),
        ("score", "50 points"),
        ("vote", "50 points"),
        ("author", "user1"),
        ("user", "user1"),
        ("link", "https://site1.test/story"),
        ("url", "https://site1.test/story"),
        ("comment", "5 comments"),
    ];
    for cell in ["class=\"title\"", ""] {
        for description in [
            "title, points and author of every story",
            "title and link",
            "link, title",
            "url of every story",
            "title, score, user and number of comments",
            "headline with votes, link and comments",
        ] {
            let (analysis, records) = mine(&stories(cell), description);
            assert_eq!(records.len(), 10, "{description}");
            assert_eq!(analysis.missing, Vec::<String>::new(), "{cell} {description}: {:?}", records[1]);
            assert_eq!(
                records[1].len(),
                analysis.wanted.fields.len(),
                "{cell} {description}: {:?}",
                records[1]
            );
            for (name, value) in &records[1] {
                let wanted = expected.iter().find(|(known, _)| known == name);
                assert_eq!(
                    wanted.map(|(_, value)| Value::from(*value)).as_ref(),
                    Some(value),
                    "{cell} {description}: {name}"
                );
            }
        }
    }
}

fn books() -> String {
    let items: String = TITLES
        .iter()
        .enumerate()
        .map(|(at, title)| {
            format!(
                r#"<li class="book"><h3 class="title"><a href="/b/{at}">{title}</a></h3><a class="image_box" href="/b/{at}"><img
                src="/i/{at}.jpg"></a><span class="author">Ann {at} Lee</span>
                <span class="price">£{at}.50</span><span class="rating">{} stars</span></li>"#,
                at % 5 + 1
            )
        })
        .collect();
    format!("<html><title>Books</title><body><h1>Books</h1><ul>{items}</ul></body></html>")
}

#[test]
fn books_have_every_field_that_the_sentence_names() {
    for (description, fields) in [
        ("title, author with price", vec!["author", "price", "title"]),
        ("title of books with author", vec!["author", "title"]),
        ("price of books, author", vec!["author", "price"]),
        ("the titles of all books with their price", vec!["price", "title"]),
        ("names of the authors", vec!["author_name"]),
        ("image of every book with title", vec!["image", "title"]),
        ("every book with title, price and author", vec!["author", "price", "title"]),
        ("title and price\nprice and rating are missing", vec!["price", "rating", "title"]),
        ("title and price\nonly the title and author", vec!["author", "title"]),
    ] {
        let (analysis, records) = mine(&books(), description);
        let names: Vec<&String> = records[2].keys().collect();
        assert_eq!(names, fields, "{description}: {:?}", analysis.wanted);
        if let Some(image) = records[2].get("image") {
            assert_eq!(image, "https://site.test/i/2.jpg", "{description}");
        }
        if let Some(author) = records[2].get("author").or(records[2].get("author_name")) {
            assert_eq!(author, "Ann 2 Lee", "{description}");
        }
    }
}

#[test]
fn wanted_fields_that_are_not_there_are_missing() {
    let (analysis, records) = mine(&books(), "title, publisher with price");
    assert_eq!(analysis.missing, ["publisher"]);
    assert_eq!(records[2].keys().collect::<Vec<_>>(), ["price", "title"]);
}

#[test]
fn a_page_without_anything_that_was_asked_for_has_no_recipe() {
    let long = "Words about the weather and the sea, and what became of both of them in the end. ".repeat(12);
    for html in [
        "<html><title>T</title><body><p>Only a paragraph, with nothing of interest in it.</p></body></html>"
            .to_owned(),
        format!("<html><title>T</title><body><h1>The sea</h1><p>{long}</p><p>{long}</p></body></html>"),
        format!(
            "<html><title>T</title><body><h1>The sea</h1><p>{long}</p><p>More of it. {long}</p></body></html>"
        ),
    ] {
        let (analysis, _) = mine(&html, "price and rating of every book");
        assert_eq!(analysis.recipe, None, "{html}");
        assert_eq!(analysis.regions, [], "{html}");
        assert_eq!(analysis.missing, ["price", "rating"]);
        // Without named fields, and with one that is there, the page is a record as before.
        assert!(mine(&html, "").0.recipe.is_some());
        assert!(mine(&html, "title and price").0.recipe.is_some());
    }
    let (list, records) = mine(&books(), "colour and weight of every book");
    assert_eq!(list.missing, ["colour", "weight"]);
    assert_eq!(records.len(), 10, "of a list all columns are given");
}

#[test]
fn facts_about_one_thing_are_its_fields() {
    let facts = [
        ("UPC", "a897fe39b1053632"),
        ("Product Type", "Books"),
        ("Tax", "£0.00"),
        ("Availability", "In stock"),
        ("Pages", "312"),
    ];
    let rows: String =
        facts.iter().map(|(label, value)| format!("<tr><th>{label}</th><td>{value}</td></tr>")).collect();
    let html = format!(
        "<html><title>A light</title><body><h1>A light in the dark</h1><p class=price>£51.77</p><table>{rows}</table></body></html>"
    );
    for description in ["", "title, price and UPC"] {
        let (analysis, records) = mine(&html, description);
        assert_eq!(analysis.page_type, Sort::Detail, "{description}");
        assert_eq!(records.len(), 1, "{description}: {records:?}");
        for (name, value) in
            [("title", "A light in the dark"), ("price", "£51.77"), ("upc", "a897fe39b1053632")]
        {
            assert_eq!(records[0].get(name), Some(&Value::from(value)), "{description}: {records:?}");
        }
    }
    let countries: String =
        TITLES.iter().map(|name| format!("<tr><th>{name}</th><td>Capital of {name}</td></tr>")).collect();
    let table = format!(
        "<html><body><h1>Lands</h1><table><tr><th>Land</th><th>Capital</th></tr>{countries}</table></body></html>"
    );
    assert_eq!(mine(&table, "").0.page_type, Sort::Table, "a table with headings is a list");
}

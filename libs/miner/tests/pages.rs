//! The miner on our own pages: what it must find without any model, and what it must say of pages it cannot read.
//! Not here: single functions (beside them), the same figures printed (the bench `eval`).

mod site;

use nexus_miner::{check, extract, page::Sort, repair};
use serde_json::Value;
use site::{Truth, all, body, mine};

fn lists() -> Vec<Truth> {
    all().into_iter().filter(|truth| matches!(truth.kind.as_str(), "list" | "table")).collect()
}

fn failures(description: impl Fn(&Truth) -> String) -> (usize, Vec<String>) {
    let pages = lists();
    let bad = pages.iter().filter_map(|truth| {
        let outcome = mine(truth, &description(truth));
        (outcome.f1 < 0.9).then(|| {
            format!(
                "{}: F1 {:.2}, {} records of {}",
                truth.page,
                outcome.f1,
                outcome.records.len(),
                truth.records.len()
            )
        })
    });
    (pages.len(), bad.collect())
}

#[test]
fn there_are_enough_pages() {
    assert!(all().len() >= 40);
    assert!(lists().len() >= 30);
}

#[test]
fn four_lists_of_five_are_found_without_a_description() {
    let (pages, bad) = failures(|_| String::new());
    assert!(bad.len() * 5 <= pages, "{bad:#?}");
}

#[test]
fn a_description_does_no_harm() {
    let wanted_fields_are_there =
        lists().into_iter().filter(|truth| !truth.description.is_empty()).filter(|truth| {
            let outcome = mine(truth, &truth.description);
            outcome.records.len() == truth.records.len()
        });
    let with = lists().iter().filter(|truth| !truth.description.is_empty()).count();
    let right = wanted_fields_are_there.count();
    assert!(right * 5 >= with * 4, "{right} of {with}");
}

#[test]
fn a_description_chooses_and_names_the_fields() {
    let truth = all().into_iter().find(|truth| truth.page == "books_1").unwrap();
    let outcome = mine(&truth, "title, price and rating of every book");
    let names: Vec<&String> = outcome.records[0].keys().collect();
    assert_eq!(names, ["price", "rating", "title"]);
    let Value::String(title) = &outcome.records[0]["title"] else { panic!("{:?}", outcome.records[0]) };
    assert!(!title.ends_with("..."), "the whole title is in an attribute: {title}");
    assert_eq!(outcome.analysis.recipe.unwrap().max_pages, 10);
}

#[test]
fn a_snippet_is_the_text_that_describes() {
    let truth = all().into_iter().find(|truth| truth.page == "search_results").unwrap();
    let outcome = mine(&truth, "title, link and snippet of all results");
    let snippet = outcome.records[0]["snippet"].as_str().unwrap().to_owned();
    assert!(snippet.contains(' ') && !snippet.starts_with("http"), "{snippet}");
}

#[test]
fn next_pages_are_found() {
    let with_next: Vec<Truth> = all().into_iter().filter(|truth| truth.next.is_some()).collect();
    assert!(with_next.len() >= 5);
    for truth in with_next {
        let outcome = mine(&truth, "everything on all pages");
        let pagination =
            outcome.analysis.pagination.unwrap_or_else(|| panic!("{}: no pagination", truth.page));
        let found = extract::next_page(&outcome.dom, &pagination, &truth.url, 1).unwrap().unwrap();
        assert_eq!(found, nexus_miner::url::join(&truth.url, &truth.next.unwrap()), "{}", truth.page);
    }
}

#[test]
fn pages_without_further_pages_have_none() {
    for page in ["gallery", "glossary", "wiki_table", "detail_table", "shop_cards", "staff_labels"] {
        let truth = all().into_iter().find(|truth| truth.page == page).unwrap();
        assert_eq!(mine(&truth, "all").analysis.pagination, None, "{page}");
    }
}

#[test]
fn obstacles_are_named_with_a_way_out() {
    for (page, sort) in
        [("login", Sort::Login), ("wall", Sort::BotWall), ("needs_scripts", Sort::NeedsJavascript)]
    {
        let truth = all().into_iter().find(|truth| truth.page == page).unwrap();
        let outcome = mine(&truth, "everything");
        assert_eq!(outcome.analysis.page_type, sort, "{page}");
        assert!(outcome.analysis.obstacle.is_some() && outcome.analysis.recipe.is_none(), "{page}");
    }
}

#[test]
fn pages_about_one_thing_give_one_record() {
    for truth in all().into_iter().filter(|truth| truth.kind == "detail" || truth.kind == "article") {
        let outcome = mine(&truth, "");
        assert_eq!(outcome.records.len(), 1, "{}: {:?}", truth.page, outcome.analysis.page_type);
        assert!(outcome.f1 > 0.99, "{}: {:?}", truth.page, outcome.records);
    }
}

#[test]
fn good_results_pass_the_checks_and_made_up_ones_do_not() {
    let truth = all().into_iter().find(|truth| truth.page == "repositories").unwrap();
    let outcome = mine(&truth, "");
    let recipe = outcome.analysis.recipe.unwrap();
    assert_eq!(check::check(&outcome.records, Some(&recipe), &outcome.dom), []);
    let mut invented = outcome.records.clone();
    let is_long = |value: &Value| value.as_str().is_some_and(|text| text.contains(' ') && text.len() > 20);
    let key = invented[0].iter().find(|(_, value)| is_long(value)).unwrap().0.clone();
    for record in &mut invented {
        record.insert(key.clone(), Value::from("This sentence stands nowhere on that page"));
    }
    let problems = check::check(&invented, Some(&recipe), &outcome.dom);
    assert_eq!(problems.iter().map(|problem| problem.code).collect::<Vec<_>>(), [check::Code::NotGrounded]);
    assert_eq!(check::check(&[], Some(&recipe), &outcome.dom)[0].code, check::Code::Empty);
}

#[test]
fn most_redesigned_pages_are_mended() {
    let pairs: Vec<(Truth, Truth)> = all()
        .into_iter()
        .filter_map(|before| {
            let after = all().into_iter().find(|truth| Some(&truth.page) == before.pair.as_ref())?;
            Some((before, after))
        })
        .collect();
    assert!(pairs.len() >= 4);
    let mut bad = Vec::new();
    for (before, after) in &pairs {
        let old = mine(before, &before.description);
        let recipe = old.analysis.recipe.unwrap();
        let dom = nexus_miner::parse(&String::from_utf8(body(&after.page)).unwrap());
        let mended = repair::repair(&recipe, &old.records, &dom, &after.url);
        let records = mended
            .as_ref()
            .map(|mended| extract(&dom, &mended.recipe, &after.url).unwrap())
            .unwrap_or_default();
        let same_fields = mended.as_ref().is_some_and(|mended| mended.lost.is_empty());
        if site::f1(&after.records, &records) < 0.9 || !same_fields {
            bad.push(format!(
                "{}: {:?} {:?}",
                before.page,
                mended.map(|mended| (mended.confidence, mended.lost)),
                records.first()
            ));
        }
    }
    assert!(bad.len() * 10 <= pairs.len() * 3, "{bad:#?}");
}

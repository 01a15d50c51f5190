//! Links to further pages: `rel=next`, links that say so in many languages, rows of numbers. Not here: following them
//! (`extract::next_page`).

use crate::{
    dom::{Dom, Node},
    mine::sheet::{Sheet, is_state, is_utility},
    recipe::Pagination,
    select::{Selector, is_plain},
};
use std::collections::BTreeMap;

/// What links to the next page say.
const NEXT: [&str; 44] = [
    "next",
    "next page",
    "next »",
    "next ›",
    "next >",
    "next →",
    "»",
    "›",
    "→",
    ">",
    ">>",
    "older",
    "older posts",
    "older entries",
    "more results",
    "next results",
    "weiter",
    "nächste",
    "nächste seite",
    "suivant",
    "suivante",
    "page suivante",
    "siguiente",
    "siguientes",
    "próxima",
    "próximo",
    "seguinte",
    "volgende",
    "successivo",
    "avanti",
    "pagina successiva",
    "dalej",
    "następna",
    "nästa",
    "neste",
    "næste",
    "seuraava",
    "следующая",
    "вперед",
    "далее",
    "次へ",
    "次のページ",
    "下一页",
    "下一頁",
];

/// How a page's further pages are reached, if there are any.
pub fn find(sheet: &Sheet<'_>) -> Option<Pagination> {
    let dom = sheet.dom;
    let links: Vec<Node> = dom.below(0).filter(|node| is_link(dom, *node)).collect();
    let next = by_rel(dom).or_else(|| by_words(sheet, &links));
    let numbered = by_numbers(sheet, &links);
    (next.is_some() || numbered.is_some()).then_some(Pagination { next, numbered })
}

fn is_link(dom: &Dom, node: Node) -> bool {
    dom.tag(node) == "a"
        && dom.attribute(node, "href").map(str::trim).is_some_and(|href| {
            !href.is_empty()
                && !href.starts_with('#')
                && !href.get(..11).is_some_and(|start| start.eq_ignore_ascii_case("javascript:"))
        })
}

fn by_rel(dom: &Dom) -> Option<String> {
    let is_next = |node: &Node| {
        dom.attribute(*node, "rel").is_some_and(|rel| rel.split_ascii_whitespace().any(|word| word == "next"))
    };
    for tag in ["a", "link"] {
        let found: Vec<Node> = dom.below(0).filter(|node| dom.tag(*node) == tag).filter(is_next).collect();
        // Articles link their neighbours with it too, in words of their own.
        let short = found.first().is_some_and(|node| tag == "link" || dom.text(*node).chars().count() < 25);
        if short && found.iter().any(|node| dom.attribute(*node, "href").is_some()) {
            return Some(format!("{tag}[rel~=\"next\"]"));
        }
    }
    None
}

fn says_next(dom: &Dom, node: Node) -> bool {
    let text = dom.text(node).to_lowercase();
    let text = text.trim_end_matches([' ', '.', '…']).trim();
    let label = ["aria-label", "title"].iter().filter_map(|name| dom.attribute(node, name)).any(|label| {
        let label = label.trim().to_lowercase();
        NEXT.contains(&label.as_str())
            || label.starts_with("next page")
            || label.starts_with("go to next page")
    });
    let stripped = text.trim_matches(['»', '›', '→', '>', '«', '‹', ' ', '\u{a0}']).trim();
    NEXT.contains(&text)
        || (!stripped.is_empty() && NEXT.contains(&stripped))
        || (label && text.chars().count() < 20)
}

fn by_words(sheet: &Sheet<'_>, links: &[Node]) -> Option<String> {
    let dom = sheet.dom;
    let found: Vec<Node> = links.iter().copied().filter(|node| says_next(dom, *node)).collect();
    let link =
        found.iter().copied().find(|node| near_numbers(dom, *node)).or_else(|| found.first().copied())?;
    let mut tries = Vec::new();
    for class in dom.classes(link).filter(|class| is_plain(class) && !is_state(class) && !is_utility(class)) {
        tries.push(format!("a.{class}"));
    }
    if let Some(parent) = dom.parent(link) {
        for class in dom.classes(parent).filter(|class| is_plain(class) && !is_utility(class)) {
            tries.push(format!("{}.{class} > a", dom.tag(parent)));
        }
    }
    for name in ["aria-label", "title", "id"] {
        if let Some(value) = dom.attribute(link, name).filter(|value| !value.contains(['"', '\\'])) {
            tries.push(format!("a[{name}=\"{value}\"]"));
        }
    }
    let text = dom.direct_text(link);
    if !text.is_empty() && !text.contains(['"', '\\']) {
        tries.push(format!("a:-soup-contains(\"{text}\")"));
    }
    let first_is = |text: &String| {
        let selector = Selector::new(text).ok();
        selector.is_some_and(|selector| {
            let all = selector.all(dom, 0);
            all.iter()
                .filter(|node| is_link(dom, **node))
                .all(|node| dom.attribute(*node, "href") == dom.attribute(link, "href"))
                && all.contains(&link)
        })
    };
    tries.into_iter().find(first_is)
}

/// Whether links with numbers are close by.
fn near_numbers(dom: &Dom, node: Node) -> bool {
    dom.ancestors(node).take(3).any(|above| {
        dom.below(above)
            .filter(|below| dom.tag(*below) == "a")
            .take(60)
            .filter(|link| page_number(dom, *link).is_some())
            .count()
            > 0
    })
}

fn page_number(dom: &Dom, link: Node) -> Option<u32> {
    let text = dom.text(link);
    (text.len() <= 4).then(|| text.parse().ok()).flatten().filter(|number| (1..5000).contains(number))
}

/// A row of links with numbers, such as `1 2 3 … 20`.
fn by_numbers(sheet: &Sheet<'_>, links: &[Node]) -> Option<String> {
    let dom = sheet.dom;
    let mut rows: BTreeMap<Node, Vec<(u32, Node)>> = BTreeMap::new();
    for link in links {
        if let Some(number) = page_number(dom, *link) {
            let parent = dom.parent(*link).unwrap_or(0);
            let alone = dom.elements(parent).count() == 1;
            let row = if alone { dom.parent(parent).unwrap_or(parent) } else { parent };
            rows.entry(row).or_default().push((number, *link));
        }
    }
    let is_row = |numbers: &&(Node, Vec<(u32, Node)>)| {
        let numbers = &numbers.1;
        let rising = numbers.windows(2).filter(|pair| pair[0].0 < pair[1].0).count();
        let small = numbers.iter().any(|(number, _)| *number <= 3);
        let differ = numbers
            .windows(2)
            .all(|pair| dom.attribute(pair[0].1, "href") != dom.attribute(pair[1].1, "href"));
        (numbers.len() >= 2 && rising + 1 >= numbers.len() && differ && small)
            || (numbers.len() == 1 && numbers[0].0 == 2)
    };
    let rows: Vec<(Node, Vec<(u32, Node)>)> = rows.into_iter().collect();
    let (row, numbers) =
        rows.iter().filter(is_row).find(|(row, numbers)| numbers.len() > 1 || says_pages(dom, *row))?;
    let mut tries = Vec::new();
    for above in std::iter::once(*row).chain(dom.ancestors(*row)).take(4) {
        if let Some(id) = dom.attribute(above, "id").filter(|id| is_plain(id)) {
            tries.push(format!("#{id} a"));
        }
        for class in
            dom.classes(above).filter(|class| is_plain(class) && !is_utility(class) && !is_state(class))
        {
            tries.push(format!("{}.{class} a", dom.tag(above)));
        }
    }
    for class in dom.classes(numbers[0].1).filter(|class| is_plain(class)) {
        tries.push(format!("a.{class}"));
    }
    let good = |text: &String| {
        let selected = Selector::new(text).map(|selector| selector.all(dom, 0)).unwrap_or_default();
        numbers.iter().all(|(_, link)| selected.contains(link)) && selected.len() <= numbers.len() * 3 + 12
    };
    tries.into_iter().find(good)
}

fn says_pages(dom: &Dom, row: Node) -> bool {
    std::iter::once(row).chain(dom.ancestors(row)).take(3).any(|above| {
        dom.classes(above).chain(dom.attribute(above, "id")).any(|name| {
            let name = name.to_lowercase();
            name.contains("pag") || name.contains("nav")
        })
    })
}

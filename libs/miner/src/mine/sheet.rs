//! What mining asks of every node, worked out once: sums that make any subtree's amount of text a subtraction, where
//! in the page a node is, and which of its classes says what it is. Not here: groups of nodes (`groups`).

use crate::dom::{Dom, Name, Node};
use std::collections::HashMap;

/// The worked-out page.
#[derive(Debug)]
pub struct Sheet<'a> {
    /// The page.
    pub dom: &'a Dom,
    chars: Vec<u32>,
    link_chars: Vec<u32>,
    leaves: Vec<u32>,
    images: Vec<u32>,
    links: Vec<u32>,
    /// Elements that are never shown as content, with all below them.
    skipped: Vec<bool>,
    /// How likely the node is content, by the elements around it: 1 is neutral.
    zone: Vec<f32>,
    /// The tags from the top to the node, as one number.
    pub tag_path: Vec<u64>,
    /// The class that says most about the node.
    pub main_class: Vec<Option<Name>>,
}

const SKIPPED: [&str; 16] = [
    "script", "style", "noscript", "template", "svg", "head", "select", "iframe", "object", "option", "math",
    "datalist", "textarea", "canvas", "audio", "map",
];

/// A step of a hash.
pub fn mix(hash: u64, value: u64) -> u64 {
    (hash.rotate_left(5) ^ value.wrapping_add(0x9e37_79b9_7f4a_7c15)).wrapping_mul(0x517c_c1b7_2722_0a95)
}

/// Classes that tell states and places, not what an element is.
pub fn is_state(class: &str) -> bool {
    let class = class.to_ascii_lowercase();
    matches!(
        class.as_str(),
        "odd"
            | "even"
            | "first"
            | "last"
            | "active"
            | "current"
            | "selected"
            | "hover"
            | "clearfix"
            | "alt"
            | "new"
            | "hidden"
            | "visible"
            | "open"
            | "closed"
            | "row1"
            | "row2"
            | "row0"
            | "clear"
            | "cf"
            | "group"
            | "left"
            | "right"
            | "sticky"
            | "featured"
            | "js"
            | "lazy"
            | "lazyload"
            | "lazyloaded"
            | "loaded"
            | "no-js"
            | "fl"
    ) || class.starts_with("is-")
        || class.starts_with("js-")
        || class.ends_with("-odd")
        || class.ends_with("-even")
        || class.ends_with("-first")
        || class.ends_with("-last")
}

/// Classes of style-sheet frameworks that say how an element looks, and generated ones.
pub fn is_utility(class: &str) -> bool {
    let bare = class.trim_start_matches('-');
    if bare.len() <= 2 || class.contains([':', '/', '[', '!', '@', '%', '.']) {
        return true;
    }
    const STARTS: [&str; 50] = [
        "col-",
        "row-",
        "mt-",
        "mb-",
        "ml-",
        "mr-",
        "mx-",
        "my-",
        "pt-",
        "pb-",
        "pl-",
        "pr-",
        "px-",
        "py-",
        "p-",
        "m-",
        "w-",
        "h-",
        "text-",
        "bg-",
        "flex-",
        "grid-",
        "items-",
        "justify-",
        "font-",
        "leading-",
        "border-",
        "rounded",
        "shadow",
        "gap-",
        "space-",
        "max-",
        "min-",
        "d-",
        "float-",
        "align-",
        "overflow-",
        "top-",
        "z-",
        "order-",
        "sm-",
        "md-",
        "lg-",
        "xs-",
        "transition",
        "duration-",
        "hover-",
        "tracking-",
        "opacity-",
        "wp-",
    ];
    STARTS.iter().any(|start| bare.starts_with(start))
        || matches!(
            bare,
            "flex"
                | "grid"
                | "block"
                | "inline"
                | "inline-block"
                | "relative"
                | "absolute"
                | "fixed"
                | "hidden"
                | "row"
                | "col"
                | "container"
                | "container-fluid"
                | "truncate"
                | "uppercase"
                | "italic"
                | "underline"
                | "static"
                | "antialiased"
                | "columns"
                | "column"
                | "cell"
                | "clearfix"
                | "wrapper"
                | "inner"
                | "wrap"
        )
        || looks_generated(class)
}

/// Hashes that build tools put into class names.
pub fn looks_generated(class: &str) -> bool {
    let tail = class.rsplit(['-', '_']).next().unwrap_or(class);
    let digits = tail.bytes().filter(u8::is_ascii_digit).count();
    let letters = tail.bytes().filter(u8::is_ascii_alphabetic).count();
    let lower = tail.bytes().any(|byte| byte.is_ascii_lowercase());
    let upper = tail.bytes().skip(1).any(|byte| byte.is_ascii_uppercase());
    let long_number = digits >= 4 && letters == 0;
    let mixed = tail.len() >= 5 && digits >= 1 && letters >= 2 && (digits >= 2 || (lower && upper));
    let jumble = (5..=8).contains(&tail.len()) && upper && lower && is_jumble(tail);
    long_number || mixed || jumble
}

/// Letters without the vowels that words have.
fn is_jumble(text: &str) -> bool {
    let vowels = text.bytes().filter(|byte| b"aeiouyAEIOUY".contains(byte)).count();
    vowels * 5 < text.len()
}

impl<'a> Sheet<'a> {
    /// Works the page out.
    pub fn new(dom: &'a Dom) -> Self {
        let count = dom.len();
        let mut sheet = Self {
            dom,
            chars: vec![0; count + 1],
            link_chars: vec![0; count + 1],
            leaves: vec![0; count + 1],
            images: vec![0; count + 1],
            links: vec![0; count + 1],
            skipped: vec![false; count],
            zone: vec![1.0; count],
            tag_path: vec![0; count],
            main_class: vec![None; count],
        };
        sheet.choose_classes();
        sheet.sum();
        sheet.judge_places();
        sheet
    }

    fn choose_classes(&mut self) {
        let mut uses: HashMap<Name, u32> = HashMap::new();
        for name in &self.dom.class_list {
            *uses.entry(*name).or_default() += 1;
        }
        let weights: HashMap<Name, u32> = uses
            .into_iter()
            .map(|(name, uses)| {
                let class = self.dom.name(name);
                let weight = match uses {
                    1 => 0,
                    _ if is_state(class) => 1,
                    _ if is_utility(class) => uses.min(1000) + 1,
                    _ => uses + 10_000,
                };
                (name, weight)
            })
            .collect();
        for node in self.dom.subtree(0) {
            let classes = self.dom.class_names(node).iter().copied();
            let best = classes.map(|name| (weights.get(&name).copied().unwrap_or(0), name)).rev().max();
            self.main_class[node as usize] = best.filter(|(weight, _)| *weight > 1).map(|(_, name)| name);
        }
    }

    fn sum(&mut self) {
        let dom = self.dom;
        let mut link_until: Node = 0;
        let mut skip_until: Node = 0;
        for node in dom.subtree(0) {
            let at = node as usize;
            let tag = dom.tag(node);
            if node >= skip_until && (SKIPPED.contains(&tag) || is_hidden(dom, node)) {
                skip_until = dom.end(node);
            }
            let skipped = node < skip_until;
            self.skipped[at] = skipped;
            if let Some(parent) = dom.parent(node) {
                let own = if tag.is_empty() { 1 } else { u64::from(dom.entry(node).tag.unwrap_or(0)) + 2 };
                self.tag_path[at] = mix(self.tag_path[parent as usize], own);
            }
            let mut chars = 0;
            let mut image = false;
            let mut link = false;
            match tag {
                "" if !skipped => chars = visible(dom.own_text(node)),
                "a" if !skipped && dom.attribute(node, "href").is_some() => {
                    link_until = link_until.max(dom.end(node));
                    link = true;
                }
                "img" | "picture" if !skipped => image = tag == "img",
                _ => {}
            }
            let linked = if node < link_until { chars } else { 0 };
            self.chars[at + 1] = self.chars[at] + chars;
            self.link_chars[at + 1] = self.link_chars[at] + linked;
            self.leaves[at + 1] = self.leaves[at] + u32::from(chars > 0);
            self.images[at + 1] = self.images[at] + u32::from(image);
            self.links[at + 1] = self.links[at] + u32::from(link);
        }
    }

    fn judge_places(&mut self) {
        let dom = self.dom;
        let all = self.chars(0).max(1);
        for node in dom.subtree(0) {
            let Some(parent) = dom.parent(node) else { continue };
            let mut zone = self.zone[parent as usize];
            if dom.is_element(node) {
                let share = self.chars(node) * 100 / all;
                // Menus are made of links; what is called so and is not may be a restaurant's.
                let linked = self.link_chars(node) * 2 >= self.chars(node);
                zone *= place(dom, node, share, linked);
            }
            self.zone[node as usize] = zone;
        }
    }

    fn between(&self, sums: &[u32], node: Node) -> u32 {
        sums[self.dom.end(node) as usize] - sums[node as usize]
    }

    /// Visible characters in the subtree.
    pub fn chars(&self, node: Node) -> u32 {
        self.between(&self.chars, node)
    }

    /// What is visible in the subtree, as one number: equal for an element and what only wraps it.
    pub fn content(&self, node: Node) -> u64 {
        let end = self.dom.end(node) as usize;
        let range = |sums: &[u32]| u64::from(sums[node as usize]) << 32 | u64::from(sums[end]);
        mix(mix(range(&self.leaves), range(&self.images)), range(&self.links))
    }

    /// Visible characters within links.
    pub fn link_chars(&self, node: Node) -> u32 {
        self.between(&self.link_chars, node)
    }

    /// Pieces of text.
    pub fn leaves(&self, node: Node) -> u32 {
        self.between(&self.leaves, node)
    }

    /// Images.
    pub fn images(&self, node: Node) -> u32 {
        self.between(&self.images, node)
    }

    /// Links.
    pub fn links(&self, node: Node) -> u32 {
        self.between(&self.links, node)
    }

    /// Whether it is never shown as content.
    pub fn is_skipped(&self, node: Node) -> bool {
        self.skipped[node as usize]
    }

    /// How likely the node is content by where it is: 1 is neutral.
    pub fn zone(&self, node: Node) -> f32 {
        self.zone[node as usize]
    }
}

fn visible(text: &str) -> u32 {
    let mut count = 0_u32;
    let mut space = true;
    for letter in text.chars() {
        let is_space = crate::text::is_space(letter);
        count += u32::from(!is_space || !space);
        space = is_space;
    }
    if space && count > 0 { count - 1 } else { count }
}

fn is_hidden(dom: &Dom, node: Node) -> bool {
    dom.is_element(node)
        && (dom.attribute(node, "type") == Some("hidden")
            || dom.attribute(node, "style").is_some_and(|style| {
                let style: String = style.chars().filter(|letter| !letter.is_whitespace()).collect();
                style.to_ascii_lowercase().contains("display:none")
            }) && dom.tag(node) != "body")
}

/// What an element says about everything in it; `share` is its percentage of the page's text.
fn place(dom: &Dom, node: Node, share: u32, linked: bool) -> f32 {
    let tag = dom.tag(node);
    let role = dom.attribute(node, "role").unwrap_or_default();
    match tag {
        "main" => return 1.25,
        "article" => return 1.0,
        "body" | "html" | "td" | "tr" | "table" | "tbody" | "a" | "span" => {
            return if share > 50 { 1.0 } else { words(dom, node, linked) };
        }
        _ => {}
    }
    if role == "main" {
        return 1.25;
    }
    if share > 60 {
        return 1.0;
    }
    match tag {
        "nav" | "footer" => return 0.12,
        "header" if share < 30 => return 0.3,
        "aside" => return 0.35,
        "button" | "label" | "figcaption" => return 0.5,
        _ => {}
    }
    if matches!(role, "navigation" | "menu" | "menubar" | "banner" | "contentinfo" | "search" | "dialog") {
        return 0.12;
    }
    if role == "complementary" {
        return 0.35;
    }
    words(dom, node, linked)
}

fn words(dom: &Dom, node: Node, linked: bool) -> f32 {
    let id = dom.attribute(node, "id").unwrap_or_default();
    let mut factor = 1.0_f32;
    for name in dom.classes(node).chain([id]).filter(|name| name.len() < 60) {
        let mut parts = Vec::new();
        split_words(name, &mut parts);
        for part in &parts {
            factor = factor.min(word(part, linked));
        }
    }
    let good = ["content", "main", "results", "listing", "listings", "products"];
    if factor >= 1.0 && good.contains(&id.to_ascii_lowercase().as_str()) { 1.2 } else { factor }
}

fn word(part: &str, linked: bool) -> f32 {
    match part {
        "menu" | "menus" if !linked => 1.0,
        "nav" | "navbar" | "navigation" | "menu" | "menus" | "submenu" | "dropdown" | "megamenu"
        | "breadcrumb" | "breadcrumbs" | "crumbs" | "pagination" | "pager" | "paginator" | "cookie"
        | "cookies" | "topbar" | "toolbar" | "navi" | "topnav" | "mainmenu" | "mainnav" => 0.15,
        "footer" | "foot" | "copyright" | "footernav" => 0.15,
        "sidebar" | "aside" | "widget" | "widgets" | "social" | "share" | "sharing" | "tagcloud"
        | "blogroll" | "sidenav" | "ads" | "advert" | "banner" | "popup" | "modal" | "login" | "filter"
        | "filters" | "facet" | "facets" | "refine" | "refinements" | "calendar" | "newsletter" => 0.35,
        "header" | "masthead" | "related" | "recommended" | "recent" | "popular" | "trending" | "ticker"
        | "slider" | "carousel" => 0.5,
        _ => 1.0,
    }
}

/// The words of a name such as `product-cardTitle__main`, in lower case.
pub fn split_words(name: &str, out: &mut Vec<String>) {
    let mut word = String::new();
    let mut before_lower = false;
    for letter in name.chars() {
        if !letter.is_alphanumeric() {
            before_lower = false;
            if !word.is_empty() {
                out.push(std::mem::take(&mut word));
            }
            continue;
        }
        if letter.is_uppercase() && before_lower && !word.is_empty() {
            out.push(std::mem::take(&mut word));
        }
        before_lower = letter.is_lowercase();
        word.extend(letter.to_lowercase());
    }
    if !word.is_empty() {
        out.push(word);
    }
}

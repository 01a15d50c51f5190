//! Everything that is found out about a page, in one serialisable value, with the recipe that follows from it
//! without any model. Not here: models (`prompt`), code (`python`).

use crate::{
    decode::{self, decode},
    detail,
    dom::Dom,
    extract::{Record, extract},
    json,
    mine::{self, ColumnInfo, Region, sheet::Sheet},
    page::{self, Sort},
    pager,
    parse::parse,
    recipe::{MOST_PAGES, Pagination, Recipe, Source},
    schema,
    wanted::{self, Wanted},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Records shown in an analysis.
const SAMPLES: usize = 3;

/// A page as it was fetched.
#[derive(Debug, Clone, Copy)]
pub struct Page<'a> {
    /// Where it came from, after redirects.
    pub url: &'a str,
    /// Its bytes.
    pub body: &'a [u8],
    /// The `Content-Type` header.
    pub content_type: Option<&'a str>,
}

/// What was found out about a page.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Analysis {
    /// Where it came from.
    pub url: String,
    /// Its `<title>`.
    pub title: Option<String>,
    /// The encoding that its bytes were read in.
    pub encoding: String,
    /// How the encoding was found.
    pub encoding_source: decode::Source,
    /// What sort of page it is.
    pub page_type: Sort,
    /// What stands in the way of scraping it, if something does, and what to do about it.
    pub obstacle: Option<String>,
    /// What the description asks for.
    pub wanted: Wanted,
    /// Wanted fields that were not found.
    pub missing: Vec<String>,
    /// Candidate regions, best first.
    pub regions: Vec<Region>,
    /// Links to further pages.
    pub pagination: Option<Pagination>,
    /// The recipe that follows, if there is something to take.
    pub recipe: Option<Recipe>,
    /// JSON Schema of its records.
    pub schema: Option<Value>,
    /// How many records it finds.
    pub records: usize,
    /// The first records it finds.
    pub samples: Vec<Record>,
}

/// Studies a page for a description, which may be empty.
pub fn analyse(page: Page<'_>, description: &str) -> (Analysis, Dom) {
    let decoded = decode(page.body, page.content_type);
    let dom = parse(&decoded.text);
    let wanted = wanted::read(description);
    let sheet = Sheet::new(&dom);
    let mut regions = mine::regions(&sheet);
    let mined_best = regions.first().cloned();
    let structured = structured(&dom);
    let things: Vec<_> = structured.iter().filter(|region| is_of_things(&region.source)).collect();
    let about_one = matches!(things.as_slice(), [only] if only.count == 1);
    let sort = page::sort(&sheet, mined_best.as_ref(), !structured.is_empty(), about_one);
    let top = regions.first().map_or(0.0, |region| region.score);
    let detail = Region { score: detail_score(sort, top), ..detail::find(&sheet) };
    regions.extend(structured.into_iter().map(|region| scored(region, sort, top)));
    regions.push(detail);
    for region in &mut regions {
        region.score *= wanted::boost(&wanted, region);
    }
    regions.retain(|region| !region.columns.is_empty());
    // A list's other columns may be what is meant; one thing that has nothing of what is wanted is another thing.
    let one_thing = matches!(sort, Sort::Detail | Sort::Article);
    let is_list = |region: &Region| !one_thing && region.count > 1 && !region.recipe().fields.is_empty();
    regions.retain(|region| is_list(region) || !wanted::has_nothing(&wanted, region));
    regions.sort_by(|one, other| other.score.total_cmp(&one.score));
    regions.truncate(12);
    let pagination = pager::find(&sheet);
    let recipe = regions
        .first()
        .filter(|_| sort.obstacle().is_none())
        .map(|region| recipe(region, &wanted, pagination.as_ref()));
    let records = recipe.as_ref().and_then(|recipe| extract(&dom, recipe, page.url).ok()).unwrap_or_default();
    let missing =
        regions.first().map_or_else(|| wanted.fields.clone(), |region| wanted::missing(&wanted, region));
    let analysis = Analysis {
        url: page.url.to_owned(),
        title: dom.first("title").map(|title| dom.text(title)).filter(|title| !title.is_empty()),
        encoding: decoded.encoding,
        encoding_source: decoded.source,
        page_type: sort,
        obstacle: sort.obstacle().map(str::to_owned),
        missing,
        pagination,
        schema: recipe.as_ref().map(schema::of),
        recipe,
        records: records.len(),
        samples: records.into_iter().take(SAMPLES).collect(),
        regions,
        wanted,
    };
    (analysis, dom)
}

/// Whether JSON-LD describes something that pages are made for, rather than a detail such as a place's coordinates.
fn is_of_things(source: &Source) -> bool {
    const THINGS: [&str; 14] = [
        "Product",
        "Recipe",
        "Article",
        "BlogPosting",
        "Event",
        "Movie",
        "Book",
        "JobPosting",
        "Course",
        "VideoObject",
        "SoftwareApplication",
        "TVSeries",
        "TVEpisode",
        "MusicAlbum",
    ];
    match source {
        Source::JsonLd { types } => types.iter().any(|name| THINGS.iter().any(|thing| name.ends_with(thing))),
        _ => false,
    }
}

/// The recipe for a region and what is wanted of it.
pub fn recipe(region: &Region, wanted: &Wanted, pagination: Option<&Pagination>) -> Recipe {
    let pages = region.count > 1 && wanted.all_pages && pagination.is_some();
    Recipe {
        source: region.source.clone(),
        fields: wanted::fields(wanted, region),
        pagination: pagination.filter(|_| pages).cloned(),
        max_pages: if pages { MOST_PAGES } else { 1 },
    }
}

/// Regions of the page's data for machines.
fn structured(dom: &Dom) -> Vec<Region> {
    let base = "";
    let region = |found: json::Found| {
        let records: Vec<Record> =
            found.objects.iter().map(|object| json::record(object, &found.fields, base)).collect();
        let column = |field: &crate::recipe::Field| {
            let values: Vec<String> = records
                .iter()
                .filter_map(|record| record.get(&field.name))
                .filter(|value| !value.is_null())
                .map(text_of)
                .collect();
            let constant = values.len() > 1 && values.iter().all(|value| *value == values[0]);
            let fill = values.len() as f32 / records.len().max(1) as f32;
            let samples = values.iter().take(3).map(|value| value.chars().take(120).collect()).collect();
            ColumnInfo { field: field.clone(), fill, constant, samples }
        };
        let columns = found.fields.iter().map(column).collect();
        Region {
            source: found.source,
            count: found.objects.len(),
            score: 0.0,
            coverage: 0.0,
            in_table: false,
            columns,
        }
    };
    json::find(dom).into_iter().map(region).collect()
}

fn text_of(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// What is mined from the page itself is preferred, unless there is little of it: what people see is what they
/// mean, and data for machines is often only a part of it.
fn scored(region: Region, sort: Sort, top: f32) -> Region {
    let texts = region.columns.iter().filter(|column| !column.constant).count() as f32;
    let many = region.count >= 3;
    let score = match (sort, &region.source) {
        (Sort::Detail | Sort::Article, Source::JsonLd { .. }) if !many => top * 1.1 + texts,
        (Sort::List | Sort::Table, _) if many => top * 0.5,
        (_, Source::Json { .. }) if many => top * 0.4 + texts,
        _ if many => top * 0.6 + texts,
        _ => top * 0.2,
    };
    Region { score, ..region }
}

fn detail_score(sort: Sort, top: f32) -> f32 {
    match sort {
        Sort::Detail | Sort::Article => top * 1.05 + 1.0,
        _ => top * 0.1 + 0.05,
    }
}

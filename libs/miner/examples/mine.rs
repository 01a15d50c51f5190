//! Prints what the miner sees in saved pages: `cargo run -p nexus-miner --example mine -- page.html …`. With
//! `--json` one line per page with all its records. Not here: measuring (`eval`).
#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a program for the eye")]

use nexus_miner::{Page, analyse, decode, extract, mine, parse, python};
use std::time::Instant;

fn main() {
    let mut json = false;
    for path in std::env::args().skip(1) {
        if path == "--json" {
            json = true;
            continue;
        }
        let bytes = std::fs::read(&path).unwrap();
        let start = Instant::now();
        let page = decode::decode(&bytes, None);
        let dom = parse(&page.text);
        let parsed = start.elapsed();
        let sheet = mine::sheet::Sheet::new(&dom);
        let regions = mine::regions(&sheet);
        let took = start.elapsed();
        let url = "http://site.test/folder/page";
        if json {
            let description = std::env::var("MINE_FOR").unwrap_or_default();
            let start = Instant::now();
            let (analysis, dom) = analyse(Page { url, body: &bytes, content_type: None }, &description);
            let took = start.elapsed();
            let records = analysis
                .recipe
                .as_ref()
                .map(|recipe| extract(&dom, recipe, url).unwrap())
                .unwrap_or_default();
            let about = python::About { url, description: &description, encoding: &analysis.encoding };
            let code = analysis.recipe.as_ref().map(|recipe| python::generate(recipe, about));
            let line = serde_json::json!({"path": path, "ms": took.as_secs_f64() * 1e3, "parse_ms": parsed.as_secs_f64() * 1e3, "bytes": bytes.len(),
                "recipe": analysis.recipe, "records": records, "code": code, "type": analysis.page_type, "pagination": analysis.pagination, "missing": analysis.missing});
            println!("{line}");
            continue;
        }
        println!("== {path} {} bytes, {} nodes, parsed {parsed:.1?}, all {took:.1?}", bytes.len(), dom.len());
        if std::env::var_os("MINE_GROUPS").is_some() {
            for judged in mine::region::best_groups(&sheet) {
                println!(
                    "  {:.1} n={} +{} {}.{} repeated {:.2} zone {:.2} grid {} {:?}",
                    judged.score,
                    judged.group.heads.len(),
                    judged.group.siblings,
                    dom.tag(judged.group.heads[0]),
                    dom.classes(judged.group.heads[0]).collect::<Vec<_>>().join("."),
                    judged.table.repeated,
                    sheet.zone(judged.group.heads[0]),
                    judged.table.grid,
                    dom.text(judged.group.heads[0]).chars().take(60).collect::<String>()
                );
                for column in judged.table.columns.iter().take(8) {
                    println!(
                        "        {:?} occ {} fill {:.2} distinct {:.2} length {:.0} {:.2} {:?}",
                        column.what,
                        column.occurrence,
                        column.fill,
                        column.distinct,
                        column.length,
                        mine::score::worth(column),
                        column.found().next().map(|piece| piece.value.chars().take(30).collect::<String>())
                    );
                }
            }
        }
        for (at, region) in regions.iter().take(4).enumerate() {
            let records = extract(&dom, &region.recipe(), url).unwrap();
            println!(
                "  #{at} {:.1} {} records (selected {}) {}",
                region.score,
                region.count,
                records.len(),
                serde_json::to_string(&region.source).unwrap()
            );
            if at < 2 {
                for column in &region.columns {
                    println!(
                        "      {:18} {:30} {:.2} {}{:?}",
                        column.field.name,
                        column.field.select,
                        column.fill,
                        if column.constant { "=" } else { "" },
                        column
                            .samples
                            .iter()
                            .take(2)
                            .map(|text| text.chars().take(40).collect::<String>())
                            .collect::<Vec<_>>()
                    );
                }
            }
        }
    }
}

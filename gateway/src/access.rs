//! Which route needs which scope: the one table. What does not stand here is refused; a test holds it against the
//! description of the API. Not here: who calls (`auth`), whose things they see (the services, by workspace).

use crate::docs;
use http::Method;
use nexus_api::access::Scope::{self, Admin, Edit, Read, Run};

/// What a route asks of its caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rule {
    /// Nothing: probes and browsers must reach it before they can have a key.
    Open,
    /// A key with this scope.
    Needs(Scope),
    /// The route is there, but takes other methods only.
    OtherMethods(&'static [(&'static str, Scope)]),
    /// Nobody has said who may use it.
    Unlisted,
}

/// Routes that need no key.
const OPEN: [&str; 2] = ["/healthz", "/readyz"];

/// Methods and the scopes they need, by route template. `HEAD` is as `GET`.
const TABLE: &[(&str, &[(&str, Scope)])] = &[
    ("/api/v1/workflows", &[("GET", Read), ("POST", Edit)]),
    ("/api/v1/workflows/{id}", &[("GET", Read), ("PUT", Edit), ("DELETE", Edit)]),
    ("/api/v1/workflows/{id}/versions", &[("GET", Read)]),
    ("/api/v1/workflows/{id}/versions/{version}", &[("GET", Read)]),
    ("/api/v1/workflows/validate", &[("POST", Read)]),
    ("/api/v1/workflows/plan", &[("POST", Read)]),
    ("/api/v1/workflows/{id}/plan", &[("POST", Read)]),
    ("/api/v1/workflows/estimate", &[("POST", Read)]),
    ("/api/v1/workflows/{id}/estimate", &[("POST", Read)]),
    ("/api/v1/workflows/{id}/execute", &[("POST", Run)]),
    ("/api/v1/workflows/{id}/executions", &[("GET", Read)]),
    ("/api/v1/executions", &[("GET", Read)]),
    ("/api/v1/executions/{id}", &[("GET", Read), ("DELETE", Edit)]),
    ("/api/v1/executions/{id}/cancel", &[("POST", Run)]),
    ("/api/v1/executions/{id}/resume", &[("POST", Run)]),
    ("/api/v1/executions/{id}/events", &[("GET", Read)]),
    ("/api/v1/executions/{id}/memory", &[("GET", Read)]),
    ("/ws/executions/{id}", &[("GET", Read)]),
    ("/api/v1/memory", &[("GET", Read), ("POST", Edit), ("DELETE", Edit)]),
    // The query's embedding is paid for.
    ("/api/v1/memory/recall", &[("POST", Run)]),
    // Of all workspaces, at once.
    ("/api/v1/memory/reembed", &[("POST", Admin)]),
    ("/api/v1/memory/model", &[("GET", Read)]),
    ("/api/v1/memory/{id}", &[("DELETE", Edit)]),
    ("/api/v1/models", &[("GET", Read)]),
    ("/v1/chat/completions", &[("POST", Run)]),
    ("/v1/embeddings", &[("POST", Run)]),
    ("/v1/models", &[("GET", Read)]),
    ("/api/v1/scraping/requests", &[("POST", Edit)]),
    ("/api/v1/scraping/jobs", &[("GET", Read)]),
    ("/api/v1/scraping/jobs/{id}", &[("GET", Read), ("DELETE", Edit)]),
    ("/api/v1/scraping/jobs/{id}/status", &[("GET", Read)]),
    ("/api/v1/scraping/jobs/{id}/test", &[("POST", Run)]),
    ("/api/v1/scraping/jobs/{id}/regenerate", &[("POST", Edit)]),
    ("/api/v1/scraping/jobs/{id}/health", &[("GET", Read)]),
    ("/api/v1/scraping/jobs/{id}/schedule", &[("GET", Read), ("PUT", Edit), ("DELETE", Edit)]),
    ("/ws/scraping/jobs/{id}", &[("GET", Read)]),
    // Runs the scraper, and may call a model to repair it.
    ("/api/v1/generated/{job_id}", &[("GET", Run)]),
    ("/api/v1/generated/{job_id}/openapi.json", &[("GET", Read)]),
    ("/api/v1/secrets", &[("GET", Admin)]),
    ("/api/v1/secrets/{name}", &[("PUT", Admin), ("DELETE", Admin)]),
    ("/metrics", &[("GET", Read)]),
    ("/openapi.json", &[("GET", Read)]),
    ("/docs", &[("GET", Read)]),
];

/// What a matched route asks of its caller.
pub(crate) fn rule(route: &str, method: &Method) -> Rule {
    if OPEN.contains(&route) || docs::is_asset(route) {
        return Rule::Open;
    }
    let Some((_, methods)) = TABLE.iter().find(|(known, _)| *known == route) else { return Rule::Unlisted };
    let method = if *method == Method::HEAD { "GET" } else { method.as_str() };
    match methods.iter().find(|(known, _)| *known == method) {
        Some((_, scope)) => Rule::Needs(*scope),
        None => Rule::OtherMethods(methods),
    }
}

/// What the `Allow` header says of a route.
pub(crate) fn allow(methods: &[(&str, Scope)]) -> String {
    let names = methods.iter().flat_map(|(method, _)| match *method {
        "GET" => vec!["GET", "HEAD"],
        other => vec![other],
    });
    names.collect::<Vec<_>>().join(",")
}

/// Every route and method with its scope: `None` needs no key.
#[cfg(test)]
fn listed() -> impl Iterator<Item = (String, Option<Scope>)> {
    let open = OPEN.iter().map(|route| (format!("get {route}"), None));
    let keyed = TABLE.iter().flat_map(|(route, methods)| {
        methods
            .iter()
            .map(move |(method, scope)| (format!("{} {route}", method.to_lowercase()), Some(*scope)))
    });
    open.chain(keyed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    /// Every route is described: the router is made from the descriptions.
    #[test]
    fn every_route_stands_in_the_table_and_nothing_else_does() {
        let (_, document) = crate::routes::all().split_for_parts();
        let document = serde_json::to_value(document).unwrap();
        let described: BTreeMap<String, bool> = document["paths"]
            .as_object()
            .unwrap()
            .iter()
            .flat_map(|(path, operations)| {
                operations.as_object().unwrap().iter().map(move |(method, operation)| {
                    let open = operation["security"] == serde_json::json!([{}]);
                    (format!("{method} {path}"), open)
                })
            })
            .collect();
        let listed: BTreeMap<String, bool> = listed().map(|(name, scope)| (name, scope.is_none())).collect();
        assert_eq!(described, listed);
    }

    #[test]
    fn whatever_changes_or_spends_needs_more_than_reading() {
        // Documents that come with the call are judged; nothing is kept, nobody is paid.
        let judged = ["validate", "plan", "estimate"];
        for (name, scope) in listed() {
            let harmless = name.starts_with("get ") || judged.iter().any(|last| name.ends_with(last));
            let runs = ["get /api/v1/generated/{job_id}", "get /api/v1/secrets"].contains(&name.as_str());
            assert_eq!(harmless && !runs, matches!(scope, None | Some(Read)), "{name}");
        }
    }

    #[test]
    fn unknown_routes_and_methods_are_not_open() {
        assert_eq!(rule("/api/v1/nothing", &Method::GET), Rule::Unlisted);
        assert!(matches!(rule("/api/v1/workflows", &Method::PATCH), Rule::OtherMethods(_)));
        assert_eq!(rule("/api/v1/workflows", &Method::HEAD), Rule::Needs(Read));
        assert_eq!(allow(&[("GET", Read), ("PUT", Edit)]), "GET,HEAD,PUT");
    }
}

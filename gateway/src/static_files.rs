//! The web application: files of the static export (`frontend/out`), embedded into the program. Dynamic pages are
//! exported once, under the placeholder `_`; the address of any of them is answered with the placeholder's files.
//! Not here: the application itself (`frontend/`), the page about the API (`docs`).

use crate::{
    app::is_api,
    error::{Failure, Page, no_such_route},
    headers::Shown,
};
use axum::{
    body::Body,
    extract::Request,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use percent_encoding::percent_decode_str;
use rust_embed::RustEmbed;
use std::borrow::Cow;

/// With a debug build the files are read from the disk at each request, so a new export shows at once.
#[derive(RustEmbed)]
#[folder = "$CARGO_MANIFEST_DIR/../frontend/out"]
struct Export;

/// Hashes of inline scripts, written beside the pages; read here and not served.
const CSP: &str = "csp.json";

/// A file and the hash of what is inside.
struct File {
    data: Cow<'static, [u8]>,
    sha256: [u8; 32],
}

fn embedded(name: &str) -> Option<File> {
    let file = Export::get(name).filter(|_| name != CSP)?;
    Some(File { sha256: file.metadata.sha256_hash(), data: file.data })
}

/// Shown when the program was built without the web application.
const NOT_BUILT: &str = include_str!("not_built.html");

/// Hashes of the inline scripts of the exported pages, as `frontend/scripts/csp.mjs` wrote them.
pub(crate) fn script_hashes() -> Vec<String> {
    #[derive(serde::Deserialize)]
    struct Hashes {
        script_hashes: Vec<String>,
    }
    let Some(file) = Export::get(CSP) else { return Vec::new() };
    match serde_json::from_slice::<Hashes>(&file.data) {
        Ok(hashes) => hashes.script_hashes,
        Err(error) => {
            tracing::warn!(%error, "csp.json of the web application cannot be read; its inline scripts will not run");
            Vec::new()
        }
    }
}

/// Answers whatever no route answers.
pub(crate) async fn serve(request: Request) -> Response {
    serve_from(&request, embedded)
}

fn serve_from(request: &Request, get: impl Fn(&str) -> Option<File>) -> Response {
    let (method, path, headers) = (request.method(), request.uri().path(), request.headers());
    if is_api(path) {
        return no_such_route().into_response();
    }
    let file = percent_decode_str(path).decode_utf8().ok().and_then(|path| find(&path, &get));
    if !matches!(*method, Method::GET | Method::HEAD) {
        return match file {
            Some(_) => {
                let allow = HeaderValue::from_static("GET, HEAD");
                Failure::bare(StatusCode::METHOD_NOT_ALLOWED).header(header::ALLOW, allow).into_response()
            }
            None => no_such_route().into_response(),
        };
    }
    if let Some((name, file)) = file {
        return answer(&name, file, headers, StatusCode::OK);
    }
    if path == "/" {
        return page(NOT_BUILT, StatusCode::OK);
    }
    if !is_navigation(headers) {
        return no_such_route().into_response();
    }
    match get("404.html") {
        Some(file) => answer("404.html", file, &HeaderMap::new(), StatusCode::NOT_FOUND),
        None => no_such_route().into_response(),
    }
}

/// The file for a path and its name.
fn find<F>(path: &str, get: impl Fn(&str) -> Option<F>) -> Option<(String, F)> {
    let path = path.trim_matches('/');
    if path.split('/').any(|part| part == ".." || part == "." || part.contains('\\')) {
        return None;
    }
    let rewritten = placeholder(path);
    let candidates = [Some(path), rewritten.as_deref()];
    candidates.into_iter().flatten().find_map(|path| {
        let page = if path.is_empty() { "index.html".to_owned() } else { format!("{path}.html") };
        // Directories are no files; an address with an extension is a file or nothing.
        let exact = (!path.is_empty()).then(|| path.to_owned());
        exact.into_iter().chain([page]).find_map(|name| get(&name).map(|file| (name, file)))
    })
}

/// Puts `_` in place of the ids in the address of a dynamic page: `workflows/ID`, `workflows/ID/executions/ID`,
/// `executions/ID`, `scrapers/ID`, and whatever lies below. A last part that ends in `.txt` is the page's data; so is
/// anything that starts with `__next.`, which is never an id.
fn placeholder(path: &str) -> Option<String> {
    let mut parts: Vec<Cow<'_, str>> = path.split('/').map(Cow::Borrowed).collect();
    let ids: &[usize] = match parts.first().map(AsRef::as_ref) {
        Some("workflows") if parts.get(2).is_some_and(|part| part == "executions") => &[1, 3],
        Some("workflows" | "executions" | "scrapers") => &[1],
        _ => return None,
    };
    let mut changed = false;
    for index in ids {
        let Some(part) = parts.get_mut(*index) else { continue };
        if part.is_empty() || part.starts_with("__next.") {
            continue;
        }
        *part = if part.ends_with(".txt") { "_.txt".into() } else { "_".into() };
        changed = true;
    }
    changed.then(|| parts.join("/"))
}

/// Whether a person went to this address, as opposed to a program that asks for a file.
pub(crate) fn is_navigation(headers: &HeaderMap) -> bool {
    let accept = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    accept.flat_map(|value| value.split(',')).any(|range| range.trim().starts_with("text/html"))
}

fn answer(name: &str, file: File, headers: &HeaderMap, status: StatusCode) -> Response {
    let tag = tag(&file);
    let known = headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    let fresh = known.is_some_and(|known| {
        known.split(',').any(|one| {
            let one = one.trim();
            one == "*" || one.strip_prefix("W/").unwrap_or(one).as_bytes() == tag.as_bytes()
        })
    });
    let mut response = if fresh {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let kind = HeaderValue::try_from(content_type(name));
        let mut response = (status, Body::from(bytes_of(file.data))).into_response();
        response.headers_mut().insert(
            header::CONTENT_TYPE,
            kind.unwrap_or_else(|_| HeaderValue::from_static("application/octet-stream")),
        );
        response
    };
    // Names below `_next/static` hold a hash of what is inside.
    let caching =
        if name.starts_with("_next/static/") { "public, max-age=31536000, immutable" } else { "no-cache" };
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static(caching));
    response.headers_mut().insert(header::ETAG, tag);
    response.extensions_mut().insert(Shown);
    response.extensions_mut().insert(Page);
    response
}

fn content_type(name: &str) -> String {
    let kind = mime_guess::from_path(name).first_or_octet_stream();
    let textual = kind.type_() == "text" || matches!(kind.subtype().as_str(), "javascript" | "json" | "xml");
    if textual { format!("{kind}; charset=utf-8") } else { kind.to_string() }
}

/// Embedded files are part of the program: nothing is copied.
fn bytes_of(data: Cow<'static, [u8]>) -> Bytes {
    match data {
        Cow::Borrowed(data) => Bytes::from_static(data),
        Cow::Owned(data) => data.into(),
    }
}

/// A page that is part of the program.
pub(crate) fn page(html: &'static str, status: StatusCode) -> Response {
    let headers = [(header::CONTENT_TYPE, "text/html; charset=utf-8"), (header::CACHE_CONTROL, "no-cache")];
    let mut response = (status, headers, html).into_response();
    response.extensions_mut().insert(Shown);
    response.extensions_mut().insert(Page);
    response
}

fn tag(file: &File) -> HeaderValue {
    let hash: String = file.sha256.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    HeaderValue::try_from(format!("\"{hash}\"")).unwrap_or_else(|_| HeaderValue::from_static("\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILES: [&str; 20] = [
        "index.html",
        "404.html",
        "executions.html",
        "executions.txt",
        "executions/__next._tree.txt",
        "executions/_.html",
        "executions/_.txt",
        "executions/_/__next._tree.txt",
        "scrapers.html",
        "scrapers/new.html",
        "scrapers/_.html",
        "scrapers/_.txt",
        "workflows/_.html",
        "workflows/_.txt",
        "workflows/_/__next._tree.txt",
        "workflows/_/executions.html",
        "workflows/_/executions/_.html",
        "workflows/_/executions/_.txt",
        "workflows/_/executions/_/__next._tree.txt",
        "_next/static/chunks/app/[id]/page.js",
    ];

    fn found(path: &str) -> Option<String> {
        let path = percent_decode_str(path).decode_utf8().unwrap();
        find(&path, |name| FILES.contains(&name).then_some(())).map(|(name, ())| name)
    }

    #[test]
    fn addresses_of_dynamic_pages_lead_to_their_placeholder() {
        for (path, file) in [
            ("/", "index.html"),
            ("/executions", "executions.html"),
            ("/executions/", "executions.html"),
            ("/executions.txt", "executions.txt"),
            ("/executions/__next._tree.txt", "executions/__next._tree.txt"),
            ("/executions/0190", "executions/_.html"),
            ("/executions/0190.txt", "executions/_.txt"),
            ("/executions/0190/__next._tree.txt", "executions/_/__next._tree.txt"),
            ("/scrapers", "scrapers.html"),
            ("/scrapers/new", "scrapers/new.html"),
            ("/scrapers/0190", "scrapers/_.html"),
            ("/scrapers/0190.txt", "scrapers/_.txt"),
            ("/workflows/0190", "workflows/_.html"),
            ("/workflows/0190.txt", "workflows/_.txt"),
            ("/workflows/0190/__next._tree.txt", "workflows/_/__next._tree.txt"),
            ("/workflows/0190/executions", "workflows/_/executions.html"),
            ("/workflows/0190/executions/0191", "workflows/_/executions/_.html"),
            ("/workflows/0190/executions/0191.txt", "workflows/_/executions/_.txt"),
            ("/workflows/0190/executions/0191/__next._tree.txt", "workflows/_/executions/_/__next._tree.txt"),
            ("/_next/static/chunks/app/%5Bid%5D/page.js", "_next/static/chunks/app/[id]/page.js"),
        ] {
            assert_eq!(found(path).as_deref(), Some(file), "{path}");
        }
        for path in [
            "/nothing",
            "/workflows",
            "/workflows/a/b/c",
            "/../index.html",
            "/%2e%2e/index.html",
            "/executions/a/b",
        ] {
            assert_eq!(found(path), None, "{path}");
        }
    }

    async fn ask(
        method: Method,
        path: &str,
        header: Option<(&'static str, &'static str)>,
    ) -> (Response, Vec<u8>) {
        let mut request = Request::builder().method(method).uri(path);
        if let Some((name, value)) = header {
            request = request.header(name, value);
        }
        let files = |name: &str| {
            let known = name == "_next/static/a.js" || FILES.contains(&name);
            known.then(|| File { data: name.as_bytes().to_vec().into(), sha256: [7; 32] })
        };
        let response = serve_from(&request.body(Body::empty()).unwrap(), files);
        let (parts, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap().to_vec();
        (Response::from_parts(parts, Body::empty()), bytes)
    }

    const NAVIGATION: Option<(&str, &str)> = Some(("accept", "text/html,*/*;q=0.8"));

    #[tokio::test]
    async fn files_are_cached_by_what_their_name_promises() {
        for (path, kind, caching) in [
            ("/workflows/0190", "text/html; charset=utf-8", "no-cache"),
            ("/executions.txt", "text/plain; charset=utf-8", "no-cache"),
            ("/_next/static/a.js", "text/javascript; charset=utf-8", "public, max-age=31536000, immutable"),
        ] {
            let (response, bytes) = ask(Method::GET, path, None).await;
            assert_eq!((response.status(), bytes.is_empty()), (StatusCode::OK, false), "{path}");
            assert_eq!(response.headers()[header::CONTENT_TYPE], kind);
            assert_eq!(response.headers()[header::CACHE_CONTROL], caching);
        }
        let tag = "\"07070707070707070707070707070707\"";
        for known in [tag, "W/\"07070707070707070707070707070707\"", "*"] {
            let (response, bytes) = ask(Method::GET, "/", Some(("if-none-match", known))).await;
            assert_eq!((response.status(), bytes.is_empty()), (StatusCode::NOT_MODIFIED, true), "{known}");
            assert_eq!(response.headers()[header::ETAG], tag);
        }
    }

    #[tokio::test]
    async fn what_is_not_there_is_a_page_for_people_and_a_failure_for_programs() {
        let (response, bytes) = ask(Method::GET, "/nothing", NAVIGATION).await;
        assert_eq!((response.status(), bytes.as_slice()), (StatusCode::NOT_FOUND, &b"404.html"[..]));
        assert!(response.extensions().get::<Page>().is_some());
        for (method, path, header, status) in [
            (Method::GET, "/nothing", None, StatusCode::NOT_FOUND),
            (Method::GET, "/api/v1/nothing", NAVIGATION, StatusCode::NOT_FOUND),
            (Method::POST, "/nothing", NAVIGATION, StatusCode::NOT_FOUND),
            (Method::POST, "/executions", NAVIGATION, StatusCode::METHOD_NOT_ALLOWED),
        ] {
            let (response, _) = ask(method, path, header).await;
            assert_eq!(response.status(), status, "{path}");
            assert!(response.extensions().get::<Failure>().is_some(), "{path}");
        }
    }
}

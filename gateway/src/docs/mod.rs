//! The page for people that shows `/openapi.json`: three files of our own, nothing from elsewhere.
//! Not here: what the document says (`openapi`).

use crate::{app::App, headers::Shown, static_files};
use axum::{
    Router,
    extract::{MatchedPath, Request},
    response::{IntoResponse, Response},
    routing::get,
};
use http::{StatusCode, header};

const ASSETS: [(&str, &str, &str); 2] = [
    ("/docs/docs.css", "text/css; charset=utf-8", include_str!("docs.css")),
    ("/docs/docs.js", "text/javascript; charset=utf-8", include_str!("docs.js")),
];

/// The page. Its script reads the document, and asks for a key if one is needed.
pub(crate) fn page() -> Response {
    static_files::page(include_str!("docs.html"), StatusCode::OK)
}

/// The page's script and style. They are no part of the API and stand in no document.
pub(crate) fn assets() -> Router<App> {
    ASSETS.into_iter().fold(Router::new(), |router, (path, kind, text)| {
        router.route(
            path,
            get(move || async move {
                let mut response =
                    ([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "no-cache")], text)
                        .into_response();
                response.extensions_mut().insert(Shown);
                response
            }),
        )
    })
}

/// Whether a matched route is one of the page's files.
pub(crate) fn is_asset(route: &str) -> bool {
    ASSETS.iter().any(|(path, ..)| *path == route)
}

/// Whether somebody opens the page in a browser.
pub(crate) fn is_visited_by_a_person(request: &Request) -> bool {
    request.extensions().get::<MatchedPath>().is_some_and(|route| route.as_str() == "/docs")
        && static_files::is_navigation(request.headers())
}

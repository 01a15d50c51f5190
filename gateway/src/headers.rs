//! Security headers, on every answer. Not here: who may talk to us (`origin`, `auth`).

use crate::app::App;
use axum::{
    extract::{Request, State},
    middleware::Next,
    response::Response,
};
use http::{HeaderName, HeaderValue, header};

/// The two content security policies.
#[derive(Debug)]
pub(crate) struct Policies {
    pages: HeaderValue,
    data: HeaderValue,
}

/// Marks an answer that a browser shows or runs: pages, their scripts and styles.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shown;

impl Policies {
    /// Pages may run our own script files, and inline scripts with these hashes (`sha256-…`).
    pub(crate) fn new(script_hashes: &[String]) -> Self {
        let is_hash = |hash: &&String| {
            hash.starts_with("sha256-")
                && hash.bytes().all(|b| b.is_ascii_alphanumeric() || b"+/=-".contains(&b))
        };
        let hashes: String = script_hashes.iter().filter(is_hash).map(|hash| format!(" '{hash}'")).collect();
        // 'self' covers our WebSockets too. Inline styles come from React's `style` and cannot run anything.
        let pages = format!(
            "default-src 'self'; script-src 'self'{hashes}; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
             connect-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
        );
        let data = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
        Self { pages: HeaderValue::try_from(pages).unwrap_or_else(|_| data.clone()), data }
    }
}

/// Adds the headers.
pub(crate) async fn layer(State(app): State<App>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let shown = response.extensions().get::<Shown>().is_some();
    let policy = if shown { &app.policies.pages } else { &app.policies.data };
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, policy.clone());
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    for (name, value) in [
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
        ("permissions-policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
    ] {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    if !shown && !headers.contains_key(header::CACHE_CONTROL) {
        // Answers depend on the key and change at any time; `no-cache` still lets a client revalidate by ETag.
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    }
    response
}

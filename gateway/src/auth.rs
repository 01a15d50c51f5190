//! API keys. If any are configured, every route needs one, except those that a probe or a browser must reach
//! before it can have one: `/healthz`, `/readyz`, the files of the web application and of `/docs`.
//! `/docs` itself answers 401 without a key, but with the page as body, which then asks for the key.
//! Not here: what a caller may do; every key may do everything.

use crate::{
    ApiKey,
    app::{App, is_api},
    context::Principal,
    docs,
    error::Failure,
};
use axum::{
    extract::{MatchedPath, Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use nexus_api::Code;
use sha2::{Digest, Sha256};

/// Prefix of the WebSocket subprotocol that carries a key: browsers cannot set headers there.
const BEARER_PROTOCOL: &str = "bearer.";

/// Refuses requests without a key.
pub(crate) async fn layer(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let keys = &app.options.keys;
    if keys.is_empty() || is_open(&request) {
        return next.run(request).await;
    }
    let presented = presented_key(request.headers());
    match presented.and_then(|key| owner(keys, key)) {
        Some(name) => {
            let name = name.to_owned();
            request.extensions_mut().insert(Principal(name));
            next.run(request).await
        }
        None if docs::is_visited_by_a_person(&request) => {
            let mut page = docs::page();
            *page.status_mut() = StatusCode::UNAUTHORIZED;
            page.headers_mut().insert(header::WWW_AUTHENTICATE, challenge());
            page
        }
        None => {
            let message =
                if presented.is_none() { "an API key is needed" } else { "the API key is not accepted" };
            Failure::new(Code::Unauthenticated, message)
                .suggest("send `Authorization: Bearer KEY` with a key whose hash stands in NEXUS_API_KEYS")
                .header(header::WWW_AUTHENTICATE, challenge())
                .into_response()
        }
    }
}

fn challenge() -> HeaderValue {
    HeaderValue::from_static("Bearer realm=\"nexus\"")
}

/// Decided by the route that was matched, not by the path as text, so that no spelling of a path gets around it.
fn is_open(request: &Request) -> bool {
    match request.extensions().get::<MatchedPath>() {
        Some(route) => matches!(route.as_str(), "/healthz" | "/readyz") || docs::is_asset(route.as_str()),
        // Only files of the web application are served without a route.
        None => !is_api(request.uri().path()),
    }
}

fn presented_key(headers: &HeaderMap) -> Option<&str> {
    if let Some(value) = headers.get(header::AUTHORIZATION) {
        let (scheme, key) = value.to_str().ok()?.split_once(' ')?;
        return scheme.eq_ignore_ascii_case("bearer").then_some(key.trim());
    }
    // Only on an upgrade: elsewhere the header means nothing.
    headers.get(header::UPGRADE)?;
    let protocols = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).iter();
    protocols
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .find_map(|protocol| protocol.trim().strip_prefix(BEARER_PROTOCOL))
}

/// Whose key this is. Takes the same time for every wrong key: hashes are compared to their end, and all of them.
fn owner<'a>(keys: &'a [ApiKey], presented: &str) -> Option<&'a str> {
    let hash: [u8; 32] = Sha256::digest(presented.as_bytes()).into();
    keys.iter().fold(None, |found, key| {
        let difference = key.sha256.iter().zip(&hash).fold(0, |sum, (a, b)| sum | (a ^ b));
        if std::hint::black_box(difference) == 0 { Some(key.name.as_str()) } else { found }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHA256_OF_SECRET: &str = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b";

    #[test]
    fn a_key_is_known_by_its_hash() {
        let keys = [ApiKey::new("ci", SHA256_OF_SECRET).unwrap()];
        assert_eq!(owner(&keys, "secret"), Some("ci"));
        assert_eq!(owner(&keys, "Secret"), None);
        assert_eq!(owner(&keys, SHA256_OF_SECRET), None);
        assert!(ApiKey::new("x", "2bb8").is_err() && ApiKey::new("x", &"é".repeat(32)).is_err());
    }

    #[test]
    fn subprotocols_carry_keys_only_on_an_upgrade() {
        let mut headers = HeaderMap::new();
        headers.insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static("nexus, bearer.secret"));
        assert_eq!(presented_key(&headers), None);
        headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        assert_eq!(presented_key(&headers), Some("secret"));
    }
}

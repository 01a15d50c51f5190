//! Who calls, and whether they may: the one layer that asks for a key or token, looks up what the route needs, counts
//! calls, and writes the audit log. If nobody is known, everybody may do everything; else every route needs a key with
//! the right scope, except those that a probe or a browser must reach before it can have one: `/healthz`, `/readyz`,
//! the files of the web application and of `/docs`. `/docs` itself answers 401 without a key, but with the page as
//! body, which then asks for the key.
//! Not here: which route needs what (`access`), whose keys there are (`nexus-auth`).

use crate::{
    access::{self, Rule},
    app::{App, is_api},
    context::{Caller, RequestContext},
    docs,
    error::Failure,
    rate::{self, Peer},
};
use axum::{
    extract::{MatchedPath, Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use nexus_api::{
    Code, Error,
    access::{Authenticator, Identity, Scope},
};
use nexus_runtime::audit;
use std::time::{Duration, Instant};

/// Prefix of the WebSocket subprotocol that carries a key: browsers cannot set headers there.
const BEARER_PROTOCOL: &str = "bearer.";

/// Refuses requests of those who may not make them.
pub(crate) async fn layer(State(app): State<App>, mut request: Request, next: Next) -> Response {
    // Decided by the route that was matched, not by the path as text, so that no spelling of a path gets around it.
    let rule = match request.extensions().get::<MatchedPath>() {
        Some(route) => access::rule(route.as_str(), request.method()),
        // Only files of the web application are served without a route; what else is not there is told to those only
        // who may look.
        None if is_api(request.uri().path()) => Rule::Needs(Scope::Read),
        None => Rule::Open,
    };
    if rule == Rule::Open {
        return next.run(request).await;
    }
    let address = request.extensions().get::<Peer>().copied();
    let address = address.map(|Peer(peer)| rate::caller(peer, request.headers(), &app.options.rates.proxies));
    // Before the key is looked at: this also bounds how fast somebody can guess.
    if let (Some(limiter), Some(address)) = (&app.per_address, address)
        && let Err(wait) = limiter.count(address, Instant::now())
    {
        return too_many(wait, "this address").into_response();
    }
    let caller = match &app.options.access {
        None => None,
        Some(access) => match identify(access.as_ref(), request.headers()).await {
            Ok(identity) => Some(identity),
            Err(refusal)
                if refusal.code == Code::Unauthenticated && docs::is_visited_by_a_person(&request) =>
            {
                let mut page = docs::page();
                *page.status_mut() = StatusCode::UNAUTHORIZED;
                page.headers_mut().insert(header::WWW_AUTHENTICATE, challenge());
                return page;
            }
            Err(refusal) => return unknown(refusal).into_response(),
        },
    };
    if let (Some(limiter), Some(caller)) = (&app.per_key, &caller)
        && let Err(wait) = limiter.count(caller.name.clone(), Instant::now())
    {
        return too_many(wait, "this key").into_response();
    }
    let scope = match rule {
        Rule::Needs(scope) => scope,
        Rule::OtherMethods(methods) => return other_methods(methods),
        Rule::Open | Rule::Unlisted => {
            tracing::error!(
                path = request.uri().path(),
                "no scope is set for this route, so nobody may use it"
            );
            return Failure::new(Code::Forbidden, "nobody may use this address").into_response();
        }
    };
    if let Some(caller) = caller.as_ref().filter(|caller| !caller.scopes.allow(scope)) {
        entry(&request, Some(caller), scope).ended(StatusCode::FORBIDDEN.as_str());
        return insufficient(caller, scope).into_response();
    }
    let entry = (scope != Scope::Read).then(|| entry(&request, caller.as_ref(), scope));
    if let Some(Identity { name, workspace, .. }) = caller {
        request.extensions_mut().insert(Caller { name, workspace });
    }
    let response = next.run(request).await;
    if let Some(mut entry) = entry {
        if let Some(made) = response.headers().get(header::LOCATION).and_then(|made| made.to_str().ok()) {
            entry.about(made);
        }
        entry.ended(response.status().as_str());
    }
    response
}

/// What the audit log will say of a request. Without its query, which can hold secrets.
fn entry(request: &Request, caller: Option<&Identity>, scope: Scope) -> audit::Entry {
    let route = request.extensions().get::<MatchedPath>().map_or("", MatchedPath::as_str);
    let request_id = request.extensions().get::<RequestContext>().map(|context| context.request_id.clone());
    let what = audit::What {
        action: format!("{} {route}", request.method()),
        scope,
        object: Some(request.uri().path().to_owned()),
        request_id: request_id.unwrap_or_default(),
    };
    let (name, workspace) = caller.map(|caller| (caller.name.clone(), caller.workspace.clone())).unzip();
    audit::Entry::new(name, workspace.unwrap_or_default(), what)
}

async fn identify(access: &dyn Authenticator, headers: &HeaderMap) -> Result<Identity, Error> {
    let presented =
        presented_key(headers).ok_or_else(|| Error::new(Code::Unauthenticated, "an API key is needed"))?;
    let identity = access.identify(presented).await?;
    if identity.mesh {
        // That key says on whose behalf it calls, which nobody can say over HTTP.
        return Err(Error::new(Code::Unauthenticated, "the API key is not accepted"));
    }
    Ok(identity)
}

fn unknown(refusal: Error) -> Failure {
    if refusal.code != Code::Unauthenticated {
        return refusal.into();
    }
    let failure = match refusal.suggestion {
        Some(_) => Failure::from(refusal),
        None => Failure::from(refusal)
            .suggest("send `Authorization: Bearer KEY` with a key whose hash stands in NEXUS_API_KEYS"),
    };
    failure.header(header::WWW_AUTHENTICATE, challenge())
}

fn insufficient(caller: &Identity, needed: Scope) -> Failure {
    let (name, scope) = (&caller.name, needed.as_str());
    let message = format!("`{name}` may not do this: it needs the scope `{scope}`");
    let error = Error::new(Code::Forbidden, message).reason("insufficient_scope");
    let failure = Failure::from(error.suggest(format!("call with a key that has the scope `{scope}`")));
    match HeaderValue::try_from(format!(
        "Bearer realm=\"nexus\", error=\"insufficient_scope\", scope=\"{scope}\""
    )) {
        Ok(challenge) => failure.header(header::WWW_AUTHENTICATE, challenge),
        Err(_) => failure,
    }
}

fn too_many(wait: Duration, who: &str) -> Failure {
    Error::new(Code::RateLimited, format!("{who} has made as many calls as it may for now"))
        .reason("rate_limit")
        .retry_after(wait)
        .into()
}

fn other_methods(methods: &[(&str, Scope)]) -> Response {
    let mut response = StatusCode::METHOD_NOT_ALLOWED.into_response();
    if let Ok(allow) = HeaderValue::try_from(access::allow(methods)) {
        response.headers_mut().insert(header::ALLOW, allow);
    }
    response
}

fn challenge() -> HeaderValue {
    HeaderValue::from_static("Bearer realm=\"nexus\"")
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subprotocols_carry_keys_only_on_an_upgrade() {
        let mut headers = HeaderMap::new();
        headers.insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static("nexus, bearer.secret"));
        assert_eq!(presented_key(&headers), None);
        headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        assert_eq!(presented_key(&headers), Some("secret"));
    }
}

//! Doing what a tool says: requests over HTTP, memory, scrapers, Python. Not here: rendering it (`nexus-engine`), who
//! may be reached (`nexus-egress`), how the others do it (behind their ports).

use crate::{
    Deps,
    call::{Brought, Caller},
    resolve::{self, Redaction},
};
use nexus_api::{
    CallCtx, Code, Error,
    memory::{self, RecallRequest, Scope, StoreRequest},
    scraper::{EndpointQuery, RunPython},
};
use nexus_egress::Request;
use nexus_engine::{Call, CallFailure, Outcome, ToolWork};
use nexus_model::{JobId, Money, document::MemoryScope, price::Usage};
use serde_json::{Map, Value, json};
use std::{collections::BTreeMap, time::Duration};

/// Does it, with the secrets it names, of which nothing comes back. An `Err` is a failure of a port.
pub(crate) async fn perform(
    ctx: &CallCtx,
    deps: &Deps,
    caller: &Caller,
    call: &Call,
    work: &ToolWork,
) -> Result<Brought, Error> {
    let workspace = caller.workspace.as_str();
    let Some((work, redaction)) = resolve::resolve(&deps.vault, workspace, work).await? else {
        return done(ctx, deps, caller, call, work, None).await;
    };
    let brought = done(ctx, deps, caller, call, &work, Some(&redaction)).await;
    let brought = brought.map_err(|error| redaction.error(error))?;
    let outcome = match brought.outcome {
        Ok(Outcome::Value(value)) => Ok(Outcome::Value(redaction.value(value))),
        Ok(answer @ Outcome::Answer(_)) => Ok(answer),
        Err(failure) => Err(redaction.failure(failure)),
    };
    Ok(Brought { outcome, ..brought })
}

/// `redaction`: of the secrets that are sent, if any are.
async fn done(
    ctx: &CallCtx,
    deps: &Deps,
    caller: &Caller,
    call: &Call,
    work: &ToolWork,
    redaction: Option<&Redaction>,
) -> Result<Brought, Error> {
    match work {
        ToolWork::Http { method, url, headers, body, fail_on_error_status } => {
            let outcome = match http_request(
                method,
                url,
                (headers, redaction.is_some()),
                body.as_ref(),
                call.timeout,
            ) {
                Ok(request) => http(deps, request, *fail_on_error_status, redaction).await,
                Err(reason) => Err(CallFailure::fatal("request_invalid", reason)),
            };
            Ok(Brought { outcome: outcome.map(Outcome::Value), ..free() })
        }
        ToolWork::MemoryStore { text, scope, metadata, slot } => {
            let id = memory::node_entry_id(caller.execution, &call.node, call.revision, slot);
            let request = StoreRequest {
                scope: whose(caller, *scope),
                text: text.clone(),
                metadata: metadata.clone(),
                id: Some(id),
                max_cost: limit(call),
            };
            let stored = deps.memory.store(ctx, request).await?;
            Ok(paid(json!({ "id": stored.id }), stored.usage, stored.cost))
        }
        ToolWork::MemoryRecall { query, top_k, scope } => {
            let request = RecallRequest {
                scope: whose(caller, *scope),
                query: query.clone(),
                top_k: *top_k,
                max_cost: limit(call),
            };
            let recalled = deps.memory.recall(ctx, request).await?;
            let entries: Vec<Value> = recalled
                .entries
                .into_iter()
                .map(|entry| {
                    json!({ "id": entry.id, "text": entry.text, "score": entry.score, "metadata": entry.metadata })
                })
                .collect();
            Ok(paid(json!({ "entries": entries }), recalled.usage, recalled.cost))
        }
        ToolWork::Scraper { job_id } => {
            let id: JobId = job_id.parse().map_err(|_| {
                Error::new(Code::Malformed, format!("`{job_id}` is not the id of a scraper"))
                    .suggest("use the id that the scraper's page shows")
            })?;
            let data = deps.scraper.run_endpoint(ctx, id, EndpointQuery::default()).await?;
            Ok(Brought { outcome: Ok(Outcome::Value(json!({ "data": data.data }))), ..free() })
        }
        ToolWork::Python { code, inputs } => {
            let request = RunPython { code: code.clone(), inputs: inputs.clone() };
            let output = deps.scraper.run_python(ctx, request).await?;
            Ok(Brought { outcome: Ok(Outcome::Value(output)), ..free() })
        }
    }
}

/// Costs nothing.
fn free() -> Brought {
    Brought { outcome: Ok(Outcome::Value(Value::Null)), usage: None, cost: Some(Money::ZERO), provider: None }
}

fn paid(value: Value, usage: Usage, cost: Money) -> Brought {
    Brought { outcome: Ok(Outcome::Value(value)), usage: Some(usage), cost: Some(cost), provider: None }
}

/// What was reserved is what may be spent; nothing is reserved where nobody counts.
fn limit(call: &Call) -> Option<Money> {
    (call.reserved > Money::ZERO).then_some(call.reserved)
}

fn whose(caller: &Caller, scope: MemoryScope) -> Scope {
    match scope {
        MemoryScope::Execution => Scope::Execution(caller.execution),
        MemoryScope::Workflow => Scope::Workflow(caller.workflow),
        MemoryScope::Global => Scope::Global,
    }
}

fn http_request(
    method: &str,
    url: &str,
    (headers, secret): (&BTreeMap<String, String>, bool),
    body: Option<&Value>,
    timeout: Duration,
) -> Result<Request, String> {
    let method = method.parse().map_err(|_| format!("`{method}` is no HTTP method"))?;
    let mut request = Request::new(method, url);
    for (name, value) in headers {
        let bad = |what: &str| format!("the header `{name}` has {what}");
        let name = http::HeaderName::try_from(name.as_str()).map_err(|_| bad("no proper name"))?;
        let mut value = http::HeaderValue::try_from(value.as_str()).map_err(|_| bad("no proper value"))?;
        value.set_sensitive(secret);
        request.headers.insert(name, value);
    }
    match body {
        None | Some(Value::Null) => {}
        Some(Value::String(text)) => request.body = text.clone().into(),
        Some(value) => {
            request.body = value.to_string().into();
            let json = http::HeaderValue::from_static("application/json");
            request.headers.entry(http::header::CONTENT_TYPE).or_insert(json);
        }
    }
    // a redirect may send the body on to somebody else
    request.follow_redirects = !secret || request.body.is_empty();
    let limits = nexus_egress::Limits::default();
    request.limits =
        Some(nexus_egress::Limits { total: timeout, first_byte: timeout, idle: timeout, ..limits });
    Ok(request)
}

async fn http(
    deps: &Deps,
    request: Request,
    fail_on_error_status: bool,
    redaction: Option<&Redaction>,
) -> Result<Value, CallFailure> {
    let answer = deps.http.send(request).await.map_err(|error| CallFailure {
        code: error.code().into(),
        message: error.to_string(),
        retryable: error.is_transient(),
        retry_after: None,
    })?;
    let status = answer.status.as_u16();
    let text = String::from_utf8_lossy(&answer.body);
    if status >= 400 && fail_on_error_status {
        // before it is cut: of a part of a secret nobody could tell what it is
        let clean = redaction.map(|redaction| redaction.text(text.to_string()));
        let shown: String = clean.as_deref().unwrap_or(&text).chars().take(300).collect();
        let host = answer.final_url.host_str().unwrap_or_default();
        return Err(CallFailure {
            code: "http_status".into(),
            message: format!("{host} answered {status}: {shown}"),
            retryable: matches!(status, 408 | 429) || status >= 500,
            retry_after: retry_after(&answer.headers),
        });
    }
    let mut headers = Map::new();
    for name in answer.headers.keys() {
        let values =
            answer.headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes()));
        headers.insert(name.to_string(), values.collect::<Vec<_>>().join(", ").into());
    }
    let is_json =
        answer.headers.get(http::header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).is_some_and(
            |kind| {
                let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
                kind == "application/json" || kind.ends_with("+json")
            },
        );
    let parsed = is_json.then(|| serde_json::from_slice(&answer.body).ok()).flatten();
    let body = parsed.unwrap_or_else(|| Value::from(text.replace('\0', "\u{fffd}")));
    Ok(json!({ "status": status, "headers": headers, "body": body }))
}

/// Seconds or a date.
fn retry_after(headers: &http::HeaderMap) -> Option<Duration> {
    let value = headers.get(http::header::RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = value.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(value).ok()?;
    Some(date.duration_since(std::time::SystemTime::now()).unwrap_or_default())
}

//! Reports to webhooks: what they say, how they are signed, and calling until somebody has them. Not here: when there is
//! something to report (`schedule`).

use super::{
    Endpoints,
    changes::Changes,
    refresh::{Fresh, to_json},
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use nexus_api::{Error, endpoint::DeliveryStatus};
use nexus_egress::{Limits, Request};
use nexus_miner::Record;
use nexus_model::{DeliveryId, JobId, Timestamp};
use nexus_store::endpoints::{Attempt, DueDelivery, NewDelivery};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::time::Duration;

/// How often is looked for reports.
const LOOK: Duration = Duration::from_secs(1);
/// For how long one is taken: longer than a call may last.
const LEASE: Duration = Duration::from_secs(60);
/// Most reports at a time.
const PARALLEL: u32 = 4;
/// Pauses after a call that failed; after the last one it is given up.
const PAUSES: [Duration; 5] = [
    Duration::from_secs(10),
    Duration::from_secs(60),
    Duration::from_secs(300),
    Duration::from_secs(1_800),
    Duration::from_secs(7_200),
];
/// Most records of each sort in a report.
const MOST_RECORDS: usize = 50;
/// Above this a report only counts, bytes.
const LARGEST: usize = 256 << 10;

/// What there is to report.
pub(super) enum Event<'a> {
    /// Records differ from those before.
    Changed { fresh: &'a Fresh, changes: Changes },
    /// The scraper worked before and now fails.
    Failing { error: &'a Error },
    /// It failed before and now works, with the same records.
    Recovered { fresh: &'a Fresh },
}

impl Event<'_> {
    fn name(&self) -> &'static str {
        match self {
            Event::Changed { .. } => "scraper.changed",
            Event::Failing { .. } => "scraper.failing",
            Event::Recovered { .. } => "scraper.recovered",
        }
    }
}

/// The report of an event.
pub(super) fn report(
    job: JobId,
    source_url: &str,
    url: &str,
    secret: Option<String>,
    event: &Event<'_>,
    at: Timestamp,
) -> NewDelivery {
    let id = DeliveryId::generate();
    let mut body = json!({
        "id": id,
        "event": event.name(),
        "timestamp": at,
        "job_id": job,
        "source_url": source_url,
        "api_endpoint": format!("/api/v1/generated/{job}"),
    });
    match event {
        Event::Changed { fresh, changes } => {
            about(&mut body, fresh);
            body["counts"] = json!(changes.counts());
            body["key"] = json!(changes.key);
            let few = |records: &[Record]| json!(records.iter().take(MOST_RECORDS).collect::<Vec<_>>());
            body["added"] = few(&changes.added);
            body["removed"] = few(&changes.removed);
            let pair = |(before, after): &(Record, Record)| json!({"before": before, "after": after});
            body["changed"] = changes.changed.iter().take(MOST_RECORDS).map(pair).collect();
            let most = changes.added.len().max(changes.removed.len()).max(changes.changed.len());
            body["truncated"] = (most > MOST_RECORDS).into();
            if body.to_string().len() > LARGEST {
                for list in ["added", "removed", "changed"] {
                    body[list] = json!([]);
                }
                body["truncated"] = true.into();
            }
        }
        Event::Failing { error } => body["error"] = to_json(error),
        Event::Recovered { fresh } => about(&mut body, fresh),
    }
    NewDelivery { id, event: event.name().to_owned(), url: url.to_owned(), secret, body: body.to_string() }
}

fn about(body: &mut Value, fresh: &Fresh) {
    body["code_version"] = fresh.result.code_version.into();
    body["total"] = fresh.result.data.len().into();
    body["warnings"] = json!(fresh.drift);
}

/// HMAC-SHA-256 (RFC 2104) in lower-case hexadecimal.
fn hmac(secret: &[u8], parts: &[&[u8]]) -> String {
    const BLOCK: usize = 64;
    let mut key = [0_u8; BLOCK];
    if secret.len() > BLOCK {
        key[..32].copy_from_slice(&Sha256::digest(secret));
    } else {
        key[..secret.len()].copy_from_slice(secret);
    }
    let begun = |pad: u8| Sha256::new_with_prefix(key.map(|byte| byte ^ pad));
    let inner = parts.iter().fold(begun(0x36), |inner, part| inner.chain_update(part)).finalize();
    let digest = begun(0x5c).chain_update(inner).finalize();
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The headers of a report. The signature covers the time, so that an old report cannot be sent again as a new one.
fn headers(delivery: &NewDelivery, at: Timestamp) -> HeaderMap {
    let seconds = (at.micros() / 1_000_000).to_string();
    let signature = delivery.secret.as_ref().map(|secret| {
        let parts = [seconds.as_bytes(), b".", delivery.body.as_bytes()];
        format!("sha256={}", hmac(secret.as_bytes(), &parts))
    });
    let all = [
        ("x-nexus-event", Some(delivery.event.clone())),
        ("x-nexus-delivery", Some(delivery.id.to_string())),
        ("x-nexus-timestamp", Some(seconds)),
        ("x-nexus-signature", signature),
    ];
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    for (name, value) in all {
        if let Some(value) = value.and_then(|value| HeaderValue::try_from(value).ok()) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
    headers
}

/// Calls webhooks until it is told to stop, and waits for the calls under way.
pub(super) async fn deliver_when_due(endpoints: Endpoints) {
    loop {
        tokio::select! {
            () = endpoints.stop.cancelled() => break,
            () = tokio::time::sleep(LOOK) => {}
        }
        let now = Timestamp::now();
        match endpoints.store.claim_deliveries(now, now.plus(LEASE), PARALLEL).await {
            Ok(due) => {
                futures::future::join_all(due.into_iter().map(|due| deliver(&endpoints, due))).await;
            }
            Err(error) => tracing::warn!(why = %error, "reports to webhooks cannot be read"),
        }
    }
}

async fn deliver(endpoints: &Endpoints, due: DueDelivery) {
    let at = Timestamp::now();
    let request = Request {
        headers: headers(&due.delivery, at),
        body: due.delivery.body.clone().into(),
        limits: Some(Limits {
            total: Duration::from_secs(15),
            first_byte: Duration::from_secs(10),
            wire_bytes: 64 << 10,
            body_bytes: 64 << 10,
            ..Limits::default()
        }),
        // A signed report is for the address that was given, and for no other.
        follow_redirects: false,
        ..Request::new(Method::POST, due.delivery.url.clone())
    };
    let (http_status, error, refused) = match endpoints.http.send(request).await {
        Ok(answer) if answer.status.is_success() => (Some(answer.status.as_u16()), None, false),
        Ok(answer) => {
            let status = answer.status.as_u16();
            (Some(status), Some(format!("the receiver answered {status}")), status == 410)
        }
        // What may not be reached will not be allowed later either.
        Err(error) => (None, Some(error.to_string()), is_final(&error)),
    };
    let pause = PAUSES.get(due.attempts as usize).filter(|_| !refused);
    let status = match (&error, pause) {
        (None, _) => DeliveryStatus::Delivered,
        (Some(_), Some(_)) => DeliveryStatus::Pending,
        (Some(_), None) => DeliveryStatus::Failed,
    };
    let ended = Timestamp::now();
    let next_at = ended.plus(pause.copied().unwrap_or_default());
    let attempt = Attempt { at: ended, status, next_at, http_status, error };
    if let Err(error) = endpoints.store.end_attempt(due.delivery.id, attempt).await {
        tracing::warn!(why = %error, "what became of a report to a webhook was not written down");
    }
}

fn is_final(error: &nexus_egress::Error) -> bool {
    use nexus_egress::Error as E;
    matches!(
        error,
        E::UrlInvalid { .. }
            | E::SchemeRefused { .. }
            | E::UserinfoRefused
            | E::RequestInvalid { .. }
            | E::AddressRefused { .. }
            | E::PortRefused { .. }
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_are_those_of_rfc_4231() {
        assert_eq!(
            hmac(b"Jefe", &[b"what do ya want ", b"for nothing?"]),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
        let long = [0xaa_u8; 131];
        assert_eq!(
            hmac(&long, &[b"Test Using Larger Than Block-Size Key - Hash Key First"]),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
        );
    }

    #[test]
    fn a_report_of_very_many_changes_only_counts_them() {
        let record = |n: usize| json!({"title": n.to_string(), "text": "x".repeat(20_000)});
        let record = |n: usize| record(n).as_object().cloned().unwrap();
        let fresh = Fresh {
            result: nexus_store::endpoints::EndpointResult {
                code_version: 1,
                fetched_at: Timestamp::now(),
                duration: Duration::ZERO,
                data: (0..100).map(record).collect(),
                metadata: serde_json::Map::new(),
            },
            drift: Vec::new(),
            note: None,
        };
        let changes = super::super::changes::between(&[], &fresh.result.data);
        let event = Event::Changed { fresh: &fresh, changes };
        let told =
            report(JobId::generate(), "http://a/", "http://b/", Some("s".into()), &event, Timestamp::now());
        assert!(told.body.len() < 1_000);
        let body: Value = serde_json::from_str(&told.body).unwrap();
        assert_eq!(
            (&body["counts"]["added"], &body["added"], &body["truncated"]),
            (&json!(100), &json!([]), &json!(true))
        );
        let headers = headers(&told, Timestamp::from_micros(1_800_000_000_000_000));
        assert_eq!(headers["x-nexus-timestamp"], "1800000000");
        assert!(headers["x-nexus-signature"].to_str().unwrap().starts_with("sha256="));
    }
}

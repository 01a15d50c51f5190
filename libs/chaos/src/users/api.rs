//! Requests that do not give up: each try goes to any gateway, and only an answer that means something ends them.
//! Not here: what is asked (`users`), WebSockets (`watcher`).

use crate::dice::Dice;
use serde_json::Value;
use std::{
    collections::BTreeMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// How long one try may take.
const TRY: Duration = Duration::from_secs(8);

/// How often requests were answered with each status; 0: not at all.
pub type Statuses = BTreeMap<u16, u64>;

/// A client of all gateways.
pub struct Api {
    gateways: Vec<String>,
    http: reqwest::Client,
    seed: u64,
    tries: AtomicU64,
    statuses: Mutex<Statuses>,
    /// The first answers of status 500.
    pub broken: Mutex<Vec<String>>,
}

/// An answer.
#[derive(Debug)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// Its body.
    pub body: Value,
    /// Tries before it whose outcome nobody knows.
    pub lost: u32,
}

impl Api {
    pub(super) fn new(seed: u64, gateways: Vec<String>) -> Result<Self, reqwest::Error> {
        // A second installation changes nothing.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder().no_proxy().timeout(TRY).build()?;
        let (statuses, broken) = (Mutex::default(), Mutex::default());
        Ok(Self { gateways, http, seed, tries: AtomicU64::new(0), statuses, broken })
    }

    /// Any gateway's address.
    pub(super) fn any_gateway(&self) -> &str {
        let mut dice = Dice::new(self.seed, &[&"gateway", &self.tries.fetch_add(1, Ordering::Relaxed)]);
        dice.pick(&self.gateways).map(String::as_str).unwrap_or_default()
    }

    /// Posts until there is an answer that is neither "unavailable" nor broken.
    pub(super) async fn insist(&self, path: &str, key: Option<&str>, body: &Value) -> Answer {
        let mut lost = 0;
        let mut pause = Duration::from_millis(50);
        loop {
            let mut request = self.http.post(format!("{}{path}", self.any_gateway()));
            if let Some(key) = key {
                request = request.header("idempotency-key", key);
            }
            if !body.is_null() {
                request = request.json(body);
            }
            let status = match request.send().await {
                Err(error) => {
                    // A connection that was never made carried no request.
                    lost += u32::from(!error.is_connect());
                    0
                }
                Ok(answer) => {
                    let status = answer.status().as_u16();
                    match answer.bytes().await {
                        Err(_) => {
                            lost += 1;
                            0
                        }
                        Ok(bytes) => {
                            let body: Value = serde_json::from_slice(&bytes).unwrap_or_default();
                            if status == 500 {
                                let mut broken = self.broken.lock().unwrap_or_else(PoisonError::into_inner);
                                broken.push(format!("POST {path}: 500 {body}"));
                            }
                            if !matches!(status, 429 | 500..) {
                                self.count(status);
                                return Answer { status, body, lost };
                            }
                            // Who answers so may have done part of it.
                            lost += u32::from(status != 429);
                            status
                        }
                    }
                }
            };
            self.count(status);
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(1));
        }
    }

    fn count(&self, status: u16) {
        *self.statuses.lock().unwrap_or_else(PoisonError::into_inner).entry(status).or_default() += 1;
    }

    pub(super) fn statuses(&self) -> Statuses {
        self.statuses.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

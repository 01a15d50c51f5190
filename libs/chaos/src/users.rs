//! People and programs that use the system while it is being harmed: they start executions, watch them over
//! WebSockets that break, cancel, resume, and write down what they were told. Not here: whether that was right
//! (`judge`).

mod api;
mod watcher;

use crate::{
    dice::Dice,
    jobs::{Job, Places, scaled},
};
use futures::{StreamExt, future::join_all, stream::FuturesUnordered};
use nexus_model::Money;
use serde_json::{Value, json};
use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};
use tokio::sync::watch;

pub use api::{Api, Statuses};
#[cfg(test)]
pub use watcher::Seen;
pub use watcher::Watcher;

/// What a user knows of an execution.
#[derive(Debug, Clone)]
pub struct Account {
    /// What it was to be.
    pub job: Job,
    /// The key it was started under.
    pub key: String,
    /// Its id, once it was accepted.
    pub execution: Option<String>,
    /// Whether its user saw the end of it, and wants nothing more.
    pub over: bool,
    /// The status of its end.
    pub status: String,
    /// When it was asked to be cancelled and when that was answered with 202.
    pub cancels: Vec<(SystemTime, SystemTime)>,
    /// When it was asked to go on.
    pub resume_asked: Vec<SystemTime>,
    /// Resumes that were answered with 202.
    pub resumed: u32,
    /// Resumes whose answer never came.
    pub maybe_resumed: u32,
    /// The highest limit it was given; none: no limit.
    pub limit: Option<Money>,
    /// What its clients saw.
    pub watchers: Vec<Watcher>,
    /// What was not as it must be.
    pub complaints: Vec<String>,
}

/// The crowd.
pub struct Users {
    api: Arc<Api>,
    seed: u64,
    places: Places,
    next: AtomicU64,
    accounts: Mutex<Vec<Account>>,
}

impl Users {
    /// A crowd that knows these gateways.
    pub fn new(seed: u64, places: Places, gateways: Vec<String>) -> Result<Self, reqwest::Error> {
        let api = Arc::new(Api::new(seed, gateways)?);
        Ok(Self { api, seed, places, next: AtomicU64::new(0), accounts: Mutex::default() })
    }

    /// So many at once, each beginning its next execution when the one before has ended, until `ends`; then waits
    /// for those under way, at most for `patience`. `count`: no more than so many altogether.
    pub async fn crowd(&self, at_once: usize, count: Option<u64>, length: Duration, patience: Duration) {
        let ends = Instant::now() + length;
        let (give_up, given_up) = watch::channel(false);
        let most = count.map_or(u64::MAX, |count| self.next.load(Ordering::SeqCst) + count);
        let one = || {
            let given_up = given_up.clone();
            async move {
                while Instant::now() < ends {
                    let number = self.next.fetch_add(1, Ordering::SeqCst);
                    if number >= most {
                        break;
                    }
                    let account = self.one(number, given_up.clone()).await;
                    self.accounts.lock().unwrap_or_else(PoisonError::into_inner).push(account);
                }
            }
        };
        let all: FuturesUnordered<_> = (0..at_once).map(|_| one()).collect();
        let all = all.collect::<Vec<()>>();
        tokio::pin!(all);
        let patient = tokio::time::sleep(length + patience);
        tokio::select! {
            _ = &mut all => return,
            () = patient => {}
        }
        let _ = give_up.send(true);
        all.await;
    }

    /// Everybody's account so far.
    pub fn take_accounts(&self) -> Vec<Account> {
        std::mem::take(&mut *self.accounts.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// What requests were answered with.
    pub fn statuses(&self) -> Statuses {
        self.api.statuses()
    }

    /// Answers that show a mistake of the server's.
    pub fn broken_answers(&self) -> Vec<String> {
        self.api.broken.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn one(&self, number: u64, mut given_up: watch::Receiver<bool>) -> Account {
        let job = Job::new(self.seed, number, &self.places);
        let mut account = Account {
            key: format!("chaos-{}-{number}", self.seed),
            execution: None,
            over: false,
            status: String::new(),
            cancels: Vec::new(),
            resume_asked: Vec::new(),
            resumed: 0,
            maybe_resumed: 0,
            limit: job.limit,
            watchers: vec![Watcher::default(); usize::try_from(job.watchers).unwrap_or(1)],
            complaints: Vec::new(),
            job,
        };
        tokio::select! {
            () = self.live(&mut account) => {}
            _ = given_up.wait_for(|given_up| *given_up) => {}
        }
        account
    }

    async fn live(&self, account: &mut Account) {
        let mut dice = Dice::new(self.seed, &[&"user", &account.job.number]);
        let Some(id) = self.begin(account).await else {
            account.over = true;
            return;
        };
        account.execution = Some(id.clone());
        let mut resumes = account.job.resumes;
        let mut cancel_after = account.job.cancel_after;
        loop {
            let watching: Vec<_> = std::mem::take(&mut account.watchers)
                .into_iter()
                .enumerate()
                .map(|(nth, mut watcher)| {
                    let (api, id) = (Arc::clone(&self.api), id.clone());
                    let mut dice = Dice::new(
                        self.seed,
                        &[&"watcher", &account.job.number, &(nth as u64), &u64::from(resumes)],
                    );
                    async move {
                        watcher.watch(&api, &id, &mut dice).await;
                        watcher
                    }
                })
                .collect();
            let cancelling = self.cancel(&id, cancel_after.take());
            let (watchers, cancelled) = tokio::join!(join_all(watching), cancelling);
            account.watchers = watchers;
            account.cancels.extend(cancelled);
            let last = account.watchers.first().and_then(|watcher| watcher.end.clone()).unwrap_or_default();
            account.status = last["status"].as_str().unwrap_or_default().to_owned();
            let from_anew = account.status == "succeeded";
            if resumes == 0 || (from_anew && !dice.percent(15)) {
                break;
            }
            resumes -= 1;
            if !self.resume(account, &id, &mut dice, from_anew).await {
                break;
            }
        }
        account.over = true;
    }

    /// Saves the document and starts it; tries until that is accepted.
    async fn begin(&self, account: &mut Account) -> Option<String> {
        let saved = self.api.insist("/api/v1/workflows", None, &account.job.document).await;
        let Some(workflow) = saved.body["id"].as_str().filter(|_| saved.status == 201).map(str::to_owned)
        else {
            account.complaints.push(format!("the document was refused: {} {}", saved.status, saved.body));
            return None;
        };
        let mut body = json!({"inputs": account.job.inputs});
        if let Some(budget) = &account.job.budget {
            body["budget"] = budget.clone();
        }
        let path = format!("/api/v1/workflows/{workflow}/execute");
        let accepted = self.api.insist(&path, Some(&account.key), &body).await;
        let id = accepted.body["execution_id"].as_str().filter(|_| accepted.status == 202);
        if id.is_none() {
            let complaint = format!("the execution was refused: {} {}", accepted.status, accepted.body);
            account.complaints.push(complaint);
        }
        id.map(str::to_owned)
    }

    async fn cancel(&self, id: &str, after: Option<Duration>) -> Option<(SystemTime, SystemTime)> {
        tokio::time::sleep(after?).await;
        let asked = SystemTime::now();
        let answer = self.api.insist(&format!("/api/v1/executions/{id}/cancel"), None, &Value::Null).await;
        (answer.status == 202).then(|| (asked, SystemTime::now()))
    }

    /// Asks for it to go on; whether it does.
    async fn resume(&self, account: &mut Account, id: &str, dice: &mut Dice, from_anew: bool) -> bool {
        let mut body = json!({});
        if let Some(limit) = account.limit.filter(|_| account.status == "budget_exceeded" || from_anew) {
            let limit = scaled(limit, dice.fraction(1.5, 3.0));
            body["budget"] = json!({"limit_usd": limit});
            account.limit = Some(limit);
        }
        if from_anew || dice.percent(25) {
            let nodes = account.job.document["graph"]["nodes"].as_array().cloned().unwrap_or_default();
            let steps: Vec<_> =
                nodes.iter().filter(|node| node["id"] != "note" && node["id"] != "look").collect();
            body["from_node"] = dice.pick(&steps).map(|node| node["id"].clone()).unwrap_or_default();
        }
        account.resume_asked.push(SystemTime::now());
        let answer = self.api.insist(&format!("/api/v1/executions/{id}/resume"), None, &body).await;
        match answer.status {
            202 => {
                account.resumed += 1;
                account.maybe_resumed += answer.lost;
                true
            }
            // An earlier try whose answer was lost may have been the one that counted.
            409 if answer.lost > 0 => {
                account.maybe_resumed += answer.lost;
                true
            }
            402 => false,
            status => {
                account.complaints.push(format!("resume {body} was refused: {status} {}", answer.body));
                false
            }
        }
    }
}

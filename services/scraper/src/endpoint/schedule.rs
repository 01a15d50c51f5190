//! Running scrapers by themselves: reading and showing schedules, taking those whose time has come, telling what has
//! changed. A schedule belongs to one process at a time, by a lease in the store. Not here: the run (`refresh`), what
//! a change is (`changes`), calling webhooks (`webhook`).

use super::{
    Endpoints, changes,
    refresh::{Fresh, to_json},
    webhook::{self, Event},
};
use nexus_api::{
    Code, Error, Result,
    endpoint::{Delivery, PutSchedule, Schedule, Trigger},
};
use nexus_model::{JobId, Timestamp};
use nexus_store::endpoints::{EndpointResult, KeptSchedule, LastRun, NewSchedule, ScheduleEnd, Which};
use std::{sync::Arc, time::Duration};
use tokio::sync::Semaphore;

/// Shortest time between two runs.
const SHORTEST: Duration = Duration::from_secs(60);
/// Longest time between two runs: a year.
const LONGEST: Duration = Duration::from_secs(366 * 86_400);
/// Longest secret that reports are signed with, characters.
const LONGEST_SECRET: usize = 256;
/// How often schedules are looked at.
const LOOK: Duration = Duration::from_secs(1);
/// For how long one is taken; it is renewed at a third of that.
const LEASE: Duration = Duration::from_secs(60);
/// Most scheduled runs at a time in this process.
const PARALLEL: usize = 4;

/// What to answer where there is no schedule.
pub(super) fn none(id: JobId) -> Error {
    Error::not_found(format!("a schedule of scraper job {id}"))
        .suggest("set one with PUT /api/v1/scraping/jobs/{id}/schedule and {\"every\": \"1h\"}")
}

/// A time such as `15m`; a bare number counts seconds.
fn duration(text: &str) -> Option<Duration> {
    let text = text.trim();
    let digits = text.len() - text.trim_start_matches(|letter: char| letter.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let seconds = match unit.trim() {
        "" | "s" => 1,
        "m" | "min" => 60,
        "h" => 3_600,
        "d" => 86_400,
        "w" => 604_800,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(seconds).map(Duration::from_secs)
}

/// A time as people write it.
fn text(every: Duration) -> String {
    let seconds = every.as_secs();
    let units = [(604_800, "w"), (86_400, "d"), (3_600, "h"), (60, "m")];
    match units.into_iter().find(|(unit, _)| seconds >= *unit && seconds.is_multiple_of(*unit)) {
        Some((unit, name)) => format!("{}{name}", seconds / unit),
        None => format!("{seconds}s"),
    }
}

/// Reads what was asked for; the first run begins at once.
pub(super) fn read(wanted: PutSchedule) -> Result<NewSchedule> {
    let invalid =
        |path: &str, message: String| Error::new(Code::Invalid, message.clone()).detail(path, message);
    let every = duration(&wanted.every).ok_or_else(|| {
        invalid("/every", format!("`{}` is no time; write it as 90s, 15m, 1h or 1d", wanted.every))
    })?;
    if every < SHORTEST || every > LONGEST {
        return Err(invalid(
            "/every",
            "a scraper runs at most once a minute and at least once a year".into(),
        ));
    }
    let webhook_url = wanted.webhook_url.filter(|url| !url.trim().is_empty());
    let webhook_url = match webhook_url.map(|url| nexus_egress::Target::parse(url.trim())).transpose() {
        Ok(target) => target.map(|target| target.url.to_string()),
        Err(error) => return Err(invalid("/webhook_url", error.to_string())),
    };
    let webhook_secret = wanted.webhook_secret.filter(|secret| !secret.is_empty());
    if webhook_secret.as_ref().is_some_and(|secret| secret.chars().count() > LONGEST_SECRET) {
        return Err(invalid("/webhook_secret", format!("a secret has at most {LONGEST_SECRET} characters")));
    }
    if webhook_secret.is_some() && webhook_url.is_none() {
        return Err(invalid(
            "/webhook_url",
            "a secret signs what is sent to a webhook: give its address".into(),
        ));
    }
    Ok(NewSchedule { every, next_at: Timestamp::now(), webhook_url, webhook_secret })
}

/// A schedule for outsiders: without its secret.
pub(super) fn show(kept: KeptSchedule, deliveries: Vec<Delivery>) -> Schedule {
    let KeptSchedule { job_id, schedule, last_at, last_change_at, last, .. } = kept;
    Schedule {
        job_id,
        every: text(schedule.every),
        every_seconds: schedule.every.as_secs(),
        webhook_signed: schedule.webhook_secret.is_some(),
        webhook_url: schedule.webhook_url,
        next_run_at: schedule.next_at,
        last_run_at: last_at,
        last_ok: last.as_ref().map(|last| last.ok),
        last_changes: last.as_ref().and_then(|last| last.changes),
        last_error: last.and_then(|last| last.error),
        last_change_at,
        deliveries,
    }
}

/// Takes what is due until it is told to stop, and waits for what it has begun.
pub(super) async fn run_when_due(endpoints: Endpoints) {
    let running = Arc::new(Semaphore::new(PARALLEL));
    loop {
        tokio::select! {
            () = endpoints.stop.cancelled() => break,
            () = tokio::time::sleep(LOOK) => {}
        }
        let free = u32::try_from(running.available_permits()).unwrap_or(0);
        if free == 0 {
            continue;
        }
        let now = Timestamp::now();
        let due = match endpoints.store.claim_schedules(now, now.plus(LEASE), free).await {
            Ok(due) => due,
            Err(error) => {
                tracing::warn!(why = %error, "schedules of scrapers cannot be read");
                continue;
            }
        };
        for claimed in due {
            // There are as many as were asked for at most.
            let Ok(permit) = Arc::clone(&running).acquire_owned().await else { return };
            let own = endpoints.clone();
            endpoints.tasks.spawn(async move {
                let job = claimed.job_id;
                if let Err(error) = scheduled(&own, claimed).await {
                    tracing::warn!(%job, why = %error, "a scheduled run of a scraper was not written down");
                }
                drop(permit);
            });
        }
    }
}

/// One scheduled run with its consequences.
async fn scheduled(endpoints: &Endpoints, claimed: KeptSchedule) -> Result<()> {
    let job = claimed.job_id;
    let before = match endpoints.store.endpoint_result(job, Which::Reported).await? {
        Some(reported) => Some(reported),
        None => endpoints.store.endpoint_result(job, Which::Latest).await?,
    };
    let outcome = tokio::select! {
        outcome = endpoints.run(job, Trigger::Schedule) => outcome,
        // Somebody else has it now, and will say how it ended.
        () = lost(endpoints, &claimed) => return Ok(()),
    };
    match outcome {
        // The job was deleted while its schedule was being written.
        Err(error) if error.code == Code::NotFound => return endpoints.forget(job).await,
        // We are going down; whoever comes next takes it up.
        Err(_) if endpoints.stop.is_cancelled() => return Ok(()),
        _ => {}
    }
    let end = end(endpoints, &claimed, before.as_ref(), outcome).await;
    if !endpoints.store.end_scheduled(job, claimed.fence, end).await? {
        tracing::info!(%job, "a scheduled run ended after its schedule was changed");
    }
    Ok(())
}

/// Keeps the schedule while it runs; ends when it is lost.
async fn lost(endpoints: &Endpoints, claimed: &KeptSchedule) {
    loop {
        tokio::time::sleep(LEASE / 3).await;
        let until = Timestamp::now().plus(LEASE);
        match endpoints.store.renew_schedule(claimed.job_id, claimed.fence, until).await {
            Ok(true) => {}
            Ok(false) => return,
            Err(error) => tracing::warn!(why = %error, "a scheduled run could not be held"),
        }
    }
}

/// The first moment after `now` that is whole steps after the one that was due: runs keep their times of the day, and
/// those that nobody could run are not made up for.
fn next(due: Timestamp, every: Duration, now: Timestamp) -> Timestamp {
    let (late, step) = (now.since(due).as_micros(), every.as_micros().max(1));
    let steps = u32::try_from(late / step + 1).unwrap_or(u32::MAX);
    due.plus(every.saturating_mul(steps))
}

async fn end(
    endpoints: &Endpoints,
    claimed: &KeptSchedule,
    before: Option<&EndpointResult>,
    outcome: Result<Arc<Fresh>>,
) -> ScheduleEnd {
    let at = Timestamp::now();
    let failed_before = claimed.last.as_ref().is_some_and(|last| !last.ok);
    let next_at = next(claimed.schedule.next_at, claimed.schedule.every, at);
    let (event, last, changed, result) = match &outcome {
        Ok(fresh) => {
            let changes = before.map(|before| changes::between(&before.data, &fresh.result.data));
            let changed = changes.as_ref().is_some_and(|changes| !changes.is_empty());
            let counts = changes.as_ref().map(changes::Changes::counts);
            let event = match changes.filter(|_| changed) {
                Some(changes) => Some(Event::Changed { fresh, changes }),
                None => failed_before.then_some(Event::Recovered { fresh }),
            };
            let last = LastRun { ok: true, error: None, changes: counts };
            (event, last, changed, Some(fresh.result.clone()))
        }
        Err(error) => {
            let event = (!failed_before).then_some(Event::Failing { error });
            let last = LastRun { ok: false, error: Some(to_json(error)), changes: None };
            (event, last, false, None)
        }
    };
    let report = match (&claimed.schedule.webhook_url, event) {
        (Some(url), Some(event)) => {
            let source = endpoints.scrapers.find(claimed.job_id).await.map(|scraper| scraper.url);
            let secret = claimed.schedule.webhook_secret.clone();
            Some(webhook::report(claimed.job_id, &source.unwrap_or_default(), url, secret, &event, at))
        }
        _ => None,
    };
    ScheduleEnd { at, next_at, last, result, changed, report }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(every: &str, url: Option<&str>, secret: Option<&str>) -> Result<NewSchedule> {
        read(PutSchedule {
            every: every.to_owned(),
            webhook_url: url.map(str::to_owned),
            webhook_secret: secret.map(str::to_owned),
        })
    }

    #[test]
    fn times_are_written_as_people_do() {
        for (text_given, seconds, shown) in [
            ("90s", 90, "90s"),
            ("60", 60, "1m"),
            ("15m", 900, "15m"),
            (" 1h ", 3_600, "1h"),
            ("90 min", 5_400, "90m"),
            ("7d", 604_800, "1w"),
        ] {
            let read = wanted(text_given, None, None).unwrap();
            assert_eq!((read.every.as_secs(), text(read.every).as_str()), (seconds, shown), "{text_given}");
        }
        for bad in
            ["", "m", "-5m", "1.5h", "59s", "0", "400d", "soon", "1 fortnight", "99999999999999999999s"]
        {
            let error = wanted(bad, None, None).unwrap_err();
            assert_eq!((error.code, error.details[0].path.as_str()), (Code::Invalid, "/every"), "{bad}");
        }
    }

    #[test]
    fn webhooks_are_addresses_of_the_web() {
        assert_eq!(wanted("1h", Some(" "), None).unwrap().webhook_url, None);
        assert_eq!(
            wanted("1h", Some("https://Example.com/x"), Some("s")).unwrap().webhook_url.as_deref(),
            Some("https://example.com/x")
        );
        for bad in ["example.com", "ftp://example.com", "file:///etc/passwd", "http://a:b@example.com"] {
            assert_eq!(wanted("1h", Some(bad), None).unwrap_err().details[0].path, "/webhook_url", "{bad}");
        }
        assert!(wanted("1h", None, Some("secret")).is_err());
        assert!(wanted("1h", Some("https://example.com"), Some(&"x".repeat(257))).is_err());
    }

    #[test]
    fn runs_that_nobody_could_run_are_not_made_up_for() {
        let at = |minutes: i64| Timestamp::from_micros(minutes * 60_000_000);
        let quarter = Duration::from_secs(900);
        assert_eq!(next(at(0), quarter, at(1)), at(15));
        assert_eq!(next(at(0), quarter, at(15)), at(30));
        assert_eq!(next(at(0), quarter, at(1_441)), at(1_455));
        assert_eq!(next(at(30), quarter, at(0)), at(45));
    }
}

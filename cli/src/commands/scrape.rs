//! `scrape`: from an address and a sentence to an endpoint, with what happens on the way. Not here: how scrapers are made
//! (`nexus-scraper`).

use crate::{
    args::ScrapeArgs,
    backend::Backend,
    exit::{Exit, Failure, Result},
    follow::{Heard, Signals, retry},
    out,
};
use futures::StreamExt;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use nexus_api::{
    CallCtx, Scraper,
    scraper::{CreateJob, Job, JobStatus},
};
use nexus_model::JobId;
use serde_json::{Value, json};
use std::{
    io::{self, IsTerminal},
    time::Duration,
};

/// Pause before a stream that broke is opened again.
const PAUSE: Duration = Duration::from_millis(250);

/// `nexus scrape`.
pub(crate) async fn scrape(backend: &Backend, arguments: &ScrapeArgs) -> Result {
    let scraper = &*backend.scraper;
    let request = CreateJob {
        url: arguments.url.clone(),
        description: arguments.description.clone(),
        user_id: None,
        ignore_robots: arguments.ignore_robots,
    };
    let job = scraper.create_job(&CallCtx::background(), request).await?;
    if let Some(server) = &backend.server {
        out::note(&format!("on the server at {server}"));
    }
    let mut view = View::new(arguments.json, &job);
    let Some(job) = follow(scraper, job.id, &mut view).await? else { return Ok(Exit::Success) };
    conclude(backend, &job, arguments.json)
}

/// Follows the job to its end; `None` if we were told to end before that. Ctrl-C gives the job up.
async fn follow(scraper: &dyn Scraper, id: JobId, view: &mut View) -> Result<Option<Job>> {
    let ctx = CallCtx::background();
    let mut signals = Signals::listen().map_err(anyhow::Error::new)?;
    loop {
        let ended = tokio::select! {
            ended = watch(scraper, &ctx, id, view) => ended?,
            heard = signals.next() => match heard {
                Heard::Interrupt => {
                    view.end();
                    let ctx = CallCtx::background().with_timeout(Duration::from_secs(10));
                    scraper.delete_job(&ctx, id).await?;
                    return Err(Failure::new(Exit::Cancelled, "given up; the scraper is deleted"));
                }
                Heard::Terminate => {
                    view.end();
                    out::note(&format!("scraper {id} is left as it is; the server, or the next `nexus up`, goes on with it"));
                    return Ok(None);
                }
            }
        };
        if let Some(job) = ended {
            view.end();
            return Ok(Some(job));
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Watches until the job ends, or (`None`) the stream does.
async fn watch(scraper: &dyn Scraper, ctx: &CallCtx, id: JobId, view: &mut View) -> Result<Option<Job>> {
    let mut changes = retry(|| scraper.watch_job(ctx, id)).await?;
    while let Some(change) = changes.next().await {
        match change {
            Ok(job) => {
                view.state(&job);
                if has_ended(&job) {
                    return Ok(Some(job));
                }
            }
            Err(error) if error.retryable => return Ok(None),
            Err(error) => return Err(error.into()),
        }
    }
    let job = retry(|| scraper.get_job(ctx, id)).await?;
    Ok(has_ended(&job).then_some(job))
}

fn has_ended(job: &Job) -> bool {
    matches!(job.status, JobStatus::Ready | JobStatus::Failed)
}

/// Says what came of it.
fn conclude(backend: &Backend, job: &Job, json: bool) -> Result {
    if json {
        out::json_line(job);
    }
    if job.status == JobStatus::Failed {
        let text = |member: &str| {
            let error = job.error.as_ref().unwrap_or(&Value::Null);
            error[member].as_str().map(str::to_owned)
        };
        let message = text("message").unwrap_or_else(|| job.message.clone());
        let code = text("code").map(|code| format!(" [{code}]")).unwrap_or_default();
        let failure = Failure::new(Exit::Failed, format!("{message}{code}"));
        return Err(match text("suggestion") {
            Some(suggestion) => failure.suggest(suggestion),
            None => failure,
        });
    }
    let path = job.api_endpoint.clone().unwrap_or_else(|| format!("/api/v1/generated/{}", job.id));
    let base = backend.server.clone().unwrap_or_default();
    let endpoint = format!("{base}{path}");
    let sample = job.sample_data.clone().unwrap_or_default();
    if !json {
        if io::stdout().is_terminal() {
            out::line(&format!("endpoint  {endpoint}"));
            out::line(&serde_json::to_string_pretty(&sample).unwrap_or_default());
        } else {
            out::json(&json!({
                "id": job.id, "api_endpoint": path, "url": endpoint, "code_version": job.code_version,
                "cost_usd": job.cost_usd, "sample_data": sample,
            }));
        }
    }
    if backend.server.is_none() {
        out::note(&format!("`nexus up` on this data folder serves it at {path}"));
    }
    Ok(Exit::Success)
}

/// How progress is shown.
enum View {
    /// States as JSON lines on stdout.
    Json,
    /// Lines on stderr.
    Plain { last: Option<(JobStatus, String)> },
    /// One line that changes on a terminal.
    Live(ProgressBar),
}

impl View {
    fn new(json: bool, job: &Job) -> Self {
        if json {
            View::Json
        } else if io::stderr().is_terminal() && std::env::var_os("TERM").is_none_or(|term| term != "dumb") {
            let bar = ProgressBar::with_draw_target(Some(100), ProgressDrawTarget::stderr_with_hz(10));
            if let Ok(style) = ProgressStyle::with_template("{bar:24} {percent:>3} %  {wide_msg}") {
                bar.set_style(style);
            }
            bar.println(format!("{}  (scraper {})", job.url, job.id));
            View::Live(bar)
        } else {
            out::note(&format!("scraper {} of {}", job.id, job.url));
            View::Plain { last: None }
        }
    }

    fn state(&mut self, job: &Job) {
        match self {
            View::Json => out::json_line(&json!({
                "id": job.id, "status": job.status, "progress": job.progress, "message": job.message,
                "updated_at": job.updated_at,
            })),
            View::Plain { last } => {
                let now = (job.status, job.message.clone());
                if last.as_ref() != Some(&now) {
                    out::note(&format!("{:>3} %  {}: {}", job.progress, word(job.status), job.message));
                    *last = Some(now);
                }
            }
            View::Live(bar) => {
                bar.set_position(u64::from(job.progress));
                bar.set_message(format!("{}: {}", word(job.status), out::short(&job.message, 200)));
            }
        }
    }

    fn end(&mut self) {
        if let View::Live(bar) = self {
            bar.abandon();
        }
    }
}

fn word(status: JobStatus) -> &'static str {
    match status {
        JobStatus::Pending => "pending",
        JobStatus::Analyzing => "analyzing",
        JobStatus::Generating => "generating",
        JobStatus::Testing => "testing",
        JobStatus::Ready => "ready",
        JobStatus::Failed => "failed",
    }
}

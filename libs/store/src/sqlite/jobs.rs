//! Scraper jobs in SQLite. Not here: what is promised (`crate::scraper_jobs`).

use super::{
    SqliteStore,
    workflows::{all, first, run},
};
use crate::{
    ClaimedJob, Error, Fence, JobFilter, JobStore, JobUpdate, KEPT_VERSIONS, NewCode, NewJob, Result,
    StoredJob, Version, job_rows as jobs,
    rows::{self, AFTER_EVERY_ID},
};
use async_trait::async_trait;
use nexus_model::{JobId, Money, Timestamp};
use rusqlite::{Connection, params};
use std::time::Duration;

/// The database's clock in microseconds since 1970.
macro_rules! now {
    () => {
        "CAST(unixepoch('subsec') * 1000000 AS INTEGER)"
    };
}

/// Jobs that are to be worked on.
macro_rules! open {
    () => {
        "status IN ('pending', 'analyzing', 'generating', 'testing')"
    };
}

fn create(connection: &Connection, job: &NewJob, most: u64) -> Result<bool> {
    let count = first(connection, "SELECT count(*) FROM scraper_jobs", [], |row| row.int(0))?.unwrap_or(0);
    let over = count + 1 - rows::int(most);
    if over > 0 {
        let room = "SELECT count(*) FROM scraper_jobs
                    WHERE workspace = ?1 AND status = 'failed' AND code_version IS NULL";
        if first(connection, room, [&job.workspace], |row| row.int(0))?.unwrap_or(0) < over {
            return Ok(false);
        }
        run(
            connection,
            "DELETE FROM scraper_jobs WHERE id IN
             (SELECT id FROM scraper_jobs
              WHERE workspace = ?2 AND status = 'failed' AND code_version IS NULL ORDER BY id LIMIT ?1)",
            params![over, job.workspace],
        )?;
    }
    run(
        connection,
        "INSERT INTO scraper_jobs (id, workspace, url, description, folded, user_id, ignore_robots, status, message,
                                   created_at, updated_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 'pending', ?8, ?9, ?9)",
        params![
            job.id.to_string(),
            rows::plain(&job.workspace),
            rows::plain(&job.url),
            rows::plain(&job.description),
            jobs::folded(job),
            job.user_id.as_deref().map(rows::plain),
            job.ignore_robots,
            rows::plain(&job.message),
            job.created_at.micros(),
        ],
    )?;
    Ok(true)
}

fn claim(
    connection: &Connection,
    worker: &str,
    lease: i64,
    only: Option<&str>,
) -> Result<Option<ClaimedJob>> {
    let chosen = first(
        connection,
        concat!(
            "UPDATE scraper_jobs SET owner = ?1, fence = fence + 1, recoveries = recoveries + (owner IS NOT NULL),
                                     lease_until = ?2 + ",
            now!(),
            " WHERE id = (SELECT id FROM scraper_jobs WHERE ",
            open!(),
            " AND lease_until <= ",
            now!(),
            " AND (?3 IS NULL OR id = ?3) ORDER BY id LIMIT 1) RETURNING id"
        ),
        params![worker, lease, only],
        |row| row.text(0),
    )?;
    let Some(id) = chosen else { return Ok(None) };
    first(
        connection,
        concat!("SELECT ", jobs::job_columns!(), ", j.fence", jobs::job_tables!(), "WHERE j.id = ?1"),
        [id],
        jobs::claimed,
    )
}

/// Adds a version and forgets those that are too old; returns its number.
fn add_version(connection: &Connection, id: &str, code: &NewCode) -> Result<u32> {
    let number = first(
        connection,
        "UPDATE scraper_jobs SET next_version = next_version + 1, code_version = next_version, last_failure = NULL
         WHERE id = ?1 RETURNING code_version",
        [id],
        |row| rows::small(row.int(0)?),
    )?
    .ok_or(Error::NotFound)?;
    run(
        connection,
        "INSERT INTO scraper_versions (job_id, version, code, recipe, schema, sample, records, made_by, created_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        params![
            id,
            number,
            rows::plain(&code.code),
            rows::maybe_json(code.recipe.as_ref())?,
            rows::maybe_json(code.schema.as_ref())?,
            rows::to_json(&code.sample)?,
            rows::int(code.records),
            rows::plain(&code.made_by),
            code.created_at.micros(),
        ],
    )?;
    run(
        connection,
        "DELETE FROM scraper_versions WHERE job_id = ?1 AND version <= ?2",
        params![id, i64::from(number) - i64::from(KEPT_VERSIONS)],
    )?;
    Ok(number)
}

fn update(connection: &Connection, id: &str, fence: Fence, update: &JobUpdate) -> Result<u64> {
    let ended = jobs::has_ended(update.status);
    let change = first(
        connection,
        "UPDATE scraper_jobs SET status = ?3, message = ?4, error = ?5, analysis = ?6, sample_data = ?7, attempts = ?8,
             cost = cost + ?9, round_cost = round_cost + ?9, updated_at = ?10, change = change + 1,
             owner = CASE WHEN ?11 THEN NULL ELSE owner END, lease_until = CASE WHEN ?11 THEN 0 ELSE lease_until END,
             recoveries = CASE WHEN ?11 THEN 0 ELSE recoveries END, fence = fence + ?11
         WHERE id = ?1 AND fence = ?2 AND owner IS NOT NULL RETURNING change",
        params![
            id,
            rows::int(fence),
            jobs::status_name(update.status),
            rows::plain(&update.message),
            rows::maybe_json(update.error.as_ref())?,
            rows::maybe_json(update.analysis.as_ref())?,
            rows::maybe_json(update.sample_data.as_ref())?,
            jobs::attempts(&update.attempts)?,
            update.cost.picos(),
            update.at.micros(),
            ended,
        ],
        |row| rows::count(row.int(0)?),
    )?
    .ok_or(Error::FenceLost)?;
    if let Some(code) = &update.code {
        add_version(connection, id, code)?;
    }
    Ok(change)
}

impl SqliteStore {
    /// Ends every lease on scraper jobs at once: for the start of a process that has the data folder to itself.
    pub async fn expire_all_job_leases(&self) -> Result<u64> {
        self.write(|connection| {
            run(connection, "UPDATE scraper_jobs SET lease_until = 0 WHERE lease_until > 0", [])
                .map(|gone| gone as u64)
        })
        .await
    }
}

#[async_trait]
impl JobStore for SqliteStore {
    async fn create_job(&self, job: NewJob, most: u64) -> Result<bool> {
        self.write(move |connection| create(connection, &job, most)).await
    }

    async fn job(&self, id: JobId) -> Result<Option<StoredJob>> {
        self.read(move |connection| {
            first(
                connection,
                concat!("SELECT ", jobs::job_columns!(), jobs::job_tables!(), "WHERE j.id = ?1"),
                [id.to_string()],
                jobs::job,
            )
        })
        .await
    }

    async fn job_change(&self, id: JobId) -> Result<Option<u64>> {
        self.read(move |connection| {
            first(connection, "SELECT change FROM scraper_jobs WHERE id = ?1", [id.to_string()], |row| {
                rows::count(row.int(0)?)
            })
        })
        .await
    }

    async fn jobs(&self, filter: &JobFilter, before: Option<JobId>, limit: u32) -> Result<Vec<StoredJob>> {
        let (workspace, status, part) = jobs::filter(filter);
        let before = before.map_or_else(|| AFTER_EVERY_ID.into(), |id| id.to_string());
        self.read(move |connection| {
            all(
                connection,
                concat!(
                    "SELECT ",
                    jobs::job_columns!(),
                    jobs::job_tables!(),
                    "WHERE j.id < ?1 AND (?3 IS NULL OR j.workspace = ?3) AND (?4 IS NULL OR j.status = ?4)
                       AND instr(j.folded, ?5) > 0
                     ORDER BY j.id DESC LIMIT ?2"
                ),
                params![before, limit, workspace, status, part],
                jobs::job,
            )
        })
        .await
    }

    async fn job_versions(&self, id: JobId) -> Result<Vec<Version>> {
        self.read(move |connection| {
            all(
                connection,
                concat!(
                    "SELECT ",
                    jobs::code_columns!(),
                    " FROM scraper_versions v WHERE v.job_id = ?1 ORDER BY v.version DESC"
                ),
                [id.to_string()],
                jobs::version,
            )
        })
        .await
    }

    async fn delete_job(&self, id: JobId) -> Result<bool> {
        self.write(move |connection| {
            Ok(run(connection, "DELETE FROM scraper_jobs WHERE id = ?1", [id.to_string()])? > 0)
        })
        .await
    }

    async fn claim_job(
        &self,
        worker: &str,
        lease: Duration,
        only: Option<JobId>,
    ) -> Result<Option<ClaimedJob>> {
        let worker = rows::plain(worker).into_owned();
        let only = only.map(|id| id.to_string());
        self.write(move |connection| claim(connection, &worker, rows::micros(lease), only.as_deref())).await
    }

    async fn renew_jobs(&self, held: &[(JobId, Fence)], lease: Duration) -> Result<Vec<JobId>> {
        let held = held.to_vec();
        self.write(move |connection| {
            let mut still = Vec::with_capacity(held.len());
            for (id, fence) in held {
                let renewed = run(
                    connection,
                    concat!(
                        "UPDATE scraper_jobs SET lease_until = ?3 + ",
                        now!(),
                        " WHERE id = ?1 AND fence = ?2 AND owner IS NOT NULL"
                    ),
                    params![id.to_string(), rows::int(fence), rows::micros(lease)],
                )?;
                if renewed > 0 {
                    still.push(id);
                }
            }
            Ok(still)
        })
        .await
    }

    async fn release_job(&self, id: JobId, fence: Fence) -> Result<()> {
        self.write(move |connection| {
            run(
                connection,
                "UPDATE scraper_jobs SET owner = NULL, lease_until = 0, fence = fence + 1
                 WHERE id = ?1 AND fence = ?2",
                params![id.to_string(), rows::int(fence)],
            )?;
            Ok(())
        })
        .await
    }

    async fn update_job(&self, id: JobId, fence: Fence, what: JobUpdate) -> Result<u64> {
        self.write(move |connection| update(connection, &id.to_string(), fence, &what)).await
    }

    async fn restart_job(
        &self,
        id: JobId,
        feedback: Option<&str>,
        message: &str,
        at: Timestamp,
    ) -> Result<bool> {
        let feedback = feedback.map(|feedback| rows::plain(feedback).into_owned());
        let message = rows::plain(message).into_owned();
        self.write(move |connection| {
            let id = id.to_string();
            let restarted = run(
                connection,
                "UPDATE scraper_jobs SET status = 'pending', message = ?3, error = NULL, round = round + 1, round_cost = 0,
                     change = change + 1, updated_at = ?4,
                     feedback = CASE WHEN ?2 IS NULL THEN feedback WHEN feedback IS NULL THEN ?2
                                     ELSE feedback || char(10) || ?2 END
                 WHERE id = ?1 AND status IN ('ready', 'failed')",
                params![id, feedback, message, at.micros()],
            )?;
            if restarted > 0 {
                return Ok(true);
            }
            first(connection, "SELECT 1 FROM scraper_jobs WHERE id = ?1", [id], |_| Ok(()))?
                .ok_or(Error::NotFound)?;
            Ok(false)
        })
        .await
    }

    async fn replace_code(&self, id: JobId, instead_of: u32, code: NewCode) -> Result<Option<u32>> {
        self.write(move |connection| {
            let id = id.to_string();
            let replaced = run(
                connection,
                "UPDATE scraper_jobs SET status = 'ready', error = NULL, change = change + 1, updated_at = ?3
                 WHERE id = ?1 AND code_version = ?2 AND status IN ('ready', 'failed')",
                params![id, instead_of, code.created_at.micros()],
            )?;
            if replaced == 0 { Ok(None) } else { add_version(connection, &id, &code).map(Some) }
        })
        .await
    }

    async fn note_run(&self, id: JobId, failure: Option<&str>) -> Result<()> {
        let failure = failure.map(|failure| rows::plain(failure).into_owned());
        self.write(move |connection| {
            run(
                connection,
                "UPDATE scraper_jobs SET last_failure = ?2 WHERE id = ?1",
                params![id.to_string(), failure],
            )?;
            Ok(())
        })
        .await
    }

    async fn add_job_cost(&self, id: JobId, cost: Money) -> Result<()> {
        self.write(move |connection| {
            run(
                connection,
                "UPDATE scraper_jobs SET cost = cost + ?2 WHERE id = ?1",
                params![id.to_string(), cost.picos()],
            )?;
            Ok(())
        })
        .await
    }
}

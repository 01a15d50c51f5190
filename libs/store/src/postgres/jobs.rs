//! Scraper jobs in Postgres. Not here: what is promised (`crate::scraper_jobs`).

use super::{ANSWER_TIMEOUT, PostgresStore, no_answer, rows::failed};
use crate::{
    ClaimedJob, Error, Fence, JobFilter, JobStore, JobUpdate, KEPT_VERSIONS, NewCode, NewJob, Result,
    StoredJob, Version, job_rows as jobs,
    rows::{self, AFTER_EVERY_ID, Columns},
};
use async_trait::async_trait;
use nexus_model::{JobId, Money, Timestamp};
use sqlx::{Connection, PgConnection, query};
use std::time::Duration;

/// The database's clock in microseconds since 1970, read once per statement.
macro_rules! now {
    () => {
        "(SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint)"
    };
}

/// Makes the creations of jobs wait for each other, so that what is counted holds when it is written.
const CREATING: i64 = 0x6e78_6a6f_6273;

async fn create(connection: &mut PgConnection, job: &NewJob, most: u64) -> Result<bool> {
    // Dropped without a commit, it is rolled back.
    let mut transaction = connection.begin().await.map_err(failed)?;
    query("SELECT pg_advisory_xact_lock($1)")
        .bind(CREATING)
        .execute(&mut *transaction)
        .await
        .map_err(failed)?;
    let counted =
        query("SELECT count(*) FROM scraper_jobs").fetch_one(&mut *transaction).await.map_err(failed)?;
    let over = counted.int(0)? + 1 - rows::int(most);
    if over > 0 {
        let gone = query(
            "DELETE FROM scraper_jobs WHERE id IN
             (SELECT id FROM scraper_jobs
              WHERE workspace = $2 AND status = 'failed' AND code_version IS NULL ORDER BY id LIMIT $1)",
        )
        .bind(over)
        .bind(&job.workspace)
        .execute(&mut *transaction)
        .await
        .map_err(failed)?;
        if rows::int(gone.rows_affected()) < over {
            return Ok(false);
        }
    }
    query(
        "INSERT INTO scraper_jobs (id, workspace, url, description, folded, user_id, ignore_robots, status, message,
                                   created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, 'pending', $8, $9, $9)",
    )
    .bind(job.id.to_string())
    .bind(rows::plain(&job.workspace))
    .bind(rows::plain(&job.url))
    .bind(rows::plain(&job.description))
    .bind(jobs::folded(job))
    .bind(job.user_id.as_deref().map(rows::plain))
    .bind(i64::from(job.ignore_robots))
    .bind(rows::plain(&job.message))
    .bind(job.created_at.micros())
    .execute(&mut *transaction)
    .await
    .map_err(failed)?;
    transaction.commit().await.map_err(failed)?;
    Ok(true)
}

/// Adds a version and forgets those that are too old; returns its number.
async fn add_version(connection: &mut PgConnection, id: &str, code: &NewCode) -> Result<u32> {
    let row = query(
        "UPDATE scraper_jobs SET next_version = next_version + 1, code_version = next_version, last_failure = NULL
         WHERE id = $1 RETURNING code_version",
    )
    .bind(id)
    .fetch_one(&mut *connection)
    .await
    .map_err(failed)?;
    let number = rows::small(row.int(0)?)?;
    query(
        "INSERT INTO scraper_versions (job_id, version, code, recipe, schema, sample, records, made_by, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(id)
    .bind(i64::from(number))
    .bind(rows::plain(&code.code))
    .bind(rows::maybe_json(code.recipe.as_ref())?)
    .bind(rows::maybe_json(code.schema.as_ref())?)
    .bind(rows::to_json(&code.sample)?)
    .bind(rows::int(code.records))
    .bind(rows::plain(&code.made_by))
    .bind(code.created_at.micros())
    .execute(&mut *connection)
    .await
    .map_err(failed)?;
    query("DELETE FROM scraper_versions WHERE job_id = $1 AND version <= $2")
        .bind(id)
        .bind(i64::from(number) - i64::from(KEPT_VERSIONS))
        .execute(&mut *connection)
        .await
        .map_err(failed)?;
    Ok(number)
}

async fn update(connection: &mut PgConnection, id: &str, fence: Fence, update: &JobUpdate) -> Result<u64> {
    let ended = i64::from(jobs::has_ended(update.status));
    let mut transaction = connection.begin().await.map_err(failed)?;
    let row = query(
        "UPDATE scraper_jobs SET status = $3, message = $4, error = $5, analysis = $6, sample_data = $7, attempts = $8,
             cost = cost + $9, round_cost = round_cost + $9, updated_at = $10, change = change + 1,
             owner = CASE WHEN $11 = 1 THEN NULL ELSE owner END,
             lease_until = CASE WHEN $11 = 1 THEN 0 ELSE lease_until END,
             recoveries = CASE WHEN $11 = 1 THEN 0 ELSE recoveries END, fence = fence + $11
         WHERE id = $1 AND fence = $2 AND owner IS NOT NULL RETURNING change",
    )
    .bind(id)
    .bind(rows::int(fence))
    .bind(jobs::status_name(update.status))
    .bind(rows::plain(&update.message))
    .bind(rows::maybe_json(update.error.as_ref())?)
    .bind(rows::maybe_json(update.analysis.as_ref())?)
    .bind(rows::maybe_json(update.sample_data.as_ref())?)
    .bind(jobs::attempts(&update.attempts)?)
    .bind(update.cost.picos())
    .bind(update.at.micros())
    .bind(ended)
    .fetch_optional(&mut *transaction)
    .await
    .map_err(failed)?;
    let change = rows::count(row.ok_or(Error::FenceLost)?.int(0)?)?;
    if let Some(code) = &update.code {
        add_version(&mut transaction, id, code).await?;
    }
    transaction.commit().await.map_err(failed)?;
    Ok(change)
}

async fn replace(
    connection: &mut PgConnection,
    id: &str,
    instead_of: u32,
    code: &NewCode,
) -> Result<Option<u32>> {
    let mut transaction = connection.begin().await.map_err(failed)?;
    let replaced = query(
        "UPDATE scraper_jobs SET status = 'ready', error = NULL, change = change + 1, updated_at = $3
         WHERE id = $1 AND code_version = $2 AND status IN ('ready', 'failed')",
    )
    .bind(id)
    .bind(i64::from(instead_of))
    .bind(code.created_at.micros())
    .execute(&mut *transaction)
    .await
    .map_err(failed)?;
    if replaced.rows_affected() == 0 {
        return Ok(None);
    }
    let number = add_version(&mut transaction, id, code).await?;
    transaction.commit().await.map_err(failed)?;
    Ok(Some(number))
}

/// Does something on a connection of its own, within the time that an answer may take.
macro_rules! within {
    ($store:expr, |$connection:ident| $work:expr) => {{
        let mut $connection = $store.0.pool.acquire().await.map_err(failed)?;
        match tokio::time::timeout(ANSWER_TIMEOUT, $work).await {
            Ok(answer) => answer,
            Err(_) => {
                // It may be in the middle of anything; nobody must get it next.
                $connection.close_on_drop();
                Err(no_answer())
            }
        }
    }};
}

#[async_trait]
impl JobStore for PostgresStore {
    async fn create_job(&self, job: NewJob, most: u64) -> Result<bool> {
        within!(self, |connection| create(&mut connection, &job, most))
    }

    async fn job(&self, id: JobId) -> Result<Option<StoredJob>> {
        let select = concat!("SELECT ", jobs::job_columns!(), jobs::job_tables!(), "WHERE j.id = $1");
        let row = self.first(query(select).bind(id.to_string())).await?;
        row.map(|row| jobs::job(&row)).transpose()
    }

    async fn job_change(&self, id: JobId) -> Result<Option<u64>> {
        let select = query("SELECT change FROM scraper_jobs WHERE id = $1");
        let row = self.first(select.bind(id.to_string())).await?;
        row.map(|row| rows::count(row.int(0)?)).transpose()
    }

    async fn jobs(&self, filter: &JobFilter, before: Option<JobId>, limit: u32) -> Result<Vec<StoredJob>> {
        let select = concat!(
            "SELECT ",
            jobs::job_columns!(),
            jobs::job_tables!(),
            "WHERE j.id < $1 AND ($3::text IS NULL OR j.workspace = $3) AND ($4::text IS NULL OR j.status = $4)
               AND position($5 IN j.folded) > 0
             ORDER BY j.id DESC LIMIT $2"
        );
        let (workspace, status, part) = jobs::filter(filter);
        let before = before.map_or_else(|| AFTER_EVERY_ID.into(), |id| id.to_string());
        let found = self
            .rows(query(select).bind(before).bind(i64::from(limit)).bind(workspace).bind(status).bind(part))
            .await?;
        found.iter().map(|row| jobs::job(row)).collect()
    }

    async fn job_versions(&self, id: JobId) -> Result<Vec<Version>> {
        let select = concat!(
            "SELECT ",
            jobs::code_columns!(),
            " FROM scraper_versions v WHERE v.job_id = $1 ORDER BY v.version DESC"
        );
        let found = self.rows(query(select).bind(id.to_string())).await?;
        found.iter().map(|row| jobs::version(row)).collect()
    }

    async fn delete_job(&self, id: JobId) -> Result<bool> {
        let delete = query("DELETE FROM scraper_jobs WHERE id = $1 RETURNING id");
        Ok(self.first(delete.bind(id.to_string())).await?.is_some())
    }

    async fn claim_job(
        &self,
        worker: &str,
        lease: Duration,
        only: Option<JobId>,
    ) -> Result<Option<ClaimedJob>> {
        let claim = concat!(
            "WITH chosen AS (
                 SELECT id, owner IS NOT NULL AS recovered FROM scraper_jobs
                 WHERE status IN ('pending', 'analyzing', 'generating', 'testing') AND lease_until <= ",
            now!(),
            " AND ($3::text IS NULL OR id = $3) ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED
             ), taken AS (
                 UPDATE scraper_jobs SET owner = $1, fence = fence + 1, lease_until = $2 + ",
            now!(),
            ", recoveries = recoveries + CASE WHEN chosen.recovered THEN 1 ELSE 0 END
                 FROM chosen WHERE scraper_jobs.id = chosen.id RETURNING scraper_jobs.*
             )
             SELECT ",
            jobs::job_columns!(),
            ", j.fence FROM taken j
             LEFT JOIN scraper_versions v ON v.job_id = j.id AND v.version = j.code_version"
        );
        let row = query(claim)
            .bind(rows::plain(worker))
            .bind(rows::micros(lease))
            .bind(only.map(|id| id.to_string()));
        let row = self.first(row).await?;
        row.map(|row| jobs::claimed(&row)).transpose()
    }

    async fn renew_jobs(&self, held: &[(JobId, Fence)], lease: Duration) -> Result<Vec<JobId>> {
        let (ids, fences): (Vec<String>, Vec<i64>) =
            held.iter().map(|(id, fence)| (id.to_string(), rows::int(*fence))).unzip();
        let renew = concat!(
            "UPDATE scraper_jobs SET lease_until = $3 + ",
            now!(),
            " FROM unnest($1::text[], $2::bigint[]) AS held (id, fence)
             WHERE scraper_jobs.id = held.id AND scraper_jobs.fence = held.fence AND owner IS NOT NULL
             RETURNING scraper_jobs.id"
        );
        let renewed = self.rows(query(renew).bind(ids).bind(fences).bind(rows::micros(lease))).await?;
        renewed.iter().map(|row| rows::parse(&row.text(0)?)).collect()
    }

    async fn release_job(&self, id: JobId, fence: Fence) -> Result<()> {
        let release = query(
            "UPDATE scraper_jobs SET owner = NULL, lease_until = 0, fence = fence + 1 WHERE id = $1 AND fence = $2",
        );
        self.rows(release.bind(id.to_string()).bind(rows::int(fence))).await?;
        Ok(())
    }

    async fn update_job(&self, id: JobId, fence: Fence, what: JobUpdate) -> Result<u64> {
        within!(self, |connection| update(&mut connection, &id.to_string(), fence, &what))
    }

    async fn restart_job(
        &self,
        id: JobId,
        feedback: Option<&str>,
        message: &str,
        at: Timestamp,
    ) -> Result<bool> {
        let restart = query(
            "UPDATE scraper_jobs SET status = 'pending', message = $3, error = NULL, round = round + 1, round_cost = 0,
                 change = change + 1, updated_at = $4,
                 feedback = CASE WHEN $2::text IS NULL THEN feedback WHEN feedback IS NULL THEN $2
                                 ELSE feedback || chr(10) || $2 END
             WHERE id = $1 AND status IN ('ready', 'failed') RETURNING id",
        );
        let restart = restart
            .bind(id.to_string())
            .bind(feedback.map(rows::plain))
            .bind(rows::plain(message))
            .bind(at.micros());
        if self.first(restart).await?.is_some() {
            return Ok(true);
        }
        self.job_change(id).await?.ok_or(Error::NotFound)?;
        Ok(false)
    }

    async fn replace_code(&self, id: JobId, instead_of: u32, code: NewCode) -> Result<Option<u32>> {
        within!(self, |connection| replace(&mut connection, &id.to_string(), instead_of, &code))
    }

    async fn note_run(&self, id: JobId, failure: Option<&str>) -> Result<()> {
        let note = query("UPDATE scraper_jobs SET last_failure = $2 WHERE id = $1");
        self.rows(note.bind(id.to_string()).bind(failure.map(rows::plain))).await?;
        Ok(())
    }

    async fn add_job_cost(&self, id: JobId, cost: Money) -> Result<()> {
        let add = query("UPDATE scraper_jobs SET cost = cost + $2 WHERE id = $1");
        self.rows(add.bind(id.to_string()).bind(cost.picos())).await?;
        Ok(())
    }
}

//! Scrapers' endpoints in SQLite. Not here: what is kept of them (`crate::endpoints`).

use super::{
    SqliteStore,
    workflows::{all, first, run},
};
use crate::{
    Result,
    endpoints::{
        self, Attempt, DueDelivery, Ended, EndpointResult, EndpointStore, KEPT_DELIVERIES, KEPT_RUNS,
        KeptSchedule, NewSchedule, ScheduleEnd, Which, delivery_columns, due_columns, result_columns,
        schedule_columns,
    },
    rows,
};
use async_trait::async_trait;
use nexus_api::endpoint::{Delivery, Run};
use nexus_model::{DeliveryId, JobId, Timestamp};
use rusqlite::{Connection, params};

fn put_result(connection: &Connection, job: &str, which: Which, result: &EndpointResult) -> Result<()> {
    let (millis, data, metadata) = endpoints::result_texts(result)?;
    // A run that began earlier may end later.
    run(
        connection,
        "INSERT INTO scraper_results (job_id, kind, code_version, fetched_at, duration_ms, data, metadata)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
         ON CONFLICT (job_id, kind) DO UPDATE SET
             code_version = excluded.code_version, fetched_at = excluded.fetched_at,
             duration_ms = excluded.duration_ms, data = excluded.data, metadata = excluded.metadata
         WHERE excluded.fetched_at >= scraper_results.fetched_at",
        params![job, which.name(), result.code_version, result.fetched_at.micros(), millis, data, metadata],
    )?;
    Ok(())
}

fn end_run(connection: &Connection, job: &str, ended: &Ended) -> Result<()> {
    run(
        connection,
        "INSERT INTO scraper_runs (job_id, started_at, ok, how) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING",
        params![job, ended.run.at.micros(), ended.run.ok, rows::to_json(&ended.run)?],
    )?;
    run(
        connection,
        "DELETE FROM scraper_runs WHERE job_id = ?1 AND started_at <
         (SELECT started_at FROM scraper_runs WHERE job_id = ?1 ORDER BY started_at DESC LIMIT 1 OFFSET ?2)",
        params![job, KEPT_RUNS - 1],
    )?;
    if let Some(result) = &ended.result {
        put_result(connection, job, Which::Latest, result)?;
        if ended.is_baseline {
            put_result(connection, job, Which::Baseline, result)?;
        }
    }
    Ok(())
}

fn end_scheduled(connection: &Connection, job: &str, fence: u64, end: &ScheduleEnd) -> Result<bool> {
    let written = run(
        connection,
        "UPDATE scraper_schedules SET next_at = ?3, lease_until = 0, last_at = ?4, last = ?6,
             last_change_at = CASE WHEN ?5 THEN ?4 ELSE last_change_at END
         WHERE job_id = ?1 AND fence = ?2",
        params![
            job,
            rows::int(fence),
            end.next_at.micros(),
            end.at.micros(),
            end.changed,
            rows::to_json(&end.last)?
        ],
    )?;
    if written == 0 {
        return Ok(false);
    }
    if let Some(result) = &end.result {
        put_result(connection, job, Which::Reported, result)?;
    }
    if let Some(report) = &end.report {
        run(
            connection,
            "INSERT INTO scraper_deliveries (id, job_id, event, url, secret, body, status, created_at, next_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, 'pending', ?7, ?7) ON CONFLICT DO NOTHING",
            params![
                report.id.to_string(),
                job,
                report.event,
                rows::plain(&report.url),
                report.secret.as_deref().map(rows::plain),
                report.body,
                end.at.micros(),
            ],
        )?;
    }
    Ok(true)
}

#[async_trait]
impl EndpointStore for SqliteStore {
    async fn endpoint_result(&self, job: JobId, which: Which) -> Result<Option<EndpointResult>> {
        let select =
            concat!("SELECT ", result_columns!(), " FROM scraper_results WHERE job_id = ?1 AND kind = ?2");
        self.read(move |connection| {
            first(connection, select, params![job.to_string(), which.name()], endpoints::result)
        })
        .await
    }

    async fn end_run(&self, job: JobId, ended: Ended) -> Result<()> {
        self.write(move |connection| end_run(connection, &job.to_string(), &ended)).await
    }

    async fn runs(&self, job: JobId, limit: u32) -> Result<Vec<Run>> {
        let select = "SELECT how FROM scraper_runs WHERE job_id = ?1 ORDER BY started_at DESC LIMIT ?2";
        self.read(move |connection| all(connection, select, params![job.to_string(), limit], endpoints::run))
            .await
    }

    async fn put_schedule(&self, job: JobId, schedule: NewSchedule) -> Result<()> {
        self.write(move |connection| {
            run(
                connection,
                "INSERT INTO scraper_schedules (job_id, every_seconds, webhook_url, webhook_secret, next_at)
                 VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT (job_id) DO UPDATE SET
                     every_seconds = excluded.every_seconds, webhook_url = excluded.webhook_url,
                     webhook_secret = excluded.webhook_secret, next_at = excluded.next_at,
                     lease_until = 0, fence = fence + 1",
                params![
                    job.to_string(),
                    rows::int(schedule.every.as_secs()),
                    schedule.webhook_url.as_deref().map(rows::plain),
                    schedule.webhook_secret.as_deref().map(rows::plain),
                    schedule.next_at.micros(),
                ],
            )?;
            run(
                connection,
                "INSERT INTO scraper_results (job_id, kind, code_version, fetched_at, duration_ms, data, metadata)
                 SELECT job_id, ?2, code_version, fetched_at, duration_ms, data, metadata FROM scraper_results
                 WHERE job_id = ?1 AND kind = ?3 ON CONFLICT DO NOTHING",
                params![job.to_string(), Which::Reported.name(), Which::Latest.name()],
            )?;
            Ok(())
        })
        .await
    }

    async fn schedule(&self, job: JobId) -> Result<Option<KeptSchedule>> {
        let select = concat!("SELECT ", schedule_columns!(), " FROM scraper_schedules WHERE job_id = ?1");
        self.read(move |connection| first(connection, select, [job.to_string()], endpoints::schedule)).await
    }

    async fn delete_schedule(&self, job: JobId) -> Result<bool> {
        let delete = self.write(move |connection| {
            let reported = "DELETE FROM scraper_results WHERE job_id = ?1 AND kind = ?2";
            run(connection, reported, params![job.to_string(), Which::Reported.name()])?;
            run(connection, "DELETE FROM scraper_schedules WHERE job_id = ?1", [job.to_string()])
        });
        Ok(delete.await? > 0)
    }

    async fn claim_schedules(
        &self,
        now: Timestamp,
        until: Timestamp,
        limit: u32,
    ) -> Result<Vec<KeptSchedule>> {
        // Looked at without writing first: this is asked every second, and nearly always in vain.
        let due = "SELECT 1 FROM scraper_schedules WHERE next_at <= ?1 AND lease_until <= ?1 LIMIT 1";
        if self.read(move |connection| first(connection, due, [now.micros()], |_| Ok(()))).await?.is_none() {
            return Ok(Vec::new());
        }
        let claim = concat!(
            "UPDATE scraper_schedules SET lease_until = ?2, fence = fence + 1 WHERE job_id IN
             (SELECT job_id FROM scraper_schedules WHERE next_at <= ?1 AND lease_until <= ?1
              ORDER BY next_at LIMIT ?3) RETURNING ",
            schedule_columns!()
        );
        self.write(move |connection| {
            all(connection, claim, params![now.micros(), until.micros(), limit], endpoints::schedule)
        })
        .await
    }

    async fn renew_schedule(&self, job: JobId, fence: u64, until: Timestamp) -> Result<bool> {
        let renew = "UPDATE scraper_schedules SET lease_until = ?3 WHERE job_id = ?1 AND fence = ?2";
        let renewed = self.write(move |connection| {
            run(connection, renew, params![job.to_string(), rows::int(fence), until.micros()])
        });
        Ok(renewed.await? > 0)
    }

    async fn end_scheduled(&self, job: JobId, fence: u64, end: ScheduleEnd) -> Result<bool> {
        self.write(move |connection| end_scheduled(connection, &job.to_string(), fence, &end)).await
    }

    async fn claim_deliveries(
        &self,
        now: Timestamp,
        until: Timestamp,
        limit: u32,
    ) -> Result<Vec<DueDelivery>> {
        let due = "SELECT 1 FROM scraper_deliveries
                   WHERE status = 'pending' AND next_at <= ?1 AND lease_until <= ?1 LIMIT 1";
        if self.read(move |connection| first(connection, due, [now.micros()], |_| Ok(()))).await?.is_none() {
            return Ok(Vec::new());
        }
        let claim = concat!(
            "UPDATE scraper_deliveries SET lease_until = ?2 WHERE id IN
             (SELECT id FROM scraper_deliveries
              WHERE status = 'pending' AND next_at <= ?1 AND lease_until <= ?1 ORDER BY next_at, id LIMIT ?3)
             RETURNING ",
            due_columns!()
        );
        self.write(move |connection| {
            all(connection, claim, params![now.micros(), until.micros(), limit], endpoints::due)
        })
        .await
    }

    async fn end_attempt(&self, id: DeliveryId, attempt: Attempt) -> Result<()> {
        self.write(move |connection| {
            let id = id.to_string();
            run(
                connection,
                "UPDATE scraper_deliveries SET status = ?2, attempts = attempts + 1, next_at = ?3, lease_until = 0,
                     last_attempt_at = ?4, http_status = ?5, error = ?6
                 WHERE id = ?1",
                params![
                    id,
                    endpoints::status_name(attempt.status),
                    attempt.next_at.micros(),
                    attempt.at.micros(),
                    attempt.http_status,
                    attempt.error.as_deref().map(rows::plain),
                ],
            )?;
            run(
                connection,
                "DELETE FROM scraper_deliveries WHERE status <> 'pending' AND id IN
                 (SELECT id FROM scraper_deliveries
                  WHERE job_id = (SELECT job_id FROM scraper_deliveries WHERE id = ?1)
                  ORDER BY id DESC LIMIT -1 OFFSET ?2)",
                params![id, KEPT_DELIVERIES],
            )?;
            Ok(())
        })
        .await
    }

    async fn deliveries(&self, job: JobId, limit: u32) -> Result<Vec<Delivery>> {
        let select = concat!(
            "SELECT ",
            delivery_columns!(),
            " FROM scraper_deliveries WHERE job_id = ?1 ORDER BY id DESC LIMIT ?2"
        );
        self.read(move |connection| {
            all(connection, select, params![job.to_string(), limit], endpoints::delivery)
        })
        .await
    }

    async fn forget_endpoint(&self, job: JobId) -> Result<()> {
        self.write(move |connection| {
            for delete in [
                "DELETE FROM scraper_schedules WHERE job_id = ?1",
                "DELETE FROM scraper_deliveries WHERE job_id = ?1",
                "DELETE FROM scraper_results WHERE job_id = ?1",
                "DELETE FROM scraper_runs WHERE job_id = ?1",
            ] {
                run(connection, delete, [job.to_string()])?;
            }
            Ok(())
        })
        .await
    }

    async fn release_endpoint_claims(&self) -> Result<()> {
        self.write(|connection| {
            for release in [
                "UPDATE scraper_schedules SET lease_until = 0, fence = fence + 1 WHERE lease_until > 0",
                "UPDATE scraper_deliveries SET lease_until = 0 WHERE lease_until > 0",
            ] {
                run(connection, release, [])?;
            }
            Ok(())
        })
        .await
    }
}

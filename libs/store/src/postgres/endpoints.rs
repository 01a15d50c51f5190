//! Scrapers' endpoints in Postgres. Not here: what is kept of them (`crate::endpoints`).

use super::PostgresStore;
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
use sqlx::query;

// All parts see the tables as they were before: hence one run less is kept of those. A run that began earlier may end
// later, and must not replace what is newer.
const END_RUN: &str = "
    WITH ran AS (
        INSERT INTO scraper_runs (job_id, started_at, ok, how) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING
    ), forgotten AS (
        DELETE FROM scraper_runs WHERE job_id = $1 AND started_at <
        (SELECT started_at FROM scraper_runs WHERE job_id = $1 ORDER BY started_at DESC LIMIT 1 OFFSET $5)
    )
    INSERT INTO scraper_results (job_id, kind, code_version, fetched_at, duration_ms, data, metadata)
    SELECT $1, kind, $7, $8, $9, $10, $11 FROM unnest($6::text[]) AS kind
    ON CONFLICT (job_id, kind) DO UPDATE SET
        code_version = excluded.code_version, fetched_at = excluded.fetched_at,
        duration_ms = excluded.duration_ms, data = excluded.data, metadata = excluded.metadata
    WHERE excluded.fetched_at >= scraper_results.fetched_at";

const END_SCHEDULED: &str = "
    WITH ended AS (
        UPDATE scraper_schedules SET next_at = $3, lease_until = 0, last_at = $4, last = $6,
            last_change_at = CASE WHEN $5 THEN $4 ELSE last_change_at END
        WHERE job_id = $1 AND fence = $2 RETURNING job_id
    ), told AS (
        INSERT INTO scraper_deliveries (id, job_id, event, url, secret, body, status, created_at, next_at)
        SELECT $7, job_id, $8, $9, $10, $11, 'pending', $4, $4 FROM ended WHERE $7::text IS NOT NULL
        ON CONFLICT DO NOTHING
    ), kept AS (
        INSERT INTO scraper_results (job_id, kind, code_version, fetched_at, duration_ms, data, metadata)
        SELECT job_id, $12, $13, $14, $15, $16, $17 FROM ended WHERE $16::text IS NOT NULL
        ON CONFLICT (job_id, kind) DO UPDATE SET
            code_version = excluded.code_version, fetched_at = excluded.fetched_at,
            duration_ms = excluded.duration_ms, data = excluded.data, metadata = excluded.metadata
        WHERE excluded.fetched_at >= scraper_results.fetched_at
    )
    SELECT job_id FROM ended";

#[async_trait]
impl EndpointStore for PostgresStore {
    async fn endpoint_result(&self, job: JobId, which: Which) -> Result<Option<EndpointResult>> {
        let select =
            concat!("SELECT ", result_columns!(), " FROM scraper_results WHERE job_id = $1 AND kind = $2");
        let row = self.first(query(select).bind(job.to_string()).bind(which.name())).await?;
        row.as_ref().map(|row| endpoints::result(row)).transpose()
    }

    async fn end_run(&self, job: JobId, ended: Ended) -> Result<()> {
        let Ended { run, result, is_baseline } = ended;
        let kinds: Vec<String> = match (&result, is_baseline) {
            (None, _) => Vec::new(),
            (Some(_), false) => vec![Which::Latest.name().to_owned()],
            (Some(_), true) => vec![Which::Latest.name().to_owned(), Which::Baseline.name().to_owned()],
        };
        let (version, fetched_at) = result
            .as_ref()
            .map_or((0, 0), |result| (i64::from(result.code_version), result.fetched_at.micros()));
        let (millis, data, metadata) =
            result.as_ref().map(endpoints::result_texts).transpose()?.unwrap_or_default();
        self.rows(
            query(END_RUN)
                .bind(job.to_string())
                .bind(run.at.micros())
                .bind(i64::from(run.ok))
                .bind(rows::to_json(&run)?)
                .bind(i64::from(KEPT_RUNS) - 2)
                .bind(kinds)
                .bind(version)
                .bind(fetched_at)
                .bind(millis)
                .bind(data)
                .bind(metadata),
        )
        .await?;
        Ok(())
    }

    async fn runs(&self, job: JobId, limit: u32) -> Result<Vec<Run>> {
        let select =
            query("SELECT how FROM scraper_runs WHERE job_id = $1 ORDER BY started_at DESC LIMIT $2");
        let found = self.rows(select.bind(job.to_string()).bind(i64::from(limit))).await?;
        found.iter().map(|row| endpoints::run(row)).collect()
    }

    async fn put_schedule(&self, job: JobId, schedule: NewSchedule) -> Result<()> {
        self.rows(
            query(
                "WITH reported AS (
                     INSERT INTO scraper_results
                         (job_id, kind, code_version, fetched_at, duration_ms, data, metadata)
                     SELECT job_id, $6, code_version, fetched_at, duration_ms, data, metadata FROM scraper_results
                     WHERE job_id = $1 AND kind = $7 ON CONFLICT DO NOTHING
                 )
                 INSERT INTO scraper_schedules (job_id, every_seconds, webhook_url, webhook_secret, next_at)
                 VALUES ($1, $2, $3, $4, $5)
                 ON CONFLICT (job_id) DO UPDATE SET
                     every_seconds = excluded.every_seconds, webhook_url = excluded.webhook_url,
                     webhook_secret = excluded.webhook_secret, next_at = excluded.next_at,
                     lease_until = 0, fence = scraper_schedules.fence + 1",
            )
            .bind(job.to_string())
            .bind(rows::int(schedule.every.as_secs()))
            .bind(schedule.webhook_url.as_deref().map(|text| rows::plain(text).into_owned()))
            .bind(schedule.webhook_secret.as_deref().map(|text| rows::plain(text).into_owned()))
            .bind(schedule.next_at.micros())
            .bind(Which::Reported.name())
            .bind(Which::Latest.name()),
        )
        .await?;
        Ok(())
    }

    async fn schedule(&self, job: JobId) -> Result<Option<KeptSchedule>> {
        let select = concat!("SELECT ", schedule_columns!(), " FROM scraper_schedules WHERE job_id = $1");
        let row = self.first(query(select).bind(job.to_string())).await?;
        row.as_ref().map(|row| endpoints::schedule(row)).transpose()
    }

    async fn delete_schedule(&self, job: JobId) -> Result<bool> {
        let delete = query(
            "WITH reported AS (DELETE FROM scraper_results WHERE job_id = $1 AND kind = $2)
             DELETE FROM scraper_schedules WHERE job_id = $1 RETURNING job_id",
        );
        Ok(self.first(delete.bind(job.to_string()).bind(Which::Reported.name())).await?.is_some())
    }

    async fn claim_schedules(
        &self,
        now: Timestamp,
        until: Timestamp,
        limit: u32,
    ) -> Result<Vec<KeptSchedule>> {
        let claim = concat!(
            "UPDATE scraper_schedules SET lease_until = $2, fence = fence + 1 WHERE job_id IN
             (SELECT job_id FROM scraper_schedules WHERE next_at <= $1 AND lease_until <= $1
              ORDER BY next_at LIMIT $3 FOR UPDATE SKIP LOCKED) RETURNING ",
            schedule_columns!()
        );
        let claim = query(claim).bind(now.micros()).bind(until.micros()).bind(i64::from(limit));
        self.rows(claim).await?.iter().map(|row| endpoints::schedule(row)).collect()
    }

    async fn renew_schedule(&self, job: JobId, fence: u64, until: Timestamp) -> Result<bool> {
        let renew = query(
            "UPDATE scraper_schedules SET lease_until = $3 WHERE job_id = $1 AND fence = $2 RETURNING job_id",
        );
        let renew = renew.bind(job.to_string()).bind(rows::int(fence)).bind(until.micros());
        Ok(self.first(renew).await?.is_some())
    }

    async fn end_scheduled(&self, job: JobId, fence: u64, end: ScheduleEnd) -> Result<bool> {
        let (report, result) = (end.report.as_ref(), end.result.as_ref());
        let texts = result.map(endpoints::result_texts).transpose()?;
        let ended = self
            .first(
                query(END_SCHEDULED)
                    .bind(job.to_string())
                    .bind(rows::int(fence))
                    .bind(end.next_at.micros())
                    .bind(end.at.micros())
                    .bind(end.changed)
                    .bind(rows::to_json(&end.last)?)
                    .bind(report.map(|report| report.id.to_string()))
                    .bind(report.map(|report| report.event.clone()))
                    .bind(report.map(|report| rows::plain(&report.url).into_owned()))
                    .bind(report.and_then(|report| {
                        report.secret.as_deref().map(|text| rows::plain(text).into_owned())
                    }))
                    .bind(report.map(|report| report.body.clone()))
                    .bind(Which::Reported.name())
                    .bind(result.map(|result| i64::from(result.code_version)))
                    .bind(result.map(|result| result.fetched_at.micros()))
                    .bind(texts.as_ref().map(|(millis, _, _)| *millis))
                    .bind(texts.as_ref().map(|(_, data, _)| data.clone()))
                    .bind(texts.as_ref().map(|(_, _, metadata)| metadata.clone())),
            )
            .await?;
        Ok(ended.is_some())
    }

    async fn claim_deliveries(
        &self,
        now: Timestamp,
        until: Timestamp,
        limit: u32,
    ) -> Result<Vec<DueDelivery>> {
        let claim = concat!(
            "UPDATE scraper_deliveries SET lease_until = $2 WHERE id IN
             (SELECT id FROM scraper_deliveries
              WHERE status = 'pending' AND next_at <= $1 AND lease_until <= $1
              ORDER BY next_at, id LIMIT $3 FOR UPDATE SKIP LOCKED) RETURNING ",
            due_columns!()
        );
        let claim = query(claim).bind(now.micros()).bind(until.micros()).bind(i64::from(limit));
        self.rows(claim).await?.iter().map(|row| endpoints::due(row)).collect()
    }

    async fn end_attempt(&self, id: DeliveryId, attempt: Attempt) -> Result<()> {
        self.rows(
            query(
                "WITH ended AS (
                     UPDATE scraper_deliveries SET status = $2, attempts = attempts + 1, next_at = $3,
                         lease_until = 0, last_attempt_at = $4, http_status = $5, error = $6
                     WHERE id = $1 RETURNING job_id
                 )
                 DELETE FROM scraper_deliveries WHERE status <> 'pending' AND id <> $1 AND id IN
                 (SELECT d.id FROM scraper_deliveries d JOIN ended ON d.job_id = ended.job_id
                  ORDER BY d.id DESC OFFSET $7)",
            )
            .bind(id.to_string())
            .bind(endpoints::status_name(attempt.status))
            .bind(attempt.next_at.micros())
            .bind(attempt.at.micros())
            .bind(attempt.http_status.map(i64::from))
            .bind(attempt.error.as_deref().map(|text| rows::plain(text).into_owned()))
            .bind(i64::from(KEPT_DELIVERIES)),
        )
        .await?;
        Ok(())
    }

    async fn deliveries(&self, job: JobId, limit: u32) -> Result<Vec<Delivery>> {
        let select = concat!(
            "SELECT ",
            delivery_columns!(),
            " FROM scraper_deliveries WHERE job_id = $1 ORDER BY id DESC LIMIT $2"
        );
        let found = self.rows(query(select).bind(job.to_string()).bind(i64::from(limit))).await?;
        found.iter().map(|row| endpoints::delivery(row)).collect()
    }

    async fn forget_endpoint(&self, job: JobId) -> Result<()> {
        self.rows(
            query(
                "WITH schedules AS (DELETE FROM scraper_schedules WHERE job_id = $1),
                      deliveries AS (DELETE FROM scraper_deliveries WHERE job_id = $1),
                      results AS (DELETE FROM scraper_results WHERE job_id = $1)
                 DELETE FROM scraper_runs WHERE job_id = $1",
            )
            .bind(job.to_string()),
        )
        .await?;
        Ok(())
    }

    async fn release_endpoint_claims(&self) -> Result<()> {
        self.rows(query(
            "WITH deliveries AS (UPDATE scraper_deliveries SET lease_until = 0 WHERE lease_until > 0)
             UPDATE scraper_schedules SET lease_until = 0, fence = fence + 1 WHERE lease_until > 0",
        ))
        .await?;
        Ok(())
    }
}

-- Endpoints of scrapers: what they gave, how they ran, when they run by themselves, what is told to webhooks.
-- Twin: migrations/postgres/0007_scraper_endpoints.sql. Rows belong to a scraper job and go with it.

-- At most three a job: `latest` is what the endpoint answers with, `baseline` the last result without a fault, which
-- later ones are compared with, `reported` what the last scheduled run gave.
CREATE TABLE scraper_results (
    job_id       TEXT   NOT NULL,
    kind         TEXT   NOT NULL,
    code_version BIGINT NOT NULL,
    fetched_at   BIGINT NOT NULL,
    duration_ms  BIGINT NOT NULL,
    data         TEXT   NOT NULL,               -- JSON array of objects
    metadata     TEXT   NOT NULL,               -- JSON object, the scraper's own
    PRIMARY KEY (job_id, kind)
);

-- The last runs of every job.
CREATE TABLE scraper_runs (
    job_id       TEXT   NOT NULL,
    started_at   BIGINT NOT NULL,
    ok           BIGINT NOT NULL,               -- 0 or 1
    how          TEXT   NOT NULL,               -- JSON: trigger, records, duration, version, error, drift, note
    PRIMARY KEY (job_id, started_at)
);

CREATE TABLE scraper_schedules (
    job_id         TEXT   NOT NULL PRIMARY KEY,
    every_seconds  BIGINT NOT NULL,
    webhook_url    TEXT,
    webhook_secret TEXT,
    next_at        BIGINT NOT NULL,
    lease_until    BIGINT NOT NULL DEFAULT 0,
    fence          BIGINT NOT NULL DEFAULT 0,   -- grows with every claim and with every change of the schedule
    last_at        BIGINT,
    last_change_at BIGINT,
    last           TEXT                         -- JSON: whether the last run was good, its error, its changes
);

CREATE INDEX scraper_schedules_by_time ON scraper_schedules (next_at);

-- Reports to webhooks, written together with the end of the run that has something to tell.
CREATE TABLE scraper_deliveries (
    id              TEXT   NOT NULL PRIMARY KEY,
    job_id          TEXT   NOT NULL,
    event           TEXT   NOT NULL,
    url             TEXT   NOT NULL,
    secret          TEXT,
    body            TEXT   NOT NULL,            -- JSON
    status          TEXT   NOT NULL,            -- pending, delivered, failed
    attempts        BIGINT NOT NULL DEFAULT 0,
    created_at      BIGINT NOT NULL,
    next_at         BIGINT NOT NULL,
    lease_until     BIGINT NOT NULL DEFAULT 0,
    last_attempt_at BIGINT,
    http_status     BIGINT,
    error           TEXT
);

CREATE INDEX scraper_deliveries_by_time ON scraper_deliveries (status, next_at);
CREATE INDEX scraper_deliveries_by_job ON scraper_deliveries (job_id, id);

-- Scraper jobs and the versions of their code. Twin: migrations/postgres/0006_scraper_jobs.sql.

-- The queue, too: whoever works on a job has its lease, and every write is made under its fence.
CREATE TABLE scraper_jobs (
    id            TEXT   NOT NULL PRIMARY KEY,
    workspace     TEXT   NOT NULL,
    url           TEXT   NOT NULL,
    description   TEXT   NOT NULL,
    folded        TEXT   NOT NULL,              -- address and description in lower case, for searching
    user_id       TEXT,
    ignore_robots BIGINT NOT NULL,              -- 0 or 1
    status        TEXT   NOT NULL,
    message       TEXT   NOT NULL,
    error         TEXT,                         -- JSON
    analysis      TEXT,                         -- JSON
    sample_data   TEXT,                         -- JSON
    attempts      TEXT   NOT NULL DEFAULT '[]', -- JSON
    code_version  BIGINT,                       -- the one in use
    next_version  BIGINT NOT NULL DEFAULT 1,
    cost          BIGINT NOT NULL DEFAULT 0,
    round_cost    BIGINT NOT NULL DEFAULT 0,
    round         BIGINT NOT NULL DEFAULT 1,
    feedback      TEXT,
    last_failure  TEXT,
    change        BIGINT NOT NULL DEFAULT 1,    -- rises with every change that watchers are told
    recoveries    BIGINT NOT NULL DEFAULT 0,
    created_at    BIGINT NOT NULL,
    updated_at    BIGINT NOT NULL,
    owner         TEXT,                         -- the worker that has it
    fence         BIGINT NOT NULL DEFAULT 0,    -- rises with every change of owner
    lease_until   BIGINT NOT NULL DEFAULT 0     -- database clock; 0 without an owner
);

CREATE INDEX scraper_jobs_by_status ON scraper_jobs (status, id);
CREATE INDEX scraper_jobs_by_workspace ON scraper_jobs (workspace, id);

CREATE TABLE scraper_versions (
    job_id     TEXT   NOT NULL REFERENCES scraper_jobs (id) ON DELETE CASCADE,
    version    BIGINT NOT NULL,                 -- from 1
    code       TEXT   NOT NULL,
    recipe     TEXT,                            -- JSON
    schema     TEXT,                            -- JSON
    sample     TEXT   NOT NULL,                 -- JSON array
    records    BIGINT NOT NULL,
    made_by    TEXT   NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (job_id, version)
);

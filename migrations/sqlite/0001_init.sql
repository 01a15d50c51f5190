-- The first schema. Its twin is migrations/postgres/0001_init.sql: same tables, same columns, same meaning.
-- Ids are UUIDv7 as text (their order is the order of creation), times microseconds since 1970 UTC,
-- money pico-dollars, JSON text.

-- A deleted workflow keeps its row and its versions: its executions still need them.
CREATE TABLE workflows (
    id          TEXT   NOT NULL PRIMARY KEY,
    version     BIGINT NOT NULL,                -- the latest
    name_folded TEXT   NOT NULL,                -- the latest version's name in lower case, for searching
    created_at  BIGINT NOT NULL,
    deleted_at  BIGINT
);

CREATE TABLE workflow_versions (
    workflow_id TEXT   NOT NULL REFERENCES workflows (id),
    version     BIGINT NOT NULL,
    name        TEXT   NOT NULL,
    document    TEXT   NOT NULL,                -- JSON object
    valid       BIGINT NOT NULL,                -- 0 or 1
    problems    TEXT   NOT NULL,                -- JSON array
    created_at  BIGINT NOT NULL,
    PRIMARY KEY (workflow_id, version)
);

-- The queue, and what lists show. Every step rewrites the row, so what is large or never changes lives elsewhere.
CREATE TABLE executions (
    id                TEXT   NOT NULL PRIMARY KEY,
    workflow_id       TEXT   NOT NULL,
    workflow_version  BIGINT NOT NULL,
    workflow_name     TEXT   NOT NULL,
    status            TEXT   NOT NULL,
    error             TEXT,                     -- JSON
    budget            TEXT,                     -- JSON
    spent             BIGINT NOT NULL DEFAULT 0,
    reserved          BIGINT NOT NULL DEFAULT 0,
    prompt_tokens     BIGINT NOT NULL DEFAULT 0,
    completion_tokens BIGINT NOT NULL DEFAULT 0,
    created_at        BIGINT NOT NULL,
    started_at        BIGINT,
    finished_at       BIGINT,
    owner             TEXT,                     -- the worker that has it; null: queued, released or ended
    fence             BIGINT NOT NULL,          -- rises with every change of owner
    lease_until       BIGINT NOT NULL,          -- database clock; 0 without an owner
    next_seq          BIGINT NOT NULL DEFAULT 1,
    journal_len       BIGINT NOT NULL DEFAULT 0,
    recoveries        BIGINT NOT NULL DEFAULT 0,
    idempotency_key   TEXT,                     -- SHA-256 of the caller's key
    idempotency_hash  TEXT                      -- hash of what was asked for under that key
);

CREATE UNIQUE INDEX executions_by_idempotency_key ON executions (idempotency_key) WHERE idempotency_key IS NOT NULL;
CREATE INDEX executions_by_workflow ON executions (workflow_id, id);
CREATE INDEX executions_by_status ON executions (status, id);
CREATE INDEX executions_by_workflow_and_status ON executions (workflow_id, status, id);

CREATE TABLE execution_inputs (
    execution_id TEXT NOT NULL PRIMARY KEY,
    inputs       TEXT NOT NULL                  -- JSON
);

-- Both are append-only, and written only together with their execution's row: that row guards them, so that
-- foreign keys would only cost time.
CREATE TABLE journal (
    execution_id TEXT   NOT NULL,
    idx          BIGINT NOT NULL,               -- from 0, without gaps
    record       TEXT   NOT NULL,               -- JSON
    PRIMARY KEY (execution_id, idx)
);

CREATE TABLE events (
    execution_id TEXT   NOT NULL,
    seq          BIGINT NOT NULL,               -- from 1, without gaps
    kind         TEXT   NOT NULL,
    agent_id     TEXT,
    data         TEXT   NOT NULL,               -- JSON
    timestamp    BIGINT NOT NULL,
    PRIMARY KEY (execution_id, seq)
);

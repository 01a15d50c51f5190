-- Budgets of API keys, and kept answers of models. Twin: migrations/postgres/0004_llm.sql.

-- What a key has spent and holds back in a period: `day 2026-11-22`, `month 2026-11`, `total`. Pico-dollars.
CREATE TABLE key_spending (
    key_name TEXT   NOT NULL,
    period   TEXT   NOT NULL,
    spent    BIGINT NOT NULL,
    reserved BIGINT NOT NULL,
    PRIMARY KEY (key_name, period)
);

-- What is held back for a call under way, one row for each of the periods it counts in. A row whose process has died
-- stays: nobody knows what its call cost, so it counts as spent in full.
CREATE TABLE key_reservations (
    id         TEXT   NOT NULL,                 -- of the call
    period     TEXT   NOT NULL,
    key_name   TEXT   NOT NULL,
    amount     BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (id, period)
);

CREATE TABLE llm_answers (
    digest     TEXT   NOT NULL PRIMARY KEY,     -- of everything that matters of the request
    answer     TEXT   NOT NULL,                 -- JSON
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);

CREATE INDEX llm_answers_by_expiry ON llm_answers (expires_at);

//! Many steps in one statement: one round trip and one sync of the disk for all of them. Each step stands or falls
//! on its own fence. Not here: which steps go together (`lanes`).

use crate::{Committed, Error, Ownership, Result, Step, broken::fenced, rows};
use sqlx::{PgConnection, Row};
use std::collections::HashMap;

/// A step as the statement takes it.
pub(super) struct Encoded {
    pub(super) id: String,
    fence: i64,
    journal_len: i64,
    status: &'static str,
    error: Option<String>,
    budget: Option<String>,
    spent: i64,
    reserved: i64,
    prompt_tokens: i64,
    completion_tokens: i64,
    started_at: Option<i64>,
    finished_at: Option<i64>,
    to_nobody: bool,
    progress: bool,
    records: Vec<String>,
    events: Vec<EncodedEvent>,
}

struct EncodedEvent {
    kind: &'static str,
    agent_id: Option<String>,
    data: String,
    timestamp: i64,
}

impl Encoded {
    pub(super) fn new(step: &Step) -> Result<Self> {
        let update = &step.update;
        let mut events = Vec::with_capacity(step.events.len());
        for event in &step.events {
            let (kind, agent, data, timestamp) = rows::event_texts(event)?;
            events.push(EncodedEvent { kind, agent_id: agent.map(str::to_owned), data, timestamp });
        }
        Ok(Self {
            id: step.id.to_string(),
            fence: rows::int(step.fence),
            journal_len: rows::int(step.journal_len),
            status: update.status.as_str(),
            error: rows::maybe_json(update.error.as_ref())?,
            budget: rows::maybe_json(update.budget.as_ref())?,
            spent: update.spent.picos(),
            reserved: update.reserved.picos(),
            prompt_tokens: rows::int(update.tokens.prompt),
            completion_tokens: rows::int(update.tokens.completion),
            started_at: update.started_at.map(|at| at.micros()),
            finished_at: update.finished_at.map(|at| at.micros()),
            to_nobody: step.ownership == Ownership::Nobody,
            progress: step.progress,
            records: step.records.clone(),
            events,
        })
    }

    /// Roughly its size.
    pub(super) fn bytes(&self) -> usize {
        let records: usize = self.records.iter().map(String::len).sum();
        let events: usize = self.events.iter().map(|event| event.data.len()).sum();
        512 + records + events
    }
}

// `mine` locks the rows in the order of their ids, as every statement on several executions does, so that no two
// can wait for each other. It waits for a concurrent writer and then sees what that one has written; only rows that
// still have the expected fence and length are left.
const WRITE: &str = concat!(
    "
WITH step AS (
    SELECT * FROM unnest(
        $1::text[], $2::bigint[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::bigint[], $8::bigint[],
        $9::bigint[], $10::bigint[], $11::bigint[], $12::bigint[], $13::bool[], $14::bool[], $15::bigint[],
        $16::bigint[]
    ) AS s (
        id, fence, journal_len, status, error, budget, spent, reserved,
        prompt_tokens, completion_tokens, started_at, finished_at, to_nobody, progress, records,
        events
    )
), mine AS (
    SELECT e.id FROM executions e JOIN step s ON s.id = e.id
    WHERE ",
    fenced!(),
    "
    ORDER BY e.id FOR NO KEY UPDATE OF e
), written AS (
    UPDATE executions e SET
        status = s.status, error = s.error, budget = s.budget, spent = s.spent, reserved = s.reserved,
        prompt_tokens = s.prompt_tokens, completion_tokens = s.completion_tokens,
        started_at = s.started_at, finished_at = s.finished_at,
        next_seq = e.next_seq + s.events, journal_len = e.journal_len + s.records,
        owner = CASE WHEN s.to_nobody THEN NULL ELSE e.owner END,
        fence = CASE WHEN s.to_nobody THEN e.fence + 1 ELSE e.fence END,
        lease_until = CASE WHEN s.to_nobody THEN 0 ELSE e.lease_until END,
        recoveries = CASE WHEN s.progress THEN 0 ELSE e.recoveries END
    FROM step s JOIN mine m ON m.id = s.id
    WHERE e.id = s.id AND ",
    fenced!(),
    "
    RETURNING e.id, e.next_seq - s.events AS first_seq, e.journal_len - s.records AS first_idx
), new_events AS (
    INSERT INTO events (execution_id, seq, kind, agent_id, data, timestamp)
    SELECT w.id, w.first_seq + n.ordinal, n.kind, n.agent_id, n.data, n.timestamp
    FROM unnest($17::text[], $18::bigint[], $19::text[], $20::text[], $21::text[], $22::bigint[])
        AS n (execution_id, ordinal, kind, agent_id, data, timestamp)
    JOIN written w ON w.id = n.execution_id
), new_records AS (
    INSERT INTO journal (execution_id, idx, record)
    SELECT w.id, w.first_idx + n.ordinal, n.record
    FROM unnest($23::text[], $24::bigint[], $25::text[]) AS n (execution_id, ordinal, record)
    JOIN written w ON w.id = n.execution_id
)
SELECT id, first_seq FROM written"
);

/// Writes the steps, all in one transaction; one answer for each, in order. No two may be of one execution.
pub(super) async fn write(
    connection: &mut PgConnection,
    steps: &[Encoded],
) -> Result<Vec<Result<Committed>>, sqlx::Error> {
    /// One column of all steps.
    macro_rules! column {
        (|$step:ident| $value:expr) => {
            steps.iter().map(|$step| $value).collect::<Vec<_>>()
        };
    }
    let events =
        || steps.iter().flat_map(|step| step.events.iter().zip(0_i64..).map(move |event| (step, event)));
    let records =
        || steps.iter().flat_map(|step| step.records.iter().zip(0_i64..).map(move |record| (step, record)));
    let found = sqlx::query(WRITE)
        .bind(column!(|step| step.id.as_str()))
        .bind(column!(|step| step.fence))
        .bind(column!(|step| step.journal_len))
        .bind(column!(|step| step.status))
        .bind(column!(|step| step.error.as_deref()))
        .bind(column!(|step| step.budget.as_deref()))
        .bind(column!(|step| step.spent))
        .bind(column!(|step| step.reserved))
        .bind(column!(|step| step.prompt_tokens))
        .bind(column!(|step| step.completion_tokens))
        .bind(column!(|step| step.started_at))
        .bind(column!(|step| step.finished_at))
        .bind(column!(|step| step.to_nobody))
        .bind(column!(|step| step.progress))
        .bind(column!(|step| rows::length(step.records.len())))
        .bind(column!(|step| rows::length(step.events.len())))
        .bind(events().map(|(step, _)| step.id.as_str()).collect::<Vec<_>>())
        .bind(events().map(|(_, (_, ordinal))| ordinal).collect::<Vec<_>>())
        .bind(events().map(|(_, (event, _))| event.kind).collect::<Vec<_>>())
        .bind(events().map(|(_, (event, _))| event.agent_id.as_deref()).collect::<Vec<_>>())
        .bind(events().map(|(_, (event, _))| event.data.as_str()).collect::<Vec<_>>())
        .bind(events().map(|(_, (event, _))| event.timestamp).collect::<Vec<_>>())
        .bind(records().map(|(step, _)| step.id.as_str()).collect::<Vec<_>>())
        .bind(records().map(|(_, (_, ordinal))| ordinal).collect::<Vec<_>>())
        .bind(records().map(|(_, (record, _))| record.as_str()).collect::<Vec<_>>())
        .fetch_all(connection)
        .await?;
    let mut written = HashMap::with_capacity(found.len());
    for row in &found {
        let (id, first_seq): (String, i64) = (row.try_get(0)?, row.try_get(1)?);
        written.insert(id, rows::count(first_seq).map(|first_seq| Committed { first_seq }));
    }
    Ok(steps.iter().map(|step| written.remove(&step.id).unwrap_or(Err(Error::FenceLost))).collect())
}

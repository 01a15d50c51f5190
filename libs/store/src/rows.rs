//! Between the model's types and columns that both databases have: text and 64-bit integers. The column lists
//! stand beside the functions that read them, since those go by position. Not here: statements, connections.

use crate::{Claimed, Error, Head, Loaded, NewEvent, Position, Result};
use nexus_api::Workspace;
use nexus_model::{
    Event, EventType, ExecutionId, ExecutionStatus, Money, NodeId, Timestamp,
    document::Budget,
    execution::{ExecutionSummary, Spending, Tokens},
    workflow::{VersionInfo, Workflow},
};
use serde::{Serialize, de::DeserializeOwned};
use sha2::{Digest, Sha256};
use std::{borrow::Cow, fmt::Display, fmt::Write, str::FromStr, time::Duration};

/// Sorts after every id: where a list without a cursor begins.
pub(crate) const AFTER_EVERY_ID: &str = "~";

/// One row of a result, whichever database it came from.
pub(crate) trait Columns {
    fn text(&self, column: usize) -> Result<String>;
    fn maybe_text(&self, column: usize) -> Result<Option<String>>;
    fn int(&self, column: usize) -> Result<i64>;
    fn maybe_int(&self, column: usize) -> Result<Option<i64>>;
}

/// What [`workflow`] reads; `w` is `workflows`, `v` is `workflow_versions`.
macro_rules! workflow_columns {
    () => {
        "w.id, v.version, w.created_at, v.created_at, v.valid, v.problems, v.document"
    };
}

/// What [`version_info`] reads.
macro_rules! version_columns {
    () => {
        "v.version, v.created_at, v.name, v.valid"
    };
}

/// What [`summary`] reads; `e` is `executions`.
macro_rules! summary_columns {
    () => {
        "e.id, e.workflow_id, e.workflow_version, e.workflow_name, e.status, e.error, e.budget, e.spent, e.reserved, \
         e.prompt_tokens, e.completion_tokens, e.created_at, e.started_at, e.finished_at"
    };
}

/// What [`head`] reads after [`summary`]'s columns; whether the lease still runs follows as 0 or 1, since each
/// database has its own clock. `i` is `execution_inputs`.
macro_rules! head_columns {
    () => {
        concat!(
            crate::rows::summary_columns!(),
            ", i.inputs, e.fence, e.owner, e.next_seq, e.journal_len, e.recoveries, i.traceparent, \
             e.workspace, e.principal"
        )
    };
}

/// What [`event`] reads.
macro_rules! event_columns {
    () => {
        "seq, kind, agent_id, data, timestamp"
    };
}

pub(crate) use {event_columns, head_columns, summary_columns, version_columns, workflow_columns};

pub(crate) fn workflow(row: &dyn Columns) -> Result<Workflow> {
    Ok(Workflow {
        id: parse(&row.text(0)?)?,
        version: small(row.int(1)?)?,
        created_at: Timestamp::from_micros(row.int(2)?),
        updated_at: Timestamp::from_micros(row.int(3)?),
        valid: row.int(4)? != 0,
        problems: from_json(&row.text(5)?)?,
        document: from_json(&row.text(6)?)?,
    })
}

pub(crate) fn version_info(row: &dyn Columns) -> Result<VersionInfo> {
    Ok(VersionInfo {
        version: small(row.int(0)?)?,
        created_at: Timestamp::from_micros(row.int(1)?),
        name: row.text(2)?,
        valid: row.int(3)? != 0,
    })
}

pub(crate) fn summary(row: &dyn Columns) -> Result<ExecutionSummary> {
    Ok(summary_and_budget(row)?.0)
}

fn summary_and_budget(row: &dyn Columns) -> Result<(ExecutionSummary, Option<Budget>)> {
    let status = row.text(4)?;
    let budget: Option<Budget> = row.maybe_text(6)?.as_deref().map(from_json).transpose()?;
    let summary = ExecutionSummary {
        id: parse(&row.text(0)?)?,
        workflow_id: parse(&row.text(1)?)?,
        workflow_version: small(row.int(2)?)?,
        workflow_name: row.text(3)?,
        status: ExecutionStatus::parse(&status)
            .ok_or_else(|| damaged(format!("unknown status `{status}`")))?,
        error: row.maybe_text(5)?.as_deref().map(from_json).transpose()?,
        budget: Spending {
            limit_usd: budget.as_ref().and_then(|budget| budget.limit_usd),
            spent_usd: Money::from_picos(row.int(7)?),
            reserved_usd: Money::from_picos(row.int(8)?),
        },
        tokens: Tokens { prompt: count(row.int(9)?)?, completion: count(row.int(10)?)? },
        created_at: Timestamp::from_micros(row.int(11)?),
        started_at: row.maybe_int(12)?.map(Timestamp::from_micros),
        finished_at: row.maybe_int(13)?.map(Timestamp::from_micros),
    };
    Ok((summary, budget))
}

pub(crate) fn head(row: &dyn Columns) -> Result<Head> {
    let (summary, budget) = summary_and_budget(row)?;
    Ok(Head {
        summary,
        budget,
        inputs: from_json(&row.text(14)?)?,
        fence: count(row.int(15)?)?,
        owner: row.maybe_text(16)?,
        next_seq: count(row.int(17)?)?,
        journal_len: count(row.int(18)?)?,
        recoveries: small(row.int(19)?)?,
        traceparent: row.maybe_text(20)?,
        workspace: parse(&row.text(21)?)?,
        principal: row.maybe_text(22)?,
        leased: row.int(23)? != 0,
    })
}

pub(crate) fn position(row: &dyn Columns) -> Result<Position> {
    let status = row.text(0)?;
    let status =
        ExecutionStatus::parse(&status).ok_or_else(|| Error::Internal(format!("unknown status {status}")))?;
    Ok(Position { status, next_seq: count(row.int(1)?)? })
}

pub(crate) fn event(id: ExecutionId, row: &dyn Columns) -> Result<Event> {
    let kind = row.text(1)?;
    Ok(Event {
        seq: count(row.int(0)?)?,
        execution_id: id,
        kind: EventType::parse(&kind).ok_or_else(|| damaged(format!("unknown event `{kind}`")))?,
        agent_id: row.maybe_text(2)?.as_deref().map(parse::<NodeId>).transpose()?,
        data: from_json(&row.text(3)?)?,
        timestamp: Timestamp::from_micros(row.int(4)?),
    })
}

/// A head with its journal, which must be as long as the head says.
pub(crate) fn loaded(head: Head, journal: Vec<String>) -> Result<Loaded> {
    if count(length(journal.len()))? == head.journal_len {
        Ok(Loaded { head, journal })
    } else {
        let id = head.summary.id;
        Err(damaged(format!("the journal of {id} has {} of {} records", journal.len(), head.journal_len)))
    }
}

/// An event's columns that are not there already: its kind, node, data and time.
pub(crate) fn event_texts(event: &NewEvent) -> Result<(&'static str, Option<&str>, String, i64)> {
    let agent = event.agent_id.as_ref().map(NodeId::as_str);
    Ok((event.kind.as_str(), agent, to_json(&event.data)?, event.timestamp.micros()))
}

/// What an idempotency key is stored as: of fixed length whatever its own, no secret, and another one in each workspace.
pub(crate) fn key_digest(workspace: &Workspace, key: &str) -> String {
    let mut digest = Sha256::new();
    if !workspace.is_default() {
        // No key of the default workspace looks like this: keys hold no NUL.
        digest.update(workspace.as_str());
        digest.update([0]);
    }
    digest.update(key);
    let mut hex = String::with_capacity(64);
    for byte in digest.finalize() {
        // Writing to a String cannot fail.
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}

/// Text that every database takes: Postgres refuses NUL, so it becomes the replacement character in both. JSON
/// needs no such care, there NUL is always escaped.
pub(crate) fn plain(text: &str) -> Cow<'_, str> {
    if text.contains('\0') { text.replace('\0', "\u{fffd}").into() } else { text.into() }
}

/// How names are compared when searching. Done here because SQLite folds ASCII only.
pub(crate) fn folded(name: &str) -> String {
    plain(name).to_lowercase()
}

pub(crate) fn to_json(value: &impl Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|e| Error::Internal(format!("not JSON: {e}")))
}

pub(crate) fn maybe_json(value: Option<&impl Serialize>) -> Result<Option<String>> {
    value.map(to_json).transpose()
}

pub(crate) fn from_json<T: DeserializeOwned>(text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|e| damaged(format!("stored JSON: {e}")))
}

pub(crate) fn parse<T: FromStr<Err: Display>>(text: &str) -> Result<T> {
    text.parse().map_err(|e| damaged(format!("{e}")))
}

/// A count as the database stores it. Nothing that is counted gets anywhere near the limit.
pub(crate) fn int(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// A length as the database stores it.
pub(crate) fn length(len: usize) -> i64 {
    i64::try_from(len).unwrap_or(i64::MAX)
}

/// A duration as the database stores it.
pub(crate) fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX / 2).min(i64::MAX / 2)
}

pub(crate) fn count(stored: i64) -> Result<u64> {
    u64::try_from(stored).map_err(|_| damaged(format!("a count of {stored}")))
}

pub(crate) fn small(stored: i64) -> Result<u32> {
    u32::try_from(stored).map_err(|_| damaged(format!("a count of {stored}")))
}

fn damaged(what: String) -> Error {
    Error::Internal(format!("a stored row makes no sense: {what}"))
}

/// Orders what was claimed as it was chosen: those that lost their owner first, then the oldest.
pub(crate) fn by_urgency(claimed: &mut [Claimed]) {
    claimed.sort_by_key(|claimed| {
        let summary = &claimed.loaded.head.summary;
        (summary.status == ExecutionStatus::Queued, summary.id)
    });
}

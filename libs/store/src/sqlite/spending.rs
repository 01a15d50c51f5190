//! The llm gateway's state in SQLite. Not here: what it means (`crate::spending`).

use super::{
    SqliteStore,
    workflows::{first, run},
};
use crate::{Allowance, Error, Held, LlmStore, Result, Spending};
use async_trait::async_trait;
use nexus_model::{Money, Timestamp};
use rusqlite::{Connection, params};

/// Answers that have run out are forgotten in portions, so that no write takes long.
const FORGOTTEN_AT_ONCE: u32 = 50;

fn spending(connection: &Connection, key: &str, period: &str) -> Result<Spending> {
    let found = first(
        connection,
        "SELECT spent, reserved FROM key_spending WHERE key_name = ?1 AND period = ?2",
        params![key, period],
        |row| {
            Ok(Spending { spent: Money::from_picos(row.int(0)?), reserved: Money::from_picos(row.int(1)?) })
        },
    )?;
    Ok(found.unwrap_or_default())
}

/// Refusals undo the savepoint that every write has, so they travel as errors.
enum Refused {
    Full(Held),
    Failed(Error),
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Refused::Failed(error)
    }
}

fn reserve(
    connection: &Connection,
    id: &str,
    key: &str,
    amount: Money,
    allowances: &[Allowance],
) -> Result<(), Refused> {
    // All are checked before anything is written: this connection is the only one that writes.
    for Allowance { period, limit } in allowances {
        let held = first(
            connection,
            "SELECT amount FROM key_reservations WHERE id = ?1 AND period = ?2",
            params![id, period],
            |row| row.int(0),
        )?;
        let now = spending(connection, key, period)?;
        // Subtracted: sums of large amounts saturate, and would then seem to fit.
        let left = limit.picos().saturating_sub(now.spent.picos()).saturating_sub(now.reserved.picos());
        if held.is_none() && amount.picos() > left {
            return Err(Refused::Full(Held::No { period: period.clone(), spending: now }));
        }
    }
    for Allowance { period, .. } in allowances {
        let new = run(
            connection,
            "INSERT INTO key_reservations (id, period, key_name, amount, created_at) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT DO NOTHING",
            params![id, period, key, amount.picos(), Timestamp::now().micros()],
        )?;
        if new > 0 {
            run(
                connection,
                "INSERT INTO key_spending (key_name, period, spent, reserved) VALUES (?1, ?2, 0, ?3)
                 ON CONFLICT (key_name, period) DO UPDATE SET reserved = reserved + excluded.reserved",
                params![key, period, amount.picos()],
            )?;
        }
    }
    Ok(())
}

#[async_trait]
impl LlmStore for SqliteStore {
    async fn reserve_spending(
        &self,
        id: &str,
        key: &str,
        amount: Money,
        allowances: &[Allowance],
    ) -> Result<Held> {
        let (id, key, allowances) = (id.to_owned(), key.to_owned(), allowances.to_vec());
        self.write(move |connection| match reserve(connection, &id, &key, amount, &allowances) {
            Ok(()) => Ok(Held::Yes),
            Err(Refused::Full(held)) => Ok(held),
            Err(Refused::Failed(error)) => Err(error),
        })
        .await
    }

    async fn settle_spending(&self, id: &str, cost: Money) -> Result<()> {
        let id = id.to_owned();
        self.write(move |connection| {
            run(
                connection,
                "UPDATE key_spending SET reserved = reserved - held.amount, spent = spent + ?2
                 FROM key_reservations AS held
                 WHERE held.id = ?1 AND held.key_name = key_spending.key_name AND held.period = key_spending.period",
                params![id, cost.picos()],
            )?;
            run(connection, "DELETE FROM key_reservations WHERE id = ?1", params![id])?;
            Ok(())
        })
        .await
    }

    async fn spending(&self, key: &str, period: &str) -> Result<Spending> {
        let (key, period) = (key.to_owned(), period.to_owned());
        self.read(move |connection| spending(connection, &key, &period)).await
    }

    async fn kept_answer(&self, digest: &str, since: Timestamp, now: Timestamp) -> Result<Option<String>> {
        let digest = digest.to_owned();
        self.read(move |connection| {
            first(
                connection,
                "SELECT answer FROM llm_answers WHERE digest = ?1 AND created_at > ?2 AND expires_at > ?3",
                params![digest, since.micros(), now.micros()],
                |row| row.text(0),
            )
        })
        .await
    }

    async fn keep_answer(&self, digest: &str, answer: &str, now: Timestamp, until: Timestamp) -> Result<()> {
        let (digest, answer) = (digest.to_owned(), answer.to_owned());
        self.write(move |connection| {
            run(
                connection,
                "INSERT INTO llm_answers (digest, answer, created_at, expires_at) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT (digest) DO UPDATE
                 SET answer = excluded.answer, created_at = excluded.created_at, expires_at = excluded.expires_at",
                params![digest, answer, now.micros(), until.micros()],
            )?;
            run(
                connection,
                "DELETE FROM llm_answers WHERE digest IN
                 (SELECT digest FROM llm_answers WHERE expires_at <= ?1 ORDER BY expires_at LIMIT ?2)",
                params![now.micros(), FORGOTTEN_AT_ONCE],
            )?;
            Ok(())
        })
        .await
    }
}

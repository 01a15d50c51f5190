//! The llm gateway's state in Postgres. Not here: what it means (`crate::spending`).

use super::{ANSWER_TIMEOUT, PostgresStore, no_answer, rows::failed};
use crate::{Allowance, Held, LlmStore, Result, Spending, rows::Columns};
use async_trait::async_trait;
use nexus_model::{Money, Timestamp};
use sqlx::{Connection, PgConnection, query};

/// Answers that have run out are forgotten in portions, so that no statement takes long.
const FORGOTTEN_AT_ONCE: i64 = 50;

fn spending(row: &dyn Columns) -> Result<Spending> {
    Ok(Spending { spent: Money::from_picos(row.int(0)?), reserved: Money::from_picos(row.int(1)?) })
}

async fn reserve(
    connection: &mut PgConnection,
    id: &str,
    key: &str,
    amount: Money,
    allowances: &[&Allowance],
) -> Result<Held> {
    // Dropped without a commit, it is rolled back.
    let mut transaction = connection.begin().await.map_err(failed)?;
    for Allowance { period, limit } in allowances {
        let new = query(
            "INSERT INTO key_reservations (id, period, key_name, amount, created_at) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT DO NOTHING",
        )
        .bind(id)
        .bind(period)
        .bind(key)
        .bind(amount.picos())
        .bind(Timestamp::now().micros())
        .execute(&mut *transaction)
        .await
        .map_err(failed)?;
        if new.rows_affected() == 0 {
            continue;
        }
        query(
            "INSERT INTO key_spending (key_name, period, spent, reserved) VALUES ($1, $2, 0, 0)
             ON CONFLICT DO NOTHING",
        )
        .bind(key)
        .bind(period)
        .execute(&mut *transaction)
        .await
        .map_err(failed)?;
        // Locks the row; whoever waited for it judges its new contents. The subtraction cannot overflow.
        let held = query(
            "UPDATE key_spending SET reserved = reserved + $3
             WHERE key_name = $1 AND period = $2 AND $3 <= $4 - spent - reserved",
        )
        .bind(key)
        .bind(period)
        .bind(amount.picos())
        .bind(limit.picos())
        .execute(&mut *transaction)
        .await
        .map_err(failed)?;
        if held.rows_affected() == 0 {
            let row = query("SELECT spent, reserved FROM key_spending WHERE key_name = $1 AND period = $2")
                .bind(key)
                .bind(period)
                .fetch_one(&mut *transaction)
                .await
                .map_err(failed)?;
            return Ok(Held::No { period: period.clone(), spending: spending(&row)? });
        }
    }
    transaction.commit().await.map_err(failed)?;
    Ok(Held::Yes)
}

async fn settle(connection: &mut PgConnection, id: &str, cost: Money) -> Result<()> {
    let mut transaction = connection.begin().await.map_err(failed)?;
    // In the order in which reservations lock them, so that nobody waits in a circle.
    let held = query("DELETE FROM key_reservations WHERE id = $1 RETURNING key_name, period, amount")
        .bind(id)
        .fetch_all(&mut *transaction)
        .await
        .map_err(failed)?;
    let mut held =
        held.iter().map(|row| Ok((row.text(0)?, row.text(1)?, row.int(2)?))).collect::<Result<Vec<_>>>()?;
    held.sort();
    for (key, period, amount) in held {
        query(
            "UPDATE key_spending SET reserved = reserved - $3, spent = spent + $4
             WHERE key_name = $1 AND period = $2",
        )
        .bind(key)
        .bind(period)
        .bind(amount)
        .bind(cost.picos())
        .execute(&mut *transaction)
        .await
        .map_err(failed)?;
    }
    transaction.commit().await.map_err(failed)
}

#[async_trait]
impl LlmStore for PostgresStore {
    async fn reserve_spending(
        &self,
        id: &str,
        key: &str,
        amount: Money,
        allowances: &[Allowance],
    ) -> Result<Held> {
        let mut ordered: Vec<&Allowance> = allowances.iter().collect();
        ordered.sort_by(|one, other| one.period.cmp(&other.period));
        let mut connection = self.0.pool.acquire().await.map_err(failed)?;
        let work = reserve(&mut connection, id, key, amount, &ordered);
        match tokio::time::timeout(ANSWER_TIMEOUT, work).await {
            Ok(held) => held,
            Err(_) => {
                connection.close_on_drop();
                Err(no_answer())
            }
        }
    }

    async fn settle_spending(&self, id: &str, cost: Money) -> Result<()> {
        let mut connection = self.0.pool.acquire().await.map_err(failed)?;
        match tokio::time::timeout(ANSWER_TIMEOUT, settle(&mut connection, id, cost)).await {
            Ok(settled) => settled,
            Err(_) => {
                connection.close_on_drop();
                Err(no_answer())
            }
        }
    }

    async fn spending(&self, key: &str, period: &str) -> Result<Spending> {
        let select = query("SELECT spent, reserved FROM key_spending WHERE key_name = $1 AND period = $2");
        let row = self.first(select.bind(key).bind(period)).await?;
        row.map_or(Ok(Spending::default()), |row| spending(&row))
    }

    async fn kept_answer(&self, digest: &str, since: Timestamp, now: Timestamp) -> Result<Option<String>> {
        let select =
            query("SELECT answer FROM llm_answers WHERE digest = $1 AND created_at > $2 AND expires_at > $3");
        let row = self.first(select.bind(digest).bind(since.micros()).bind(now.micros())).await?;
        row.map(|row| row.text(0)).transpose()
    }

    async fn keep_answer(&self, digest: &str, answer: &str, now: Timestamp, until: Timestamp) -> Result<()> {
        self.rows(
            query(
                "WITH forgotten AS (
                     DELETE FROM llm_answers WHERE digest IN
                     (SELECT digest FROM llm_answers WHERE expires_at <= $3 AND digest <> $1
                      ORDER BY expires_at LIMIT $5 FOR UPDATE SKIP LOCKED)
                 )
                 INSERT INTO llm_answers (digest, answer, created_at, expires_at) VALUES ($1, $2, $3, $4)
                 ON CONFLICT (digest) DO UPDATE
                 SET answer = excluded.answer, created_at = excluded.created_at, expires_at = excluded.expires_at",
            )
            .bind(digest)
            .bind(answer)
            .bind(now.micros())
            .bind(until.micros())
            .bind(FORGOTTEN_AT_ONCE),
        )
        .await?;
        Ok(())
    }
}

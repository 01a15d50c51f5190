//! What the llm gateway keeps: how much each API key has spent and holds back, and answers that may be given again.
//! Not here: SQL, what a call costs, which requests are the same.

use crate::Result;
use async_trait::async_trait;
use nexus_model::{Money, Timestamp};

/// Most that a key may spend in a period.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allowance {
    /// The period's name, e.g. `day 2026-11-22`; equal names are one period.
    pub period: String,
    /// The most that may be spent and held back in it.
    pub limit: Money,
}

/// What a key has spent and holds back in a period.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Spending {
    /// Settled.
    pub spent: Money,
    /// Held back for calls under way, and for calls of processes that died.
    pub reserved: Money,
}

/// What became of a reservation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Held {
    /// It is held back, in every period.
    Yes,
    /// It does not fit, so nothing is held back.
    No {
        /// The first period in which it does not fit.
        period: String,
        /// How that period stands.
        spending: Spending,
    },
}

/// The llm gateway's state.
#[async_trait]
pub trait LlmStore: Send + Sync + 'static {
    /// Holds `amount` back in all of these periods of the key, or in none. However many do so at once, spent and held
    /// back together never exceed a limit. Repeating it with the same `id` changes nothing.
    async fn reserve_spending(
        &self,
        id: &str,
        key: &str,
        amount: Money,
        allowances: &[Allowance],
    ) -> Result<Held>;
    /// Replaces what is held back under this id by what was spent. Repeating it changes nothing; nor does an unknown id.
    async fn settle_spending(&self, id: &str, cost: Money) -> Result<()>;
    /// How a period of a key stands.
    async fn spending(&self, key: &str, period: &str) -> Result<Spending>;
    /// The answer kept under this digest, if it was made after `since` and has not run out by `now`.
    async fn kept_answer(&self, digest: &str, since: Timestamp, now: Timestamp) -> Result<Option<String>>;
    /// Keeps an answer, in place of an older one, and forgets some that have run out by `now`.
    async fn keep_answer(&self, digest: &str, answer: &str, now: Timestamp, until: Timestamp) -> Result<()>;
}

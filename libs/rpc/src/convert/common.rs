//! Budgets and tokens, which several areas know.

use super::{money, name, named};
use crate::proto::common as pb;
use nexus_api::{Error, Result};
use nexus_model::{document::BudgetOverride, execution::Tokens};

impl From<BudgetOverride> for pb::Budget {
    fn from(budget: BudgetOverride) -> Self {
        Self {
            limit_usd: budget.limit_usd.map(nexus_model::Money::usd),
            warn_at: budget.warn_at,
            on_exhausted: budget.on_exhausted.map(name),
        }
    }
}

impl TryFrom<pb::Budget> for BudgetOverride {
    type Error = Error;
    fn try_from(budget: pb::Budget) -> Result<Self> {
        Ok(Self {
            limit_usd: budget.limit_usd.map(|usd| money("/budget/limit_usd", usd)).transpose()?,
            warn_at: budget.warn_at,
            on_exhausted: budget.on_exhausted.map(|text| named("/budget/on_exhausted", text)).transpose()?,
        })
    }
}

impl From<Tokens> for pb::Tokens {
    fn from(tokens: Tokens) -> Self {
        Self { prompt: tokens.prompt, completion: tokens.completion }
    }
}

impl From<pb::Tokens> for Tokens {
    fn from(tokens: pb::Tokens) -> Self {
        Self { prompt: tokens.prompt, completion: tokens.completion }
    }
}

//! Budgets of API keys: the worst case of a call is held back in the store before it is made, and replaced by its price
//! after it. The same rules as for executions, whose budgets the engine keeps. Not here: prices, SQL.

use crate::config::{KeyBudget, Period};
use nexus_api::{Code, Error, Result, llm::CompleteRequest};
use nexus_model::{
    Money, Timestamp,
    price::{Model, bound::PromptBound},
};
use nexus_store::{Allowance, Held, LlmStore};
use std::{collections::BTreeMap, sync::Arc};

/// How often settling is tried: what is not settled stays held back in full.
const TRIES: usize = 3;

/// The budgets and where they are kept.
#[derive(Clone)]
pub(crate) struct Budgets {
    store: Arc<dyn LlmStore>,
    by_key: Arc<BTreeMap<String, Vec<KeyBudget>>>,
}

/// What is held back for one call.
pub(crate) struct Hold {
    store: Arc<dyn LlmStore>,
    id: String,
    amount: Money,
}

impl Budgets {
    pub(crate) fn new(store: Arc<dyn LlmStore>, by_key: BTreeMap<String, Vec<KeyBudget>>) -> Self {
        Self { store, by_key: Arc::new(by_key) }
    }

    /// Holds back what the call can cost at most, if its caller has a budget. `worst` is `None` for a model without a
    /// price.
    pub(crate) async fn hold(
        &self,
        caller: Option<&str>,
        model: &str,
        worst: Option<Money>,
    ) -> Result<Option<Hold>> {
        let Some((key, budgets)) = caller.and_then(|caller| self.by_key.get_key_value(caller)) else {
            return Ok(None);
        };
        let refused = |message: String| Error::new(Code::BudgetExceeded, message).unspent();
        let Some(amount) = worst else {
            let message =
                format!("{model} has no price, so the budget of the API key `{key}` cannot be kept with it");
            return Err(refused(message)
                .reason("model_unpriced")
                .suggest("add the model to the pricing file, or use one that is in it"));
        };
        let today = Timestamp::now().to_string();
        let allowances: Vec<Allowance> = budgets.iter().map(|budget| allowance(*budget, &today)).collect();
        let id = uuid::Uuid::now_v7().to_string();
        // Nothing has been sent yet, whatever goes wrong here.
        let held = self.store.reserve_spending(&id, key, amount, &allowances).await;
        match held.map_err(|error| Error::from(error).unspent())? {
            Held::Yes => Ok(Some(Hold { store: Arc::clone(&self.store), id, amount })),
            Held::No { period, spending } => {
                let limit = allowances.iter().find(|allowance| allowance.period == period);
                let limit = limit.map_or(Money::ZERO, |allowance| allowance.limit);
                Err(refused(format!(
                    "the budget of the API key `{key}` does not allow this call: it may cost {amount}, and of {limit} ({period}) {} are spent and {} held back for calls under way",
                    spending.spent, spending.reserved
                ))
                .reason("key_budget_exceeded")
                .suggest("wait for calls under way, ask for fewer tokens (max_tokens), or raise the key's limit (NEXUS_API_KEY_BUDGETS)"))
            }
        }
    }
}

/// `2026-11-22T…` begins with the day and the month.
fn allowance(budget: KeyBudget, today: &str) -> Allowance {
    let period = match budget.period {
        Period::Day => format!("day {}", today.get(..10).unwrap_or(today)),
        Period::Month => format!("month {}", today.get(..7).unwrap_or(today)),
        Period::Total => "total".to_owned(),
    };
    Allowance { period, limit: budget.limit }
}

impl Hold {
    /// Replaces it by what the call cost; `None`: nobody knows, so all of it counts as spent.
    pub(crate) async fn settle(self, cost: Option<Money>) {
        let cost = cost.unwrap_or(self.amount);
        for tried in 1..=TRIES {
            match self.store.settle_spending(&self.id, cost).await {
                Ok(()) => return,
                Err(error) => {
                    // What is held back counts as spent, so nothing is lost but what was too much.
                    tracing::warn!(%error, tried, "the cost of a call could not be settled; what was held back for it still is");
                }
            }
        }
    }
}

/// What a call can cost at most; `None` without a price.
pub(crate) fn worst(model: Option<&Model>, request: &CompleteRequest, max_tokens: u32) -> Option<Money> {
    let mut bound = PromptBound::new();
    for message in &request.messages {
        bound = bound.message(&message.content);
        for call in &message.tool_calls {
            bound = bound.tool_call(&call.id, &call.name, &call.arguments);
        }
        if let Some(id) = &message.tool_call_id {
            bound = bound.tool_call(id, "", "");
        }
    }
    for tool in &request.tools {
        bound = bound.tool(&tool.name, &tool.description, &tool.parameters);
    }
    if let Some(schema) = &request.output_schema {
        bound = bound.definition(schema);
    }
    Some(model?.reservation(bound.tokens(), max_tokens))
}

/// What making vectors can cost at most; `None` without a price.
pub(crate) fn worst_of_texts(model: Option<&Model>, texts: &[String]) -> Option<Money> {
    let model = model?;
    let one = |text: &String| model.reservation(PromptBound::new().message(text).tokens(), 0);
    Some(texts.iter().map(one).sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_are_days_and_months_of_utc() {
        let limit = Money::from_picos(5);
        let named = |period| allowance(KeyBudget { period, limit }, "2026-11-22T23:59:59.999999Z").period;
        assert_eq!(named(Period::Day), "day 2026-11-22");
        assert_eq!(named(Period::Month), "month 2026-11");
        assert_eq!(named(Period::Total), "total");
        assert!(Timestamp::now().to_string().starts_with("20"));
    }
}

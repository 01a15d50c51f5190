//! OpenAI's API, for clients that know nothing else: every configured provider behind the one shape they speak.
//! Here: what its routes share. Not here: calling models (the llm port), budgets of keys (behind that port), how
//! failures are written for these addresses (`crate::error`).

mod answer;
mod chat;
mod embeddings;
mod models;
mod request;

pub(crate) use chat::{__path_chat_completions, chat_completions};
pub(crate) use embeddings::{__path_embeddings, embeddings};
pub(crate) use models::{__path_models, models};

use nexus_api::{CallCtx, Code, Error, Result};
use nexus_model::Money;
use std::{future::Future, time::Duration};

/// Longest call: as long as the official clients wait.
const PATIENCE: Duration = Duration::from_secs(600);

/// How often a call is made before its failure is handed on, for each model.
const ATTEMPTS: u32 = 3;

/// Pause after the first failure; twice as long after each further one.
const PAUSE: Duration = Duration::from_millis(250);

/// A client that is asked to wait longer than this is told so instead of being kept waiting.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// The cost of a call, in dollars, exact.
const COST: http::HeaderName = http::HeaderName::from_static("x-nexus-cost-usd");

/// `true` if the answer was kept from an earlier call.
const CACHED: http::HeaderName = http::HeaderName::from_static("x-nexus-cached");

/// The context of a call that may take long.
fn patient(ctx: CallCtx) -> CallCtx {
    ctx.with_timeout(PATIENCE)
}

/// The id of a model as we write it: names without a provider are those that OpenAI's and Anthropic's clients use.
fn model_id(name: &str) -> String {
    match name {
        _ if name.contains('/') => name.to_owned(),
        _ if name.starts_with("claude") => format!("anthropic/{name}"),
        _ => format!("openai/{name}"),
    }
}

/// `0.000123`, without the dollar sign.
fn dollars(cost: Money) -> String {
    cost.to_string().trim_start_matches('$').to_owned()
}

/// Calls one model after the other until one answers; each again while its failure may pass. Nothing has been handed
/// to the client yet, so it cannot see a switch in mid-answer. Failures that another model would not mend end it.
async fn persistently<T, F, A>(models: &[String], mut call: F) -> Result<T>
where
    F: FnMut(String) -> A,
    A: Future<Output = Result<T>>,
{
    let mut last = None;
    for model in models {
        for attempt in 1..=ATTEMPTS {
            let error = match call(model.clone()).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            if matches!(error.code, Code::BudgetExceeded | Code::Cancelled | Code::Malformed) {
                return Err(error);
            }
            let pause = error.retry_after.unwrap_or(PAUSE * 2_u32.pow(attempt - 1));
            let again = error.retryable && attempt < ATTEMPTS && pause <= LONGEST_PAUSE;
            last = Some(error);
            if !again {
                break;
            }
            tokio::time::sleep(pause).await;
        }
    }
    Err(last.unwrap_or_else(|| Error::internal("no model to call")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_without_a_provider_are_understood() {
        for (name, id) in [
            ("gpt-4o-mini", "openai/gpt-4o-mini"),
            ("claude-haiku-4-5", "anthropic/claude-haiku-4-5"),
            ("demo/small", "demo/small"),
            ("router/vendor/large", "router/vendor/large"),
        ] {
            assert_eq!(model_id(name), id);
        }
        assert_eq!(dollars(Money::from_picos(1)), "0.000000000001");
    }

    #[tokio::test(start_paused = true)]
    async fn what_may_pass_is_tried_again_and_then_the_next_model() {
        let failing = |code: Code| Error::new(code, "x");
        let run = async |errors: Vec<Error>, models: &[&str]| {
            let models: Vec<String> = models.iter().map(|model| (*model).to_owned()).collect();
            let (mut errors, mut calls) = (errors.into_iter(), Vec::new());
            let answer = persistently(&models, |model| {
                calls.push(model.clone());
                let answer = errors.next().map_or(Ok(model), Err);
                async move { answer }
            });
            let answer = answer.await.map_err(|error| error.code);
            (answer, calls.join(" "))
        };
        let down = || failing(Code::Unavailable);
        assert_eq!(run(vec![], &["a", "b"]).await, (Ok("a".into()), "a".into()));
        assert_eq!(run(vec![down(), down()], &["a", "b"]).await, (Ok("a".into()), "a a a".into()));
        assert_eq!(run(vec![down(), down(), down()], &["a", "b"]).await, (Ok("b".into()), "a a a b".into()));
        assert_eq!(run(vec![down(); 4], &["a"]).await, (Err(Code::Unavailable), "a a a".into()));
        // Another try would not help, another model may.
        assert_eq!(run(vec![failing(Code::Invalid)], &["a", "b"]).await, (Ok("b".into()), "a b".into()));
        let long = down().retry_after(Duration::from_secs(11));
        assert_eq!(run(vec![long], &["a", "b"]).await, (Ok("b".into()), "a b".into()));
        // A budget is one for all models.
        let broke = failing(Code::BudgetExceeded);
        assert_eq!(run(vec![broke], &["a", "b"]).await, (Err(Code::BudgetExceeded), "a".into()));
    }
}

//! Choosing with a model what a scraper takes: the question goes through the llm port, within what the job may still
//! spend, and what comes back is tried on the page before it counts. Not here: the question and how an answer is
//! read (`nexus_miner::prompt`), the choice without a model (`nexus_miner::analyse`).

use nexus_api::{
    CallCtx, Error, Llm,
    llm::{CompleteRequest, Message, Role},
};
use nexus_miner::{Analysis, Dom, Recipe, check, extract, prompt};
use nexus_model::Money;

/// Tokens of an answer: a region and a few dozen fields.
const ANSWER_TOKENS: u32 = 2_000;

/// How often a model is asked again with what was wrong with its answer.
pub const REFINEMENTS: u32 = 3;

/// What a job may spend on models, and what it has spent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// The most it may spend.
    pub limit: Money,
    /// What it has spent.
    pub spent: Money,
}

impl Budget {
    fn allows(&self, cost: Money) -> bool {
        self.spent.plus(cost) <= self.limit
    }
}

/// How asking a model ended.
#[derive(Debug)]
pub enum Choice {
    /// A recipe that finds records on the page.
    Recipe(Box<Recipe>),
    /// No answer worked; the last one's fault, for the job's attempts.
    NoneWorks(String),
    /// The next call could cost more than is left.
    NoBudget,
    /// The model could not be called.
    Failed(Error),
}

/// Asks the model what to take from the page, up to [`REFINEMENTS`] times again if its answer does not work.
pub async fn choose(
    llm: &dyn Llm,
    ctx: &CallCtx,
    model: &str,
    budget: &mut Budget,
    (analysis, dom): (&Analysis, &Dom),
    description: &str,
) -> Choice {
    let mut fault: Option<String> = None;
    for _ in 0..=REFINEMENTS {
        let question = prompt::ask(analysis, dom, description, fault.as_deref());
        let messages =
            vec![Message::new(Role::System, question.system), Message::new(Role::User, question.user)];
        match bound(llm, ctx, model, &messages).await {
            Ok(cost) if budget.allows(cost) => {}
            Ok(_) => return Choice::NoBudget,
            Err(error) => return Choice::Failed(error),
        }
        let request = CompleteRequest {
            max_tokens: Some(ANSWER_TOKENS),
            temperature: Some(0.0),
            output_schema: Some(question.schema),
            ..CompleteRequest::new(model, messages)
        };
        let answer = match llm.complete(ctx, request).await {
            Ok(answer) => answer,
            Err(error) => return Choice::Failed(error),
        };
        budget.spent = budget.spent.plus(answer.cost);
        match tried(&answer.text, analysis, dom) {
            Ok(recipe) => return Choice::Recipe(Box::new(recipe)),
            Err(what) => fault = Some(what),
        }
    }
    Choice::NoneWorks(fault.unwrap_or_default())
}

/// The most the call can cost; zero for models without a price.
async fn bound(llm: &dyn Llm, ctx: &CallCtx, model: &str, messages: &[Message]) -> Result<Money, Error> {
    let tokens = llm.count_tokens(ctx, model.to_owned(), messages.to_vec()).await?;
    let models = llm.list_models(ctx).await?;
    let info = models.iter().find(|info| info.id == model);
    let rate = |rate: Option<f64>| rate.unwrap_or(0.0) / 1e6;
    let usd = info.map_or(0.0, |info| {
        // Counts of tokens are estimates.
        tokens as f64 * 1.2 * rate(info.input_usd_per_mtok)
            + f64::from(ANSWER_TOKENS) * rate(info.output_usd_per_mtok)
    });
    Ok(Money::from_usd(usd).unwrap_or_default())
}

/// The recipe of an answer, if it works on the page; else what is wrong with it, in words for the model.
fn tried(answer: &str, analysis: &Analysis, dom: &Dom) -> Result<Recipe, String> {
    let recipe = prompt::read(answer, analysis, dom).map_err(|error| error.to_string())?;
    let records = extract(dom, &recipe, &analysis.url).map_err(|error| error.to_string())?;
    let problems = check::check(&records, Some(&recipe), dom);
    if problems.is_empty() {
        return Ok(recipe);
    }
    Err(problems.iter().map(|problem| problem.message.as_str()).collect::<Vec<_>>().join(" "))
}

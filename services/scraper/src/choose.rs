//! Choosing with a model what a scraper takes: the question goes through the llm port, within what the job may still
//! spend, and what comes back is tried on the page before it counts. Not here: the question and how an answer is
//! read (`nexus_miner::prompt`), the choice without a model (`nexus_miner::analyse`).

use async_trait::async_trait;
use nexus_api::{
    CallCtx, Error, Llm,
    llm::{CompleteRequest, Message, ModelInfo, Role},
};
use nexus_miner::{Analysis, Dom, Recipe, check, extract, prompt};
use nexus_model::{Money, price::Mode};

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
    /// Whether this much more is within the limit.
    pub fn allows(&self, cost: Money) -> bool {
        self.spent.plus(cost) <= self.limit
    }
}

/// Where the money for calls comes from. What a call could cost at most is held back before it, so that whatever dies in
/// the middle has counted too much rather than too little.
#[async_trait]
pub trait Purse: Send {
    /// Holds this much back; `false` if there is not so much left.
    async fn hold(&mut self, most: Money) -> Result<bool, Error>;
    /// Counts what the call has cost instead of what was held back for it.
    async fn settle(&mut self, held: Money, cost: Money) -> Result<(), Error>;
}

#[async_trait]
impl Purse for Budget {
    async fn hold(&mut self, most: Money) -> Result<bool, Error> {
        let fits = self.allows(most);
        if fits {
            self.spent = self.spent.plus(most);
        }
        Ok(fits)
    }

    async fn settle(&mut self, held: Money, cost: Money) -> Result<(), Error> {
        self.spent = self.spent.minus(held).plus(cost);
        Ok(())
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

/// What a model is asked.
#[derive(Debug, Clone, Copy)]
pub struct Ask<'a> {
    /// `provider/model`.
    pub model: &'a str,
    /// What is wanted.
    pub description: &'a str,
    /// What was wrong with what was chosen before, if something was.
    pub fault: Option<&'a str>,
    /// How often it is asked at most.
    pub tries: u32,
}

/// Asks the model what to take from the page, again with what was wrong if its answer does not work.
pub async fn choose(
    llm: &dyn Llm,
    ctx: &CallCtx,
    purse: &mut dyn Purse,
    (analysis, dom): (&Analysis, &Dom),
    ask: Ask<'_>,
) -> Choice {
    let mut fault = ask.fault.map(str::to_owned);
    for _ in 0..ask.tries {
        let question = prompt::ask(analysis, dom, ask.description, fault.as_deref());
        let messages =
            vec![Message::new(Role::System, question.system), Message::new(Role::User, question.user)];
        let held = match bound(llm, ctx, ask.model, &messages).await {
            Ok(held) => held,
            Err(error) => return Choice::Failed(error),
        };
        match purse.hold(held).await {
            Ok(true) => {}
            Ok(false) => return Choice::NoBudget,
            Err(error) => return Choice::Failed(error),
        }
        let request = CompleteRequest {
            max_tokens: Some(ANSWER_TOKENS),
            temperature: Some(0.0),
            output_schema: Some(question.schema),
            ..CompleteRequest::new(ask.model, messages)
        };
        let answer = match llm.complete(ctx, request).await {
            Ok(answer) => answer,
            Err(error) => {
                // What nobody can say counts in full.
                let cost = error.spent.as_ref().map_or(held, |spent| spent.cost);
                return Choice::Failed(purse.settle(held, cost).await.err().unwrap_or(error));
            }
        };
        if let Err(error) = purse.settle(held, answer.cost).await {
            return Choice::Failed(error);
        }
        match tried(&answer.text, analysis, dom) {
            Ok(recipe) => return Choice::Recipe(Box::new(recipe)),
            Err(what) => fault = Some(what),
        }
    }
    Choice::NoneWorks(fault.unwrap_or_default())
}

/// The model to ask if nobody says which one: the cheapest that can be called, costs something known, and gives
/// structured answers. Neither the built-in demonstration nor local servers, which nobody offered for this.
pub async fn cheapest(llm: &dyn Llm, ctx: &CallCtx) -> Result<Option<String>, Error> {
    let models = llm.list_models(ctx).await?;
    let usable = models.into_iter().filter(|info| {
        info.configured
            && info.mode == Mode::Chat
            && info.deprecation_date.is_none()
            && info.provider != "demo"
            && info.output_usd_per_mtok.is_some_and(|price| price > 0.0)
            && info.context_window.is_none_or(|tokens| tokens >= 32_000)
            && info.capabilities.iter().any(|capability| capability == "structured_output")
    });
    // An answer is about a tenth of the question.
    let price = |info: &ModelInfo| {
        info.input_usd_per_mtok.unwrap_or(0.0) * 10.0 + info.output_usd_per_mtok.unwrap_or(0.0)
    };
    let best =
        usable.min_by(|one, other| price(one).total_cmp(&price(other)).then_with(|| one.id.cmp(&other.id)));
    Ok(best.map(|info| info.id))
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

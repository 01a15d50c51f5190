//! A job's money. Not here: what is bought with it (`choose`).

use crate::{
    choose::{Budget, Purse},
    work::{Stop, Work},
};
use async_trait::async_trait;
use nexus_api::Error;
use nexus_model::Money;

/// The job's money: what is held back is in the database before a model is asked.
pub(crate) struct JobPurse<'a> {
    pub(crate) work: &'a mut Work,
    /// Why nothing more can be written, if so.
    pub(crate) stop: Option<Stop>,
}

impl JobPurse<'_> {
    async fn add(&mut self, cost: Money) -> Result<(), Error> {
        self.work.write(cost, None).await.map_err(|stop| {
            self.stop = Some(stop);
            Error::unavailable("the job's cost could not be written")
        })
    }
}

#[async_trait]
impl Purse for JobPurse<'_> {
    async fn hold(&mut self, most: Money) -> Result<bool, Error> {
        let budget = Budget { limit: self.work.parts.options.budget, spent: self.work.job.round_cost };
        if !budget.allows(most) {
            return Ok(false);
        }
        self.add(most).await?;
        Ok(true)
    }

    async fn settle(&mut self, held: Money, cost: Money) -> Result<(), Error> {
        self.add(cost.minus(held)).await
    }
}

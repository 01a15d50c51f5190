//! Giving entries vectors of the present model, after it was changed. In batches, each durable for itself, so that it
//! may be stopped at any moment and gone on with later. Not here: which model that is.

use crate::service::MemoryService;
use nexus_api::{CallCtx, Code, Error, Result, Spend, memory::Reembedded};
use nexus_model::{Money, price::Usage};
use nexus_store::{Found, Space};
use std::{sync::atomic::Ordering, time::Duration};

/// Entries that are embedded in one call.
const BATCH: u32 = 64;
/// And about so much of text: providers limit the tokens of a call, and what fails is to be little.
const BATCH_BYTES: usize = 256 << 10;
/// With less time left than this no further batch is begun.
const LEAST_TIME: Duration = Duration::from_secs(5);

impl MemoryService {
    pub(crate) async fn make_anew(&self, ctx: &CallCtx, most: Option<Money>) -> Result<Reembedded> {
        let _alone = self.0.reembedding.try_lock().map_err(|_| {
            Error::new(Code::Conflict, "another reembedding is under way")
                .suggest("wait until it is done")
                .unspent()
        })?;
        let mut done = Reembedded { entries: 0, remaining: 0, usage: Usage::default(), cost: Money::ZERO };
        match self.run(ctx, most, &mut done).await {
            Ok(remaining) => Ok(Reembedded { remaining, ..done }),
            // What was spent before counts, too. What the failed call itself cost may be unknown.
            Err(error) => Err(match error.spent.clone() {
                Some(last) => {
                    let usage = last.usage.map_or(done.usage, |usage| plus(done.usage, usage));
                    error.spent(Spend { usage: Some(usage), cost: done.cost.plus(last.cost) })
                }
                None => error,
            }),
        }
    }

    /// Returns how many entries are left.
    async fn run(&self, ctx: &CallCtx, most: Option<Money>, done: &mut Reembedded) -> Result<u64> {
        let model = self.0.embedder.model(ctx).await?;
        if self.0.store.spaces().await.map_err(Error::unspent)?.is_empty() {
            return Ok(0);
        }
        // Of one model, too, some entries may have vectors of a former length. The shortest text tells the present one.
        let probe = self.pay(ctx, &["."], most, done).await?;
        let dimensions = probe.first().map_or(0, Vec::len).try_into().map_err(Error::internal)?;
        let now = Space { model: model.model.clone(), dimensions };
        self.0.dimensions.store(dimensions, Ordering::Relaxed);
        loop {
            let mut old = self.0.store.spaces().await.map_err(Error::unspent)?;
            old.retain(|(space, _)| *space != now);
            let left = old.iter().map(|(_, count)| count).sum();
            let Some((space, _)) = old.into_iter().next() else { return Ok(0) };
            if ctx.remaining().is_some_and(|time| time < LEAST_TIME) && done.entries > 0 {
                return Ok(left);
            }
            let mut batch = self.0.store.oldest(&space, BATCH).await.map_err(Error::unspent)?;
            batch.truncate(fitting(&batch));
            let texts: Vec<&str> = batch.iter().map(|found| found.entry.text.as_str()).collect();
            let vectors = match self.pay(ctx, &texts, most, done).await {
                // What fits is done.
                Err(error) if error.code == Code::BudgetExceeded && done.entries > 0 => return Ok(left),
                made => made?,
            };
            done.entries += self.replace(&now, batch, vectors).await?;
        }
    }

    /// Vectors for what may still be spent.
    async fn pay(
        &self,
        ctx: &CallCtx,
        texts: &[&str],
        most: Option<Money>,
        done: &mut Reembedded,
    ) -> Result<Vec<Vec<f32>>> {
        let allowed = most.map(|most| most.minus(done.cost));
        let embedding = self.0.embedder.embed(ctx, texts, allowed).await?;
        done.cost = done.cost.plus(embedding.cost);
        done.usage = plus(done.usage, embedding.usage);
        Ok(embedding.vectors)
    }

    async fn replace(&self, now: &Space, batch: Vec<Found>, vectors: Vec<Vec<f32>>) -> Result<u64> {
        let mut moved = 0;
        for (found, vector) in batch.into_iter().zip(vectors) {
            // One that was deleted or replaced meanwhile needs nothing.
            moved += u64::from(self.0.store.move_to(now, found, vector).await.map_err(Error::unspent)?);
        }
        Ok(moved)
    }
}

/// How many of these to embed in one call; one at least.
fn fitting(batch: &[Found]) -> usize {
    let mut bytes = 0;
    let fits = |found: &&Found| {
        bytes += found.entry.text.len();
        bytes <= BATCH_BYTES
    };
    batch.iter().take_while(fits).count().max(1)
}

fn plus(a: Usage, b: Usage) -> Usage {
    Usage {
        input: a.input.saturating_add(b.input),
        cached_input: a.cached_input.saturating_add(b.cached_input),
        cache_write: a.cache_write.saturating_add(b.cache_write),
        cache_write_long: a.cache_write_long.saturating_add(b.cache_write_long),
        output: a.output.saturating_add(b.output),
        reasoning: a.reasoning.saturating_add(b.reasoning),
    }
}

//! The planner, with what its estimates rest on: earlier runs, and what memory's vectors cost. Not here: the other
//! services.

use super::{
    embedded::{database, hold, open},
    models::Models,
};
use crate::exit::Result;
use nexus_api::Planner;
use nexus_model::price::{EmbeddingModel, Mode, Model, PriceBook};
use nexus_planner::PlannerService;
use nexus_runtime::{Config, config::Database, lock::DataDir};
use nexus_store::{Store, sqlite::SqliteStore};
use std::sync::Arc;

/// What memory uses if nothing was said and OpenAI is configured.
const DEFAULT_EMBEDDING: &str = "openai/text-embedding-3-small";

/// A planner over this store. `mesh`: memory is in another process, which may be configured otherwise.
pub(super) fn planner(
    config: &Config,
    store: Arc<dyn Store>,
    prices: Arc<PriceBook>,
    mesh: bool,
) -> PlannerService {
    let embedding = embedding(config, &prices, mesh);
    PlannerService::new(store.clone(), prices, config.limits).with_history(store).with_embedding(embedding)
}

/// A planner for documents from files. Nothing can be stored with it, and it knows of no earlier runs.
pub(crate) fn planner_alone(config: &Config) -> Result<Arc<dyn Planner>> {
    let store = SqliteStore::open(":memory:").map_err(database)?;
    let prices = Models::with_local(config)?.prices;
    let embedding = embedding(config, &prices, false);
    let planner = PlannerService::new(Arc::new(store), prices, config.limits);
    Ok(Arc::new(planner.with_embedding(embedding)))
}

/// What memory's vectors cost; `None` if nothing. In a mesh what is not known here is taken for the dearer: an upper
/// bound must hold.
fn embedding(config: &Config, prices: &PriceBook, mesh: bool) -> Option<EmbeddingModel> {
    let default = (mesh || config.openai.api_key.is_some()).then_some(DEFAULT_EMBEDDING);
    let model = config.embedding_model.as_deref().or(default)?;
    prices.get(model).filter(|model| model.mode == Mode::Embedding).map(Model::embedding)
}

/// A planner for estimates of documents from files, which learns from the earlier runs in the data folder if there are
/// any and nobody else has it; and whatever of the folder it holds.
pub(crate) fn estimating_planner(config: &Config) -> Result<(Arc<dyn Planner>, Vec<DataDir>)> {
    let Database::Sqlite(path) = &config.database else { return Ok((planner_alone(config)?, Vec::new())) };
    // An estimate leaves no traces: neither a folder nor a database where there was none.
    let taken = path.is_file().then(|| {
        let own = DataDir::take(&config.data_dir).ok()?;
        let other = hold(config, path).ok()?;
        Some([Some(own), other].into_iter().flatten().collect())
    });
    let Some(held) = taken.flatten() else { return Ok((planner_alone(config)?, Vec::new())) };
    let store = Arc::new(open(path)?);
    let prices = Models::with_local(config)?.prices;
    Ok((Arc::new(planner(config, store, prices, false)), held))
}

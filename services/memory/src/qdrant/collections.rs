//! Collections: their names, which tell the space, and how they are made. Not here: what is in them.

use super::{QdrantStore, failed, is_missing, status};
use nexus_api::{Code, Error, Result};
use nexus_store::Space;
use qdrant_client::qdrant::{
    CountPointsBuilder, CreateCollectionBuilder, CreateFieldIndexCollectionBuilder, Distance, FieldType,
    Filter, HnswConfigDiffBuilder, IntegerIndexParamsBuilder, KeywordIndexParamsBuilder, VectorParamsBuilder,
    vectors_config::Config,
};

/// The payload field that says whose an entry is.
pub(super) const SCOPE: &str = "scope";
/// The payload field that says when it was kept, microseconds since 1970.
pub(super) const CREATED_AT: &str = "created_at";

/// The collection of a space: `nexus-memory.openai~text-embedding-3-small.1536`.
fn name(prefix: &str, space: &Space) -> String {
    let mut name = format!("{prefix}.");
    for byte in space.model.bytes() {
        match byte {
            b'/' => name.push('~'),
            // Qdrant makes files of the name.
            b if b.is_ascii_alphanumeric() || b"-_.".contains(&b) => name.push(char::from(b)),
            other => name.push_str(&format!("={other:02x}")),
        }
    }
    format!("{name}.{}", space.dimensions)
}

/// The space of a collection, if it is one of ours.
fn space(prefix: &str, name: &str) -> Option<Space> {
    let (model, dimensions) = name.strip_prefix(prefix)?.strip_prefix('.')?.rsplit_once('.')?;
    let mut bytes = Vec::with_capacity(model.len());
    let mut rest = model.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'~' => b'/',
            b'=' => {
                let hex = [rest.next()?, rest.next()?];
                u8::from_str_radix(std::str::from_utf8(&hex).ok()?, 16).ok()?
            }
            other => other,
        });
    }
    Some(Space { model: String::from_utf8(bytes).ok()?, dimensions: dimensions.parse().ok()? })
}

impl QdrantStore {
    /// The name of a space's collection.
    pub(super) fn name(&self, space: &Space) -> String {
        name(&self.prefix, space)
    }

    /// All our collections.
    pub(super) async fn collections(&self) -> Result<Vec<(String, Space)>> {
        let listed = self.client.list_collections().await.map_err(failed)?;
        let ours = |name: String| space(&self.prefix, &name).map(|space| (name, space));
        let mut found: Vec<_> =
            listed.collections.into_iter().filter_map(|collection| ours(collection.name)).collect();
        found.sort();
        Ok(found)
    }

    /// The collection of a space, made if there is none.
    pub(super) async fn collection(&self, space: &Space) -> Result<String> {
        let name = self.name(space);
        if self.ready().contains(&name) {
            return Ok(name);
        }
        if !self.client.collection_exists(&name).await.map_err(failed)? {
            self.create(&name, space).await?;
        }
        self.check_form(&name, space).await?;
        // Again for those that are there: whoever made it may have died before the indexes were made.
        self.index(&name).await?;
        self.ready().insert(name.clone());
        Ok(name)
    }

    /// To be called when a collection turns out to be missing.
    pub(super) fn forget(&self, name: &str) {
        self.ready().remove(name);
    }

    async fn create(&self, name: &str, space: &Space) -> Result<()> {
        // Every search is within a scope, so that one graph of all points would never be used.
        let graphs = HnswConfigDiffBuilder::default().m(0).payload_m(16);
        let create = CreateCollectionBuilder::new(name)
            .vectors_config(VectorParamsBuilder::new(u64::from(space.dimensions), Distance::Cosine))
            .hnsw_config(graphs);
        match self.client.create_collection(create).await {
            Ok(_) => Ok(()),
            // Somebody else was quicker. Older servers call that a bad request.
            Err(error) if matches!(status(&error), Some(3 | 6)) => {
                let exists = self.client.collection_exists(name).await.map_err(failed)?;
                if exists { Ok(()) } else { Err(failed(error)) }
            }
            Err(error) => Err(failed(error)),
        }
    }

    /// Refuses a collection of our name that holds something else.
    async fn check_form(&self, name: &str, space: &Space) -> Result<()> {
        let info = self.client.collection_info(name).await.map_err(failed)?;
        let vectors = info.result.and_then(|info| info.config?.params?.vectors_config?.config);
        let form = match &vectors {
            Some(Config::Params(params)) => Some((params.size, params.distance)),
            _ => None,
        };
        if form == Some((u64::from(space.dimensions), Distance::Cosine as i32)) {
            return Ok(());
        }
        let found = form.map_or_else(
            || "vectors of several kinds".to_owned(),
            |(size, distance)| {
                let distance =
                    Distance::try_from(distance).map_or("unknown", |distance| distance.as_str_name());
                format!("vectors of {size} numbers with distance {distance}")
            },
        );
        Err(Error::new(
            Code::Conflict,
            format!(
                "the Qdrant collection `{name}` holds {found}, but vectors of {} numbers with distance Cosine belong there",
                space.dimensions
            ),
        )
        .reason("dimension_mismatch")
        .suggest("delete or rename that collection, or set QDRANT_URL to another server"))
    }

    async fn index(&self, name: &str) -> Result<()> {
        let scope = CreateFieldIndexCollectionBuilder::new(name, SCOPE, FieldType::Keyword)
            .field_index_params(KeywordIndexParamsBuilder::default().is_tenant(true))
            .wait(true);
        let created_at = CreateFieldIndexCollectionBuilder::new(name, CREATED_AT, FieldType::Integer)
            .field_index_params(IntegerIndexParamsBuilder::new(true, true))
            .wait(true);
        for index in [scope, created_at] {
            self.client.create_field_index(index).await.map_err(failed)?;
        }
        Ok(())
    }

    /// How many points of a collection a filter leaves; none if there is no such collection.
    pub(super) async fn count(&self, name: &str, filter: Option<Filter>) -> Result<u64> {
        let mut count = CountPointsBuilder::new(name).exact(true);
        if let Some(filter) = filter {
            count = count.filter(filter);
        }
        match self.client.count(count).await {
            Ok(counted) => Ok(counted.result.map_or(0, |result| result.count)),
            Err(error) if is_missing(&error) => Ok(0),
            Err(error) => Err(failed(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_the_space_and_make_good_files() {
        for model in ["openai/text-embedding-3-small", "ollama/nomic-embed-text:v1.5", "a/b/c ~=é", "x."] {
            let space_ = Space { model: model.to_owned(), dimensions: 768 };
            let name = name("nexus-memory", &space_);
            assert_eq!(space("nexus-memory", &name), Some(space_), "{name}");
            assert!(name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.~=".contains(&b)), "{name}");
        }
        for other in ["docs", "nexus-memory.", "nexus-memory.a", "nexus-memory.a.b", "nexus-memory.=zz.3"] {
            assert_eq!(space("nexus-memory", other), None, "{other}");
        }
    }
}

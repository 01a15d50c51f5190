//! Collections and points, and what each request does to them. Not here: the wire, filters.

use super::filter::{id_text, leaves};
use qdrant_client::qdrant::{
    self as q, Direction, Distance, Filter, PointId, Value, WithPayloadSelector,
    payload_index_params::IndexParams, points_selector::PointsSelectorOneOf, query::Variant, value::Kind,
    vector, vector_input, vectors::VectorsOptions, vectors_config::Config,
    with_payload_selector::SelectorOptions,
};
use std::collections::{BTreeMap, HashMap, HashSet};
use tonic::Status;

type Answer<T> = Result<T, Status>;
type Payload = HashMap<String, Value>;

/// A point.
#[derive(Debug, Clone)]
pub(super) struct Point {
    pub(super) payload: Payload,
    vector: Vec<f32>,
}

#[derive(Debug)]
struct Collection {
    params: q::VectorParams,
    points: BTreeMap<String, Point>,
    /// Fields that points can be ordered by.
    ordered: HashSet<String>,
}

/// Everything the server has.
#[derive(Debug, Default)]
pub(super) struct State {
    collections: BTreeMap<String, Collection>,
}

fn point_id(id: &str) -> Option<PointId> {
    Some(PointId::from(id.to_owned()))
}

/// A payload, if it is asked for.
fn selected(selector: Option<&WithPayloadSelector>, payload: &Payload) -> Answer<Payload> {
    match selector.and_then(|selector| selector.selector_options.as_ref()) {
        None | Some(SelectorOptions::Enable(false)) => Ok(Payload::new()),
        Some(SelectorOptions::Enable(true)) => Ok(payload.clone()),
        Some(other) => Err(Status::unimplemented(format!("payload selector {other:?}"))),
    }
}

fn dense(vectors: Option<q::Vectors>) -> Answer<Vec<f32>> {
    match vectors.and_then(|vectors| vectors.vectors_options) {
        Some(VectorsOptions::Vector(q::Vector { vector: Some(vector::Vector::Dense(dense)), .. })) => {
            Ok(dense.data)
        }
        // The form of older clients.
        #[expect(deprecated, reason = "the client at hand still sends it")]
        Some(VectorsOptions::Vector(q::Vector { data, vector: None, .. })) => Ok(data),
        other => Err(Status::unimplemented(format!("vectors {other:?}"))),
    }
}

/// As the server: for wrong lengths a bad request.
fn fits(params: &q::VectorParams, vector: &[f32]) -> Answer<()> {
    if vector.len() as u64 == params.size {
        return Ok(());
    }
    let (expected, got) = (params.size, vector.len());
    Err(Status::invalid_argument(format!(
        "Wrong input: Vector dimension error: expected dim: {expected}, got {got}"
    )))
}

fn cosine(a: &[f32], b: &[f32]) -> f32 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
    let norm = (dot(a, a) * dot(b, b)).sqrt();
    if norm > 0.0 { (dot(a, b) / norm) as f32 } else { 0.0 }
}

fn waited(wait: Option<bool>) -> Answer<()> {
    if wait == Some(true) {
        return Ok(());
    }
    Err(Status::unimplemented("writes that nobody waits for"))
}

fn done() -> q::PointsOperationResponse {
    let result = q::UpdateResult { operation_id: Some(0), status: q::UpdateStatus::Completed as i32 };
    q::PointsOperationResponse { result: Some(result), ..Default::default() }
}

impl State {
    pub(super) fn sizes(&self) -> Vec<(String, usize)> {
        self.collections.iter().map(|(name, collection)| (name.clone(), collection.points.len())).collect()
    }

    pub(super) fn drop_collection(&mut self, name: &str) {
        self.collections.remove(name);
    }

    fn of(&mut self, name: &str) -> Answer<&mut Collection> {
        let missing = || Status::not_found(format!("Not found: Collection `{name}` doesn't exist!"));
        self.collections.get_mut(name).ok_or_else(missing)
    }

    pub(super) fn create(&mut self, request: q::CreateCollection) -> Answer<q::CollectionOperationResponse> {
        let name = request.collection_name;
        if self.collections.contains_key(&name) {
            return Err(Status::already_exists(format!("Wrong input: Collection `{name}` already exists!")));
        }
        let Some(Config::Params(params)) = request.vectors_config.and_then(|config| config.config) else {
            return Err(Status::unimplemented("collections of several vectors"));
        };
        let collection = Collection { params, points: BTreeMap::new(), ordered: HashSet::new() };
        self.collections.insert(name, collection);
        Ok(q::CollectionOperationResponse { result: true, ..Default::default() })
    }

    pub(super) fn list(&mut self, _: q::ListCollectionsRequest) -> Answer<q::ListCollectionsResponse> {
        let collections =
            self.collections.keys().map(|name| q::CollectionDescription { name: name.clone() }).collect();
        Ok(q::ListCollectionsResponse { collections, ..Default::default() })
    }

    pub(super) fn exists(
        &mut self,
        request: q::CollectionExistsRequest,
    ) -> Answer<q::CollectionExistsResponse> {
        let exists = self.collections.contains_key(&request.collection_name);
        let result = Some(q::CollectionExists { exists });
        Ok(q::CollectionExistsResponse { result, ..Default::default() })
    }

    pub(super) fn info(
        &mut self,
        request: q::GetCollectionInfoRequest,
    ) -> Answer<q::GetCollectionInfoResponse> {
        let collection = self.of(&request.collection_name)?;
        let vectors = q::VectorsConfig { config: Some(Config::Params(collection.params)) };
        let params = q::CollectionParams { vectors_config: Some(vectors), ..Default::default() };
        let config = q::CollectionConfig { params: Some(params), ..Default::default() };
        let points_count = Some(collection.points.len() as u64);
        let info = q::CollectionInfo { config: Some(config), points_count, ..Default::default() };
        Ok(q::GetCollectionInfoResponse { result: Some(info), ..Default::default() })
    }

    pub(super) fn index(
        &mut self,
        request: q::CreateFieldIndexCollection,
    ) -> Answer<q::PointsOperationResponse> {
        waited(request.wait)?;
        let params = request.field_index_params.and_then(|params| params.index_params);
        let ordered = match params {
            Some(IndexParams::IntegerIndexParams(params)) => params.range == Some(true),
            Some(IndexParams::KeywordIndexParams(_)) => false,
            other => return Err(Status::unimplemented(format!("index {other:?}"))),
        };
        let collection = self.of(&request.collection_name)?;
        if ordered {
            collection.ordered.insert(request.field_name);
        }
        Ok(done())
    }

    pub(super) fn upsert(&mut self, request: q::UpsertPoints) -> Answer<q::PointsOperationResponse> {
        waited(request.wait)?;
        let collection = self.of(&request.collection_name)?;
        let mut points = Vec::new();
        for point in request.points {
            let vector = dense(point.vectors)?;
            fits(&collection.params, &vector)?;
            points.push((id_text(point.id)?, Point { payload: point.payload, vector }));
        }
        // All or none.
        collection.points.extend(points);
        Ok(done())
    }

    pub(super) fn delete(&mut self, request: q::DeletePoints) -> Answer<q::PointsOperationResponse> {
        waited(request.wait)?;
        let points = &mut self.of(&request.collection_name)?.points;
        match request.points.and_then(|points| points.points_selector_one_of) {
            Some(PointsSelectorOneOf::Points(list)) => {
                for id in list.ids {
                    points.remove(&id_text(Some(id))?);
                }
            }
            Some(PointsSelectorOneOf::Filter(filter)) => {
                let mut gone = Vec::new();
                for (id, point) in points.iter() {
                    if leaves(Some(&filter), id, point)? {
                        gone.push(id.clone());
                    }
                }
                points.retain(|id, _| !gone.contains(id));
            }
            None => return Err(Status::invalid_argument("PointSelector is missing")),
        }
        Ok(done())
    }

    pub(super) fn get(&mut self, request: q::GetPoints) -> Answer<q::GetResponse> {
        let collection = self.of(&request.collection_name)?;
        let mut result = Vec::new();
        for id in request.ids {
            let id = id_text(Some(id))?;
            if let Some(point) = collection.points.get(&id) {
                let payload = selected(request.with_payload.as_ref(), &point.payload)?;
                result.push(q::RetrievedPoint { id: point_id(&id), payload, ..Default::default() });
            }
        }
        Ok(q::GetResponse { result, ..Default::default() })
    }

    fn filtered(&mut self, name: &str, filter: Option<&Filter>) -> Answer<Vec<(&String, &Point)>> {
        let mut found = Vec::new();
        for (id, point) in &self.of(name)?.points {
            if leaves(filter, id, point)? {
                found.push((id, point));
            }
        }
        Ok(found)
    }

    pub(super) fn count(&mut self, request: q::CountPoints) -> Answer<q::CountResponse> {
        let count = self.filtered(&request.collection_name, request.filter.as_ref())?.len() as u64;
        Ok(q::CountResponse { result: Some(q::CountResult { count }), ..Default::default() })
    }

    pub(super) fn scroll(&mut self, request: q::ScrollPoints) -> Answer<q::ScrollResponse> {
        if request.offset.is_some() {
            return Err(Status::unimplemented("offsets"));
        }
        if let Some(order) = &request.order_by
            && !self.of(&request.collection_name)?.ordered.contains(&order.key)
        {
            return Err(Status::invalid_argument(format!(
                "Bad request: No range index for `order_by` key: `{}`. Please create one to use `order_by`.",
                order.key
            )));
        }
        let mut found = self.filtered(&request.collection_name, request.filter.as_ref())?;
        if let Some(order) = &request.order_by {
            if order.start_from.is_some() {
                return Err(Status::unimplemented("start_from"));
            }
            let value =
                |point: &Point| match point.payload.get(&order.key).and_then(|value| value.kind.clone()) {
                    Some(Kind::IntegerValue(value)) => Some(value),
                    _ => None,
                };
            found.retain(|(_, point)| value(point).is_some());
            // Stable: equal values stay in the order of ids, whatever the direction.
            found.sort_by_key(|(_, point)| value(point));
            if order.direction == Some(Direction::Desc as i32) {
                found.sort_by_key(|(_, point)| std::cmp::Reverse(value(point)));
            }
        }
        found.truncate(request.limit.unwrap_or(10) as usize);
        let retrieved = found.into_iter().map(|(id, point)| {
            let payload = selected(request.with_payload.as_ref(), &point.payload)?;
            Ok(q::RetrievedPoint { id: point_id(id), payload, ..Default::default() })
        });
        Ok(q::ScrollResponse { result: retrieved.collect::<Answer<_>>()?, ..Default::default() })
    }

    pub(super) fn query(&mut self, request: q::QueryPoints) -> Answer<q::QueryResponse> {
        let Some(Variant::Nearest(q::VectorInput { variant: Some(vector_input::Variant::Dense(query)) })) =
            request.query.and_then(|query| query.variant)
        else {
            return Err(Status::unimplemented("queries other than for what is nearest to a vector"));
        };
        let params = self.of(&request.collection_name)?.params;
        fits(&params, &query.data)?;
        if params.distance != Distance::Cosine as i32 {
            return Err(Status::unimplemented("distances other than cosine"));
        }
        let found = self.filtered(&request.collection_name, request.filter.as_ref())?;
        let mut scored: Vec<_> =
            found.into_iter().map(|(id, point)| (cosine(&query.data, &point.vector), id, point)).collect();
        scored.sort_by(|a, b| b.0.total_cmp(&a.0));
        scored.truncate(usize::try_from(request.limit.unwrap_or(10)).unwrap_or(usize::MAX));
        let result = scored.into_iter().map(|(score, id, point)| {
            let payload = selected(request.with_payload.as_ref(), &point.payload)?;
            Ok(q::ScoredPoint { id: point_id(id), payload, score, ..Default::default() })
        });
        Ok(q::QueryResponse { result: result.collect::<Answer<_>>()?, ..Default::default() })
    }
}

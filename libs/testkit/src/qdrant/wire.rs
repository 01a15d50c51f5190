//! The services of Qdrant's protocol over the state, behind the key. Not here: what the methods do.

use super::state::State;
use qdrant_client::qdrant::{
    self as q,
    collections_server::{Collections, CollectionsServer},
    points_server::{Points, PointsServer},
    qdrant_server::{Qdrant, QdrantServer},
};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::net::TcpListener;
use tonic::{Request, Response, Status, transport::server::TcpIncoming};

#[derive(Clone)]
struct Double(Arc<Mutex<State>>);

impl Double {
    fn with<T>(&self, work: impl FnOnce(&mut State) -> Result<T, Status>) -> Result<Response<T>, Status> {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner)).map(Response::new)
    }
}

/// A service whose methods are those of the state, or refused.
macro_rules! service {
    ($service:ident {
        $($method:ident($request:ident) -> $response:ident = $work:ident;)*
        -- $($refused:ident($asked:ident) -> $answer:ident;)*
    }) => {
        #[tonic::async_trait]
        impl $service for Double {
            $(async fn $method(&self, request: Request<q::$request>) -> Result<Response<q::$response>, Status> {
                self.with(|state| state.$work(request.into_inner()))
            })*
            $(async fn $refused(&self, _: Request<q::$asked>) -> Result<Response<q::$answer>, Status> {
                Err(Status::unimplemented(stringify!($refused)))
            })*
        }
    };
}

service!(Collections {
    get(GetCollectionInfoRequest) -> GetCollectionInfoResponse = info;
    list(ListCollectionsRequest) -> ListCollectionsResponse = list;
    create(CreateCollection) -> CollectionOperationResponse = create;
    collection_exists(CollectionExistsRequest) -> CollectionExistsResponse = exists;
    --
    update(UpdateCollection) -> CollectionOperationResponse;
    delete(DeleteCollection) -> CollectionOperationResponse;
    update_aliases(ChangeAliases) -> CollectionOperationResponse;
    list_collection_aliases(ListCollectionAliasesRequest) -> ListAliasesResponse;
    list_aliases(ListAliasesRequest) -> ListAliasesResponse;
    collection_cluster_info(CollectionClusterInfoRequest) -> CollectionClusterInfoResponse;
    update_collection_cluster_setup(UpdateCollectionClusterSetupRequest) -> UpdateCollectionClusterSetupResponse;
    create_shard_key(CreateShardKeyRequest) -> CreateShardKeyResponse;
    delete_shard_key(DeleteShardKeyRequest) -> DeleteShardKeyResponse;
    list_shard_keys(ListShardKeysRequest) -> ListShardKeysResponse;
});

service!(Points {
    upsert(UpsertPoints) -> PointsOperationResponse = upsert;
    delete(DeletePoints) -> PointsOperationResponse = delete;
    get(GetPoints) -> GetResponse = get;
    create_field_index(CreateFieldIndexCollection) -> PointsOperationResponse = index;
    scroll(ScrollPoints) -> ScrollResponse = scroll;
    count(CountPoints) -> CountResponse = count;
    query(QueryPoints) -> QueryResponse = query;
    --
    update_vectors(UpdatePointVectors) -> PointsOperationResponse;
    delete_vectors(DeletePointVectors) -> PointsOperationResponse;
    set_payload(SetPayloadPoints) -> PointsOperationResponse;
    overwrite_payload(SetPayloadPoints) -> PointsOperationResponse;
    delete_payload(DeletePayloadPoints) -> PointsOperationResponse;
    clear_payload(ClearPayloadPoints) -> PointsOperationResponse;
    delete_field_index(DeleteFieldIndexCollection) -> PointsOperationResponse;
    create_vector_name(CreateVectorNameRequest) -> PointsOperationResponse;
    delete_vector_name(DeleteVectorNameRequest) -> PointsOperationResponse;
    search(SearchPoints) -> SearchResponse;
    search_batch(SearchBatchPoints) -> SearchBatchResponse;
    search_groups(SearchPointGroups) -> SearchGroupsResponse;
    recommend(RecommendPoints) -> RecommendResponse;
    recommend_batch(RecommendBatchPoints) -> RecommendBatchResponse;
    recommend_groups(RecommendPointGroups) -> RecommendGroupsResponse;
    discover(DiscoverPoints) -> DiscoverResponse;
    discover_batch(DiscoverBatchPoints) -> DiscoverBatchResponse;
    update_batch(UpdateBatchPoints) -> UpdateBatchResponse;
    query_batch(QueryBatchPoints) -> QueryBatchResponse;
    query_groups(QueryPointGroups) -> QueryGroupsResponse;
    facet(FacetCounts) -> FacetResponse;
    search_matrix_pairs(SearchMatrixPoints) -> SearchMatrixPairsResponse;
    search_matrix_offsets(SearchMatrixPoints) -> SearchMatrixOffsetsResponse;
});

#[tonic::async_trait]
impl Qdrant for Double {
    async fn health_check(
        &self,
        _: Request<q::HealthCheckRequest>,
    ) -> Result<Response<q::HealthCheckReply>, Status> {
        let version = "1.20.0".to_owned();
        Ok(Response::new(q::HealthCheckReply {
            title: "a double of Qdrant".to_owned(),
            version,
            commit: None,
        }))
    }
}

/// Serves until its runtime ends.
pub(super) async fn serve(listener: TcpListener, state: Arc<Mutex<State>>, key: Option<String>) {
    let double = Double(state);
    let check = move |request: Request<()>| {
        let given = request.metadata().get("api-key").and_then(|given| given.to_str().ok());
        match (&key, given) {
            (None, _) => Ok(request),
            (Some(key), Some(given)) if key == given => Ok(request),
            (Some(_), None) => {
                Err(Status::unauthenticated("Must provide an API key or an Authorization bearer token"))
            }
            (Some(_), Some(_)) => Err(Status::unauthenticated("Invalid API key or JWT")),
        }
    };
    let served = tonic::transport::Server::builder()
        .add_service(QdrantServer::new(double.clone()))
        .add_service(CollectionsServer::with_interceptor(double.clone(), check.clone()))
        .add_service(PointsServer::with_interceptor(double, check))
        .serve_with_incoming(TcpIncoming::from(listener).with_nodelay(Some(true)));
    // There is nobody to tell; whoever calls next finds out.
    let _ = served.await;
}

//! What goes wrong with a Qdrant server: it is away, it refuses the key, its collections are not ours.

use crate::harness::{World, ctx, execution, keep, list, recall};
use nexus_api::{Code, memory::RecallRequest, memory::StoreRequest, planner::PageRequest};
use nexus_memory::QdrantStore;
use nexus_store::{MemoryStore, Space};
use nexus_testkit::qdrant::Server;
use secrecy::SecretString;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_away_is_unavailable_and_comes_back() {
    let mut world = World::qdrant().await.unwrap();
    let memory = world.memory(None).await;
    let scope = execution();
    keep(&*memory, scope, "the tide comes in").await;
    world.double().stop();
    let page = PageRequest::default();
    for failed in [
        memory.store(&ctx(), StoreRequest::new(scope, "new")).await.unwrap_err(),
        memory.recall(&ctx(), RecallRequest::new(scope, "tide")).await.unwrap_err(),
        memory.list(&ctx(), scope, page).await.unwrap_err(),
        memory.delete_scope(&ctx(), scope).await.unwrap_err(),
        world.service(None).ready().await.unwrap_err(),
    ] {
        assert_eq!((failed.code, failed.retryable), (Code::Unavailable, true), "{failed}");
        assert!(failed.retry_after.is_some());
        assert!(failed.message.contains("Qdrant") && !failed.message.contains("127.0.0.1"), "{failed}");
        assert!(failed.suggestion.unwrap().contains("6334"));
    }
    world.double().restart().unwrap();
    assert_eq!(recall(&*memory, scope, "tide").await, ["the tide comes in"]);
    keep(&*memory, scope, "new").await;
    assert_eq!(list(&*memory, scope).await.len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_key_is_told_clearly() {
    let server = Server::start_with_key("right").unwrap();
    for key in [None, Some(SecretString::from("wrong"))] {
        let store = QdrantStore::new(&server.url(), key.as_ref()).unwrap();
        let refused = store.check().await.unwrap_err();
        assert_eq!((refused.code, refused.retryable), (Code::Unavailable, false));
        assert!(refused.message.contains("refuses the key"), "{refused}");
        assert!(refused.suggestion.unwrap().contains("QDRANT_API_KEY"));
        assert!(!format!("{store:?}").contains("wrong"));
    }
    QdrantStore::new(&server.url(), Some(&"right".into())).unwrap().check().await.unwrap();
    assert!(QdrantStore::new("not an address", None).is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn collections_that_are_not_ours_are_left_alone() {
    use qdrant_client::{
        Qdrant,
        qdrant::{CreateCollectionBuilder, Distance, VectorParamsBuilder},
    };
    let mut world = World::qdrant().await.unwrap();
    let client = Qdrant::from_url(&world.double().url()).skip_compatibility_check().build().unwrap();
    let taken = "nexus-memory.openai~text-embedding-3-small.64";
    for (name, size, distance) in [("documents", 3, Distance::Cosine), (taken, 64, Distance::Dot)] {
        let vectors = VectorParamsBuilder::new(size, distance);
        client.create_collection(CreateCollectionBuilder::new(name).vectors_config(vectors)).await.unwrap();
    }
    let memory = world.memory(None).await;
    let scope = execution();
    let refused = memory.store(&ctx(), StoreRequest::new(scope, "tide")).await.unwrap_err();
    assert_eq!((refused.code, refused.reason.as_deref()), (Code::Conflict, Some("dimension_mismatch")));
    assert!(refused.message.contains(taken) && refused.message.contains("Dot"), "{refused}");
    world.double().drop_collection(taken);
    keep(&*memory, scope, "tide").await;
    // Gone between two calls, it is made anew.
    world.double().drop_collection(taken);
    assert!(list(&*memory, scope).await.is_empty());
    keep(&*memory, scope, "tide").await;
    assert_eq!(recall(&*memory, scope, "tide").await, ["tide"]);
    assert_eq!(world.double().collections(), [("documents".to_owned(), 0), (taken.to_owned(), 1)]);
    let spaces = world.store.spaces().await.unwrap();
    assert_eq!(spaces, [(Space { model: "openai/text-embedding-3-small".to_owned(), dimensions: 64 }, 1)]);
}

//! Keeping, repeating, replacing, deleting.

use crate::harness::{World, code, ctx, execution, keep, list, recall};
use nexus_api::{
    Code,
    memory::{RecallRequest, Scope, StoreRequest, node_entry_id},
    planner::PageRequest,
};
use nexus_model::{ExecutionId, MemoryId, Money, NodeId, WorkflowId};
use serde_json::{Map, Value, json};

fn metadata() -> Map<String, Value> {
    let Value::Object(metadata) =
        json!({"source": "a", "n": 3, "x": 0.1, "deep": {"list": [1, null, "é"]}, "": true})
    else {
        unreachable!()
    };
    metadata
}

pub(crate) async fn what_is_kept_comes_back(world: World) {
    let memory = world.memory(None).await;
    let scope = execution();
    let text = "Übung macht den Meister \u{1f980} 日本 \" \\ \n\t";
    let before = nexus_model::Timestamp::now();
    let request = StoreRequest { metadata: metadata(), ..StoreRequest::new(scope, text) };
    let id = memory.store(&ctx(), request).await.unwrap().id;
    assert_eq!(id.uuid().get_version_num(), 7);
    let listed = memory.list(&ctx(), scope, PageRequest::default()).await.unwrap();
    assert_eq!(listed.next_cursor, None);
    let entry = listed.items.first().unwrap();
    assert_eq!((entry.id, entry.text.as_str(), &entry.metadata), (id, text, &metadata()));
    assert_eq!(entry.score, None);
    assert!(entry.created_at >= before);
    let found = memory.recall(&ctx(), RecallRequest::new(scope, text)).await.unwrap().entries;
    let found = found.first().unwrap();
    assert_eq!((found.id, found.text.as_str(), &found.metadata), (id, text, &metadata()));
    assert_eq!(found.created_at, entry.created_at);
    assert!(found.score.unwrap() > 0.999);
    // NUL is what Postgres cannot keep.
    keep(&*memory, Scope::Execution(ExecutionId::generate()), "a\0b").await;
}

pub(crate) async fn scopes_do_not_mix(world: World) {
    let memory = world.memory(None).await;
    let scopes = [
        execution(),
        execution(),
        Scope::Workflow(WorkflowId::generate()),
        Scope::Workflow(WorkflowId::generate()),
        Scope::Global,
    ];
    for (nr, scope) in scopes.into_iter().enumerate() {
        keep(&*memory, scope, &format!("the tide comes in, {nr}")).await;
    }
    for (nr, scope) in scopes.into_iter().enumerate() {
        let expected = [format!("the tide comes in, {nr}")];
        assert_eq!(recall(&*memory, scope, "tide").await, expected);
        assert_eq!(list(&*memory, scope).await, expected);
    }
}

pub(crate) async fn repeating_changes_and_costs_nothing(world: World) {
    let memory = world.memory(None).await;
    let execution = ExecutionId::generate();
    let scope = Scope::Execution(execution);
    let id = node_entry_id(execution, &NodeId::new("draft").unwrap(), 1, "store");
    let request =
        StoreRequest { id: Some(id), metadata: metadata(), ..StoreRequest::new(scope, "the tide comes in") };
    let first = memory.store(&ctx(), request.clone()).await.unwrap();
    assert_eq!(first.id, id);
    assert!(first.cost > Money::ZERO);
    let entry = memory.list(&ctx(), scope, PageRequest::default()).await.unwrap().items;
    // After a crash, by another process, even without money.
    let memory = world.memory(None).await;
    let calls = world.llm.calls();
    let again = memory.store(&ctx(), StoreRequest { max_cost: Some(Money::ZERO), ..request }).await.unwrap();
    assert_eq!((again.id, again.cost, again.usage.prompt()), (id, Money::ZERO, 0));
    assert_eq!(world.llm.calls(), calls);
    assert_eq!(memory.list(&ctx(), scope, PageRequest::default()).await.unwrap().items, entry);
}

pub(crate) async fn an_id_replaces_in_its_scope_and_is_refused_in_another(world: World) {
    let memory = world.memory(None).await;
    let (scope, id) = (execution(), MemoryId::generate());
    let request = |scope, text: &str| StoreRequest { id: Some(id), ..StoreRequest::new(scope, text) };
    memory.store(&ctx(), request(scope, "the tide comes in")).await.unwrap();
    let created = memory.list(&ctx(), scope, PageRequest::default()).await.unwrap().items[0].created_at;
    memory.store(&ctx(), request(scope, "bread and butter")).await.unwrap();
    let listed = memory.list(&ctx(), scope, PageRequest::default()).await.unwrap().items;
    assert_eq!(listed.len(), 1);
    assert_eq!((listed[0].text.as_str(), listed[0].created_at), ("bread and butter", created));
    let found = memory.recall(&ctx(), RecallRequest::new(scope, "bread and butter")).await.unwrap().entries;
    assert!(found[0].score.unwrap() > 0.999);
    for other in [Scope::Global, execution()] {
        let calls = world.llm.calls();
        let refused = memory.store(&ctx(), request(other, "bread and butter")).await.unwrap_err();
        assert_eq!(refused.code, Code::Conflict);
        assert_eq!(refused.spent.map(|spent| spent.cost), Some(Money::ZERO));
        assert_eq!(world.llm.calls(), calls);
    }
    assert_eq!(list(&*memory, scope).await, ["bread and butter"]);
}

pub(crate) async fn what_is_deleted_is_gone(world: World) {
    let memory = world.memory(None).await;
    let scope = execution();
    let kept = keep(&*memory, scope, "the tide comes in").await;
    let deleted = keep(&*memory, scope, "the tide goes out").await;
    memory.delete(&ctx(), deleted).await.unwrap();
    assert_eq!(list(&*memory, scope).await, ["the tide comes in"]);
    assert_eq!(recall(&*memory, scope, "the tide goes out").await, ["the tide comes in"]);
    assert_eq!(code(memory.delete(&ctx(), deleted).await), Code::NotFound);
    assert_eq!(code(memory.delete(&ctx(), MemoryId::generate()).await), Code::NotFound);
    memory.delete(&ctx(), kept).await.unwrap();
    assert!(list(&*memory, scope).await.is_empty());
}

pub(crate) async fn a_scope_is_deleted_as_a_whole(world: World) {
    let memory = world.memory(None).await;
    let (scope, other) = (execution(), execution());
    for nr in 0..5 {
        keep(&*memory, scope, &format!("tide {nr}")).await;
    }
    keep(&*memory, other, "tide").await;
    assert_eq!(memory.delete_scope(&ctx(), scope).await, Ok(5));
    assert!(list(&*memory, scope).await.is_empty());
    assert!(recall(&*memory, scope, "tide").await.is_empty());
    assert_eq!(list(&*memory, other).await, ["tide"]);
    assert_eq!(memory.delete_scope(&ctx(), scope).await, Ok(0));
}

pub(crate) async fn many_at_once_are_all_kept(world: World) {
    let memory = world.memory(None).await;
    let scope = execution();
    let keeping = (0..40).map(|nr| {
        let memory = memory.clone();
        tokio::spawn(async move { keep(&*memory, scope, &format!("entry {nr}")).await })
    });
    let mut ids = Vec::new();
    for kept in futures::future::join_all(keeping).await {
        ids.push(kept.unwrap());
    }
    ids.sort_unstable();
    let page = PageRequest { limit: Some(100), cursor: None };
    let listed = memory.list(&ctx(), scope, page).await.unwrap().items;
    let mut listed: Vec<_> = listed.into_iter().map(|entry| entry.id).collect();
    listed.sort_unstable();
    assert_eq!(listed, ids);
}

pub(crate) async fn workspaces_do_not_mix(world: World) {
    let memory = world.memory(None).await;
    let scope = execution();
    let elsewhere = ctx().on_behalf(Some("other".to_owned()), "team-b".parse().unwrap());
    for scope in [scope, Scope::Global] {
        let ours = memory.store(&ctx(), StoreRequest::new(scope, "the tide comes in")).await.unwrap().id;
        let theirs =
            memory.store(&elsewhere, StoreRequest::new(scope, "the tide comes in")).await.unwrap().id;
        let page = || PageRequest { limit: None, cursor: None };
        for (ctx, expected, other) in [(ctx(), ours, theirs), (elsewhere.clone(), theirs, ours)] {
            let listed = memory.list(&ctx, scope, page()).await.unwrap().items;
            assert_eq!(listed.iter().map(|entry| entry.id).collect::<Vec<_>>(), [expected]);
            let found = memory.recall(&ctx, RecallRequest::new(scope, "the tide")).await.unwrap().entries;
            assert_eq!(found.iter().map(|entry| entry.id).collect::<Vec<_>>(), [expected]);
            assert_eq!(code(memory.delete(&ctx, other).await), Code::NotFound);
        }
        // Somebody else's entry cannot be replaced by naming its id.
        let taken = StoreRequest { id: Some(ours), ..StoreRequest::new(scope, "forged") };
        assert_eq!(code(memory.store(&elsewhere, taken).await), Code::Conflict);
        assert_eq!(memory.delete_scope(&elsewhere, scope).await, Ok(1));
        assert_eq!(list(&*memory, scope).await, ["the tide comes in"]);
        assert_eq!(memory.delete_scope(&ctx(), scope).await, Ok(1));
    }
}

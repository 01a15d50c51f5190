//! The planner port on a real store: saving, versions, drafts, lists, and what it says of documents.
#![expect(clippy::unwrap_used, reason = "a test ends with a panic when something is not as it should be")]

use nexus_api::{
    CallCtx, Code, Planner,
    planner::{PageRequest, Target},
};
use nexus_model::{WorkflowId, limits::Limits, price::PriceBook};
use nexus_planner::PlannerService;
use nexus_store::sqlite::SqliteStore;
use serde_json::{Value, json};
use std::sync::Arc;

fn planner() -> (PlannerService, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(SqliteStore::open(folder.path().join("nexus.db")).unwrap());
    (PlannerService::new(store, PriceBook::builtin(), Limits::default()), folder)
}

fn ctx() -> CallCtx {
    CallCtx::background()
}

fn document(name: &str) -> Value {
    json!({"name": name, "graph": {"nodes": [
        {"id": "a", "type": "tool", "config": {"tool": "template", "template": "hi"}},
        {"id": "b", "type": "tool", "config": {"tool": "template", "template": "{{ nodes.a.output.text }}"}},
    ], "edges": [{"id": "e", "source": "a", "target": "b"}]}})
}

#[tokio::test]
async fn a_workflow_is_kept_as_it_was_given_and_versioned() {
    let (planner, _folder) = planner();
    let saved = planner.create_workflow(&ctx(), document("one"), false).await.unwrap();
    assert_eq!((saved.version, saved.valid), (1, true));
    assert_eq!(saved.document_value(), document("one"));
    let next = planner.update_workflow(&ctx(), saved.id, 1, document("two"), false).await.unwrap();
    assert_eq!(next.version, 2);
    let stale = planner.update_workflow(&ctx(), saved.id, 1, document("three"), false).await.unwrap_err();
    assert_eq!(stale.code, Code::PreconditionFailed);
    assert_eq!(planner.get_workflow(&ctx(), saved.id, Some(1)).await.unwrap().name(), "one");
    assert_eq!(planner.get_workflow(&ctx(), saved.id, None).await.unwrap().name(), "two");
    let history = planner.list_versions(&ctx(), saved.id, PageRequest::default()).await.unwrap();
    assert_eq!(history.items.iter().map(|version| version.version).collect::<Vec<_>>(), [2, 1]);

    planner.delete_workflow(&ctx(), saved.id).await.unwrap();
    for gone in [
        planner.get_workflow(&ctx(), saved.id, None).await.unwrap_err(),
        planner.get_workflow(&ctx(), saved.id, Some(1)).await.unwrap_err(),
        planner.update_workflow(&ctx(), saved.id, 2, document("x"), false).await.unwrap_err(),
        planner.delete_workflow(&ctx(), saved.id).await.unwrap_err(),
        planner.list_versions(&ctx(), saved.id, PageRequest::default()).await.unwrap_err(),
    ] {
        assert_eq!(gone.code, Code::NotFound);
    }
}

#[tokio::test]
async fn an_invalid_document_is_refused_with_every_problem_and_kept_as_a_draft_if_asked() {
    let (planner, _folder) = planner();
    let mut broken = document("broken");
    broken["graph"]["nodes"][1]["config"]["template"] = json!("{{ nodes.c.output }}");
    broken["graph"]["edges"][0]["target"] = json!("nowhere");
    let refused = planner.create_workflow(&ctx(), broken.clone(), false).await.unwrap_err();
    assert_eq!(refused.code, Code::Invalid);
    let paths: Vec<_> = refused.details.iter().map(|detail| detail.path.as_str()).collect();
    assert!(paths.contains(&"/graph/edges/0/target"), "{paths:?}");
    assert!(paths.contains(&"/graph/nodes/1/config/template"), "{paths:?}");

    let draft = planner.create_workflow(&ctx(), broken, true).await.unwrap();
    assert!(!draft.valid && draft.problems.len() >= 2);
    assert_eq!(
        planner.plan(&ctx(), Target::Workflow { id: draft.id, version: None }).await.unwrap_err().code,
        Code::Invalid
    );
    let mended = planner.update_workflow(&ctx(), draft.id, 1, document("fine"), true).await.unwrap();
    assert!(mended.valid && mended.problems.is_empty());

    assert_eq!(planner.create_workflow(&ctx(), json!([]), true).await.unwrap_err().code, Code::Malformed);
    assert_eq!(
        planner.create_workflow(&ctx(), json!({"graph": 1}), true).await.unwrap_err().code,
        Code::Invalid
    );
}

#[tokio::test]
async fn lists_are_paged_and_searched() {
    let (planner, _folder) = planner();
    for name in ["apple pie", "Apple juice", "pear"] {
        planner.create_workflow(&ctx(), document(name), false).await.unwrap();
    }
    let page = |limit, cursor| PageRequest { limit: Some(limit), cursor };
    let first = planner.list_workflows(&ctx(), page(2, None), None).await.unwrap();
    assert_eq!(first.items.len(), 2);
    let second = planner.list_workflows(&ctx(), page(2, first.next_cursor), None).await.unwrap();
    assert_eq!((second.items.len(), second.next_cursor), (1, None));
    let apples = planner.list_workflows(&ctx(), page(10, None), Some("APPLE".into())).await.unwrap();
    assert_eq!(apples.items.len(), 2);
    for bad in [page(0, None), page(201, None), page(5, Some("nonsense".into()))] {
        assert_eq!(planner.list_workflows(&ctx(), bad, None).await.unwrap_err().code, Code::Malformed);
    }
}

#[tokio::test]
async fn plans_and_reports_need_nothing_stored() {
    let (planner, _folder) = planner();
    let plan = planner.plan(&ctx(), Target::Document(document("x"))).await.unwrap();
    assert_eq!((plan.groups.len(), plan.max_parallelism, plan.node_count), (2, 1, 2));
    assert!(planner.validate(&ctx(), document("x")).await.unwrap().valid);
    assert!(!planner.validate(&ctx(), json!({})).await.unwrap().valid);
    let unknown = Target::Workflow { id: WorkflowId::generate(), version: None };
    assert_eq!(planner.plan(&ctx(), unknown).await.unwrap_err().code, Code::NotFound);
}

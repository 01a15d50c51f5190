//! What is promised about workflows and their versions.

use crate::harness::{Db, home, version};
use nexus_model::{NodeId, Problem, WorkflowId};
use nexus_store::{Error, NewVersion};
use serde_json::json;

pub(crate) async fn a_document_comes_back_as_it_was_given(db: &Db) {
    let store = db.store();
    let mut new = version("Größe 😀 \u{0} \"quoted\" %");
    new.document.insert("unknown".into(), json!({"n": 0.1, "big": 9_007_199_254_740_993_u64, "none": null}));
    new.document.insert("text".into(), json!("ж".repeat(400_000)));
    let saved = store.create_workflow(&home(), new.clone()).await.unwrap();
    assert_eq!((saved.version, saved.created_at), (1, saved.updated_at));
    assert_eq!(saved.document, new.document);
    assert_eq!(store.get_workflow(&home(), saved.id, None).await.unwrap().as_ref(), Some(&saved));
    assert_eq!(store.get_workflow(&home(), saved.id, Some(1)).await.unwrap(), Some(saved.clone()));
    assert_eq!(store.get_workflow(&home(), saved.id, Some(2)).await.unwrap(), None);
    assert_eq!(store.get_workflow(&home(), WorkflowId::generate(), None).await.unwrap(), None);
}

pub(crate) async fn a_draft_keeps_its_problems(db: &Db) {
    let store = db.store();
    let problem = Problem {
        code: "cycle".into(),
        path: "/graph/edges/0".into(),
        node_id: Some(NodeId::new("a").unwrap()),
        message: "It goes round.".into(),
        suggestion: None,
    };
    let draft = NewVersion { valid: false, problems: vec![problem], ..version("Draft") };
    let saved = store.create_workflow(&home(), draft.clone()).await.unwrap();
    let read = store.get_workflow(&home(), saved.id, None).await.unwrap().unwrap();
    assert_eq!((read.valid, &read.problems), (false, &draft.problems));

    let mended = store.update_workflow(&home(), saved.id, 1, version("Draft")).await.unwrap();
    assert!(mended.valid && mended.problems.is_empty());
    let history = store.list_versions(&home(), saved.id, None, 10).await.unwrap();
    assert_eq!(history.iter().map(|v| v.valid).collect::<Vec<_>>(), [true, false]);
    assert!(!store.get_workflow(&home(), saved.id, Some(1)).await.unwrap().unwrap().valid);
}

pub(crate) async fn of_two_updates_of_one_version_one_wins(db: &Db) {
    let store = db.store();
    let id = store.create_workflow(&home(), version("v1")).await.unwrap().id;
    for round in 1..=5 {
        let rivals = (0..8).map(|n| {
            let store = db.store();
            tokio::spawn(async move {
                store.update_workflow(&home(), id, round, version(&format!("{round}-{n}"))).await
            })
        });
        let mut winners = Vec::new();
        for outcome in futures::future::join_all(rivals).await {
            match outcome.unwrap() {
                Ok(workflow) => winners.push(workflow),
                Err(error) => {
                    assert_eq!(error, Error::VersionMismatch { current: round + 1, expected: round })
                }
            }
        }
        assert_eq!(winners.len(), 1);
        assert_eq!(store.get_workflow(&home(), id, None).await.unwrap().as_ref(), winners.first());
    }
}

pub(crate) async fn an_update_needs_the_latest_version(db: &Db) {
    let store = db.store();
    let first = store.create_workflow(&home(), version("v1")).await.unwrap();
    let second = store.update_workflow(&home(), first.id, 1, version("v2")).await.unwrap();
    assert_eq!((second.version, second.created_at), (2, first.created_at));
    assert!(second.updated_at >= first.updated_at);
    assert_eq!(store.get_workflow(&home(), first.id, None).await.unwrap(), Some(second));
    assert_eq!(store.get_workflow(&home(), first.id, Some(1)).await.unwrap(), Some(first.clone()));
    for wrong in [0, 1, 3] {
        let refused = store.update_workflow(&home(), first.id, wrong, version("v3")).await;
        assert_eq!(refused, Err(Error::VersionMismatch { current: 2, expected: wrong }));
    }
    assert_eq!(
        store.update_workflow(&home(), WorkflowId::generate(), 1, version("x")).await,
        Err(Error::NotFound)
    );
    assert_eq!(store.list_versions(&home(), first.id, None, 10).await.unwrap().len(), 2);
}

pub(crate) async fn history_is_paged_newest_first(db: &Db) {
    let store = db.store();
    let id = store.create_workflow(&home(), version("v1")).await.unwrap().id;
    for n in 1..7 {
        store.update_workflow(&home(), id, n, version(&format!("v{}", n + 1))).await.unwrap();
    }
    let mut seen = Vec::new();
    let mut before = None;
    loop {
        let page = store.list_versions(&home(), id, before, 3).await.unwrap();
        let Some(last) = page.last() else { break };
        before = Some(last.version);
        seen.extend(page.into_iter().map(|v| (v.version, v.name)));
    }
    let expected: Vec<_> = (1..=7).rev().map(|n| (n, format!("v{n}"))).collect();
    assert_eq!(seen, expected);
    assert_eq!(store.list_versions(&home(), WorkflowId::generate(), None, 3).await, Err(Error::NotFound));
}

pub(crate) async fn lists_are_paged_newest_first(db: &Db) {
    let store = db.store();
    let mut ids = Vec::new();
    for n in 0..25 {
        ids.push(store.create_workflow(&home(), version(&format!("Workflow {n}"))).await.unwrap().id);
    }
    // The latest version is listed, at the workflow's old place.
    store.update_workflow(&home(), ids[3], 1, version("Renamed")).await.unwrap();
    let mut seen = Vec::new();
    let mut before = None;
    loop {
        let page = store.list_workflows(&home(), before, 10, None).await.unwrap();
        assert!(page.len() <= 10);
        let Some(last) = page.last() else { break };
        before = Some(last.id);
        seen.extend(page);
    }
    ids.reverse();
    assert_eq!(seen.iter().map(|w| w.id).collect::<Vec<_>>(), ids);
    assert_eq!(seen[21].name(), "Renamed");
    assert_eq!(seen[21].version, 2);
}

pub(crate) async fn lists_are_searched_by_name(db: &Db) {
    let store = db.store();
    for name in ["Daily BRIEF", "daily news", "100% sure", "a_b", "ГРОЗА", "null\u{0}inside"] {
        store.create_workflow(&home(), version(name)).await.unwrap();
    }
    let found = async |query: &str| -> Vec<String> {
        let found = store.list_workflows(&home(), None, 10, Some(query)).await.unwrap();
        found.iter().map(|w| w.name().to_owned()).collect()
    };
    assert_eq!(found("dAiLy").await, ["daily news", "Daily BRIEF"]);
    assert_eq!(found("brief").await, ["Daily BRIEF"]);
    assert_eq!(found("%").await, ["100% sure"]);
    assert_eq!(found("_").await, ["a_b"]);
    assert_eq!(found("гроз").await, ["ГРОЗА"]);
    assert_eq!(found("L\u{0}I").await, ["null\u{0}inside"]);
    assert!(found("nothing").await.is_empty());
    assert_eq!(found("").await.len(), 6);

    let page = store.list_workflows(&home(), None, 1, Some("daily")).await.unwrap();
    let next = store.list_workflows(&home(), Some(page[0].id), 1, Some("daily")).await.unwrap();
    assert_eq!(next[0].name(), "Daily BRIEF");
}

pub(crate) async fn a_deleted_workflow_is_found_only_by_version(db: &Db) {
    let store = db.store();
    let id = store.create_workflow(&home(), version("Short-lived")).await.unwrap().id;
    store.update_workflow(&home(), id, 1, version("Short-lived")).await.unwrap();
    assert_eq!(store.delete_workflow(&home(), id).await, Ok(true));
    assert_eq!(store.delete_workflow(&home(), id).await, Ok(false));
    assert_eq!(store.delete_workflow(&home(), WorkflowId::generate()).await, Ok(false));

    assert_eq!(store.get_workflow(&home(), id, None).await, Ok(None));
    assert_eq!(store.get_workflow(&home(), id, Some(1)).await.unwrap().unwrap().version, 1);
    assert_eq!(store.get_workflow(&home(), id, Some(2)).await.unwrap().unwrap().version, 2);
    assert_eq!(store.update_workflow(&home(), id, 2, version("Back")).await, Err(Error::NotFound));
    assert_eq!(store.list_versions(&home(), id, None, 10).await, Err(Error::NotFound));
    assert!(store.list_workflows(&home(), None, 10, None).await.unwrap().is_empty());
    assert!(store.list_workflows(&home(), None, 10, Some("short")).await.unwrap().is_empty());
}

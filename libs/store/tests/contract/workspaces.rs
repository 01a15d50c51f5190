//! What is promised about workspaces: nothing of one is seen, listed, changed or found out from another one.

use crate::harness::{Db, execution, home, version};
use nexus_api::Workspace;
use nexus_model::WorkflowId;
use nexus_store::{Created, Error, ListFilter, NewExecution};

fn other() -> Workspace {
    Workspace::new("team-b").unwrap()
}

pub(crate) async fn a_workflow_of_another_workspace_is_not_there(db: &Db) {
    let store = db.store();
    let id = store.create_workflow(&home(), version("Ours")).await.unwrap().id;
    store.update_workflow(&home(), id, 1, version("Ours still")).await.unwrap();
    assert_eq!(store.get_workflow(&other(), id, None).await, Ok(None));
    assert_eq!(store.get_workflow(&other(), id, Some(1)).await, Ok(None));
    // Not even that it is at another version.
    for expected in [1, 2, 3] {
        let refused = store.update_workflow(&other(), id, expected, version("Theirs")).await;
        assert_eq!(refused, Err(Error::NotFound));
    }
    assert_eq!(store.delete_workflow(&other(), id).await, Ok(false));
    assert_eq!(store.list_versions(&other(), id, None, 10).await, Err(Error::NotFound));
    assert!(store.list_workflows(&other(), None, 10, None).await.unwrap().is_empty());
    assert!(store.list_workflows(&other(), None, 10, Some("ours")).await.unwrap().is_empty());
    let theirs = store.create_workflow(&other(), version("Ours")).await.unwrap().id;
    let listed = |found: Vec<nexus_model::workflow::Workflow>| {
        found.into_iter().map(|one| one.id).collect::<Vec<WorkflowId>>()
    };
    assert_eq!(listed(store.list_workflows(&other(), None, 10, None).await.unwrap()), [theirs]);
    assert_eq!(listed(store.list_workflows(&home(), None, 10, None).await.unwrap()), [id]);
    assert_eq!(store.get_workflow(&home(), id, None).await.unwrap().unwrap().version, 2);
}

pub(crate) async fn an_execution_of_another_workspace_is_not_there(db: &Db) {
    let store = db.store();
    let new = NewExecution { workspace: other(), principal: Some("ci".into()), ..execution() };
    assert_eq!(store.create_execution(new.clone()).await, Ok(Created::New));
    assert_eq!(store.position_in(&home(), new.id).await, Ok(None));
    assert!(store.position_in(&other(), new.id).await.unwrap().is_some());
    let head = store.head(new.id).await.unwrap().unwrap();
    assert_eq!((head.workspace, head.principal.as_deref()), (other(), Some("ci")));
    for (workspace, count) in [(home(), 0), (other(), 1)] {
        for (workflow_id, status) in [
            (None, None),
            (Some(new.workflow_id), None),
            (None, Some(nexus_model::ExecutionStatus::Queued)),
            (Some(new.workflow_id), Some(nexus_model::ExecutionStatus::Queued)),
        ] {
            let filter = ListFilter { workspace: workspace.clone(), workflow_id, status };
            assert_eq!(store.list_executions(filter, None, 10).await.unwrap().len(), count, "{workspace}");
        }
    }
    // Who works on it is told whose it is.
    let claimed = store.claim("w", 10, std::time::Duration::from_secs(60)).await.unwrap();
    let claimed =
        &claimed.iter().find(|claimed| claimed.loaded.head.summary.id == new.id).unwrap().loaded.head;
    assert_eq!(
        (&claimed.workspace, claimed.principal.as_deref(), claimed.leased),
        (&other(), Some("ci"), true)
    );
}

pub(crate) async fn idempotency_keys_count_within_a_workspace(db: &Db) {
    let store = db.store();
    let keyed = |workspace: Workspace| NewExecution {
        workspace,
        idempotency: Some(("key".into(), "content".into())),
        ..execution()
    };
    let (ours, theirs) = (keyed(home()), keyed(other()));
    assert_eq!(store.create_execution(ours.clone()).await, Ok(Created::New));
    assert_eq!(store.create_execution(theirs.clone()).await, Ok(Created::New));
    assert_eq!(store.create_execution(keyed(home())).await, Ok(Created::Existing(ours.id)));
    assert_eq!(store.create_execution(keyed(other())).await, Ok(Created::Existing(theirs.id)));
}

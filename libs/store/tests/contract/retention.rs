//! What is promised about deleting: ended executions go with all that is theirs, others stay whatever happens.

use crate::harness::{Db, LONG, assert_whole, execution, owned, step, update};
use nexus_api::Workspace;
use nexus_model::{ExecutionId, ExecutionStatus, Timestamp};
use nexus_store::{Batch, Created, Ended, HeadUpdate, NewExecution, Ownership, Step, Store};

const BATCH: Batch = Batch { executions: 100, rows: 10_000 };

fn at(micros_from_now: i64) -> Timestamp {
    Timestamp::from_micros(Timestamp::now().micros() + micros_from_now)
}

/// An execution with three records and two events that ended at that moment.
async fn ended(store: &dyn Store, status: ExecutionStatus, finished_at: Timestamp) -> ExecutionId {
    let id = owned(store, "w1", LONG).await;
    end(store, id, 0, status, finished_at).await;
    id
}

async fn end(store: &dyn Store, id: ExecutionId, length: u64, status: ExecutionStatus, at: Timestamp) {
    let fence = store.head(id).await.unwrap().unwrap().fence;
    let update = HeadUpdate { finished_at: Some(at), ..update(status) };
    let end = Step { update, ownership: Ownership::Nobody, ..step(id, fence, length, 3, 2) };
    store.commit(end).await.unwrap();
}

async fn gone(store: &dyn Store, id: ExecutionId) -> bool {
    let gone = store.head(id).await.unwrap().is_none();
    if gone {
        assert_eq!(store.load(id).await, Ok(None));
        assert_eq!(store.events(id, 0, 100).await, Ok(vec![]));
    }
    gone
}

pub(crate) async fn what_has_ended_long_ago_is_found_oldest_first(db: &Db) {
    let store = db.store();
    let mut old = Vec::new();
    for status in ExecutionStatus::ALL.into_iter().filter(|status| status.is_terminal()) {
        old.push(ended(&*store, status, at(-10_000_000)).await);
    }
    let recent = ended(&*store, ExecutionStatus::Succeeded, at(3_600_000_000)).await;
    let running = owned(&*store, "w1", LONG).await;
    store.commit(step(running, 1, 0, 1, 1)).await.unwrap();
    let queued = execution();
    store.create_execution(queued.clone()).await.unwrap();

    let now = at(1_000_000);
    let found = async |before, batch| ids(store.ended_before(before, batch).await.unwrap());
    assert_eq!(found(now, BATCH).await, old);
    let few = Batch { executions: 2, rows: 10_000 };
    assert_eq!(found(now, few).await, old[..2]);
    // Each has three records and two events, and counts one more.
    let short = Batch { executions: 100, rows: 18 };
    assert_eq!(found(now, short).await, old[..3]);
    // Older than everything that was made here.
    assert_eq!(found(at(-3_600_000_000), BATCH).await, []);

    assert_eq!(store.delete_ended(&old, Some(now)).await.map(sorted), Ok(old.clone()));
    for id in &old {
        assert!(gone(&*store, *id).await);
    }
    for id in [recent, running, queued.id] {
        assert!(!gone(&*store, id).await);
    }
    assert_eq!(found(now, BATCH).await, []);
    assert_eq!(store.delete_ended(&old, Some(now)).await, Ok(vec![]));
}

fn ids(found: Vec<Ended>) -> Vec<ExecutionId> {
    found.into_iter().map(|ended| ended.id).collect()
}

fn sorted(mut ids: Vec<ExecutionId>) -> Vec<ExecutionId> {
    ids.sort();
    ids
}

pub(crate) async fn only_what_has_ended_is_deleted(db: &Db) {
    let store = db.store();
    let running = owned(&*store, "w1", LONG).await;
    store.commit(step(running, 1, 0, 1, 1)).await.unwrap();
    let queued = execution();
    store.create_execution(queued.clone()).await.unwrap();
    let resumed = ended(&*store, ExecutionStatus::Failed, at(-10_000_000)).await;
    let again = ended(&*store, ExecutionStatus::Failed, at(-10_000_000)).await;
    // Both were found; then one was resumed, and the other resumed and ended once more.
    let found = store.ended_before(at(1_000_000), BATCH).await.unwrap();
    assert_eq!(ids(found), [resumed, again]);
    for id in [resumed, again] {
        let head = store.head(id).await.unwrap().unwrap();
        let resume = Step {
            update: update(ExecutionStatus::Queued),
            ownership: Ownership::Nobody,
            ..step(id, head.fence, 3, 1, 0)
        };
        store.commit(resume).await.unwrap();
    }
    end(&*store, again, 4, ExecutionStatus::Succeeded, at(3_600_000_000)).await;
    let unknown = ExecutionId::generate();
    let all = [running, queued.id, resumed, again, unknown];
    assert_eq!(store.delete_ended(&all, Some(at(1_000_000))).await, Ok(vec![]));
    assert_eq!(store.delete_ended(&[], None).await, Ok(vec![]));
    for id in [running, queued.id, resumed, again] {
        assert_whole(&*store, id).await;
    }
    // On request, it does not matter when it ended.
    assert_eq!(store.delete_ended(&all, None).await, Ok(vec![again]));
    assert!(gone(&*store, again).await);
}

pub(crate) async fn whose_it_was_is_told(db: &Db) {
    let store = db.store();
    let workspace: Workspace = "team-a".parse().unwrap();
    let new =
        NewExecution { workspace: workspace.clone(), claim_by: Some(("w1".into(), LONG)), ..execution() };
    store.create_execution(new.clone()).await.unwrap();
    end(&*store, new.id, 0, ExecutionStatus::Succeeded, at(-10_000_000)).await;
    let found = store.ended_before(at(1_000_000), BATCH).await;
    assert_eq!(found, Ok(vec![Ended { id: new.id, workspace }]));
}

pub(crate) async fn a_deleted_execution_frees_its_key(db: &Db) {
    let store = db.store();
    let keyed = || NewExecution { idempotency: Some(("key".into(), "hash".into())), ..execution() };
    let first = keyed();
    assert_eq!(store.create_execution(first.clone()).await, Ok(Created::New));
    assert_eq!(store.create_execution(keyed()).await, Ok(Created::Existing(first.id)));
    end(&*store, first.id, 0, ExecutionStatus::Succeeded, at(0)).await;
    assert_eq!(store.delete_ended(&[first.id], None).await, Ok(vec![first.id]));
    assert_eq!(store.create_execution(keyed()).await, Ok(Created::New));
}

pub(crate) async fn two_that_delete_the_same_delete_each_once_and_nothing_else(db: &Db) {
    let (one, other) = (db.store(), db.another().await);
    let mut old = Vec::new();
    let mut kept = Vec::new();
    for n in 0..60 {
        if n % 3 == 0 {
            let id = owned(&*one, "w1", LONG).await;
            one.commit(step(id, 1, 0, 1, 1)).await.unwrap();
            kept.push(id);
        } else {
            old.push(ended(&*one, ExecutionStatus::Succeeded, at(-10_000_000)).await);
        }
    }
    let now = at(1_000_000);
    let deleting = |store: std::sync::Arc<dyn Store>| {
        tokio::spawn(async move {
            let mut mine = Vec::new();
            loop {
                let batch = Batch { executions: 7, rows: 10_000 };
                let found = ids(store.ended_before(now, batch).await.unwrap());
                if found.is_empty() {
                    return mine;
                }
                mine.extend(store.delete_ended(&found, Some(now)).await.unwrap());
            }
        })
    };
    let (mine, theirs) = futures::future::join(deleting(one.clone()), deleting(other)).await;
    let mut deleted = mine.unwrap();
    deleted.extend(theirs.unwrap());
    assert_eq!(sorted(deleted), old);
    for id in kept {
        assert_whole(&*one, id).await;
    }
}

//! What is promised about claiming, leases and recoveries.

use crate::harness::{Db, LONG, SHORT, assert_whole, execution, load, owned, step, update};
use nexus_model::{ExecutionId, ExecutionStatus};
use nexus_store::{Claimed, Created, Error, NewExecution, Ownership, Step, Store};
use std::{collections::HashSet, time::Duration};

/// Claims until there is something; leases end by the database's clock, so all one can do is ask again.
async fn claim_when_possible(store: &dyn Store, worker: &str, lease: Duration) -> Vec<Claimed> {
    for _ in 0..2_000 {
        let claimed = store.claim(worker, 10, lease).await.unwrap();
        if !claimed.is_empty() {
            return claimed;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("nothing can be claimed");
}

fn ids(claimed: &[Claimed]) -> Vec<ExecutionId> {
    claimed.iter().map(|claimed| claimed.loaded.head.summary.id).collect()
}

pub(crate) async fn each_of_a_thousand_is_claimed_once(db: &Db) {
    let stores = [db.store(), db.another().await];
    let mut expected = HashSet::new();
    for _ in 0..10 {
        let created = (0..100).map(|n| {
            let store = stores[n % 2].clone();
            tokio::spawn(async move {
                let new = execution();
                let id = new.id;
                assert_eq!(store.create_execution(new).await, Ok(Created::New));
                id
            })
        });
        expected.extend(futures::future::join_all(created).await.into_iter().map(Result::unwrap));
    }
    let claimers = (0..8_usize).map(|n| {
        let store = stores[n % 2].clone();
        tokio::spawn(async move {
            let worker = format!("w{n}");
            let mut mine = Vec::new();
            loop {
                let claimed = store.claim(&worker, 7, LONG).await.unwrap();
                if claimed.is_empty() {
                    return mine;
                }
                assert!(claimed.len() <= 7);
                for claimed in claimed {
                    let head = claimed.loaded.head;
                    assert_eq!(
                        (head.fence, head.owner.as_deref(), head.leased),
                        (1, Some(worker.as_str()), true)
                    );
                    assert!(!claimed.recovered);
                    mine.push(head.summary.id);
                }
            }
        })
    });
    let claimed: Vec<_> =
        futures::future::join_all(claimers).await.into_iter().flat_map(Result::unwrap).collect();
    assert_eq!(claimed.len(), 1_000);
    assert_eq!(claimed.into_iter().collect::<HashSet<_>>(), expected);
}

pub(crate) async fn the_oldest_is_claimed_first_and_the_abandoned_before_it(db: &Db) {
    let store = db.store();
    let mut queued = Vec::new();
    for _ in 0..5 {
        let new = execution();
        store.create_execution(new.clone()).await.unwrap();
        queued.push(new.id);
    }
    let abandoned = owned(&*store, "dead", LONG).await;
    store.commit(step(abandoned, 1, 0, 1, 1)).await.unwrap();
    assert_eq!(ids(&store.claim("w1", 2, LONG).await.unwrap()), queued[..2]);
    store.release(abandoned, 1).await.unwrap();
    let next = store.claim("w1", 2, LONG).await.unwrap();
    assert_eq!(ids(&next), [abandoned, queued[2]]);
    assert_eq!(next[0].loaded, load(&*store, abandoned).await);
    assert_eq!(next[0].loaded.journal.len(), 1);
    assert_eq!(ids(&store.claim("w1", 0, LONG).await.unwrap()), []);
    assert_eq!(ids(&store.claim("w1", 10, LONG).await.unwrap()), queued[3..]);
    assert_eq!(ids(&store.claim("w1", 10, LONG).await.unwrap()), []);
}

pub(crate) async fn an_expired_lease_counts_as_a_recovery_until_there_is_progress(db: &Db) {
    let store = db.store();
    let id = owned(&*store, "w0", SHORT).await;
    // The first owner dies before its first step, the next ones after it.
    for n in 1..=3_u32 {
        let claimed = claim_when_possible(&*store, &format!("w{n}"), SHORT).await;
        assert_eq!(ids(&claimed), [id]);
        assert!(claimed[0].recovered);
        let head = &claimed[0].loaded.head;
        assert_eq!((head.recoveries, head.fence), (n, u64::from(n) + 1));
        let idle = Step { progress: false, ..step(id, head.fence, head.journal_len, 1, 1) };
        match store.commit(idle).await {
            Ok(_) => {}
            Err(error) => panic!("the lease is over, but nobody has claimed it: {error}"),
        }
    }
    let claimed = claim_when_possible(&*store, "w4", LONG).await;
    assert_eq!(claimed[0].loaded.head.recoveries, 4);
    store.commit(step(id, 5, 3, 1, 1)).await.unwrap();
    let loaded = assert_whole(&*store, id).await;
    assert_eq!((loaded.head.recoveries, loaded.head.leased), (0, true));
}

pub(crate) async fn a_released_execution_is_claimed_at_once_without_recovery(db: &Db) {
    let store = db.store();
    let id = owned(&*store, "w1", LONG).await;
    store.commit(step(id, 1, 0, 1, 1)).await.unwrap();
    assert!(store.claim("w2", 10, LONG).await.unwrap().is_empty());
    store.release(id, 1).await.unwrap();
    let head = load(&*store, id).await.head;
    assert_eq!((&head.owner, head.leased, head.summary.status), (&None, false, ExecutionStatus::Running));
    let claimed = store.claim("w2", 10, LONG).await.unwrap();
    assert_eq!(ids(&claimed), [id]);
    let head = &claimed[0].loaded.head;
    assert_eq!((claimed[0].recovered, head.recoveries, head.fence), (false, 0, 2));
}

pub(crate) async fn leases_are_renewed_only_by_their_holder(db: &Db) {
    let store = db.store();
    let kept = owned(&*store, "w1", SHORT).await;
    let lost = owned(&*store, "w1", LONG).await;
    let unknown = ExecutionId::generate();
    store.release(lost, 1).await.unwrap();
    // Run out or not: as long as nobody has claimed it, its holder can prolong it.
    let renewed = store.renew("w1", &[(lost, 1), (kept, 1), (unknown, 1)], LONG).await.unwrap();
    assert_eq!(renewed, [kept]);
    assert!(load(&*store, kept).await.head.leased);
    assert_eq!(store.renew("w2", &[(kept, 1)], LONG).await, Ok(vec![]));
    assert_eq!(store.renew("w1", &[(kept, 2)], LONG).await, Ok(vec![]));
    assert_eq!(store.renew("w1", &[], LONG).await, Ok(vec![]));
    assert_eq!(ids(&store.claim("w2", 10, LONG).await.unwrap()), [lost]);

    store.renew("w1", &[(kept, 1)], SHORT).await.unwrap();
    assert_eq!(ids(&claim_when_possible(&*store, "w2", LONG).await), [kept]);
    assert_eq!(store.renew("w1", &[(kept, 1)], LONG).await, Ok(vec![]));
    assert_eq!(store.commit(step(kept, 1, 0, 1, 1)).await, Err(Error::FenceLost));
}

pub(crate) async fn a_creator_may_own_at_once(db: &Db) {
    let store = db.store();
    let id = owned(&*store, "w1", LONG).await;
    let head = load(&*store, id).await.head;
    assert_eq!((head.fence, head.owner.as_deref(), head.leased), (1, Some("w1"), true));
    assert_eq!(head.summary.status, ExecutionStatus::Queued);
    assert!(store.claim("w2", 10, LONG).await.unwrap().is_empty());
}

pub(crate) async fn what_has_ended_is_claimed_only_after_a_resume(db: &Db) {
    let store = db.store();
    for status in ExecutionStatus::ALL.into_iter().filter(|status| status.is_terminal()) {
        let new = NewExecution { claim_by: Some(("w1".into(), SHORT)), ..execution() };
        store.create_execution(new.clone()).await.unwrap();
        let end = Step { update: update(status), ownership: Ownership::Nobody, ..step(new.id, 1, 0, 1, 1) };
        store.commit(end).await.unwrap();
        assert!(store.claim("w2", 10, LONG).await.unwrap().is_empty());

        let head = store.head(new.id).await.unwrap().unwrap();
        let resume = Step {
            update: update(ExecutionStatus::Queued),
            ownership: Ownership::Nobody,
            ..step(new.id, head.fence, head.journal_len, 1, 0)
        };
        store.commit(resume).await.unwrap();
        let claimed = store.claim("w2", 10, LONG).await.unwrap();
        assert_eq!(ids(&claimed), [new.id]);
        assert_eq!((claimed[0].recovered, claimed[0].loaded.head.recoveries), (false, 0));
    }
}

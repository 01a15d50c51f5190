//! What is promised about accepting executions, steps and lists.

use crate::harness::{Db, LONG, assert_whole, budget, event, execution, load, owned, step, update};
use nexus_model::{
    ExecutionId, ExecutionStatus, Money, NodeId, Timestamp, WorkflowId,
    execution::{Failure, Tokens},
};
use nexus_store::{Committed, Created, Error, HeadUpdate, ListFilter, NewExecution, Ownership, Step};
use serde_json::json;

pub(crate) async fn what_is_accepted_comes_back(db: &Db) {
    let store = db.store();
    let new = NewExecution {
        inputs: json!({"topic": "тест \u{0} 😀", "n": 1.5, "list": [1, null, {"x": true}]}),
        budget: Some(budget(500_000_000_001)),
        workflow_name: "Größe".into(),
        traceparent: Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".into()),
        ..execution()
    };
    let queued = store.queued().await.unwrap();
    assert_eq!(store.create_execution(new.clone()).await, Ok(Created::New));
    assert_eq!(store.queued().await, Ok(queued + 1));
    let loaded = load(&*store, new.id).await;
    let head = &loaded.head;
    assert_eq!(store.head(new.id).await.unwrap().as_ref(), Some(head));
    assert!(loaded.journal.is_empty());
    assert_eq!(head.inputs, new.inputs);
    assert_eq!(head.budget, new.budget);
    assert_eq!((head.fence, &head.owner, head.leased), (0, &None, false));
    assert_eq!((head.next_seq, head.journal_len, head.recoveries), (1, 0, 0));
    assert_eq!(head.traceparent, new.traceparent);
    let summary = &head.summary;
    assert_eq!(summary.workflow_id, new.workflow_id);
    assert_eq!((summary.workflow_version, summary.workflow_name.as_str()), (3, "Größe"));
    assert_eq!((summary.status, &summary.error), (ExecutionStatus::Queued, &None));
    assert_eq!(summary.budget.limit_usd, Some(Money::from_picos(500_000_000_001)));
    assert_eq!((summary.created_at, summary.started_at, summary.finished_at), (new.created_at, None, None));

    assert_eq!(store.head(ExecutionId::generate()).await, Ok(None));
    assert_eq!(store.load(ExecutionId::generate()).await, Ok(None));
    assert_eq!(store.events(ExecutionId::generate(), 0, 10).await, Ok(vec![]));
}

pub(crate) async fn one_of_many_creations_with_the_same_key_wins(db: &Db) {
    let stores = [db.store(), db.another().await];
    for key in ["first", "second"] {
        let rivals = (0..32).map(|n| {
            let store = stores[n % 2].clone();
            let new = NewExecution { idempotency: Some((key.into(), "content".into())), ..execution() };
            tokio::spawn(async move { (new.id, store.create_execution(new).await.unwrap()) })
        });
        let outcomes: Vec<_> =
            futures::future::join_all(rivals).await.into_iter().map(Result::unwrap).collect();
        let winners: Vec<_> = outcomes.iter().filter(|(_, created)| *created == Created::New).collect();
        assert_eq!(winners.len(), 1);
        let winner = winners[0].0;
        for (id, created) in &outcomes {
            let exists = stores[0].head(*id).await.unwrap().is_some();
            assert_eq!(exists, *id == winner);
            assert!(*id == winner || *created == Created::Existing(winner));
        }
    }
    assert_eq!(stores[0].list_executions(ListFilter::default(), None, 100).await.unwrap().len(), 2);
}

pub(crate) async fn a_key_with_other_content_is_a_conflict(db: &Db) {
    let store = db.store();
    let with =
        |content: &str| NewExecution { idempotency: Some(("key".into(), content.into())), ..execution() };
    let first = with("content");
    assert_eq!(store.create_execution(first.clone()).await, Ok(Created::New));
    let other = with("other");
    assert_eq!(store.create_execution(other.clone()).await, Ok(Created::KeyConflict));
    assert_eq!(store.head(other.id).await, Ok(None));
    assert_eq!(store.create_execution(with("content")).await, Ok(Created::Existing(first.id)));
}

pub(crate) async fn a_repeated_creation_is_recognised_by_its_id(db: &Db) {
    let store = db.store();
    let new = execution();
    assert_eq!(store.create_execution(new.clone()).await, Ok(Created::New));
    let again = NewExecution { inputs: json!({"other": true}), ..new.clone() };
    assert_eq!(store.create_execution(again).await, Ok(Created::Existing(new.id)));
    assert_eq!(load(&*store, new.id).await.head.inputs, new.inputs);
}

pub(crate) async fn any_text_is_a_key(db: &Db) {
    let store = db.store();
    // Longer than what a database can index, and so diverse that it cannot be compressed.
    let long: String =
        (0..20_000_u32).filter_map(|n| char::from_u32(0x4e00 + n.wrapping_mul(7919) % 20_000)).collect();
    for key in ["", "a\u{0}b", "ключ", &long] {
        let new = NewExecution { idempotency: Some((key.into(), "content".into())), ..execution() };
        assert_eq!(store.create_execution(new.clone()).await, Ok(Created::New), "{} bytes", key.len());
        let again = NewExecution { id: ExecutionId::generate(), ..new.clone() };
        assert_eq!(store.create_execution(again).await, Ok(Created::Existing(new.id)));
    }
}

pub(crate) async fn a_step_changes_everything_it_says(db: &Db) {
    let store = db.store();
    let id = owned(&*store, "w1", LONG).await;
    let first = HeadUpdate {
        status: ExecutionStatus::Running,
        error: None,
        budget: Some(budget(7)),
        spent: Money::from_picos(123_456_789_012_345),
        reserved: Money::from_picos(1),
        tokens: Tokens { prompt: u64::from(u32::MAX) + 1, completion: 3 },
        started_at: Some(Timestamp::from_micros(17)),
        finished_at: None,
    };
    let committed = store.commit(Step { update: first.clone(), ..step(id, 1, 0, 2, 3) }).await;
    assert_eq!(committed, Ok(Committed { first_seq: 1 }));
    let loaded = assert_whole(&*store, id).await;
    let summary = &loaded.head.summary;
    assert_eq!((loaded.head.journal_len, loaded.head.next_seq), (2, 4));
    assert_eq!((summary.budget.spent_usd, summary.budget.reserved_usd), (first.spent, first.reserved));
    assert_eq!((summary.budget.limit_usd, summary.tokens), (Some(Money::from_picos(7)), first.tokens));
    assert_eq!((summary.started_at, summary.finished_at), (first.started_at, None));
    assert_eq!(loaded.head.budget, first.budget);
    assert_eq!((loaded.head.owner.as_deref(), loaded.head.leased), (Some("w1"), true));

    // Neither records nor events: still a step.
    assert_eq!(store.commit(step(id, 1, 2, 0, 0)).await, Ok(Committed { first_seq: 4 }));

    let failure = Failure {
        code: "timeout".into(),
        message: "Zu spät \u{0}.".into(),
        node_id: Some(NodeId::new("draft").unwrap()),
    };
    let last = HeadUpdate {
        error: Some(failure.clone()),
        finished_at: Some(Timestamp::from_micros(18)),
        ..update(ExecutionStatus::Failed)
    };
    let end = Step { update: last, ownership: Ownership::Nobody, ..step(id, 1, 2, 1, 1) };
    assert_eq!(store.commit(end).await, Ok(Committed { first_seq: 4 }));
    let loaded = assert_whole(&*store, id).await;
    let head = &loaded.head;
    assert_eq!((head.summary.status, &head.summary.error), (ExecutionStatus::Failed, &Some(failure)));
    assert_eq!((head.fence, &head.owner, head.leased, &head.budget), (2, &None, false, &None));
    assert_eq!(head.summary.finished_at, Some(Timestamp::from_micros(18)));
}

pub(crate) async fn a_step_under_an_old_fence_writes_nothing(db: &Db) {
    let store = db.store();
    let id = owned(&*store, "old", LONG).await;
    store.commit(step(id, 1, 0, 1, 1)).await.unwrap();
    store.release(id, 1).await.unwrap();
    let claimed = store.claim("new", 1, LONG).await.unwrap();
    assert_eq!(claimed[0].loaded.head.fence, 2);
    let before = assert_whole(&*store, id).await;

    for fence in [0, 1, 3, u64::MAX] {
        assert_eq!(store.commit(step(id, fence, 1, 1, 1)).await, Err(Error::FenceLost));
    }
    // A lost fence cannot give away what another one has, either.
    store.release(id, 1).await.unwrap();
    assert_eq!(assert_whole(&*store, id).await, before);
    assert_eq!(store.commit(step(id, 2, 1, 1, 1)).await, Ok(Committed { first_seq: 2 }));
}

pub(crate) async fn a_step_on_an_older_journal_writes_nothing(db: &Db) {
    let store = db.store();
    let id = owned(&*store, "w1", LONG).await;
    store.commit(step(id, 1, 0, 2, 1)).await.unwrap();
    let before = assert_whole(&*store, id).await;
    for length in [0, 1, 3] {
        assert_eq!(store.commit(step(id, 1, length, 1, 1)).await, Err(Error::FenceLost));
    }
    assert_eq!(assert_whole(&*store, id).await, before);

    // The same step many times over, as after an unknown outcome: once it counts.
    let repeats = (0..16).map(|_| {
        let store = db.store();
        tokio::spawn(async move { store.commit(step(id, 1, 2, 1, 2)).await })
    });
    let outcomes = futures::future::join_all(repeats).await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.as_ref().unwrap().is_ok()).count(), 1);
    let after = assert_whole(&*store, id).await;
    assert_eq!((after.head.journal_len, after.head.next_seq), (3, 4));
}

pub(crate) async fn a_step_that_hands_over_locks_its_owner_out(db: &Db) {
    let store = db.store();
    let id = owned(&*store, "owner", LONG).await;
    store.commit(step(id, 1, 0, 1, 1)).await.unwrap();

    // Another process cancels with the fence that it read.
    let elsewhere = db.another().await;
    let head = elsewhere.head(id).await.unwrap().unwrap();
    let cancel = Step {
        update: update(ExecutionStatus::Cancelled),
        ownership: Ownership::Nobody,
        ..step(id, head.fence, head.journal_len, 1, 1)
    };
    assert_eq!(elsewhere.commit(cancel.clone()).await, Ok(Committed { first_seq: 2 }));
    assert_eq!(store.commit(step(id, 1, 1, 1, 1)).await, Err(Error::FenceLost));
    assert_eq!(store.commit(step(id, 1, 2, 1, 1)).await, Err(Error::FenceLost));
    assert_eq!(store.renew("owner", &[(id, 1)], LONG).await, Ok(vec![]));
    assert_eq!(elsewhere.commit(cancel).await, Err(Error::FenceLost));
    let after = assert_whole(&*store, id).await;
    assert_eq!((after.head.fence, after.head.owner), (2, None));
    assert_eq!(after.head.summary.status, ExecutionStatus::Cancelled);
}

pub(crate) async fn a_step_of_an_unknown_execution_is_refused(db: &Db) {
    let store = db.store();
    let id = ExecutionId::generate();
    assert_eq!(store.commit(step(id, 0, 0, 1, 1)).await, Err(Error::FenceLost));
    assert_eq!(store.events(id, 0, 10).await, Ok(vec![]));
    store.release(id, 0).await.unwrap();
}

pub(crate) async fn lists_are_filtered_and_paged(db: &Db) {
    let store = db.store();
    let (one, two) = (WorkflowId::generate(), WorkflowId::generate());
    let mut all = Vec::new();
    for n in 0..30 {
        let workflow_id = if n % 3 == 0 { one } else { two };
        let new = NewExecution { workflow_id, ..execution() };
        store.create_execution(new.clone()).await.unwrap();
        let running = n % 2 == 0;
        if running {
            store.commit(Step { events: vec![event(json!({}))], ..step(new.id, 0, 0, 1, 0) }).await.unwrap();
        }
        all.push((
            new.id,
            workflow_id,
            if running { ExecutionStatus::Running } else { ExecutionStatus::Queued },
        ));
    }
    all.reverse();
    for workflow_id in [None, Some(one), Some(two), Some(WorkflowId::generate())] {
        for status in [
            None,
            Some(ExecutionStatus::Running),
            Some(ExecutionStatus::Queued),
            Some(ExecutionStatus::Failed),
        ] {
            let filter = ListFilter { workflow_id, status, ..ListFilter::default() };
            let mut seen = Vec::new();
            let mut before = None;
            loop {
                let page = store.list_executions(filter.clone(), before, 4).await.unwrap();
                assert!(page.len() <= 4);
                let Some(last) = page.last() else { break };
                before = Some(last.id);
                seen.extend(page.iter().map(|e| (e.id, e.workflow_id, e.status)));
            }
            let expected: Vec<_> = all
                .iter()
                .copied()
                .filter(|(_, of, is)| {
                    workflow_id.is_none_or(|id| id == *of) && status.is_none_or(|s| s == *is)
                })
                .collect();
            assert_eq!(seen, expected, "{filter:?}");
        }
    }
}

pub(crate) async fn the_database_answers(db: &Db) {
    assert_eq!(db.store().ping().await, Ok(()));
}

//! What is promised about events and the journal when many executions write at once.

use crate::harness::{Db, LONG, assert_whole, event, load, owned, step, update};
use nexus_model::{EventType, ExecutionStatus};
use nexus_store::{Committed, Error, NewEvent, Ownership, Step};
use serde_json::json;

pub(crate) async fn events_are_numbered_without_gaps_across_runs(db: &Db) {
    let store = db.store();
    let id = owned(&*store, "w1", LONG).await;
    store.commit(step(id, 1, 0, 1, 3)).await.unwrap();
    let end = Step {
        update: update(ExecutionStatus::Failed),
        ownership: Ownership::Nobody,
        ..step(id, 1, 1, 1, 1)
    };
    assert_eq!(store.commit(end).await, Ok(Committed { first_seq: 4 }));
    // A resume, by anybody.
    let resume = Step {
        update: update(ExecutionStatus::Queued),
        ownership: Ownership::Nobody,
        ..step(id, 2, 2, 1, 0)
    };
    assert_eq!(store.commit(resume).await, Ok(Committed { first_seq: 5 }));
    let claimed = store.claim("w2", 1, LONG).await.unwrap();
    assert_eq!((claimed[0].loaded.head.fence, claimed[0].recovered), (4, false));
    assert_eq!(store.commit(step(id, 4, 3, 1, 2)).await, Ok(Committed { first_seq: 5 }));
    assert_eq!(assert_whole(&*store, id).await.head.next_seq, 7);
}

pub(crate) async fn events_are_paged(db: &Db) {
    let store = db.store();
    let id = owned(&*store, "w1", LONG).await;
    let first = NewEvent { kind: EventType::ExecutionStarted, agent_id: None, ..event(json!({"a": [1, 2]})) };
    store.commit(Step { events: vec![first.clone()], ..step(id, 1, 0, 1, 0) }).await.unwrap();
    store.commit(step(id, 1, 1, 1, 24)).await.unwrap();
    let mut after = 0;
    let mut seen = Vec::new();
    loop {
        let page = store.events(id, after, 10).await.unwrap();
        let Some(last) = page.last() else { break };
        after = last.seq;
        seen.extend(page);
    }
    assert_eq!(seen.iter().map(|event| event.seq).collect::<Vec<_>>(), (1..=25).collect::<Vec<_>>());
    assert!(seen.iter().all(|event| event.execution_id == id));
    assert_eq!((seen[0].kind, &seen[0].agent_id, &seen[0].data), (first.kind, &None, &first.data));
    assert_eq!(seen[0].timestamp, first.timestamp);
    assert_eq!(seen[1].agent_id.as_ref().map(|id| id.as_str()), Some("draft"));
    assert_eq!(store.events(id, 25, 10).await, Ok(vec![]));
    assert_eq!(store.events(id, u64::MAX, 10).await, Ok(vec![]));
}

pub(crate) async fn many_executions_share_commits_without_mixing_up(db: &Db) {
    let stores = [db.store(), db.another().await];
    let writers = (0..50_u64).map(|n| {
        let store = stores[(n % 2) as usize].clone();
        tokio::spawn(async move {
            let id = owned(&*store, "w1", LONG).await;
            let (mut length, mut next_seq) = (0, 1);
            for round in 0..20 {
                let (records, events) = ((round + n) % 3, (round * 7 + n) % 5);
                let committed = store.commit(step(id, 1, length, records, events)).await;
                assert_eq!(committed, Ok(Committed { first_seq: next_seq }));
                length += records;
                next_seq += events;
            }
            let loaded = assert_whole(&*store, id).await;
            assert_eq!((loaded.head.journal_len, loaded.head.next_seq), (length, next_seq));
        })
    });
    for outcome in futures::future::join_all(writers).await {
        outcome.unwrap();
    }
}

pub(crate) async fn a_refused_step_does_not_spoil_its_neighbours(db: &Db) {
    let store = db.store();
    let mut ids = Vec::new();
    for _ in 0..40 {
        ids.push(owned(&*store, "w1", LONG).await);
    }
    for round in 0..5 {
        let writers = ids.iter().enumerate().map(|(n, id)| {
            let (store, id) = (db.store(), *id);
            // Every other one is refused: half of those for the fence, half for the journal.
            let (fence, length) = match n % 4 {
                1 => (9, round),
                3 => (1, round + 5),
                _ => (1, round),
            };
            tokio::spawn(async move { store.commit(step(id, fence, length, 1, 1)).await })
        });
        for (n, outcome) in futures::future::join_all(writers).await.into_iter().enumerate() {
            let expected =
                if n % 2 == 0 { Ok(Committed { first_seq: round + 1 }) } else { Err(Error::FenceLost) };
            assert_eq!(outcome.unwrap(), expected);
        }
    }
    for (n, id) in ids.into_iter().enumerate() {
        let expected = if n % 2 == 0 { 5 } else { 0 };
        assert_eq!(assert_whole(&*store, id).await.head.journal_len, expected);
    }
}

pub(crate) async fn large_and_strange_content_comes_back(db: &Db) {
    let store = db.store();
    let strange = json!({
        "text": "\u{0}\u{1}\u{7f}\u{fffd}\u{10ffff} 'quoted' \"twice\" \\ \n {a,b} NULL ж 漢 👩‍👩‍👧",
        "numbers": [0, -1, 1e300, 0.1, u64::MAX, i64::MIN],
        "empty": {"": ""},
    });
    let id = owned(&*store, "w1", LONG).await;
    let records = vec![strange.to_string(), json!("x".repeat(3 << 20)).to_string(), "\"\"".to_owned()];
    let events = vec![event(strange.clone()), event(json!("é".repeat(1 << 20)))];
    // More than one batch may hold, beside others that must not suffer from it.
    let big = Step { records: records.clone(), events: events.clone(), ..step(id, 1, 0, 0, 0) };
    let mut writers = vec![tokio::spawn({
        let store = db.store();
        async move { store.commit(big).await }
    })];
    for _ in 0..8 {
        let store = db.store();
        let id = owned(&*store, "w1", LONG).await;
        writers.push(tokio::spawn(async move { store.commit(step(id, 1, 0, 1, 1)).await }));
    }
    for outcome in futures::future::join_all(writers).await {
        assert_eq!(outcome.unwrap(), Ok(Committed { first_seq: 1 }));
    }
    assert_eq!(load(&*store, id).await.journal, records);
    let read = store.events(id, 0, 10).await.unwrap();
    assert_eq!(read.iter().map(|event| &event.data).collect::<Vec<_>>(), [&events[0].data, &events[1].data]);
}

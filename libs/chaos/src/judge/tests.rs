//! The judge must be able to find everything it looks for: a whole story that holds, and then each way of spoiling it.

use super::{judge, judge_starts};
use crate::{
    database::{Event, Execution, Stored},
    jobs::Job,
    provider::Bill,
    users::{Account, Seen, Watcher},
    verdict::{Invariant, Verdicts},
};
use nexus_model::Money;
use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    time::{Duration, SystemTime},
};

struct Story {
    account: Account,
    stored: Stored,
    bill: Bill,
}

/// `a`, then `b`: each called once for a dollar that was reserved as two, under a limit of four.
fn story() -> Story {
    let document = json!({"graph": {
        "nodes": [{"id": "a", "policy": {"budget_usd": 2.5}}, {"id": "b"}], "edges": [{"source": "a", "target": "b"}]}});
    let mut facts = vec![json!({"fact": "run_started", "run": 1})];
    let mut events = vec![("execution_started", None, json!({}))];
    for node in ["a", "b"] {
        facts.extend([
            json!({"fact": "node_started", "node": node, "revision": 1}),
            json!({"fact": "attempt_started", "node": node, "attempt": 1, "first": {"call": "model"}, "reserved": 2.0}),
            json!({"fact": "attempt_finished", "node": node, "revision": 1, "attempt": 1, "cost": 1.0,
                "outcome": {"status": "succeeded"}}),
            json!({"fact": "node_finished", "node": node, "status": "succeeded"}),
        ]);
        events.push(("agent_started", Some(node), json!({"revision": 1})));
        events.push(("agent_completed", Some(node), json!({"revision": 1})));
    }
    facts.push(json!({"fact": "run_finished", "status": "succeeded"}));
    events.push(("execution_completed", None, json!({"status": "succeeded"})));
    let events: Vec<Event> = (1..)
        .zip(events)
        .map(|(seq, (kind, node, data))| Event { seq, kind: kind.into(), node: node.map(Into::into), data })
        .collect();
    let seen = events.iter().map(|event| Seen {
        seq: event.seq,
        kind: event.kind.clone(),
        node: event.node.clone(),
    });
    let limit = Some(dollars(4));
    Story {
        account: Account {
            job: Job {
                number: 0,
                document,
                inputs: Value::Null,
                budget: None,
                limit,
                cancel_after: None,
                resumes: 0,
                watchers: 1,
            },
            key: "key".into(),
            execution: Some("x".into()),
            over: true,
            status: "succeeded".into(),
            cancels: Vec::new(),
            resume_asked: Vec::new(),
            resumed: 0,
            maybe_resumed: 0,
            limit,
            watchers: vec![Watcher { seen: seen.collect(), ..Watcher::default() }],
            complaints: Vec::new(),
        },
        stored: Stored {
            row: Execution {
                id: "x".into(),
                status: "succeeded".into(),
                owner: None,
                limit,
                spent: dollars(2),
                reserved: Money::ZERO,
                next_seq: 7,
            },
            facts: (0..).zip(facts).collect(),
            events,
        },
        bill: Bill {
            spent: dollars(2),
            calls: ["a", "b"].map(|node| (SystemTime::UNIX_EPOCH, node.to_owned())).to_vec(),
            embeddings: 0,
        },
    }
}

fn dollars(count: i64) -> Money {
    Money::from_picos(count * 1_000_000_000_000)
}

/// What does not hold in the story once it is spoilt.
fn broken(spoil: impl FnOnce(&mut Story)) -> Vec<Invariant> {
    let mut story = story();
    spoil(&mut story);
    let mut verdicts = Verdicts::default();
    judge(&mut verdicts, &story.account, &story.stored, &story.bill, |_, _| true);
    Invariant::ALL.into_iter().filter(|invariant| verdicts.of(*invariant).broken > 0).collect()
}

/// Puts a fact at the end of the story, before its end.
fn insert(story: &mut Story, fact: Value) {
    let place = story.stored.facts.len() - 1;
    story.stored.facts.insert(place, (0, fact));
}

#[test]
fn a_whole_story_holds() {
    assert_eq!(broken(|_| {}), []);
}

#[test]
fn an_execution_that_does_not_end_is_found() {
    assert!(broken(|story| story.stored.row.status = "running".into()).contains(&Invariant::Ends));
}

#[test]
fn two_ends_are_found() {
    let twice = broken(|story| {
        let end = story.stored.facts.last().cloned().unwrap();
        story.stored.facts.push(end);
    });
    assert_eq!(twice, [Invariant::EndsOnce, Invariant::NothingAfterTheEnd]);
    assert_eq!(broken(|story| story.stored.row.status = "failed".into()), [Invariant::EndsOnce]);
    assert_eq!(broken(|story| story.account.status = "failed".into()), [Invariant::EndsOnce]);
    assert_eq!(broken(|story| story.account.resumed = 1), [Invariant::EndsOnce]);
}

#[test]
fn events_after_the_end_and_gaps_are_found() {
    let late = broken(|story| {
        let mut event = story.stored.events[1].clone();
        event.seq = 7;
        story.stored.row.next_seq = 8;
        story.stored.events.push(event);
        story.account.watchers.clear();
    });
    assert_eq!(late, [Invariant::NothingAfterTheEnd]);
    let gap = broken(|story| {
        story.stored.events.remove(2);
        story.account.watchers.clear();
    });
    assert_eq!(gap, [Invariant::Numbering]);
}

#[test]
fn two_successes_of_a_revision_are_found() {
    let finished = json!({"fact": "node_finished", "node": "a", "status": "succeeded"});
    assert_eq!(broken(|story| insert(story, finished)), [Invariant::OneSuccess]);
    let attempt = json!({"fact": "attempt_finished", "node": "a", "revision": 1, "attempt": 2,
        "outcome": {"status": "succeeded"}});
    assert_eq!(broken(|story| insert(story, attempt)), [Invariant::OneSuccess]);
    let told = broken(|story| story.stored.events[4] = Event { seq: 5, ..story.stored.events[2].clone() });
    assert!(told.contains(&Invariant::OneSuccess));
    let next = broken(|story| {
        insert(story, json!({"fact": "node_started", "node": "a", "revision": 2}));
        insert(story, json!({"fact": "node_finished", "node": "a", "status": "succeeded"}));
    });
    assert_eq!(next, []);
}

#[test]
fn clients_that_miss_or_mistake_events_are_found() {
    for spoil in [
        |seen: &mut Vec<Seen>| drop(seen.pop()),
        |seen: &mut Vec<Seen>| drop(seen.remove(2)),
        |seen: &mut Vec<Seen>| seen.swap(1, 2),
        |seen: &mut Vec<Seen>| seen[1].kind = "agent_failed".into(),
        |seen: &mut Vec<Seen>| seen.insert(3, seen[2].clone()),
    ] {
        assert_eq!(broken(|story| spoil(&mut story.account.watchers[0].seen)), [Invariant::Clients]);
    }
}

#[test]
fn a_node_before_its_dependency_is_found() {
    let early = broken(|story| {
        let start = story.stored.facts.remove(5);
        story.stored.facts.insert(1, start);
    });
    assert_eq!(early, [Invariant::Order]);
    let stale = broken(|story| {
        insert(story, json!({"fact": "backtracked", "from": "b", "to": "a", "stale": ["b"]}));
        insert(story, json!({"fact": "node_started", "node": "b", "revision": 2}));
    });
    assert_eq!(stale, [Invariant::Order]);
}

#[test]
fn money_that_is_not_accounted_for_is_found() {
    assert_eq!(broken(|story| story.bill.spent = dollars(3)), [Invariant::SpendIsKnown]);
    assert_eq!(broken(|story| story.stored.row.spent = dollars(3)), [Invariant::Books]);
    assert!(broken(|story| story.stored.row.spent = dollars(5)).contains(&Invariant::WithinLimit));
    assert_eq!(broken(|story| story.stored.row.limit = Some(dollars(9))), [Invariant::WithinLimit]);
    let held = broken(|story| {
        insert(story, json!({"fact": "attempt_started", "node": "b", "attempt": 2, "reserved": 1.0}));
        story.stored.row.reserved = dollars(1);
    });
    assert_eq!(held, [Invariant::Books]);
}

#[test]
fn a_limit_that_is_exceeded_for_a_moment_is_found() {
    let reserved = |node: &str, reserved: f64| {
        [
            json!({"fact": "attempt_started", "node": node, "attempt": 2, "reserved": reserved}),
            json!({"fact": "attempt_finished", "node": node, "revision": 1, "attempt": 2, "cost": 0.1,
                "outcome": {"status": "failed"}}),
        ]
    };
    let spoil = |node: &'static str, held: f64| {
        broken(|story| {
            reserved(node, held).into_iter().for_each(|fact| insert(story, fact));
            story.stored.row.spent = story.stored.row.spent.plus(Money::from_picos(100_000_000_000));
        })
    };
    assert_eq!(spoil("b", 1.9), []);
    assert_eq!(spoil("b", 2.1), [Invariant::WithinLimit]);
    // within the execution's limit, but not within that of the node
    assert_eq!(spoil("a", 1.9), [Invariant::WithinLimit]);
}

#[test]
fn calls_that_nobody_recorded_are_found() {
    let call = |node: &str| (SystemTime::UNIX_EPOCH, node.to_owned());
    assert_eq!(broken(|story| story.bill.calls.push(call("a"))), [Invariant::CallsAreKnown]);
    assert_eq!(broken(|story| story.bill.calls.push(call("c"))), [Invariant::CallsAreKnown]);
}

#[test]
fn calls_after_a_cancel_are_found() {
    let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
    let spoil = |story: &mut Story| {
        story.account.cancels.push((at(1), at(2)));
        story.bill.calls[1].0 = at(3);
    };
    assert_eq!(broken(spoil), [Invariant::Cancel]);
    assert_eq!(broken(|story| story.account.cancels.push((at(1), at(2)))), []);
    let resumed = |story: &mut Story| {
        spoil(story);
        story.account.resume_asked.push(at(2));
    };
    assert_eq!(broken(resumed), []);
}

#[test]
fn executions_that_are_lost_or_were_made_twice_are_found() {
    let accounts = [story().account];
    let broken = |stored: &[&str], billed: &[&str]| {
        let stored: BTreeSet<String> = stored.iter().map(|id| (*id).to_owned()).collect();
        let billed: Vec<String> = billed.iter().map(|id| (*id).to_owned()).collect();
        let mut verdicts = Verdicts::default();
        judge_starts(&mut verdicts, &accounts, &stored, &billed);
        verdicts.broken()
    };
    assert_eq!(broken(&["x"], &["x"]), 0);
    assert_eq!(broken(&[], &[]), 1);
    assert_eq!(broken(&["x", "y"], &[]), 1);
    assert_eq!(broken(&["x"], &["y"]), 1);
}

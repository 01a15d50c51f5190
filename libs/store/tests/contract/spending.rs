//! What is promised of keys' budgets and kept answers: no limit is ever exceeded, however many come at once; nothing
//! is counted twice.

use crate::harness::Db;
use nexus_model::{Money, Timestamp};
use nexus_store::{Allowance, Held, LlmStore, Spending, postgres::PostgresStore, sqlite::SqliteStore};
use std::sync::Arc;

async fn open(db: &Db) -> Arc<dyn LlmStore> {
    match db.address.strip_prefix("sqlite://") {
        // The one writer that the file has: a second one would be another process.
        Some(path) => Arc::new(SqliteStore::open(path).unwrap()),
        None => Arc::new(PostgresStore::connect(&db.address).await.unwrap()),
    }
}

fn allow(period: &str, picos: i64) -> Allowance {
    Allowance { period: period.to_owned(), limit: Money::from_picos(picos) }
}

fn standing(spent: i64, reserved: i64) -> Spending {
    Spending { spent: Money::from_picos(spent), reserved: Money::from_picos(reserved) }
}

pub(crate) async fn of_many_at_once_no_more_fit_than_fit(db: &Db) {
    let store = open(db).await;
    let limits = [allow("day 2026-11-22", 10_000), allow("month 2026-11", 12_000), allow("total", 1_000_000)];
    let calls = (0..64).map(|n| {
        let (store, limits) = (Arc::clone(&store), limits.clone());
        tokio::spawn(async move {
            let id = format!("call {n}");
            let held = store.reserve_spending(&id, "ci", Money::from_picos(1_000), &limits).await.unwrap();
            if held == Held::Yes {
                // Less than was held back, but this is not known before all others have asked.
                Some(id)
            } else {
                assert_eq!(held, Held::No { period: "day 2026-11-22".into(), spending: standing(0, 10_000) });
                None
            }
        })
    });
    let held: Vec<String> =
        futures::future::join_all(calls).await.into_iter().filter_map(Result::unwrap).collect();
    assert_eq!(held.len(), 10);
    // What was refused in one period is held back in none.
    for limit in &limits {
        assert_eq!(store.spending("ci", &limit.period).await, Ok(standing(0, 10_000)));
    }
    let settled = held.iter().map(|id| store.settle_spending(id, Money::from_picos(700)));
    assert!(futures::future::join_all(settled).await.into_iter().all(|settled| settled.is_ok()));
    for limit in &limits {
        assert_eq!(store.spending("ci", &limit.period).await, Ok(standing(7_000, 0)));
    }
    let next = store.reserve_spending("next", "ci", Money::from_picos(3_000), &limits).await;
    assert_eq!(next, Ok(Held::Yes));
    assert_eq!(store.spending("other", "total").await, Ok(Spending::default()));
}

pub(crate) async fn repeating_changes_nothing(db: &Db) {
    let store = open(db).await;
    let limits = [allow("total", 100), allow("day 1", 100)];
    for _ in 0..3 {
        assert_eq!(store.reserve_spending("a", "k", Money::from_picos(60), &limits).await, Ok(Held::Yes));
    }
    assert_eq!(store.spending("k", "total").await, Ok(standing(0, 60)));
    let refused = store.reserve_spending("b", "k", Money::from_picos(41), &limits).await.unwrap();
    assert!(matches!(refused, Held::No { spending, .. } if spending == standing(0, 60)), "{refused:?}");
    for _ in 0..3 {
        // A call may cost more than was held back, if the provider does not keep to its cap: it is counted as it is.
        assert_eq!(store.settle_spending("a", Money::from_picos(130)).await, Ok(()));
    }
    assert_eq!(store.settle_spending("unknown", Money::from_picos(5)).await, Ok(()));
    assert_eq!(store.spending("k", "day 1").await, Ok(standing(130, 0)));
    assert!(matches!(
        store.reserve_spending("c", "k", Money::ZERO, &limits).await,
        Ok(Held::No { spending, .. }) if spending == standing(130, 0)
    ));
    let most = Money::from_picos(i64::MAX);
    assert!(matches!(store.reserve_spending("d", "k", most, &[allow("x", i64::MAX)]).await, Ok(Held::Yes)));
    assert!(matches!(
        store.reserve_spending("e", "k", most, &[allow("x", i64::MAX)]).await,
        Ok(Held::No { .. })
    ));
}

pub(crate) async fn keys_and_periods_do_not_mix(db: &Db) {
    let store = open(db).await;
    // Two keys whose names and periods would be the same text if they were put together.
    for (key, period) in [("a", "b total"), ("a b", "total"), ("a", "total")] {
        let one = Money::from_picos(1);
        let held = store.reserve_spending(&format!("{key}|{period}"), key, one, &[allow(period, 1)]).await;
        assert_eq!(held, Ok(Held::Yes), "{key} {period}");
    }
    // In whichever order the periods are named, nobody waits in a circle.
    let both = |flip: bool| {
        let mut limits = vec![allow("p", 1_000_000), allow("q", 1_000_000)];
        if flip {
            limits.reverse();
        }
        limits
    };
    let calls = (0..40).map(|n| {
        let (store, limits) = (Arc::clone(&store), both(n % 2 == 0));
        tokio::spawn(async move {
            let id = n.to_string();
            assert_eq!(store.reserve_spending(&id, "k", Money::from_picos(10), &limits).await, Ok(Held::Yes));
            assert_eq!(store.settle_spending(&id, Money::from_picos(3)).await, Ok(()));
        })
    });
    for call in futures::future::join_all(calls).await {
        call.unwrap();
    }
    assert_eq!(store.spending("k", "q").await, Ok(standing(120, 0)));
}

pub(crate) async fn answers_are_kept_as_long_as_was_said(db: &Db) {
    let store = open(db).await;
    let at = |seconds: i64| Timestamp::from_micros(1_800_000_000_000_000 + seconds * 1_000_000);
    assert_eq!(store.kept_answer("d", at(-60), at(0)).await, Ok(None));
    store.keep_answer("d", "{\"text\":\"ü\\u0000\"}", at(0), at(60)).await.unwrap();
    let kept = Ok(Some("{\"text\":\"ü\\u0000\"}".to_owned()));
    assert_eq!(store.kept_answer("d", at(-1), at(59)).await, kept);
    // Too old for this caller, and run out.
    assert_eq!(store.kept_answer("d", at(10), at(20)).await, Ok(None));
    assert_eq!(store.kept_answer("d", at(-1), at(60)).await, Ok(None));
    store.keep_answer("d", "newer", at(50), at(70)).await.unwrap();
    assert_eq!(store.kept_answer("d", at(10), at(60)).await, Ok(Some("newer".to_owned())));
    store.keep_answer("e", "e", at(80), at(90)).await.unwrap();
    // Forgotten by then, not only hidden.
    assert_eq!(store.kept_answer("d", at(10), at(60)).await, Ok(None));
}

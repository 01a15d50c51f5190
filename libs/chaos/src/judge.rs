//! Whether what happened is what must happen: one execution after the other, from the database, the clients' notes
//! and the provider's own book. Knows nothing of the code it judges but the form of its journal. Not here: reading
//! the database (`database`), processes (`stewardship`).

mod journal;
#[cfg(test)]
mod tests;

use crate::{
    database::Stored,
    provider::Bill,
    users::Account,
    verdict::{Invariant, Verdicts},
};
use journal::{Folded, fold};
use nexus_model::Money;
use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, SystemTime},
};

/// A call that was on its way when the cancel was answered may reach the provider this much later: its clock is
/// that of a busy process.
const ON_ITS_WAY: Duration = Duration::from_millis(500);

/// Judges one execution. `calm`: whether nobody stood still between these moments.
pub fn judge(
    verdicts: &mut Verdicts,
    account: &Account,
    stored: &Stored,
    bill: &Bill,
    calm: impl Fn(SystemTime, SystemTime) -> bool,
) {
    let id = &stored.row.id;
    let ended = !matches!(stored.row.status.as_str(), "queued" | "running");
    verdicts.check(Invariant::Ends, ended, || format!("{id} is {}", stored.row.status));
    let folded = fold(verdicts, account, stored);
    ends(verdicts, account, stored, &folded, ended);
    events(verdicts, stored);
    clients(verdicts, account, stored);
    money(verdicts, account, stored, &folded, bill, ended);
    calls(verdicts, stored, &folded, bill);
    cancels(verdicts, account, stored, bill, calm);
    for complaint in &account.complaints {
        verdicts.check(Invariant::Manners, false, || format!("{id}: {complaint}"));
    }
}

fn ends(verdicts: &mut Verdicts, account: &Account, stored: &Stored, folded: &Folded, ended: bool) {
    let id = &stored.row.id;
    let completed: Vec<_> =
        stored.events.iter().filter(|event| event.kind == "execution_completed").collect();
    let wanted = folded.resumed + u64::from(ended);
    verdicts.check(
        Invariant::EndsOnce,
        !ended || (completed.len() as u64 == wanted && folded.ended == wanted),
        || {
            format!(
                "{id}: {} terminal events, {} ends in the journal, but {} resumes",
                completed.len(),
                folded.ended,
                folded.resumed
            )
        },
    );
    let said = completed.last().and_then(|event| event.data["status"].as_str()).unwrap_or_default();
    verdicts.check(
        Invariant::EndsOnce,
        !ended || (said == stored.row.status && (!account.over || account.status == said)),
        || {
            format!(
                "{id}: its row says {}, its last event {said}, its client {}",
                stored.row.status, account.status
            )
        },
    );
    let (least, most) = (u64::from(account.resumed), u64::from(account.resumed + account.maybe_resumed));
    verdicts.check(Invariant::EndsOnce, (least..=most).contains(&folded.resumed), || {
        format!("{id}: {} resumes in the journal, {least} to {most} were accepted", folded.resumed)
    });
}

fn events(verdicts: &mut Verdicts, stored: &Stored) {
    let id = &stored.row.id;
    let numbered = (1..).zip(&stored.events).all(|(seq, event)| event.seq == seq);
    let count = i64::try_from(stored.events.len()).unwrap_or(i64::MAX);
    verdicts.check(Invariant::Numbering, numbered && stored.row.next_seq == count + 1, || {
        let seqs: Vec<_> = stored.events.iter().map(|event| event.seq).collect();
        format!("{id}: {seqs:?}, and next comes {}", stored.row.next_seq)
    });
    let mut successes: BTreeMap<(&str, u64), u32> = BTreeMap::new();
    let mut over = false;
    for event in &stored.events {
        let goes_on = matches!(event.kind.as_str(), "execution_started" | "execution_completed");
        verdicts.check(Invariant::NothingAfterTheEnd, !over || goes_on, || {
            format!("{id}: event {} ({}) comes after the end", event.seq, event.kind)
        });
        over = event.kind == "execution_completed";
        if event.kind == "agent_completed" {
            let revision = event.data["revision"].as_u64().unwrap_or_default();
            let node = event.node.as_deref().unwrap_or_default();
            let count = successes.entry((node, revision)).or_default();
            *count += 1;
            let count = *count;
            verdicts.check(Invariant::OneSuccess, count == 1, || {
                format!("{id}: agent_completed no. {count} of {node}, revision {revision}")
            });
        }
    }
}

fn clients(verdicts: &mut Verdicts, account: &Account, stored: &Stored) {
    let id = &stored.row.id;
    for (nth, watcher) in account.watchers.iter().enumerate() {
        let same =
            watcher.seen.iter().zip(&stored.events).all(|(seen, event)| {
                (seen.seq, &seen.kind, &seen.node) == (event.seq, &event.kind, &event.node)
            });
        let in_order = (1..).zip(&watcher.seen).all(|(seq, seen)| seen.seq == seq);
        let whole = if account.over {
            watcher.seen.len() == stored.events.len()
        } else {
            watcher.seen.len() <= stored.events.len()
        };
        verdicts.check(Invariant::Clients, same && in_order && whole, || {
            let seqs: Vec<_> = watcher.seen.iter().map(|seen| seen.seq).collect();
            format!("{id}, client {nth}: saw {seqs:?} of {}", stored.events.len())
        });
        for complaint in &watcher.complaints {
            verdicts.check(Invariant::Clients, false, || format!("{id}, client {nth}: {complaint}"));
        }
    }
}

fn money(
    verdicts: &mut Verdicts,
    account: &Account,
    stored: &Stored,
    folded: &Folded,
    bill: &Bill,
    ended: bool,
) {
    let (id, row) = (&stored.row.id, &stored.row);
    verdicts.check(Invariant::SpendIsKnown, bill.spent <= row.spent.plus(row.reserved), || {
        format!("{id}: the provider charges {}, recorded are {}", bill.spent, row.spent)
    });
    if let Some(limit) = account.limit {
        let given = row.limit.is_some_and(|own| own <= limit);
        let kept = row.limit.is_some_and(|own| row.spent.plus(row.reserved) <= own);
        verdicts.check(Invariant::WithinLimit, given && kept, || {
            format!(
                "{id}: {} of {:?} spent, {} held; its user granted {limit}",
                row.spent, row.limit, row.reserved
            )
        });
    }
    let same = folded.spent == row.spent && folded.reserved == row.reserved;
    let nothing_held = !ended || (row.reserved == Money::ZERO && folded.open_calls == 0);
    verdicts.check(Invariant::Books, same && nothing_held, || {
        format!(
            "{id}: the row has {} and {} held, the journal {} and {} held for {} calls",
            row.spent, row.reserved, folded.spent, folded.reserved, folded.open_calls
        )
    });
}

fn calls(verdicts: &mut Verdicts, stored: &Stored, folded: &Folded, bill: &Bill) {
    let id = &stored.row.id;
    let mut arrived: BTreeMap<&str, u64> = BTreeMap::new();
    for (_, node) in &bill.calls {
        *arrived.entry(node).or_default() += 1;
    }
    for (node, count) in arrived {
        let known = folded.calls.get(node).copied().unwrap_or_default();
        verdicts.check(Invariant::CallsAreKnown, count <= known, || {
            format!("{id}: {count} calls of {node} reached the provider, the journal has {known}")
        });
    }
}

fn cancels(
    verdicts: &mut Verdicts,
    account: &Account,
    stored: &Stored,
    bill: &Bill,
    calm: impl Fn(SystemTime, SystemTime) -> bool,
) {
    for (asked, answered) in &account.cancels {
        // Whoever stood still may have had a call in hand that was recorded before, and is charged already.
        if !calm(*asked, *answered) {
            continue;
        }
        // What a resume begins afterwards is none of the cancel's.
        let resumed = account.resume_asked.iter().filter(|at| *at > asked).min();
        let is_late =
            |at: &SystemTime| *at > *answered + ON_ITS_WAY && resumed.is_none_or(|resumed| at < resumed);
        let late: Vec<_> = bill.calls.iter().filter(|(at, _)| is_late(at)).collect();
        verdicts.check(Invariant::Cancel, late.is_empty(), || {
            let (id, late) = (&stored.row.id, late.len());
            format!("{id}: {late} calls came more than {ON_ITS_WAY:?} after its cancel was answered")
        });
    }
}

/// Whether each accepted start is one execution of the database, and there are no others.
pub fn judge_starts(
    verdicts: &mut Verdicts,
    accounts: &[Account],
    stored: &BTreeSet<String>,
    billed: &[String],
) {
    let mut accepted = BTreeSet::new();
    for account in accounts {
        let Some(id) = &account.execution else {
            verdicts.check(Invariant::StartedOnce, false, || {
                format!("{} was never accepted: {:?}", account.key, account.complaints)
            });
            continue;
        };
        let alone = accepted.insert(id.clone());
        verdicts.check(Invariant::StartedOnce, alone && stored.contains(id), || {
            format!(
                "{} was accepted as {id}, which {}",
                account.key,
                if alone { "is lost" } else { "is not its own" }
            )
        });
    }
    for id in stored.difference(&accepted) {
        verdicts.check(Invariant::StartedOnce, false, || format!("nobody was told of {id}"));
    }
    for id in billed {
        verdicts.check(Invariant::CallsAreKnown, stored.contains(id), || {
            format!("the provider was called for {id}, which is not in the database")
        });
    }
}

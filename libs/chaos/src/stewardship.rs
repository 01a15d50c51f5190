//! What is expected of the processes: work left behind is taken over in time, nothing leaks, nobody panics. Not here:
//! what is expected of executions (`judge`).

use crate::{
    faults::Part,
    observe::{Observed, Owned},
    stand::{Incarnation, Kind, Vitals},
    verdict::{Invariant, Verdicts},
};
use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime},
};

/// An executor that stood still for less than a lease may keep its work.
const LEASE: Duration = Duration::from_secs(15);
/// In this time nearly all of what a dead executor left must be taken over by another one, or by the next process of
/// its own once that listens.
fn in_time(kind: Kind) -> Duration {
    Duration::from_secs(if kind == Kind::Mesh { 16 } else { 2 })
}
/// Changes this soon after a death were on their way before it.
const ON_ITS_WAY: Duration = Duration::from_millis(300);
/// Descriptors that may be open more than before: connections of pools come and go.
const MORE_FILES: usize = 24;
/// Memory that may be held more than before, KiB, beside half of what was held: caches fill, allocators keep.
const MORE_MEMORY: u64 = 64 << 10;

/// How long each execution waited whose executor died or stood still, from that moment to its next owner.
/// While Postgres was away nobody could take anything over; that time does not count. Nor does, for a single process,
/// the time until it listened again.
pub fn reclaims(
    kind: Kind,
    lives: &[Incarnation],
    observed: &Observed,
    outages: &[(SystemTime, SystemTime)],
) -> Vec<Duration> {
    let workers: Vec<&Incarnation> =
        lives.iter().filter(|life| matches!(life.part, Part::Executor(_) | Part::Up)).collect();
    let mut waits = Vec::new();
    for life in &workers {
        let frozen = life.frozen.iter().filter(|(from, to)| since(*from, *to) > LEASE && kind == Kind::Mesh);
        let deaths = frozen.map(|(from, _)| *from).chain(life.ended.filter(|_| life.killed));
        for died in deaths {
            let next_life = workers.iter().map(|next| next.listened).filter(|at| *at > died).min();
            let counts_from = if kind == Kind::Up { next_life.unwrap_or(died) } else { died };
            for owners in observed.owners.values() {
                let Some(place) = owners.iter().rposition(|(at, _)| *at <= died) else { continue };
                let Some((_, Owned::Worker(worker))) = owners.get(place) else { continue };
                if born(worker).is_none_or(|born| born < life.began || born > life.listened) {
                    continue;
                }
                if let Some((changed, _)) = owners.get(place + 1)
                    && since(died, *changed) > ON_ITS_WAY
                {
                    let away: Duration =
                        outages.iter().map(|outage| overlap(*outage, (counts_from, *changed))).sum();
                    waits.push(since(counts_from, *changed).saturating_sub(away));
                }
            }
        }
    }
    waits.sort();
    waits
}

/// When a worker named itself: its name is a UUIDv7.
fn born(worker: &str) -> Option<SystemTime> {
    let (seconds, nanos) = uuid::Uuid::parse_str(worker).ok()?.get_timestamp()?.to_unix();
    // Such a name tells whole milliseconds, so the moment may seem to lie before the start of its process.
    Some(SystemTime::UNIX_EPOCH + Duration::new(seconds, nanos) + Duration::from_millis(1))
}

fn since(from: SystemTime, to: SystemTime) -> Duration {
    to.duration_since(from).unwrap_or_default()
}

fn overlap((from, to): (SystemTime, SystemTime), (start, end): (SystemTime, SystemTime)) -> Duration {
    since(from.max(start), to.min(end))
}

/// Judges how long work waited.
pub fn judge_reclaims(verdicts: &mut Verdicts, kind: Kind, waits: &[Duration]) {
    let Some(longest) = waits.last() else { return };
    let at =
        |part: usize| waits.get((waits.len() * part / 100).min(waits.len() - 1)).copied().unwrap_or_default();
    let (middle, late) = (at(50), at(99));
    let note = format!("p50 {middle:.1?}, p99 {late:.1?}, longest {longest:.1?}");
    verdicts.held(Invariant::Reclaim, waits.len() as u64 - 1);
    verdicts.check(Invariant::Reclaim, late <= in_time(kind), || format!("{note}, of {}", waits.len()));
    verdicts.note(Invariant::Reclaim, note);
}

/// Judges what processes hold after the storm, compared with before it.
pub fn judge_vitals(
    verdicts: &mut Verdicts,
    before: &BTreeMap<String, Vitals>,
    after: &BTreeMap<String, Vitals>,
) {
    let mut notes = Vec::new();
    for (part, before) in before {
        let Some(after) = after.get(part) else {
            verdicts.check(Invariant::Leaks, false, || format!("{part} is gone"));
            continue;
        };
        verdicts.check(Invariant::Leaks, after.files <= before.files + MORE_FILES, || {
            format!("{part} has {} open files, before it were {}", after.files, before.files)
        });
        let most = before.memory + before.memory / 2 + MORE_MEMORY;
        verdicts.check(Invariant::Leaks, after.memory <= most, || {
            format!("{part} holds {} KiB, before it were {}", after.memory, before.memory)
        });
        notes.push((part, *before, *after));
    }
    let most_files = notes.iter().max_by_key(|(_, before, after)| after.files.saturating_sub(before.files));
    let most_memory =
        notes.iter().max_by_key(|(_, before, after)| after.memory.saturating_sub(before.memory));
    if let (Some((one, a, b)), Some((other, c, d))) = (most_files, most_memory) {
        let note = format!(
            "worst: {one} {} -> {} files, {other} {} -> {} MiB",
            a.files,
            b.files,
            c.memory >> 10,
            d.memory >> 10
        );
        verdicts.note(Invariant::Leaks, note);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn at(millis: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_millis(1_700_000_000_000 + millis)
    }

    fn worker(millis: u64) -> Owned {
        let seconds = 1_700_000_000 + millis / 1_000;
        let nanos = u32::try_from(millis % 1_000).unwrap() * 1_000_000;
        let stamp = uuid::Timestamp::from_unix(uuid::NoContext, seconds, nanos);
        Owned::Worker(Uuid::new_v7(stamp).to_string())
    }

    fn life(nth: usize, began: u64, killed: Option<u64>) -> Incarnation {
        Incarnation {
            part: Part::Executor(nth),
            began: at(began),
            listened: at(began + 500),
            ended: killed.map(at),
            killed: killed.is_some(),
            frozen: Vec::new(),
            panics: Vec::new(),
            log: String::new(),
        }
    }

    #[test]
    fn waits_are_counted_from_a_death_to_the_next_owner_without_outages() {
        let lives = [life(0, 0, Some(10_000)), life(1, 1_000, None)];
        let mut observed = Observed::default();
        observed.owners.insert("a".into(), vec![(at(5_000), worker(100)), (at(22_000), worker(1_100))]);
        observed
            .owners
            .insert("not its own".into(), vec![(at(5_000), worker(1_100)), (at(22_000), Owned::Ended)]);
        observed
            .owners
            .insert("ended with it".into(), vec![(at(5_000), worker(100)), (at(10_050), Owned::Ended)]);
        let waits = reclaims(Kind::Mesh, &lives, &observed, &[(at(11_000), at(13_000))]);
        assert_eq!(waits, [Duration::from_secs(10)]);
    }

    #[test]
    fn late_takeovers_and_leaks_are_seen() {
        let mut verdicts = Verdicts::default();
        judge_reclaims(&mut verdicts, Kind::Mesh, &[Duration::from_secs(1); 50]);
        assert!(verdicts.all_hold());
        judge_reclaims(&mut verdicts, Kind::Mesh, &[Duration::from_secs(1), Duration::from_secs(17)]);
        assert_eq!(verdicts.of(Invariant::Reclaim).broken, 1);
        let named = |files, memory| BTreeMap::from([("x".to_owned(), Vitals { files, memory })]);
        judge_vitals(&mut verdicts, &named(10, 1000), &named(20, 1000));
        assert_eq!(verdicts.of(Invariant::Leaks).broken, 0);
        judge_vitals(&mut verdicts, &named(10, 1000), &named(100, 500_000));
        judge_vitals(&mut verdicts, &named(10, 1000), &BTreeMap::new());
        assert_eq!(verdicts.of(Invariant::Leaks).broken, 3);
    }
}

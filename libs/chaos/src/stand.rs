//! The system under test as real processes, and the hand that harms them by plan. Processes that die come back at
//! the same address. Not here: the plan (`faults`), what is asked of the system (`users`).

mod process;
mod start;

use crate::faults::{Fault, Harm, Part};
use nexus_testkit::{nats::NatsServer, postgres};
use process::Slot;
use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap},
    io,
    time::{Duration, Instant, SystemTime},
};

pub use process::{Incarnation, Vitals};
pub use start::Kind;

/// How long a process that is asked to end may take (contract, section 1).
const GRACE: Duration = Duration::from_secs(28);
/// How often to look whether a process has ended or listens.
const LOOK: Duration = Duration::from_millis(50);

/// The system under test; dropping it ends all of it.
pub struct Stand {
    slots: Vec<Slot>,
    nats: Option<NatsServer>,
    postgres: Option<postgres::Server>,
    /// Where the database is.
    pub place: crate::database::Place,
    /// `http://127.0.0.1:PORT` of each gateway; they stay the same.
    pub gateways: Vec<String>,
    /// When Postgres was away.
    pub outages: Vec<(SystemTime, SystemTime)>,
    /// What was done, how often.
    pub done: BTreeMap<(Part, Harm), u64>,
    /// How long processes took to end when asked to.
    pub farewells: Vec<Duration>,
    /// What processes did that they must not: panics, wrong exits.
    pub complaints: Vec<String>,
    /// Former lives of processes.
    past: Vec<Incarnation>,
    _folder: tempfile::TempDir,
}

/// What is due.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    Begin(usize),
    /// Whether it has ended.
    Ended(usize),
    Back(usize),
    /// Whether it listens again.
    Listens(usize),
}

impl Stand {
    /// Does what the plan says from now on; blocks until all of it is over and everybody is back.
    pub fn harm(&mut self, plan: &[Fault]) -> io::Result<()> {
        let began = Instant::now();
        let mut due: BinaryHeap<Reverse<(Instant, Due)>> = plan
            .iter()
            .enumerate()
            .map(|(nth, fault)| Reverse((began + fault.at, Due::Begin(nth))))
            .collect();
        while let Some(Reverse((at, what))) = due.pop() {
            std::thread::sleep(at.saturating_duration_since(Instant::now()));
            let (Due::Begin(nth) | Due::Ended(nth) | Due::Back(nth) | Due::Listens(nth)) = what;
            let Some(fault) = plan.get(nth) else { continue };
            let next = match what {
                Due::Begin(_) => self.begin(fault, nth)?,
                Due::Ended(_) => self.ended(fault, nth)?,
                Due::Back(_) => self.back(fault, nth)?,
                Due::Listens(_) => self.listens(fault, nth)?,
            };
            due.extend(next.map(|(pause, next)| Reverse((Instant::now() + pause, next))));
        }
        Ok(())
    }

    fn begin(&mut self, fault: &Fault, nth: usize) -> io::Result<Option<(Duration, Due)>> {
        *self.done.entry((fault.part, fault.harm)).or_default() += 1;
        let back = Some((fault.lasts, Due::Back(nth)));
        match (fault.part, fault.harm) {
            (Part::Nats, _) => {
                if let Some(nats) = &mut self.nats {
                    nats.kill9();
                }
            }
            (Part::Postgres, harm) => {
                self.outages.push((SystemTime::now(), SystemTime::now() + Duration::from_secs(3_600)));
                let Some(postgres) = &mut self.postgres else { return Ok(None) };
                if harm == Harm::Kill { postgres.kill9()? } else { postgres.stop()? }
            }
            (part, Harm::Kill) => self.slot(part)?.kill(),
            (part, Harm::Freeze) => self.slot(part)?.freeze()?,
            (part, Harm::Terminate) => {
                self.slot(part)?.terminate()?;
                return Ok(Some((LOOK, Due::Ended(nth))));
            }
        }
        Ok(back)
    }

    /// Looks whether a process that was asked to end has done so.
    fn ended(&mut self, fault: &Fault, nth: usize) -> io::Result<Option<(Duration, Due)>> {
        let slot = self.slot(fault.part)?;
        let Some(asked) = slot.asked_to_end else { return Ok(None) };
        if slot.is_running() && asked.elapsed() < GRACE + Duration::from_secs(10) {
            return Ok(Some((LOOK, Due::Ended(nth))));
        }
        let took = asked.elapsed();
        let code = slot.reap()?;
        self.farewells.push(took);
        if code != 0 || took > GRACE {
            let complaint = format!("{} took {took:?} to end after SIGTERM and left with {code}", fault.part);
            self.complaints.push(complaint);
        }
        Ok(Some((fault.lasts, Due::Back(nth))))
    }

    fn back(&mut self, fault: &Fault, nth: usize) -> io::Result<Option<(Duration, Due)>> {
        match fault.part {
            Part::Nats => self.nats.as_mut().map_or(Ok(()), NatsServer::restart)?,
            Part::Postgres => {
                self.postgres.as_mut().map_or(Ok(()), postgres::Server::restart)?;
                if let Some(outage) = self.outages.last_mut() {
                    outage.1 = SystemTime::now();
                }
            }
            part if fault.harm == Harm::Freeze => self.slot(part)?.thaw()?,
            part => {
                self.slot(part)?.spawn()?;
                return Ok(Some((LOOK, Due::Listens(nth))));
            }
        }
        Ok(None)
    }

    /// Looks whether a process that was started again listens.
    fn listens(&mut self, fault: &Fault, nth: usize) -> io::Result<Option<(Duration, Due)>> {
        let slot = self.slot(fault.part)?;
        let listens = slot.listens()?;
        let past = std::mem::take(&mut slot.past);
        self.past.extend(past);
        Ok((!listens).then_some((LOOK, Due::Listens(nth))))
    }

    fn slot(&mut self, part: Part) -> io::Result<&mut Slot> {
        let slot = self.slots.iter_mut().find(|slot| slot.part == part);
        slot.ok_or_else(|| io::Error::other(format!("there is no {part}")))
    }

    /// What each process holds now.
    pub fn vitals(&self) -> BTreeMap<String, Vitals> {
        let named = |slot: &Slot| Some((slot.part.to_string(), slot.vitals()?));
        self.slots.iter().filter_map(named).collect()
    }

    /// All lives of all processes.
    pub fn lives(&self) -> Vec<Incarnation> {
        let present = self.slots.iter().filter_map(|slot| slot.present.clone());
        self.past.iter().cloned().chain(present).collect()
    }

    /// Panics that processes wrote about, and wrong exits.
    pub fn all_complaints(&self) -> Vec<String> {
        let panics = self.lives().into_iter().flat_map(|life| life.panics);
        let present = self.slots.iter().flat_map(Slot::panics);
        self.complaints.iter().cloned().chain(panics).chain(present).collect()
    }

    /// What the processes wrote, the latest part of it.
    pub fn logs(&self) -> String {
        let shown = |life: &Incarnation| format!("== {} {:?}\n{}\n", life.part, life.began, life.log);
        let past: String = self.past.iter().map(shown).collect();
        let present: String =
            self.slots.iter().map(|slot| format!("== {} (last)\n{}\n", slot.part, slot.log())).collect();
        past + &present
    }
}

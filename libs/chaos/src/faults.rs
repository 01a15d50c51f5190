//! What is done to the processes, when, and for how long: a plan that follows from the seed alone. At every moment
//! of it one executor and one gateway are neither dead nor stopped. Not here: doing it (`stand`).

use crate::dice::Dice;
use std::{fmt, time::Duration};

/// A part of the system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// An executor of the mesh.
    Executor(usize),
    /// A gateway of the mesh.
    Gateway(usize),
    /// The LLM gateway of the mesh.
    LlmGateway,
    /// The planner of the mesh.
    Planner,
    /// The memory service of the mesh.
    Memory,
    /// `nexus up`.
    Up,
    /// The NATS server.
    Nats,
    /// The Postgres server.
    Postgres,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Part::Executor(nth) => write!(f, "executor {nth}"),
            Part::Gateway(nth) => write!(f, "gateway {nth}"),
            Part::LlmGateway => f.write_str("llm-gateway"),
            Part::Planner => f.write_str("planner"),
            Part::Memory => f.write_str("memory"),
            Part::Up => f.write_str("nexus up"),
            Part::Nats => f.write_str("NATS"),
            Part::Postgres => f.write_str("Postgres"),
        }
    }
}

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Harm {
    /// Killed without warning.
    Kill,
    /// Stopped in its tracks, then let go on.
    Freeze,
    /// Asked to end.
    Terminate,
}

impl Harm {
    /// Its name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Harm::Kill => "kill -9",
            Harm::Freeze => "SIGSTOP",
            Harm::Terminate => "SIGTERM",
        }
    }
}

/// One thing that is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    /// When, since the beginning.
    pub at: Duration,
    /// To whom.
    pub part: Part,
    /// What.
    pub harm: Harm,
    /// How long it stays away before it comes back. After a request to end: counted from its end.
    pub lasts: Duration,
}

/// How long a request to end may take, for planning.
const DRAIN: Duration = Duration::from_secs(8);
/// What a process needs to be of use again.
const WARM_UP: Duration = Duration::from_millis(1_500);
/// Longer than a lease of 15 s by this much at least.
const FROZEN: (u64, u64) = (15_500, 20_000);

/// How large the system is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Size {
    /// So many executors and gateways.
    Mesh {
        /// Executors.
        executors: usize,
        /// Gateways.
        gateways: usize,
    },
    /// One process.
    Up,
}

/// The plan for so long.
pub fn plan(seed: u64, size: Size, length: Duration) -> Vec<Fault> {
    let mut dice = Dice::new(seed, &[&"faults", &if size == Size::Up { "up" } else { "mesh" }]);
    let mut plan: Vec<Fault> = Vec::new();
    let mut at = dice.millis(800, 2_000);
    while at < length {
        // Most throws find their part free; a moment in which none does passes without harm.
        for _ in 0..8 {
            let fault = match size {
                Size::Up => up(&mut dice, at),
                Size::Mesh { executors, gateways } => mesh(&mut dice, at, executors, gateways),
            };
            if let Some(fault) = fault.filter(|fault| is_bearable(&plan, fault, size)) {
                plan.push(fault);
                break;
            }
        }
        at += if size == Size::Up { dice.millis(2_500, 7_000) } else { dice.millis(900, 3_000) };
    }
    plan
}

fn up(dice: &mut Dice, at: Duration) -> Option<Fault> {
    let (harm, least, most) = dice.weighted(&[
        (60, (Harm::Kill, 0, 800)),
        (20, (Harm::Terminate, 0, 500)),
        (12, (Harm::Freeze, 500, 4_000)),
        (8, (Harm::Freeze, FROZEN.0, FROZEN.1)),
    ])?;
    Some(Fault { at, part: Part::Up, harm, lasts: dice.millis(least, most) })
}

fn mesh(dice: &mut Dice, at: Duration, executors: usize, gateways: usize) -> Option<Fault> {
    let (one, other) = (Part::Executor(dice.below(executors)), Part::Gateway(dice.below(gateways)));
    let (part, harm, least, most) = dice.weighted(&[
        (20, (one, Harm::Kill, 100, 3_000)),
        (16, (one, Harm::Freeze, FROZEN.0, FROZEN.1)),
        (5, (one, Harm::Freeze, 500, 5_000)),
        (6, (one, Harm::Terminate, 100, 1_000)),
        (12, (other, Harm::Kill, 100, 2_000)),
        (4, (other, Harm::Freeze, 500, 5_000)),
        (4, (other, Harm::Terminate, 100, 500)),
        (7, (Part::LlmGateway, Harm::Kill, 50, 1_000)),
        (4, (Part::LlmGateway, Harm::Freeze, 500, 6_000)),
        (3, (Part::LlmGateway, Harm::Terminate, 50, 500)),
        (3, (Part::Planner, Harm::Kill, 50, 1_500)),
        (2, (Part::Memory, Harm::Kill, 50, 1_500)),
        (7, (Part::Nats, Harm::Kill, 50, 4_000)),
        (4, (Part::Postgres, Harm::Kill, 50, 1_500)),
        (3, (Part::Postgres, Harm::Terminate, 50, 1_000)),
    ])?;
    Some(Fault { at, part, harm, lasts: dice.millis(least, most) })
}

impl Fault {
    /// When its part is of use again.
    fn over(&self) -> Duration {
        let drain = if self.harm == Harm::Terminate { DRAIN } else { Duration::ZERO };
        self.at + drain + self.lasts + WARM_UP
    }
}

/// Whether somebody is left of each kind while it lasts, and its part is whole when it begins.
fn is_bearable(plan: &[Fault], fault: &Fault, size: Size) -> bool {
    let overlap = |other: &&Fault| other.over() > fault.at;
    if plan.iter().filter(overlap).any(|other| other.part == fault.part) {
        return false;
    }
    let Size::Mesh { executors, gateways } = size else { return true };
    let harmed = |is_one: fn(Part) -> bool| {
        plan.iter().filter(overlap).filter(|other| is_one(other.part)).count()
            + usize::from(is_one(fault.part))
    };
    harmed(|part| matches!(part, Part::Executor(_))) < executors
        && harmed(|part| matches!(part, Part::Gateway(_))) < gateways
}

#[cfg(test)]
mod tests {
    use super::*;

    const MESH: Size = Size::Mesh { executors: 3, gateways: 2 };

    #[test]
    fn a_seed_reproduces_the_plan() {
        let hour = Duration::from_secs(600);
        assert_eq!(plan(9, MESH, hour), plan(9, MESH, hour));
        assert_ne!(plan(9, MESH, hour), plan(10, MESH, hour));
        // A longer plan begins as a shorter one.
        let (short, long) = (plan(9, Size::Up, hour / 2), plan(9, Size::Up, hour));
        assert_eq!(long[..short.len()], short[..]);
    }

    #[test]
    fn somebody_is_always_left() {
        for seed in 0..20 {
            let plan = plan(seed, MESH, Duration::from_secs(300));
            for fault in &plan {
                let at_once = |is_one: fn(Part) -> bool| {
                    let harmed = plan.iter().filter(|other| {
                        is_one(other.part) && other.at <= fault.at && other.over() > fault.at
                    });
                    harmed.count()
                };
                assert!(at_once(|part| matches!(part, Part::Executor(_))) < 3);
                assert!(at_once(|part| matches!(part, Part::Gateway(_))) < 2);
            }
        }
    }

    #[test]
    fn everything_happens_to_somebody() {
        let plan = plan(1, MESH, Duration::from_secs(1_800));
        let happens = |wanted: fn(&Fault) -> bool| plan.iter().any(wanted);
        assert!(happens(|fault| matches!(fault.part, Part::Executor(_)) && fault.harm == Harm::Kill));
        assert!(happens(|fault| fault.harm == Harm::Freeze && fault.lasts > Duration::from_secs(15)));
        for part in [Part::LlmGateway, Part::Nats, Part::Postgres, Part::Planner, Part::Memory] {
            assert!(plan.iter().any(|fault| fault.part == part), "{part}");
        }
    }
}

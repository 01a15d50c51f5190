//! How well this machine can hold untrusted code: the tiers, which one is to be had, and why no higher one.
//! Not here: what makes a tier (`child`).

use crate::{Config, Reason, cell::Cell, cgroup, python::Python};
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr, sync::Arc};

/// How strongly a sandbox holds. `A` is the strongest; the order is by strength: `A > B > C`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Tier {
    /// Everything: namespaces, Landlock, seccomp, resource limits, and cgroups for memory, processes and CPU.
    A,
    /// As `A`, but without cgroups: memory and CPU are limited per process, and there is only one.
    B,
    /// Without namespaces: Landlock and seccomp alone. No sockets at all, no processes; scratch on a real disk.
    C,
}

impl Tier {
    /// All tiers, strongest first.
    pub const ALL: [Tier; 3] = [Tier::A, Tier::B, Tier::C];

    fn strength(self) -> u8 {
        match self {
            Tier::A => 3,
            Tier::B => 2,
            Tier::C => 1,
        }
    }

    /// Whether sandboxes of this tier have namespaces of their own.
    pub fn has_namespaces(self) -> bool {
        self != Tier::C
    }
}

impl PartialOrd for Tier {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Tier {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.strength().cmp(&other.strength())
    }
}

impl fmt::Display for Tier {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Tier::A => "A",
            Tier::B => "B",
            Tier::C => "C",
        })
    }
}

impl FromStr for Tier {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.trim() {
            "A" | "a" => Ok(Tier::A),
            "B" | "b" => Ok(Tier::B),
            "C" | "c" => Ok(Tier::C),
            other => Err(format!("`{other}` is no tier: use A, B or C")),
        }
    }
}

/// Why a tier cannot be had.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Obstacle {
    /// The tier.
    pub tier: Tier,
    /// What stands in its way, for an operator.
    pub reason: String,
}

/// What this machine can do.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// The strongest tier that works, proven by a sandbox that started; none if there is none.
    pub tier: Option<Tier>,
    /// The tiers above it (and, without any, all of them), and what stands in their way.
    pub obstacles: Vec<Obstacle>,
    /// Which kind of cgroups limit sandboxes of tier A: `v1` or `v2`.
    pub cgroups: Option<&'static str>,
    /// The Python that jobs run on, e.g. `3.12.1`.
    pub python: Option<String>,
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.tier {
            Some(tier) => write!(formatter, "sandbox tier {tier}")?,
            None => write!(formatter, "no sandbox")?,
        }
        for Obstacle { tier, reason } in &self.obstacles {
            write!(formatter, "; not tier {tier}: {reason}")?;
        }
        Ok(())
    }
}

/// Finds the strongest tier that works here, not above `config.tier`, by starting a sandbox of it. Takes as long as
/// that: some hundred milliseconds.
pub async fn detect(config: &Config) -> Report {
    explore(config).await.0
}

/// [`detect`], and what it found out on the way: the Python, and the sandbox that started, ready for a job.
pub(crate) async fn explore(config: &Config) -> (Report, Option<(Arc<Plan>, Cell)>) {
    let mut report = Report { tier: None, obstacles: Vec::new(), cgroups: None, python: None };
    let obstacle = |report: &mut Report, tier, reason: String| {
        report.obstacles.push(Obstacle { tier, reason });
    };
    let python = match Python::probe(config).await {
        Ok(python) => python,
        Err(reason) => {
            for tier in Tier::ALL {
                obstacle(&mut report, tier, reason.clone());
            }
            return (report, None);
        }
    };
    report.python = Some(python.version.clone());
    let groups = cgroup::Parents::find();
    for tier in Tier::ALL {
        if tier > config.tier {
            obstacle(&mut report, tier, "not wanted by the configuration".to_owned());
            continue;
        }
        let groups = match (tier, &groups) {
            (Tier::A, Ok(groups)) => Some(groups.clone()),
            (Tier::A, Err(reason)) => {
                obstacle(&mut report, tier, reason.clone());
                continue;
            }
            _ => None,
        };
        if tier != Tier::A && config.processes > 1 {
            obstacle(&mut report, tier, "more than one process per job needs cgroups, tier A".to_owned());
            continue;
        }
        let version = groups.as_ref().map(cgroup::Parents::version);
        let plan = Arc::new(Plan { config: config.clone(), tier, python: python.clone(), groups });
        match Cell::start(&plan).await {
            Ok(cell) => {
                report.tier = Some(tier);
                report.cgroups = version;
                return (report, Some((plan, cell)));
            }
            Err(Reason::Setup(reason)) => obstacle(&mut report, tier, reason),
            Err(other) => obstacle(&mut report, tier, other.to_string()),
        }
    }
    (report, None)
}

/// All that is the same for every sandbox of a pool.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) config: Config,
    pub(crate) tier: Tier,
    pub(crate) python: Python,
    pub(crate) groups: Option<cgroup::Parents>,
}

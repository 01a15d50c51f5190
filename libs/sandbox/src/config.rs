//! How sandboxes are made. Not here: what single jobs may use up (`job`), the process's settings (`nexus-runtime`).

use crate::Tier;
use std::path::{Path, PathBuf};

/// How a pool makes its sandboxes.
#[derive(Debug, Clone)]
pub struct Config {
    /// The folder that `scripts/sandbox_python.sh` makes: `bin/python3` and `site-packages`.
    pub python: PathBuf,
    /// The program that calls [`crate::child_main`]; this very program if absent.
    pub helper: Option<PathBuf>,
    /// The strongest tier to use, to try out weaker ones; normally `A`.
    pub tier: Tier,
    /// The weakest tier to accept.
    pub min_tier: Tier,
    /// Sandboxes kept ready.
    pub warm: usize,
    /// Jobs that run at a time; further ones wait.
    pub parallel: usize,
    /// Memory per sandbox, in bytes, its scratch folder included.
    pub memory: u64,
    /// Size of the scratch folder, in bytes.
    pub scratch: u64,
    /// Processes a job may have at a time; more than one needs tier A.
    pub processes: u32,
}

impl Config {
    /// The defaults: tier A if possible and B at least, two sandboxes ready, as many jobs as twice the CPUs (four at
    /// least), 512 MB of memory and 64 MB of scratch each, one process.
    pub fn new(python: impl Into<PathBuf>) -> Self {
        let cpus = std::thread::available_parallelism().map_or(2, usize::from);
        Self {
            python: python.into(),
            helper: None,
            tier: Tier::A,
            min_tier: Tier::B,
            warm: 2,
            parallel: (2 * cpus).max(4),
            memory: 512 << 20,
            scratch: 64 << 20,
            processes: 1,
        }
    }
}

/// Looks for the folder `sandbox-python` beside the program and in the two folders above that.
pub fn find_python() -> Option<PathBuf> {
    let program = std::env::current_exe().ok()?;
    let candidates = program.ancestors().skip(1).take(3).map(|folder| folder.join("sandbox-python"));
    candidates.into_iter().find(|folder| is_python(folder))
}

fn is_python(folder: &Path) -> bool {
    folder.join("bin/python3").exists() && folder.join("site-packages").is_dir()
}

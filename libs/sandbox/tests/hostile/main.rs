//! Programs that try to break out, use up, stay, spy and cheat, in every tier that this machine can do: each must end
//! as its row says, and afterwards the machine must be as it was. One module per kind of mischief.
//! Not here: what honest programs see (`jobs`).
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test ends with a panic when something is not as it should be, and says what it could not try"
)]
#![cfg(target_arch = "x86_64")]

mod calls;
mod files;
mod host;
mod kernel;
mod network;
mod processes;
mod resources;
mod suite;
mod tricks;

use nexus_sandbox::Tier;
use suite::{Suite, tiers};

/// How many programs there are in all, so that none gets lost.
#[test]
fn there_are_enough_programs() {
    let groups = [
        resources::programs().len(),
        processes::programs().len() + processes::many().len(),
        kernel::programs().len(),
        files::programs().len(),
        tricks::programs().len(),
        network::programs().len(),
    ];
    println!("resources, processes, kernel, files and secrets, Python tricks, network: {groups:?}");
    println!("and {} system calls of the table", calls::COUNT);
    assert!(groups.iter().sum::<usize>() >= 70, "{groups:?}");
}

macro_rules! in_each_tier {
    ($($group:ident: $programs:expr;)*) => {$(
        mod $group {
            #[tokio::test]
            async fn tier_a() {
                super::all(nexus_sandbox::Tier::A, $programs).await;
            }

            #[tokio::test]
            async fn tier_b() {
                super::all(nexus_sandbox::Tier::B, $programs).await;
            }

            #[tokio::test]
            async fn tier_c() {
                super::all(nexus_sandbox::Tier::C, $programs).await;
            }
        }
    )*};
}

in_each_tier! {
    use_up_resources: crate::resources::programs();
    start_processes: crate::processes::programs();
    attack_the_kernel: crate::kernel::programs();
    call_what_they_must_not: crate::calls::programs();
    read_and_write_files: crate::files::programs();
    trick_python: crate::tricks::programs();
    reach_the_network: crate::network::programs();
}

/// Runs the programs in that tier; where the machine cannot do it, says why and that is all.
async fn all(tier: Tier, programs: Vec<suite::Program>) {
    if !tiers(tier).await {
        return;
    }
    Suite::run(tier, 1, programs).await;
}

/// Where processes are counted, jobs may be allowed some. They must not outlive the job.
#[tokio::test]
async fn many_processes_in_tier_a() {
    if tiers(Tier::A).await {
        Suite::run(Tier::A, 16, processes::many()).await;
    }
}

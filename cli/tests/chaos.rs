//! A short storm over the real program, both ways of running it: see docs/reliability.md. Long ones: `make chaos`.
//! How long things take is not judged here: other tests run beside it.
#![expect(clippy::unwrap_used, reason = "a test ends with a panic when something is not as it should be")]

use nexus_chaos::{
    Kind, Options,
    faults::{Harm, Part, plan},
    storm,
};
use std::time::Duration;

/// The first plan that soon kills this part and keeps nobody away for long.
fn seed(kind: Kind, length: Duration, killed: Part) -> u64 {
    let fits = |seed: &u64| {
        let plan = plan(*seed, kind.size(), length);
        plan.iter().any(|fault| fault.part == killed && fault.harm == Harm::Kill && fault.at < length / 2)
            && plan.iter().all(|fault| fault.lasts < Duration::from_secs(5))
    };
    (0..).find(fits).unwrap()
}

async fn holds(kind: Kind, length: Duration, killed: Part) {
    let options = Options {
        program: env!("CARGO_BIN_EXE_nexus").into(),
        seed: seed(kind, length, killed),
        kind,
        length,
        users: 6,
        trouble: 15,
        judge_times: false,
    };
    let report = storm(&options).await.unwrap();
    assert!(report.verdicts.all_hold(), "{report}\n{}", report.logs);
    assert!(report.executions > 0 && report.kills() > 0, "nothing happened: {report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mesh_holds_in_a_storm() {
    holds(Kind::Mesh, Duration::from_secs(8), Part::Executor(0)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_single_process_holds_in_a_storm() {
    holds(Kind::Up, Duration::from_secs(6), Part::Up).await;
}

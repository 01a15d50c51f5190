//! A short storm over the real program, both ways of running it: see docs/reliability.md. Long ones: `make chaos`.
//! How long things take is not judged here: other tests run beside it.
#![expect(clippy::unwrap_used, reason = "a test ends with a panic when something is not as it should be")]

use nexus_chaos::{Kind, Options, storm};
use std::time::Duration;

async fn holds(kind: Kind, seed: u64, seconds: u64) {
    let options = Options {
        program: env!("CARGO_BIN_EXE_nexus").into(),
        seed,
        kind,
        length: Duration::from_secs(seconds),
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
    holds(Kind::Mesh, 3, 12).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_single_process_holds_in_a_storm() {
    holds(Kind::Up, 1, 10).await;
}

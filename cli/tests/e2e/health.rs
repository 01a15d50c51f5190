//! `nexus health`, what containers use as their check, against real processes.

use crate::{Place, blocking, nexus};
use nexus_testkit::process::{Mesh, Settings, Up, settings};
use std::path::Path;

#[tokio::test(flavor = "multi_thread")]
async fn it_tells_a_ready_role_from_a_dead_one() {
    let mut mesh = blocking(|| Mesh::start(nexus(), 1, 1, Settings::new()).unwrap()).await;
    let place = Place::new();
    let roles = [
        ("planner", mesh.others[0].url.clone()),
        ("executor", mesh.executors[0].url.clone()),
        ("gateway", mesh.gateways[0].url.clone()),
    ];
    for (role, url) in &roles {
        let done = place.nexus_async(&["health", role, "--addr", url]).await;
        assert_eq!((done.code(), done.stdout.trim()), (0, &*format!("{role} is ready")), "{}", done.stderr);
    }
    // What HTTP says depends on everything behind it; what a role says, on itself.
    let mut executor = mesh.executors.remove(0);
    executor.process.kill9();
    for (role, url) in &roles[1..] {
        let done = place.nexus_async(&["health", role, "--addr", url]).await;
        assert_eq!(done.code(), 1, "{role}");
        assert!(done.stderr.contains(&format!("{role} at {url}")), "{}", done.stderr);
        assert!(done.stderr.contains("is not ready"), "{}", done.stderr);
    }
    let done = place.nexus_async(&["health", "planner", "--addr", &roles[0].1]).await;
    assert_eq!(done.code(), 0, "{}", done.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn it_needs_no_key_and_finds_the_process_by_its_own_settings() {
    let place = Place::new();
    let key = "b".repeat(64);
    let keys = settings([("NEXUS_API_KEYS", &format!("me:{key}"))]);
    let data = place.data();
    let up = blocking(move || Up::start(nexus(), Path::new(&data), keys).unwrap()).await;
    let (http, grpc) = (up.http.trim_start_matches("http://").to_owned(), up.grpc.clone());
    for arguments in
        [["health", "--http-addr", &http], ["health", "--addr", &http], ["health", "--addr", &up.http]]
    {
        let done = place.nexus_async(&arguments).await;
        assert_eq!(done.code(), 0, "{arguments:?}\n{}", done.stderr);
    }
    // Any role of one process: they share a port.
    let grpc = grpc.trim_start_matches("http://");
    let done = place.nexus_async(&["health", "planner", "--grpc-addr", grpc]).await;
    assert_eq!(done.code(), 0, "{}", done.stderr);
}

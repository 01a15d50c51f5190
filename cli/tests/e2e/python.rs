//! The Python client of `docs/clients/python`, against one process and against the mesh. Needs a Python with its
//! requirements, named by `NEXUS_PYTHON`; `make test` makes one and runs these.

use crate::{Place, blocking, examples, inputs_for, nexus, one_json, read};
use nexus_testkit::process::{Mesh, Process, Settings, Up, repository};
use std::path::{Path, PathBuf};

pub(crate) fn python() -> PathBuf {
    let made = repository().join("target/python-client/bin/python");
    let python = std::env::var_os("NEXUS_PYTHON").map_or(made, PathBuf::from);
    assert!(python.exists(), "{} is missing: `make test` makes it", python.display());
    python
}

/// Runs every example through the client and compares with what the command line prints.
async fn client_works(planner: &str, executor: &str) {
    let place = Place::new();
    for path in examples() {
        let inputs = place.write("inputs.json", &inputs_for(&read(&path)));
        let arguments: Vec<String> = [
            repository().join("docs/clients/python/nexus_client.py").display().to_string(),
            path.display().to_string(),
            "--inputs".to_owned(),
            inputs.clone(),
            "--planner".to_owned(),
            planner.to_owned(),
            "--executor".to_owned(),
            executor.to_owned(),
        ]
        .into();
        let python = python();
        let done =
            blocking(move || Process::start(&python, arguments, Settings::new()).unwrap().wait().unwrap())
                .await;
        assert_eq!(done.code(), 0, "{}\n{}", path.display(), done.stderr);
        assert!(done.stderr.contains("nexus.executor.v1.ExecutorService"), "{}", done.stderr);
        assert!(done.stderr.contains("execution_completed"), "{}", done.stderr);
        let own = place.nexus_async(&["run", path.to_str().unwrap(), "--inputs", &inputs]).await;
        assert_eq!(one_json(&done.stdout), one_json(&own.stdout), "{}", path.display());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn against_one_process() {
    let place = Place::new();
    let up = Up::start(nexus(), Path::new(&place.data()), Settings::new()).unwrap();
    client_works(&up.grpc, &up.grpc).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn against_the_mesh() {
    let mesh = blocking(|| Mesh::start(nexus(), 1, 0, Settings::new()).unwrap()).await;
    let address = |url: &str| url.trim_start_matches("http://").to_owned();
    client_works(&address(&mesh.others[0].url), &address(&mesh.executors[0].url)).await;
}

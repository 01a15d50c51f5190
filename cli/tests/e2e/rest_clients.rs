//! The REST clients of `docs/clients`, in Python and TypeScript, against a real server with keys. Need the Python of
//! `NEXUS_PYTHON` and the web app's TypeScript compiler; `make test` makes both. Not here: the gRPC client (`python`).

use crate::{Place, blocking, examples, inputs_for, nexus, one_json, python::python, read};
use nexus_testkit::process::{Finished, Process, Settings, Up, repository, settings};
use serde_json::json;
use std::path::{Path, PathBuf};

/// SHA-256 of `sk-client`.
const CLIENT: &str = "9317152c7ce9662afd2deb4078472692a4d84040d09f9c3d2b2d3688f057c7de";

async fn run(program: PathBuf, arguments: Vec<String>, key: &str) -> Finished {
    let environment = settings([("NEXUS_API_KEY", key), ("NO_PROXY", "*"), ("PYTHONDONTWRITEBYTECODE", "1")]);
    blocking(move || Process::start(&program, arguments, environment).unwrap().wait().unwrap()).await
}

/// What the client does with every example is what the command line does, and what it says of mistakes helps.
async fn client_works(program: PathBuf, script: &Path) {
    let place = Place::new();
    let keys = settings([("NEXUS_API_KEYS", &format!("client:{CLIENT}"))]);
    let data = place.data().join("server");
    let up = blocking(move || Up::start(nexus(), &data, keys).unwrap()).await;
    let script = script.display().to_string();
    let call = |document: &str, inputs: &str| {
        [&script, document, "--inputs", inputs, "--server", &up.http].map(str::to_owned).to_vec()
    };
    for path in examples() {
        let inputs = place.write("inputs.json", &inputs_for(&read(&path)));
        let done = run(program.clone(), call(path.to_str().unwrap(), &inputs), "sk-client").await;
        assert_eq!(done.code(), 0, "{}\n{}", path.display(), done.stderr);
        assert!(done.stderr.contains("execution_completed"), "{}", done.stderr);
        let own = place.nexus_async(&["run", path.to_str().unwrap(), "--inputs", &inputs]).await;
        assert_eq!(one_json(&done.stdout), one_json(&own.stdout), "{}", path.display());
    }
    let wrong = place.write("wrong.json", &json!({"graph": {"nodes": []}, "colour": "blue"}));
    let none = place.write("none.json", &json!({}));
    let done = run(program.clone(), call(&wrong, &none), "sk-client").await;
    assert_eq!(done.code(), 1);
    assert!(done.stderr.contains("422") && done.stderr.contains("/colour"), "{}", done.stderr);
    let done = run(program, call(&wrong, &none), "sk-stranger").await;
    assert_eq!(done.code(), 1);
    assert!(done.stderr.contains("401") && done.stderr.contains("hint:"), "{}", done.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn in_python_without_packages() {
    client_works(python(), &repository().join("docs/clients/python/nexus_rest.py")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn in_typescript_without_packages() {
    let web = repository().join("frontend");
    let compiler = web.join("node_modules/.bin/tsc");
    assert!(compiler.exists(), "{} is missing: `make web` installs it", compiler.display());
    let out = tempfile::tempdir().unwrap();
    let options = [
        "--strict",
        "--ignoreConfig",
        "--target",
        "es2022",
        "--module",
        "esnext",
        "--moduleResolution",
        "bundler",
        "--lib",
        "es2023,dom,dom.asynciterable",
        "--types",
        "node",
        "--typeRoots",
    ];
    let mut arguments: Vec<String> = options.map(str::to_owned).to_vec();
    arguments.push(web.join("node_modules/@types").display().to_string());
    arguments.extend(["--outDir".to_owned(), out.path().display().to_string()]);
    arguments.push(repository().join("docs/clients/typescript/nexus.ts").display().to_string());
    let compiled =
        blocking(move || Process::start(&compiler, arguments, Settings::new()).unwrap().wait().unwrap())
            .await;
    assert_eq!(compiled.code(), 0, "{}{}", compiled.stdout, compiled.stderr);
    std::fs::write(out.path().join("package.json"), r#"{"type": "module"}"#).unwrap();
    client_works(PathBuf::from("node"), &out.path().join("nexus.js")).await;
}

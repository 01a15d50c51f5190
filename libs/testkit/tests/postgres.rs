//! The private Postgres leaves nothing behind, however its test ends.

#![expect(clippy::unwrap_used, reason = "that is how a test fails")]

use nexus_testkit::postgres::Server;
use std::{
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

const CHILD: &str = "NEXUS_TESTKIT_POSTGRES_CHILD";

/// Where the server keeps everything: its URL names the socket's folder.
fn folder(url: &str) -> PathBuf {
    PathBuf::from(url.split_once("?host=").unwrap().1)
}

fn wait_until_gone(folder: &Path) {
    let start = Instant::now();
    while folder.exists() {
        assert!(start.elapsed() < Duration::from_secs(60), "{} is still there", folder.display());
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_dropped_server_is_gone_with_its_folder() {
    let server = Server::start_without_fsync().unwrap();
    let folder = folder(&server.url());
    assert!(folder.join("data").is_dir());
    assert_ne!(server.create_database().unwrap(), server.create_database().unwrap());
    drop(server);
    assert!(!folder.exists());
}

#[test]
fn it_comes_back_after_a_stop_and_after_a_crash() {
    let mut server = Server::start_without_fsync().unwrap();
    let url = server.url();
    server.stop().unwrap();
    server.create_database().unwrap_err();
    server.restart().unwrap();
    server.create_database().unwrap();
    server.kill9().unwrap();
    server.create_database().unwrap_err();
    server.restart().unwrap();
    server.create_database().unwrap();
    assert_eq!(server.url(), url);
}

/// Not a test of its own: the process that the next one kills.
#[test]
#[ignore = "runs only as the child of another test"]
fn child_that_is_killed() {
    if std::env::var_os(CHILD).is_none() {
        return;
    }
    let server = Server::start_without_fsync().unwrap();
    std::io::stdout().write_all(format!("url {}\n", server.url()).as_bytes()).unwrap();
    loop {
        std::thread::park();
    }
}

#[test]
fn a_killed_test_takes_its_server_along() {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "child_that_is_killed", "--nocapture"])
        .env(CHILD, "1")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    // libtest may have written the start of the line.
    let url = lines.find_map(|line| line.split_once("url ").map(|(_, url)| url.to_owned()));
    let folder = folder(&url.unwrap_or_else(|| panic!("the child did not start a server")));
    assert!(folder.exists());
    child.kill().unwrap();
    child.wait().unwrap();
    wait_until_gone(&folder);
}

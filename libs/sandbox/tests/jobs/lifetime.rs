//! How long sandboxes live: not longer than their job, their pool, or their service, whatever ends it.
//! Not here: programs that try to stay (`hostile`).

use crate::{config, job, once};
use nexus_sandbox::{Config, Job, Limits, Network, Pool, Serve, Tier, detect};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    future::Future,
    io::{BufRead, BufReader},
    os::unix::process::CommandExt,
    pin::Pin,
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::{
    net::TcpListener,
    sync::{Semaphore, mpsc},
};

/// Says when a job has connected, and lets it wait.
struct Bell {
    rung: mpsc::UnboundedSender<()>,
}

impl Serve for Bell {
    fn serve(&self, listener: TcpListener) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let rung = self.rung.clone();
        Box::pin(async move {
            let mut held = Vec::new();
            while let Ok((stream, _)) = listener.accept().await {
                held.push(stream);
                let _ = rung.send(());
            }
        })
    }
}

const RINGING: &str = "
import requests
def run(inputs): requests.get('http://bell.test/')";

fn ringing() -> (Job, mpsc::UnboundedReceiver<()>) {
    let (rung, bell) = mpsc::unbounded_channel();
    (Job { network: Network::Via(Arc::new(Bell { rung })), ..job(RINGING, Value::Null) }, bell)
}

/// Descendants of a process, orphans that have become its children included.
fn descendants(of: u32) -> Vec<u32> {
    let mut children: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let Ok(process) = entry.file_name().to_string_lossy().parse::<u32>() else { continue };
        let stat = std::fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        let parent = stat.rsplit_once(')').and_then(|(_, rest)| rest.split_whitespace().nth(1)?.parse().ok());
        children.entry(parent.unwrap_or(0)).or_default().push(process);
    }
    let mut found = children.get(&of).cloned().unwrap_or_default();
    let mut at = 0;
    while let Some(process) = found.get(at) {
        found.extend(children.get(process).cloned().unwrap_or_default());
        at += 1;
    }
    found
}

/// Waits until it is so; fails loudly if it does not become so.
async fn until(what: &str, so: impl Fn() -> bool) {
    let begin = Instant::now();
    while !so() {
        assert!(begin.elapsed() < Duration::from_secs(20), "{what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_job_that_nobody_waits_for_any_more_ends() {
    let pool = Pool::open(Config { warm: 0, ..config() }).await.unwrap();
    // The one sandbox that opening has made.
    pool.run(job("def run(i): return 1", Value::Null)).await.unwrap();
    let (job, mut bell) = ringing();
    {
        let running = pool.run(job);
        tokio::select! {
            ended = running => panic!("{ended:?}"),
            rung = bell.recv() => rung.unwrap(),
        }
    }
    until("sandboxes went on", || descendants(std::process::id()).into_iter().all(is_dead)).await;
    pool.close().await;
}

fn is_dead(process: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    stat.rsplit_once(')').is_none_or(|(_, rest)| rest.trim_start().starts_with('Z'))
}

#[tokio::test]
async fn closing_ends_what_runs_and_refuses_what_comes() {
    let pool = Pool::open(config()).await.unwrap();
    let (job, mut bell) = ringing();
    let running = {
        let pool = pool.clone();
        tokio::spawn(async move { pool.run(job).await })
    };
    bell.recv().await.unwrap();
    pool.close().await;
    assert_eq!(running.await.unwrap().unwrap_err().code(), "closed");
    let refused = pool.run(crate::job("def run(i): return 1", Value::Null)).await.unwrap_err();
    assert_eq!(refused.code(), "closed");
    until("sandboxes went on", || descendants(std::process::id()).into_iter().all(is_dead)).await;
}

#[tokio::test]
async fn a_sandbox_that_died_waiting_is_replaced() {
    // Those that lose their keeper stay in sight.
    rustix::process::set_child_subreaper(Some(rustix::process::getpid())).unwrap();
    let pool = Pool::open(config()).await.unwrap();
    for process in descendants(std::process::id()) {
        if let Some(process) = rustix::process::Pid::from_raw(process.try_into().unwrap()) {
            // Some die with others.
            let _ = rustix::process::kill_process(process, rustix::process::Signal::KILL);
        }
    }
    until("they are still there", || descendants(std::process::id()).into_iter().all(is_dead)).await;
    let outcome = pool.run(job("def run(i): return 'well'", Value::Null)).await.unwrap();
    assert_eq!(outcome.value, "well");
    pool.close().await;
}

/// Counts jobs that run at a time.
#[derive(Default)]
struct Gauge {
    now: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
}

impl Serve for Gauge {
    fn serve(&self, _listener: TcpListener) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        struct Running(Arc<AtomicUsize>);
        impl Drop for Running {
            fn drop(&mut self) {
                self.0.fetch_sub(1, Ordering::SeqCst);
            }
        }
        let now = self.now.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
        let running = Running(Arc::clone(&self.now));
        Box::pin(async move {
            let _running = running;
            std::future::pending().await
        })
    }
}

#[tokio::test]
async fn only_so_many_run_at_a_time() {
    let pool = Pool::open(Config { parallel: 2, ..config() }).await.unwrap();
    let gauge = Arc::new(Gauge::default());
    let all = Arc::new(Semaphore::new(0));
    for number in 0..8 {
        let (pool, gauge, all) = (pool.clone(), Arc::clone(&gauge), Arc::clone(&all));
        tokio::spawn(async move {
            let job = Job { network: Network::Via(gauge), ..job("def run(i): return i", json!(number)) };
            assert_eq!(pool.run(job).await.unwrap().value, number);
            all.add_permits(1);
        });
    }
    drop(all.acquire_many(8).await.unwrap());
    assert!((1..=2).contains(&gauge.most.load(Ordering::SeqCst)));
    pool.close().await;
}

/// What the next test starts as a process of its own: a service with one job that never ends.
#[tokio::test]
async fn service_to_be_killed() {
    let Some(tier) = std::env::var("NEXUS_TEST_SERVICE_TIER").ok().and_then(|tier| tier.parse::<Tier>().ok())
    else {
        return;
    };
    let pool = Pool::open(Config { tier, ..config() }).await.unwrap();
    let (rung, mut bell) = mpsc::unbounded_channel();
    let network = Network::Via(Arc::new(Bell { rung }));
    let endless =
        Limits { wall: Duration::from_secs(600), cpu: Duration::from_secs(600), ..Limits::default() };
    let job = Job { network, limits: endless, ..job(RINGING, Value::Null) };
    let running = pool.run(job);
    let ring = async {
        bell.recv().await.unwrap();
        println!("\nrunning");
        std::future::pending::<()>().await;
    };
    tokio::select! {
        ended = running => panic!("{ended:?}"),
        () = ring => {}
    }
}

/// `kill -9` of the service: nothing of its sandboxes survives, neither those that run nor those that wait.
#[tokio::test]
async fn no_sandbox_survives_its_service() {
    let own = rustix::process::getpid();
    rustix::process::set_child_subreaper(Some(own)).unwrap();
    for tier in Tier::ALL {
        let mut service = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "lifetime::service_to_be_killed", "--nocapture"])
            .env("NEXUS_TEST_SERVICE_TIER", tier.to_string())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(service.stdout.take().unwrap()).lines();
        assert!(
            lines.any(|line| line.unwrap() == "running"),
            "tier {tier}: the service did not get that far"
        );
        let sandboxed = descendants(service.id());
        assert!(sandboxed.len() >= 2, "tier {tier}: {sandboxed:?}");
        service.kill().unwrap();
        service.wait().unwrap();
        until("sandboxes survived their service", || sandboxed.iter().all(|process| is_dead(*process))).await;
        until("a cgroup is left", || !cgroup_of(service.id())).await;
        let ours = format!("nexus-sandbox-{}-", service.id());
        let is_left = || {
            let entries = std::fs::read_dir(std::env::temp_dir()).unwrap().flatten();
            entries.into_iter().any(|entry| entry.file_name().to_string_lossy().starts_with(&ours))
        };
        until("a scratch folder is left", || !is_left()).await;
    }
}

fn cgroup_of(service: u32) -> bool {
    fn look(folder: &std::path::Path, prefix: &str) -> bool {
        std::fs::read_dir(folder).into_iter().flatten().flatten().any(|entry| {
            entry.path().is_dir()
                && (entry.file_name().to_string_lossy().starts_with(prefix) || look(&entry.path(), prefix))
        })
    }
    look(std::path::Path::new("/sys/fs/cgroup"), &format!("nexus-sandbox-{service}-"))
}

/// What the next test starts as an ordinary user.
#[tokio::test]
async fn service_of_an_ordinary_user() {
    if std::env::var_os("NEXUS_TEST_ORDINARY").is_none() {
        return;
    }
    let report = detect(&config()).await;
    println!("as an ordinary user: {report}");
    assert!(report.tier >= Some(Tier::C), "{report}");
    for tier in [Tier::B, Tier::C] {
        let config = Config { tier, ..config() };
        if detect(&config).await.tier != Some(tier) {
            continue;
        }
        let pool = Pool::open(config).await.unwrap();
        let code = "
import os
def run(i):
    try: return open('/etc/shadow').read()
    except OSError: return os.getuid() != 0";
        assert_eq!(pool.run(job(code, Value::Null)).await.unwrap().value, true, "tier {tier}");
        pool.close().await;
    }
}

/// Services need not be root. Started as root, this test also tries it as nobody.
#[test]
fn ordinary_users_have_sandboxes_too() {
    let mut service = Command::new(std::env::current_exe().unwrap());
    service
        .args(["--exact", "lifetime::service_of_an_ordinary_user", "--nocapture"])
        .env("NEXUS_TEST_ORDINARY", "1");
    if rustix::process::geteuid().is_root() {
        service.uid(65_534).gid(65_534);
    }
    assert!(service.status().unwrap().success());
}

#[tokio::test]
async fn the_first_job_needs_no_stock() {
    assert_eq!(once(job("def run(i): return i", json!(7))).await.unwrap().value, 7);
}

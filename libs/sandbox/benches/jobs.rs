//! How long a job takes from `run` to its value, with a sandbox ready and without, many at a time; and beside it plain
//! Python and bubblewrap with Python, doing the same work. Not here: anything that asserts; times are not tests.
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a bench prints, and ends when it cannot measure"
)]

use nexus_sandbox::{Config, Entry, Job, Limits, Network, Pool, Tier, detect, find_python};
use serde_json::json;
use std::{
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

/// What a scraper does after the page is there.
const CODE: &str = r#"
from bs4 import BeautifulSoup
def scrape_data(url):
    page = '<ul>' + ''.join('<li><b>Book %d</b><i>£%d.50</i></li>' % (n, n) for n in range(20)) + '</ul>'
    rows = BeautifulSoup(page, 'lxml').select('li')
    return {'data': [{'title': row.b.get_text(), 'price': row.i.get_text()} for row in rows]}
"#;

/// The same as a program: what the sandbox's interpreter imports, then the work.
const PROGRAM: &str = r#"
import sys; sys.path.append(sys.argv[1])
import json, requests, lxml.html, bs4, urllib.request, html.parser, decimal, ssl
exec(sys.argv[2])
print(json.dumps(scrape_data('x')))
"#;

const TIMES: usize = 50;
const AT_ONCE: usize = 50;

fn job() -> Job {
    Job {
        code: CODE.to_owned(),
        entry: Entry::ScrapeData,
        argument: json!("http://pages.test/"),
        limits: Limits::default(),
        network: Network::None,
    }
}

fn say(name: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let at = |part: usize| times[(times.len() - 1) * part / 100].as_secs_f64() * 1e3;
    println!("{name:<44} p50 {:>8.1} ms   p95 {:>8.1} ms   n {}", at(50), at(95), times.len());
}

async fn filled(pool: &Pool, wanted: usize) {
    while pool.ready() < wanted {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::main]
async fn main() {
    let folder =
        std::env::var_os("NEXUS_SANDBOX_PYTHON").map_or_else(find_python, |folder| Some(folder.into()));
    let folder = folder.expect("run scripts/sandbox_python.sh first");
    let helper = env!("CARGO_BIN_EXE_nexus-sandbox-child");
    for tier in Tier::ALL {
        let config = Config { helper: Some(helper.into()), tier, min_tier: tier, ..Config::new(&folder) };
        let report = detect(&config).await;
        if report.tier != Some(tier) {
            println!("tier {tier}: {report}");
            continue;
        }
        measure(tier, config).await;
    }
    beside(&folder);
}

async fn measure(tier: Tier, config: Config) {
    let pool = Pool::open(Config { warm: 1, ..config.clone() }).await.unwrap();
    let mut warm = Vec::new();
    for _ in 0..TIMES {
        filled(&pool, 1).await;
        let begin = Instant::now();
        pool.run(job()).await.unwrap();
        warm.push(begin.elapsed());
    }
    pool.close().await;
    say(&format!("tier {tier}, job to result, warm"), warm);

    let pool = Pool::open(Config { warm: 0, ..config.clone() }).await.unwrap();
    pool.run(job()).await.unwrap();
    let mut cold = Vec::new();
    for _ in 0..TIMES / 2 {
        let begin = Instant::now();
        pool.run(job()).await.unwrap();
        cold.push(begin.elapsed());
    }
    pool.close().await;
    say(&format!("tier {tier}, job to result, cold"), cold);

    let parallel = config.parallel;
    let pool = Pool::open(Config { warm: 2, ..config }).await.unwrap();
    filled(&pool, 2).await;
    let free = available();
    let (begin, mut running) = (Instant::now(), tokio::task::JoinSet::new());
    for _ in 0..AT_ONCE {
        let pool = pool.clone();
        running.spawn(async move { pool.run(job()).await.unwrap().peak_memory });
    }
    let (mut least, mut peak) = (free, 0);
    loop {
        tokio::select! {
            done = running.join_next() => match done {
                Some(memory) => peak = peak.max(memory.unwrap()),
                None => break,
            },
            () = tokio::time::sleep(Duration::from_millis(20)) => least = least.min(available()),
        }
    }
    let took = begin.elapsed();
    println!(
        "tier {tier}, {AT_ONCE} jobs at once, {parallel} run at a time      {:.1} s, {:.1} jobs/s; memory {} MB more at most, {} MB in one",
        took.as_secs_f64(),
        AT_ONCE as f64 / took.as_secs_f64(),
        free.saturating_sub(least) >> 20,
        peak >> 20,
    );
    pool.close().await;
}

/// Memory that the machine could still give, in bytes.
fn available() -> u64 {
    let table = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = table.lines().find_map(|line| line.strip_prefix("MemAvailable:"));
    line.and_then(|rest| rest.trim().trim_end_matches(" kB").parse::<u64>().ok()).unwrap_or(0) << 10
}

/// The same work without any of this, and in the best-known sandbox for the command line.
fn beside(folder: &Path) {
    let python = folder.join("bin/python3").canonicalize().unwrap();
    let packages = folder.join("site-packages").canonicalize().unwrap();
    let packages = packages.to_str().unwrap();
    let program = ["-I", "-S", "-B", "-c", PROGRAM, packages, CODE];
    time("plain python3", || {
        let mut command = Command::new(&python);
        command.args(program);
        command
    });
    if Command::new("bwrap").arg("--version").stdout(Stdio::null()).status().is_err() {
        println!("bubblewrap is not installed (Debian: apt-get install bubblewrap)");
        return;
    }
    time("bubblewrap + python3", || {
        let mut command = Command::new("bwrap");
        command.args(["--unshare-all", "--die-with-parent", "--clearenv", "--ro-bind", "/usr", "/usr"]);
        command.args(["--symlink", "usr/lib", "/lib", "--symlink", "usr/lib64", "/lib64", "--tmpfs", "/tmp"]);
        command.args(["--ro-bind", packages, packages]).arg(&python).args(program);
        command
    });
}

fn time(name: &str, command: impl Fn() -> Command) {
    let mut times = Vec::new();
    for _ in 0..TIMES / 2 {
        let begin = Instant::now();
        let output = command().stdin(Stdio::null()).output().unwrap();
        times.push(begin.elapsed());
        if !output.status.success() {
            println!("{name}: {}", String::from_utf8_lossy(&output.stderr).trim());
            return;
        }
    }
    say(name, times);
}

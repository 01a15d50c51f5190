//! A private Postgres for a test: the installed binaries, a data folder of its own, reached through a socket in that
//! folder, so that no two servers can get in each other's way. It can be stopped, killed and come back under the same
//! URL. Not here: clients of it (`nexus-store`), schemas.
//!
//! Postgres refuses to run as root; then it runs as the user `postgres`, which its packages create. Making a data
//! folder takes seconds, hence the first one is kept below the target folder and copied from then on. A small shell
//! process watches over each server and takes it down if the test dies without being able to.

use std::{
    fs, io,
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Output, Stdio},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

/// How long the server may take to accept connections, recovery after a crash included.
const PATIENCE: Duration = Duration::from_secs(60);

/// Part of the socket's name only; said everywhere, lest the environment says something else.
const PORT: &str = "5432";

/// Waits for its standard input to end, then kills the server it heard of last, and removes the folder. `kill -0`
/// because the folder must not vanish under a server that is still going down.
const WATCHDOG: &str = r#"
pid=; while read -r line; do pid=$line; done
if [ -n "$pid" ] && kill -QUIT "$pid" 2>/dev/null; then
    tries=0; while kill -0 "$pid" 2>/dev/null && [ $tries -lt 100 ]; do sleep 0.1; tries=$((tries + 1)); done
fi
rm -rf "$1"
"#;

/// A running (or stopped) server; dropping it ends it. All methods block: they are for tests.
#[derive(Debug)]
pub struct Server {
    programs: Programs,
    /// Holds the data, the log and the socket; the watchdog removes it.
    folder: PathBuf,
    durable: bool,
    process: Option<Child>,
    watchdog: Option<(Child, ChildStdin)>,
    databases: AtomicU32,
    creating: Mutex<()>,
}

impl Server {
    /// Starts a server that syncs its disk, as in production, and waits until it accepts connections.
    pub fn start() -> io::Result<Self> {
        Self::launch(true)
    }

    /// The same, faster: a crash of the machine could damage its data, a crash of the server cannot.
    pub fn start_without_fsync() -> io::Result<Self> {
        Self::launch(false)
    }

    fn launch(durable: bool) -> io::Result<Self> {
        let programs = Programs::find()?;
        let template = programs.template()?;
        let folder = programs.new_folder()?;
        let watchdog = watchdog(&folder)?;
        let mut server = Self {
            programs,
            folder,
            durable,
            process: None,
            watchdog: Some(watchdog),
            databases: AtomicU32::new(0),
            creating: Mutex::new(()),
        };
        server.programs.copy(&template, &server.data())?;
        server.spawn()?;
        Ok(server)
    }

    /// The URL of the database that every server has.
    pub fn url(&self) -> String {
        self.url_of("postgres")
    }

    /// A new, empty database's URL.
    pub fn create_database(&self) -> io::Result<String> {
        let name = format!("test_{}", self.databases.fetch_add(1, Ordering::Relaxed));
        // Two at once would both copy the server's template database, which it refuses.
        let _one_at_a_time = self.creating.lock().unwrap_or_else(PoisonError::into_inner);
        let mut psql = Command::new(self.programs.path("psql"));
        psql.args(["-X", "-q", "-U", "postgres", "-d", "postgres", "-p", PORT, "-h"]).arg(&self.folder);
        run(psql.arg("-c").arg(format!("CREATE DATABASE {name}")))?;
        Ok(self.url_of(&name))
    }

    /// Shuts it down as an administrator would: connections are cut, what is committed is written out.
    pub fn stop(&mut self) -> io::Result<()> {
        if let Some(mut process) = self.process.take() {
            signal("INT", &[process.id()])?;
            process.wait()?;
            self.tell_watchdog("")?;
        }
        Ok(())
    }

    /// Kills it and all its processes at once, as a crash would.
    pub fn kill9(&mut self) -> io::Result<()> {
        if let Some(mut process) = self.process.take() {
            let children: Vec<u32> = processes()?
                .into_iter()
                .filter(|(_, parent)| *parent == process.id())
                .map(|(pid, _)| pid)
                .collect();
            // The parent first: it would treat the death of a child as a crash to recover from.
            process.kill()?;
            process.wait()?;
            // Those that notice their parent's death first are gone already.
            let _ = signal("KILL", &children);
            self.tell_watchdog("")?;
            // The next server waits for nobody: it refuses to start while one of them is alive.
            let start = Instant::now();
            while processes()?.iter().any(|(pid, _)| children.contains(pid)) {
                wait_a_little(start, "the killed server's processes do not end")?;
            }
        }
        Ok(())
    }

    /// Starts it again (after a fast stop if it runs) with the same data under the same URL.
    pub fn restart(&mut self) -> io::Result<()> {
        self.stop()?;
        self.spawn()
    }

    fn url_of(&self, database: &str) -> String {
        format!("postgres://postgres@localhost:{PORT}/{database}?host={}", self.folder.display())
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    fn spawn(&mut self) -> io::Result<()> {
        let log = fs::OpenOptions::new().create(true).append(true).open(self.folder.join("log"))?;
        let mut command = self.programs.as_server_user("postgres");
        command.arg("-D").arg(self.data()).arg("-k").arg(&self.folder);
        command.args(["-p", PORT, "-c", "listen_addresses=", "-c", "logging_collector=off"]);
        if !self.durable {
            command.args(["-c", "fsync=off", "-c", "full_page_writes=off"]);
        }
        let process = command
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            // Not in the terminal's group: an interrupt is for the test, which then ends the server.
            .process_group(0)
            .spawn()?;
        let pid = process.id();
        self.process = Some(process);
        self.tell_watchdog(&pid.to_string())?;
        self.wait_until_ready(pid)
    }

    /// The server writes its state into `postmaster.pid`: its id first, `ready` in the eighth line.
    fn wait_until_ready(&mut self, pid: u32) -> io::Result<()> {
        let start = Instant::now();
        loop {
            let state = fs::read_to_string(self.data().join("postmaster.pid")).unwrap_or_default();
            let mut lines = state.lines();
            if lines.next() == Some(&pid.to_string())
                && lines.nth(6).is_some_and(|line| line.trim() == "ready")
            {
                return Ok(());
            }
            if let Some(Some(status)) = self.process.as_mut().map(Child::try_wait).transpose()? {
                let log = fs::read_to_string(self.folder.join("log")).unwrap_or_default();
                return Err(io::Error::other(format!("postgres ended with {status}: {log}")));
            }
            wait_a_little(start, "postgres does not get ready")?;
        }
    }

    fn tell_watchdog(&mut self, pid: &str) -> io::Result<()> {
        use io::Write;
        match &mut self.watchdog {
            Some((_, stdin)) => writeln!(stdin, "{pid}"),
            None => Ok(()),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = signal("QUIT", &[process.id()]);
            let _ = process.wait();
            // It must not signal an id that may soon be somebody else's.
            let _ = self.tell_watchdog("");
        }
        if let Some((mut watchdog, stdin)) = self.watchdog.take() {
            drop(stdin);
            let _ = watchdog.wait();
        }
    }
}

fn watchdog(folder: &Path) -> io::Result<(Child, ChildStdin)> {
    let mut watchdog = Command::new("sh")
        .args(["-c", WATCHDOG, "watchdog"])
        .arg(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        // Whatever kills the test's whole group must leave it alive.
        .process_group(0)
        .spawn()?;
    let stdin = watchdog.stdin.take().ok_or_else(|| io::Error::other("the watchdog has no input"))?;
    Ok((watchdog, stdin))
}

/// Where the binaries are, and who runs them.
#[derive(Debug)]
struct Programs {
    folder: PathBuf,
    as_root: bool,
}

impl Programs {
    /// From the PATH, else the newest of Debian's folders.
    fn find() -> io::Result<Self> {
        let on_path = std::env::var_os("PATH").unwrap_or_default();
        let mut folders: Vec<PathBuf> = std::env::split_paths(&on_path).collect();
        if let Ok(versions) = fs::read_dir("/usr/lib/postgresql") {
            let mut versions: Vec<PathBuf> = versions.flatten().map(|entry| entry.path()).collect();
            let number =
                |path: &PathBuf| path.file_name().and_then(|name| name.to_str()?.parse::<u32>().ok());
            versions.sort_by_key(|path| std::cmp::Reverse(number(path)));
            folders.extend(versions.into_iter().map(|version| version.join("bin")));
        }
        // Followed to where they really are: a link may stand alone, without the other programs.
        let real = |folder: PathBuf| Some(folder.join("initdb").canonicalize().ok()?.parent()?.to_owned());
        let folder = folders
            .into_iter()
            .filter_map(real)
            .find(|folder| ["postgres", "psql"].iter().all(|program| folder.join(program).is_file()))
            .ok_or_else(|| {
                io::Error::new(io::ErrorKind::NotFound, "Postgres (initdb, postgres, psql) is not installed")
            })?;
        let as_root = text(&run(Command::new("id").arg("-u"))?) == "0";
        Ok(Self { folder, as_root })
    }

    fn path(&self, program: &str) -> PathBuf {
        self.folder.join(program)
    }

    fn as_server_user(&self, program: &str) -> Command {
        if !self.as_root {
            return Command::new(self.path(program));
        }
        // setpriv becomes the program instead of starting it: its process id is the server's.
        let mut command = Command::new("setpriv");
        command
            .args(["--reuid=postgres", "--regid=postgres", "--clear-groups", "--"])
            .arg(self.path(program));
        command
    }

    fn give_to_server_user(&self, path: &Path) -> io::Result<()> {
        if self.as_root {
            run(Command::new("chown").args(["-R", "postgres:postgres"]).arg(path))?;
        }
        Ok(())
    }

    /// A new folder that belongs to the server's user. Short, since the socket's path may have 107 bytes only.
    fn new_folder(&self) -> io::Result<PathBuf> {
        let folder = tempfile::Builder::new().prefix("nexus-pg-").tempdir()?.keep();
        self.give_to_server_user(&folder)?;
        Ok(folder)
    }

    fn copy(&self, from: &Path, to: &Path) -> io::Result<()> {
        run(Command::new("cp").arg("-R").arg(from).arg(to))?;
        fs::set_permissions(to, fs::Permissions::from_mode(0o700))?;
        self.give_to_server_user(to)
    }

    /// A data folder to copy, made once per version of Postgres.
    fn template(&self) -> io::Result<PathBuf> {
        let version = text(&run(Command::new(self.path("postgres")).arg("--version"))?);
        // "postgres (PostgreSQL) 15.18 (Debian …)"
        let version = version.split_whitespace().nth(2).unwrap_or("unknown").to_owned();
        let cache = cache_folder()?;
        let template = cache.join(format!("postgres-{version}"));
        let lock = fs::File::create(cache.join(format!("postgres-{version}.lock")))?;
        // Held until the file is closed; many tests start at the same time.
        lock.lock()?;
        if !template.exists() {
            let folder = self.new_folder()?;
            let data = folder.join("data");
            let mut initdb = self.as_server_user("initdb");
            initdb.args(["-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync", "-D"]);
            run(initdb.arg(&data))?;
            let partial = cache.join(format!("postgres-{version}.partial"));
            let _ = fs::remove_dir_all(&partial);
            run(Command::new("cp").arg("-R").arg(&data).arg(&partial))?;
            fs::rename(&partial, &template)?;
            fs::remove_dir_all(&folder)?;
        }
        Ok(template)
    }
}

/// `target/tmp`, found from the running test's own path, or else the system's folder for such things.
fn cache_folder() -> io::Result<PathBuf> {
    let program = std::env::current_exe()?;
    let target = program.ancestors().find(|folder| folder.join("CACHEDIR.TAG").is_file());
    let folder = target.map_or_else(std::env::temp_dir, |target| target.join("tmp"));
    fs::create_dir_all(&folder)?;
    Ok(folder)
}

fn run(command: &mut Command) -> io::Result<Output> {
    let output = command.stdin(Stdio::null()).output().map_err(|error| {
        io::Error::new(error.kind(), format!("cannot run {}: {error}", command.get_program().display()))
    })?;
    if output.status.success() {
        Ok(output)
    } else {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        Err(io::Error::other(format!("{} failed: {said}", command.get_program().display())))
    }
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

fn signal(name: &str, pids: &[u32]) -> io::Result<()> {
    if !pids.is_empty() {
        run(Command::new("kill").arg(format!("-{name}")).args(pids.iter().map(u32::to_string)))?;
    }
    Ok(())
}

/// Every process that has not ended, with its parent.
fn processes() -> io::Result<Vec<(u32, u32)>> {
    let listed = text(&run(Command::new("ps").args(["-A", "-o", "pid=", "-o", "ppid=", "-o", "stat="]))?);
    let read = |line: &str| {
        let mut columns = line.split_whitespace();
        let (pid, parent) = (columns.next()?.parse().ok()?, columns.next()?.parse().ok()?);
        // Zombies have ended, only nobody has asked yet.
        (!columns.next()?.starts_with('Z')).then_some((pid, parent))
    };
    Ok(listed.lines().filter_map(read).collect())
}

fn wait_a_little(start: Instant, complaint: &str) -> io::Result<()> {
    if start.elapsed() > PATIENCE {
        return Err(io::Error::new(io::ErrorKind::TimedOut, complaint));
    }
    std::thread::sleep(Duration::from_millis(10));
    Ok(())
}

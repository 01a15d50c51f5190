//! The machine around the sandboxes: what could be left behind, and bait for programs that look around.
//! Not here: what they try (`suite` and its rows).

use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    net::TcpListener,
    os::unix::net::{UnixDatagram, UnixListener},
    path::Path,
};

/// What must be the same before and after.
#[derive(Debug, PartialEq, Eq)]
pub struct Host {
    /// Everything that descends from this process.
    processes: BTreeSet<String>,
    mounts: String,
    cgroups: BTreeSet<String>,
    descriptors: usize,
    /// Of this process's sandboxes, in the folder for temporary files.
    files: BTreeSet<String>,
    bait: BTreeMap<String, String>,
    shared_memory: Vec<String>,
}

impl Host {
    pub fn look(bait: &Bait) -> Self {
        // Whoever loses its parent becomes ours, and shows up in the count.
        rustix::process::set_child_subreaper(Some(rustix::process::getpid())).unwrap();
        let own = std::process::id();
        let ours = format!("nexus-sandbox-{own}-");
        let below =
            |folder: &str| entries(folder).into_iter().filter(|name| name.starts_with(&ours)).collect();
        let temporary = std::env::temp_dir();
        Self {
            processes: descendants(own),
            mounts: fs::read_to_string("/proc/self/mountinfo").unwrap(),
            cgroups: cgroups(Path::new("/sys/fs/cgroup"), &ours),
            descriptors: entries("/proc/self/fd").len(),
            files: below(temporary.to_str().unwrap()),
            bait: bait.contents(),
            shared_memory: shared_memory(),
        }
    }
}

/// Segments that belong to whom sandboxes run as. Others come and go with other programs.
fn shared_memory() -> Vec<String> {
    let own = rustix::process::geteuid();
    let sandboxed = if own.is_root() { 65_534 } else { own.as_raw() }.to_string();
    let table = fs::read_to_string("/proc/sysvipc/shm").unwrap_or_default();
    // key id permissions size creator last attached user …
    let rows = table.lines().skip(1).filter(|row| row.split_whitespace().nth(7) == Some(sandboxed.as_str()));
    rows.map(str::to_owned).collect()
}

fn entries(folder: &str) -> Vec<String> {
    let read = fs::read_dir(folder).into_iter().flatten().flatten();
    read.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

fn cgroups(folder: &Path, prefix: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten().filter(|entry| entry.path().is_dir()) {
        if entry.file_name().to_string_lossy().starts_with(prefix) {
            found.insert(entry.path().display().to_string());
        }
        found.extend(cgroups(&entry.path(), prefix));
    }
    found
}

fn descendants(of: u32) -> BTreeSet<String> {
    let mut parents = BTreeMap::new();
    for process in entries("/proc").iter().filter_map(|name| name.parse::<u32>().ok()) {
        // pid (name) state parent …; names may hold anything, brackets too.
        let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
        if let Some((start, rest)) = stat.rsplit_once(')') {
            let parent = rest.split_whitespace().nth(1).and_then(|parent| parent.parse::<u32>().ok());
            parents.insert(process, (parent, start.to_owned()));
        }
    }
    let is_ours = |process: &u32| {
        let mut at = *process;
        while let Some((Some(parent), _)) = parents.get(&at) {
            if *parent == of {
                return true;
            }
            at = *parent;
        }
        false
    };
    parents.iter().filter(|(process, _)| is_ours(process)).map(|(_, (_, name))| name.clone()).collect()
}

/// Things that hostile programs would like.
pub struct Bait {
    folder: tempfile::TempDir,
    listener: TcpListener,
    socket: UnixListener,
    mailbox: UnixDatagram,
}

impl Bait {
    pub async fn lay() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        // Readable for everybody, so that nothing but the sandbox protects it.
        let mode = |mode| <fs::Permissions as std::os::unix::fs::PermissionsExt>::from_mode(mode);
        fs::set_permissions(path, mode(0o777)).unwrap();
        fs::write(path.join("secret"), "hunter2").unwrap();
        fs::set_permissions(path.join("secret"), mode(0o666)).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let socket = UnixListener::bind(path.join("socket")).unwrap();
        fs::set_permissions(path.join("socket"), mode(0o666)).unwrap();
        socket.set_nonblocking(true).unwrap();
        let mailbox = UnixDatagram::bind(path.join("mailbox")).unwrap();
        fs::set_permissions(path.join("mailbox"), mode(0o666)).unwrap();
        mailbox.set_nonblocking(true).unwrap();
        Self { folder, listener, socket, mailbox }
    }

    /// Where it all is.
    pub fn describe(&self) -> Value {
        let path = |name: &str| self.folder.path().join(name).display().to_string();
        json!({
            "folder": self.folder.path(), "secret": path("secret"), "socket": path("socket"),
            "mailbox": path("mailbox"), "port": self.listener.local_addr().unwrap().port(),
            "pid": std::process::id(),
        })
    }

    fn contents(&self) -> BTreeMap<String, String> {
        let names = entries(self.folder.path().to_str().unwrap());
        names
            .into_iter()
            .map(|name| {
                let text = fs::read_to_string(self.folder.path().join(&name)).unwrap_or_default();
                (name, text)
            })
            .collect()
    }

    pub fn assert_untouched(&self) {
        assert!(self.listener.accept().is_err(), "somebody connected to a port of the machine");
        assert!(self.socket.accept().is_err(), "somebody connected to a socket of the machine");
        assert!(self.mailbox.recv(&mut [0; 16]).is_err(), "somebody sent to a socket of the machine");
    }
}

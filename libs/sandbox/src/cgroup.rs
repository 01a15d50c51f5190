//! Limits for a whole sandbox rather than for single processes: cgroups, version 1 or 2, whichever may be written to.
//! Groups are children of this process's own groups, so that limits set by operators stay in force.
//! Not here: limits of single processes (`child::limits`).

use serde::{Deserialize, Serialize};
use std::{
    fs::{self, File},
    io::{self, Read, Seek, Write},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

const PREFIX: &str = "nexus-sandbox-";

/// How often removing a group is tried; its processes have ended, but the kernel may need a moment to notice.
const ATTEMPTS: u32 = 100;

static SERIAL: AtomicU64 = AtomicU64::new(0);

/// Which interface the kernel offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Version {
    V1,
    V2,
}

/// Where groups can be made: one folder per controller in version 1, a single one in version 2.
#[derive(Debug, Clone)]
pub(crate) struct Parents {
    version: Version,
    memory: PathBuf,
    pids: PathBuf,
    cpu: Option<PathBuf>,
}

/// The group of one sandbox.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Group {
    version: Version,
    memory: PathBuf,
    pids: PathBuf,
    cpu: Option<PathBuf>,
}

impl Parents {
    /// Looks for controllers of memory and of processes that this process may use. Fails with a sentence for an
    /// operator. Removes what services that are gone have left behind.
    pub(crate) fn find() -> Result<Self, String> {
        let membership = fs::read_to_string("/proc/self/cgroup").map_err(|error| error.to_string())?;
        let mounts = fs::read_to_string("/proc/self/mountinfo").map_err(|error| error.to_string())?;
        let parents = Self::read(&membership, &mounts)?;
        if parents.version == Version::V2 {
            delegate(&parents.memory)?;
        }
        parents.sweep();
        let trial = parents.group();
        let made = trial.make(64 << 20, 8);
        trial.remove();
        made.map_err(|error| format!("cgroups below {}: {error}", parents.memory.display()))?;
        Ok(parents)
    }

    fn read(membership: &str, mounts: &str) -> Result<Self, String> {
        let find = |controller: &str| {
            let own = own_path(membership, controller)?;
            folder(mounts, Some(controller), own)
        };
        if let (Some(memory), Some(pids)) = (find("memory"), find("pids")) {
            return Ok(Self { version: Version::V1, memory, pids, cpu: find("cpu") });
        }
        let own = membership.lines().find_map(|line| line.strip_prefix("0::"));
        match own.and_then(|own| folder(mounts, None, own)) {
            Some(single) => Ok(Self {
                version: Version::V2,
                memory: single.clone(),
                pids: single.clone(),
                cpu: Some(single),
            }),
            None => Err("no cgroup file system with memory and pids controllers is mounted".to_owned()),
        }
    }

    /// `v1` or `v2`.
    pub(crate) fn version(&self) -> &'static str {
        match self.version {
            Version::V1 => "v1",
            Version::V2 => "v2",
        }
    }

    /// A group with a name of its own, not made yet.
    pub(crate) fn group(&self) -> Group {
        let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
        let name = format!("{PREFIX}{}-{serial}", std::process::id());
        Group {
            version: self.version,
            memory: self.memory.join(&name),
            pids: self.pids.join(&name),
            cpu: self.cpu.as_ref().map(|cpu| cpu.join(&name)),
        }
    }

    /// Removes groups of processes that are gone. Groups with processes in them cannot be removed and stay.
    fn sweep(&self) {
        for parent in [Some(&self.memory), Some(&self.pids), self.cpu.as_ref()].into_iter().flatten() {
            for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
                let name = entry.file_name();
                let owner = name.to_str().and_then(|name| name.strip_prefix(PREFIX)?.split('-').next());
                if let Some(owner) = owner
                    && !Path::new("/proc").join(owner).exists()
                {
                    drop(fs::remove_dir(entry.path()));
                }
            }
        }
    }
}

impl Group {
    /// Makes the group with its limits.
    pub(crate) fn make(&self, memory: u64, processes: u32) -> io::Result<()> {
        for folder in self.folders() {
            match fs::create_dir(folder) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                other => other?,
            }
        }
        put(&self.pids, "pids.max", processes)?;
        match self.version {
            Version::V1 => {
                put(&self.memory, "memory.limit_in_bytes", memory)?;
                // Only there where swap is counted.
                drop(put(&self.memory, "memory.memsw.limit_in_bytes", memory));
                if let Some(cpu) = &self.cpu {
                    put(cpu, "cpu.cfs_period_us", 100_000)?;
                    put(cpu, "cpu.cfs_quota_us", 100_000)?;
                }
            }
            Version::V2 => {
                put(&self.memory, "memory.max", memory)?;
                drop(put(&self.memory, "memory.swap.max", 0));
                drop(put(&self.memory, "cpu.max", "100000 100000"));
            }
        }
        Ok(())
    }

    /// Puts a process into the group.
    pub(crate) fn admit(&self, pid: i32) -> io::Result<()> {
        self.folders().into_iter().try_for_each(|folder| put(folder, "cgroup.procs", pid))
    }

    /// Opens the group's books; they stay readable where the folder cannot be seen any more.
    pub(crate) fn books(&self) -> io::Result<Books> {
        let open = |name| File::open(self.memory.join(name));
        Ok(match self.version {
            Version::V1 => {
                Books { peak: open("memory.max_usage_in_bytes")?, events: open("memory.oom_control")? }
            }
            Version::V2 => {
                // Before Linux 5.19 there is no peak; the current usage is better than nothing.
                let peak = open("memory.peak").or_else(|_| open("memory.current"))?;
                Books { peak, events: open("memory.events")? }
            }
        })
    }

    /// Removes the group. Its processes must have ended.
    pub(crate) fn remove(&self) {
        for folder in self.folders() {
            for _ in 0..ATTEMPTS {
                match fs::remove_dir(folder) {
                    Err(error) if error.kind() == io::ErrorKind::ResourceBusy => {
                        std::thread::sleep(Duration::from_millis(2));
                    }
                    _ => break,
                }
            }
        }
    }

    fn folders(&self) -> Vec<&Path> {
        let mut folders = vec![self.memory.as_path()];
        for other in [Some(&self.pids), self.cpu.as_ref()].into_iter().flatten() {
            if !folders.contains(&other.as_path()) {
                folders.push(other);
            }
        }
        folders
    }
}

/// What a group has used.
#[derive(Debug)]
pub(crate) struct Books {
    peak: File,
    events: File,
}

impl Books {
    /// The most memory at a time, in bytes.
    pub(crate) fn peak(&mut self) -> u64 {
        text(&mut self.peak).trim().parse().unwrap_or(0)
    }

    /// Processes that were ended because memory was used up.
    pub(crate) fn out_of_memory(&mut self) -> u64 {
        let events = text(&mut self.events);
        let count = events.lines().find_map(|line| line.strip_prefix("oom_kill "));
        count.and_then(|count| count.trim().parse().ok()).unwrap_or(0)
    }
}

fn text(file: &mut File) -> String {
    let mut text = String::new();
    let read = file.rewind().and_then(|()| file.read_to_string(&mut text));
    if read.is_err() {
        text.clear();
    }
    text
}

fn put(folder: &Path, name: &str, value: impl ToString) -> io::Result<()> {
    File::options().write(true).open(folder.join(name))?.write_all(value.to_string().as_bytes())
}

/// This process's path in the hierarchy that has `controller`, as in `/proc/self/cgroup` (version 1).
fn own_path<'a>(membership: &'a str, controller: &str) -> Option<&'a str> {
    membership.lines().find_map(|line| {
        let mut fields = line.splitn(3, ':').skip(1);
        let (controllers, path) = (fields.next()?, fields.next()?);
        controllers.split(',').any(|one| one == controller).then_some(path)
    })
}

/// Where `own` lies in the file system, as in `/proc/self/mountinfo`: in the hierarchy of a version 1 controller, or
/// in that of version 2.
fn folder(mounts: &str, controller: Option<&str>, own: &str) -> Option<PathBuf> {
    mounts.lines().find_map(|line| {
        let (place, kind) = line.split_once(" - ")?;
        let mut place = place.split(' ').skip(3);
        let (root, point) = (place.next()?, place.next()?);
        let mut kind = kind.split(' ');
        let (system, _, options) = (kind.next()?, kind.next()?, kind.next()?);
        let fits = match controller {
            Some(controller) => system == "cgroup" && options.split(',').any(|one| one == controller),
            None => system == "cgroup2",
        };
        if !fits {
            return None;
        }
        // In a container the mount shows only the part of the hierarchy below its root.
        let below = Path::new(own).strip_prefix(root).unwrap_or(Path::new(own).strip_prefix("/").ok()?);
        Some(Path::new(point).join(below))
    })
}

/// Version 2: hands the controllers down to children of our own group. That forbids the group processes of its own,
/// so if this process is alone in it, it moves to a child.
fn delegate(own: &Path) -> Result<(), String> {
    let read = |name: &str| fs::read_to_string(own.join(name)).unwrap_or_default();
    let has = |list: &str, wanted: &str| list.split_whitespace().any(|one| one == wanted);
    let offered = read("cgroup.controllers");
    if !has(&offered, "memory") || !has(&offered, "pids") {
        return Err(format!(
            "the cgroup {} has no memory and pids controllers: delegate them to the service (systemd: Delegate=yes)",
            own.display()
        ));
    }
    let wanted = if has(&offered, "cpu") { "+memory +pids +cpu" } else { "+memory +pids" };
    let done = read("cgroup.subtree_control");
    if has(&done, "memory") && has(&done, "pids") {
        return Ok(());
    }
    let enable = || put(own, "cgroup.subtree_control", wanted);
    if enable().is_ok() {
        return Ok(());
    }
    let id = std::process::id().to_string();
    if read("cgroup.procs").split_whitespace().any(|process| process != id) {
        return Err(format!("other processes share the cgroup {} with the service", own.display()));
    }
    let moved = || -> io::Result<()> {
        let leaf = own.join("nexus-service");
        match fs::create_dir(&leaf) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            other => other?,
        }
        put(&leaf, "cgroup.procs", id)?;
        enable()
    };
    moved().map_err(|error| format!("cgroups below {}: {error}", own.display()))
}

#[cfg(test)]
mod tests;

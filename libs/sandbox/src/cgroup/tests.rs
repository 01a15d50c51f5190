//! Reading the kernel's tables of both versions, and the files written for each. Not here: the kernel's own answer,
//! which the hostile suite sees in tier A.

use super::*;

const V1: &str = "9:name=systemd:/\n8:pids:/\n4:memory:/jobs/7\n3:cpu,cpuacct:/\n0::/\n";
const V1_MOUNTS: &str = "\
30 29 0:25 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct
31 29 0:26 / /sys/fs/cgroup/memory rw,relatime shared:9 - cgroup cgroup rw,memory
32 29 0:27 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids
33 29 0:28 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw
";

#[test]
fn version_1_is_found_in_its_hierarchies() {
    let parents = Parents::read(V1, V1_MOUNTS).unwrap();
    assert_eq!(parents.version(), "v1");
    assert_eq!(parents.memory, Path::new("/sys/fs/cgroup/memory/jobs/7"));
    assert_eq!(parents.pids, Path::new("/sys/fs/cgroup/pids"));
    assert_eq!(parents.cpu.as_deref(), Some(Path::new("/sys/fs/cgroup/cpu,cpuacct")));
}

#[test]
fn version_2_is_found_in_its_only_hierarchy() {
    let mounts = "33 29 0:28 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw,nsdelegate\n";
    let parents = Parents::read("0::/system.slice/nexus.service\n", mounts).unwrap();
    assert_eq!(parents.version(), "v2");
    assert_eq!(parents.memory, Path::new("/sys/fs/cgroup/system.slice/nexus.service"));
    assert_eq!(parents.group().folders().len(), 1);
}

#[test]
fn in_a_container_the_mount_shows_the_group_itself() {
    let mounts = "31 29 0:26 /docker/abc /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n\
                  32 29 0:27 /docker/abc /sys/fs/cgroup/pids ro - cgroup cgroup rw,pids\n";
    let parents = Parents::read("4:memory:/docker/abc\n8:pids:/docker/abc/inner\n", mounts).unwrap();
    assert_eq!(parents.memory, Path::new("/sys/fs/cgroup/memory"));
    assert_eq!(parents.pids, Path::new("/sys/fs/cgroup/pids/inner"));
}

#[test]
fn without_controllers_there_is_a_reason() {
    assert!(Parents::read("0::/\n", "").unwrap_err().contains("mounted"));
    assert!(Parents::read("", V1_MOUNTS).unwrap_err().contains("mounted"));
}

/// A folder that stands for a group; the kernel would make the files.
fn group(version: Version, files: &[&str]) -> (tempfile::TempDir, Group) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("group");
    fs::create_dir(&path).unwrap();
    for file in files {
        fs::write(path.join(file), "").unwrap();
    }
    let group = Group { version, memory: path.clone(), pids: path.clone(), cpu: Some(path) };
    (folder, group)
}

#[test]
fn limits_are_written_as_each_version_wants_them() {
    let (_folder, v1) = group(
        Version::V1,
        &["pids.max", "memory.limit_in_bytes", "cpu.cfs_period_us", "cpu.cfs_quota_us", "cgroup.procs"],
    );
    v1.make(1 << 20, 9).unwrap();
    v1.admit(77).unwrap();
    let read = |name: &str| fs::read_to_string(v1.memory.join(name)).unwrap();
    assert_eq!(read("memory.limit_in_bytes"), "1048576");
    assert_eq!((read("pids.max").as_str(), read("cgroup.procs").as_str()), ("9", "77"));
    assert_eq!(read("cpu.cfs_quota_us"), "100000");

    let (_folder, v2) = group(Version::V2, &["pids.max", "memory.max", "memory.swap.max", "cpu.max"]);
    v2.make(1 << 20, 9).unwrap();
    let read = |name: &str| fs::read_to_string(v2.memory.join(name)).unwrap();
    assert_eq!((read("memory.max").as_str(), read("memory.swap.max").as_str()), ("1048576", "0"));
    assert_eq!(read("cpu.max"), "100000 100000");

    let (_folder, missing) = group(Version::V2, &["pids.max"]);
    assert!(missing.make(1 << 20, 9).is_err(), "a limit that cannot be set must not be passed over");
}

#[test]
fn books_are_read_as_each_version_writes_them() {
    let (_folder, v1) = group(Version::V1, &[]);
    fs::write(v1.memory.join("memory.max_usage_in_bytes"), "4096\n").unwrap();
    fs::write(v1.memory.join("memory.oom_control"), "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n").unwrap();
    let mut books = v1.books().unwrap();
    assert_eq!((books.peak(), books.out_of_memory()), (4096, 3));
    assert_eq!((books.peak(), books.out_of_memory()), (4096, 3), "read twice");

    let (_folder, v2) = group(Version::V2, &[]);
    fs::write(v2.memory.join("memory.current"), "8192\n").unwrap();
    fs::write(v2.memory.join("memory.events"), "low 0\noom 2\noom_kill 1\noom_group_kill 0\n").unwrap();
    let mut books = v2.books().unwrap();
    assert_eq!((books.peak(), books.out_of_memory()), (8192, 1));
}

#[test]
fn delegation_asks_for_controllers_and_company() {
    let folder = tempfile::tempdir().unwrap();
    let own = folder.path();
    fs::write(own.join("cgroup.controllers"), "cpuset cpu\n").unwrap();
    assert!(delegate(own).unwrap_err().contains("Delegate=yes"));
    fs::write(own.join("cgroup.controllers"), "cpu memory pids\n").unwrap();
    fs::write(own.join("cgroup.procs"), "1\n2\n").unwrap();
    assert!(delegate(own).unwrap_err().contains("share"), "the kernel's file is not there to be written");
    fs::write(own.join("cgroup.subtree_control"), "").unwrap();
    delegate(own).unwrap();
    assert_eq!(fs::read_to_string(own.join("cgroup.subtree_control")).unwrap(), "+memory +pids +cpu");
    fs::write(own.join("cgroup.subtree_control"), "memory pids\n").unwrap();
    delegate(own).unwrap();
}

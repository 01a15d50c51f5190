//! The file system of a sandbox with namespaces: the interpreter's files, read only, at their own paths; three
//! devices; an empty scratch folder; nothing else, and no `/proc`. Not here: which files the interpreter needs
//! (`python`), Landlock's rules over the same paths (`interpreter`).

use super::while_;
use crate::{python::View, sys};
use rustix::{
    fs::CWD,
    mount::{
        MountFlags, MountPropagationFlags, MoveMountFlags, OpenTreeFlags, UnmountFlags, mount, mount_change,
        move_mount, open_tree, unmount,
    },
};
use std::{
    ffi::CString,
    fs, io,
    os::fd::OwnedFd,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

/// The scratch folder.
pub(super) const SCRATCH: &str = "/tmp";

/// Where trusted certificates are.
pub(super) const CERTIFICATES: &str = "/etc/ssl/cert.pem";

/// Files and folders that a scratch folder may hold.
const INODES: u32 = 4096;

const DEVICES: [&str; 3] = ["/dev/null", "/dev/zero", "/dev/urandom"];

/// The few files that C libraries look for.
const FILES: [(&str, &str); 3] = [
    ("etc/passwd", "sandbox:x:1000:1000::/tmp:/none\n"),
    ("etc/hosts", "127.0.0.1 localhost\n"),
    ("etc/nsswitch.conf", "passwd: files\nhosts: files\n"),
];

/// Folders that exist everywhere; the first one there is covered by the new root on its way in.
const PLACES: [&str; 6] = ["/tmp", "/run", "/var", "/usr", "/etc", "/home"];

/// Copies of mounts, detached, waiting for the room they will stand in.
pub(super) struct Room {
    trees: Vec<Tree>,
}

struct Tree {
    /// Absolute.
    place: PathBuf,
    is_folder: bool,
    attributes: u64,
    mount: OwnedFd,
}

impl Room {
    /// Takes hold of everything that the sandbox will show, with the rights of the service: later, as the sandbox's
    /// own user, not all of it could be reached any more.
    pub(super) fn collect(view: &View) -> io::Result<Self> {
        while_("mounts", mount_change("/", MountPropagationFlags::REC | MountPropagationFlags::PRIVATE))?;
        let files = libc::MOUNT_ATTR_RDONLY | libc::MOUNT_ATTR_NOSUID | libc::MOUNT_ATTR_NODEV;
        let mut trees = Vec::new();
        for path in &view.read {
            trees.push(Tree::copy(path, path, files)?);
        }
        if let Some(certificates) = &view.certificates {
            trees.push(Tree::copy(certificates, Path::new(CERTIFICATES), files)?);
        }
        for device in DEVICES.map(Path::new) {
            trees.push(Tree::copy(device, device, libc::MOUNT_ATTR_NOSUID | libc::MOUNT_ATTR_NOEXEC)?);
        }
        Ok(Self { trees })
    }

    /// Makes the room the root of this process's mount namespace, and everything else unreachable.
    pub(super) fn enter(self, view: &View, scratch: u64) -> io::Result<()> {
        let place = PLACES.map(Path::new).into_iter().find(|place| place.is_dir());
        let place = place.ok_or_else(|| io::Error::other("there is no folder to mount the new root on"))?;
        let quiet = MountFlags::NOSUID | MountFlags::NODEV;
        tmpfs(place, quiet, "mode=755,size=1m,nr_inodes=1024")?;
        while_("new root", std::env::set_current_dir(place))?;
        for tree in &self.trees {
            while_(&tree.place.display().to_string(), tree.put())?;
        }
        for (path, text) in FILES {
            while_(path, folder_of(Path::new(path)).and_then(|()| fs::write(path, text)))?;
        }
        for (link, target) in &view.links {
            let link = below(link);
            if fs::symlink_metadata(link).is_err() {
                while_("links", symlink(target, link))?;
            }
        }
        let inner = below(Path::new(SCRATCH));
        fs::create_dir_all(inner)?;
        tmpfs(inner, quiet | MountFlags::NOEXEC, &format!("mode=700,size={scratch},nr_inodes={INODES}"))?;

        // The old root ends up below the new one, at the same path, from where it is taken away.
        while_("new root", rustix::process::pivot_root(".", "."))?;
        while_("old root", unmount(".", UnmountFlags::DETACH))?;
        while_("new root", std::env::set_current_dir("/"))?;
        let root = while_("new root", open_tree(CWD, "/", OpenTreeFlags::OPEN_TREE_CLOEXEC))?;
        let attributes = libc::MOUNT_ATTR_RDONLY
            | libc::MOUNT_ATTR_NOSUID
            | libc::MOUNT_ATTR_NODEV
            | libc::MOUNT_ATTR_NOEXEC;
        while_("new root", sys::restrict_mount(&root, attributes, false))
    }
}

impl Tree {
    fn copy(from: &Path, place: &Path, attributes: u64) -> io::Result<Self> {
        let flags =
            OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC | OpenTreeFlags::AT_RECURSIVE;
        let name = from.display().to_string();
        let mount = while_(&name, open_tree(CWD, from, flags))?;
        Ok(Self { place: place.to_owned(), is_folder: from.is_dir(), attributes, mount })
    }

    fn put(&self) -> io::Result<()> {
        let place = below(&self.place);
        if self.is_folder {
            fs::create_dir_all(place)?;
        } else {
            folder_of(place)?;
            fs::write(place, "")?;
        }
        move_mount(&self.mount, "", CWD, place, MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)?;
        sys::restrict_mount(&self.mount, self.attributes, true)
    }
}

/// The path within the folder that is about to become the root.
fn below(path: &Path) -> &Path {
    path.strip_prefix("/").unwrap_or(path)
}

fn folder_of(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), fs::create_dir_all)
}

fn tmpfs(place: &Path, flags: MountFlags, options: &str) -> io::Result<()> {
    let options = CString::new(options)?;
    while_("tmpfs", mount("tmpfs", place, "tmpfs", flags, options.as_c_str()))
}

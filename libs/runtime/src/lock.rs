//! The data folder of embedded mode: one process at a time, and where to reach it. Not here: what is in the folder.

use serde::{Deserialize, Serialize};
use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io,
    path::{Path, PathBuf},
    time::Duration,
};

/// Name of the file that is locked. Its content means nothing.
const LOCK: &str = "lock";

/// Name of the file that says where the server is.
const SERVER: &str = "server.json";

/// Why the folder cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another process has it.
    #[error("another nexus process is using the data folder {}; stop it or set NEXUS_DATA_DIR to another folder", .0.display())]
    Taken(PathBuf),
    /// It cannot be made or opened.
    #[error("cannot use the data folder {}: {source}; set NEXUS_DATA_DIR to a folder that can be written", .path.display())]
    Io {
        /// The folder.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

/// Where the process that has the folder is reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Server {
    /// Its HTTP address.
    pub http: String,
    /// Its gRPC address.
    pub grpc: String,
    /// Its process id.
    pub pid: u32,
}

/// The folder, for as long as this lives. The operating system gives the lock back even after `kill -9`.
#[derive(Debug)]
pub struct DataDir {
    path: PathBuf,
    /// Holds the lock.
    _lock: File,
    announced: bool,
}

impl DataDir {
    /// Takes the folder, making it if needed.
    pub fn take(path: &Path) -> Result<Self, Error> {
        let failed = |source| Error::Io { path: path.to_owned(), source };
        make_private(path).map_err(failed)?;
        let lock = open_lock(path).map_err(failed)?;
        let mut tries = 0;
        while let Err(refusal) = lock.try_lock() {
            tries += 1;
            match refusal {
                // Whoever asks for the `holder` has it for an instant too.
                TryLockError::WouldBlock if tries < 5 => std::thread::sleep(Duration::from_millis(5)),
                TryLockError::WouldBlock => return Err(Error::Taken(path.to_owned())),
                TryLockError::Error(source) => return Err(failed(source)),
            }
        }
        // Left behind by a process that was killed.
        let _ = fs::remove_file(path.join(SERVER));
        Ok(Self { path: path.to_owned(), _lock: lock, announced: false })
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Tells others where to reach this process; withdrawn when this is dropped.
    pub fn announce(&mut self, server: &Server) -> Result<(), Error> {
        let write = || {
            // Written beside and moved: a reader never sees half of it.
            let half = self.path.join("server.json.new");
            fs::write(&half, serde_json::to_vec(server)?)?;
            fs::rename(&half, self.path.join(SERVER))
        };
        write().map_err(|source| Error::Io { path: self.path.clone(), source })?;
        self.announced = true;
        Ok(())
    }
}

impl Drop for DataDir {
    fn drop(&mut self) {
        if self.announced {
            let _ = fs::remove_file(self.path.join(SERVER));
        }
    }
}

/// Whoever has the folder at the moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Holder {
    /// Nobody.
    Nobody,
    /// A server, there.
    Server(Server),
    /// A process that serves nobody, e.g. an embedded run, or a server that is starting.
    Other,
}

/// Who has the folder. Takes nothing and makes nothing.
pub fn holder(path: &Path) -> Holder {
    let Ok(lock) = File::open(path.join(LOCK)) else { return Holder::Nobody };
    // A shared lock is refused exactly while someone holds the exclusive one.
    if lock.try_lock_shared().is_ok() {
        return Holder::Nobody;
    }
    let server = fs::read(path.join(SERVER)).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
    server.map_or(Holder::Other, Holder::Server)
}

fn open_lock(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).truncate(false).read(true).write(true).open(path.join(LOCK))
}

/// Makes the folder for this user alone: it holds inputs and outputs of workflows.
fn make_private(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    if path.is_dir() {
        return Ok(());
    }
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_at_a_time_and_everyone_knows_where() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/data");
        assert_eq!(holder(&path), Holder::Nobody);
        let mut first = DataDir::take(&path).unwrap();
        assert_eq!(holder(&path), Holder::Other);
        let refusal = DataDir::take(&path).unwrap_err();
        assert!(matches!(refusal, Error::Taken(_)) && refusal.to_string().contains("NEXUS_DATA_DIR"));
        let server = Server { http: "http://127.0.0.1:1".into(), grpc: "http://127.0.0.1:2".into(), pid: 3 };
        first.announce(&server).unwrap();
        assert_eq!(holder(&path), Holder::Server(server.clone()));
        drop(first);
        assert_eq!(holder(&path), Holder::Nobody);

        // What a killed server leaves behind is not believed.
        fs::write(path.join(SERVER), serde_json::to_vec(&server).unwrap()).unwrap();
        assert_eq!(holder(&path), Holder::Nobody);
        let _second = DataDir::take(&path).unwrap();
        assert_eq!(holder(&path), Holder::Other);
    }
}

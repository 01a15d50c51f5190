//! Backups of an embedded database: one file with a manifest, made while the database is used, and put back again.
//!
//! A backup is a line that says so, a line with the manifest as JSON, and then a SQLite database to its end: without
//! Nexus, `tail -n +3 FILE` gets it back. Not here: SQL (`sqlite::snapshot`), who may use the data folder.

use crate::sqlite::snapshot;
use nexus_model::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions},
    io::{self, BufRead, BufReader, Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

const FIRST_LINE: &str = "nexus backup 1";
/// Longer lines at the beginning are no manifest.
const LONGEST_LINE: u64 = 1 << 20;

/// Why a backup cannot be made or used: a sentence for whoever asked for it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is nothing to save.
    #[error("there is no database at {}; set NEXUS_DATA_DIR to the folder that `nexus up` uses", .0.display())]
    NoDatabase(PathBuf),
    /// The backup's name is taken.
    #[error("{} exists already; name another file, or replace it with --force", .0.display())]
    Exists(PathBuf),
    /// It is something else.
    #[error("{} is no backup made by `nexus backup`", .0.display())]
    Foreign(PathBuf),
    /// It is not what was written.
    #[error("the backup {} is damaged ({why}); use another one", .file.display())]
    Damaged {
        /// The backup.
        file: PathBuf,
        /// How that shows.
        why: String,
    },
    /// This program is too old for it.
    #[error(
        "the backup {} was made by a newer version of nexus ({made_by}, schema {schema}; this one knows {known}): restore it with that version",
        .file.display()
    )]
    Newer {
        /// The backup.
        file: PathBuf,
        /// The version that made it.
        made_by: String,
        /// Its schema.
        schema: u32,
        /// The newest schema known here.
        known: u32,
    },
    /// A file cannot be read or written.
    #[error("cannot {what} {}: {source}", .path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// With which file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The database does not play along.
    #[error(transparent)]
    Store(#[from] crate::Error),
}

/// What stands in a backup, before the database itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// When it was made.
    pub made_at: Timestamp,
    /// The version of nexus that made it.
    pub made_by: String,
    /// Migrations that were applied to the database.
    pub schema: u32,
    /// The database's size.
    pub bytes: u64,
    /// The database's SHA-256, in hex.
    pub sha256: String,
    /// Every table and how many rows it has.
    pub tables: BTreeMap<String, u64>,
}

/// Writes a backup of `database`, which may be in use, to `file`: either all of it is there afterwards, durably, or
/// nothing has changed. Needs room for the database twice, beside `file`. Blocks.
pub fn create(database: &Path, file: &Path, replace: bool) -> Result<Manifest, Error> {
    if !database.is_file() {
        return Err(Error::NoDatabase(database.to_owned()));
    }
    if !replace && file.exists() {
        return Err(Error::Exists(file.to_owned()));
    }
    let copy = Scratch::beside(file, "db")?;
    snapshot::copy(database, &copy.0)?;
    let contents = snapshot::contents(&copy.0)?;
    if contents.schema == 0 {
        return Err(Error::NoDatabase(database.to_owned()));
    }
    let (bytes, sha256) = digest(&copy.0)?;
    let manifest = Manifest {
        made_at: Timestamp::now(),
        made_by: env!("CARGO_PKG_VERSION").to_owned(),
        schema: contents.schema,
        bytes,
        sha256,
        tables: contents.tables,
    };
    let new = Scratch::beside(file, "new")?;
    let write = || {
        let mut out = OpenOptions::new().write(true).open(&new.0)?;
        writeln!(out, "{FIRST_LINE}")?;
        writeln!(out, "{}", serde_json::to_string(&manifest)?)?;
        io::copy(&mut File::open(&copy.0)?, &mut out)?;
        out.sync_all()?;
        fs::rename(&new.0, file)?;
        sync_folder(file)
    };
    write().map_err(|source| Error::Io { what: "write", path: file.to_owned(), source })?;
    Ok(manifest)
}

/// Reads a backup's manifest; the database behind it is not looked at.
pub fn manifest(file: &Path) -> Result<Manifest, Error> {
    open(file).map(|(manifest, _)| manifest)
}

/// Puts a backup in the place of `database`, which nobody may be using, and brings it to this version's schema. All of
/// it is checked first: whatever is wrong, `database` stays what it was. Blocks.
pub fn restore(file: &Path, database: &Path) -> Result<Manifest, Error> {
    let (manifest, mut content) = open(file)?;
    let known = snapshot::known_schema();
    if manifest.schema > known {
        return Err(Error::Newer {
            file: file.to_owned(),
            made_by: manifest.made_by,
            schema: manifest.schema,
            known,
        });
    }
    let damaged = |why: String| Error::Damaged { file: file.to_owned(), why };
    let prepared = Scratch::beside(database, "restoring")?;
    let (bytes, sha256) = unpack(&mut content, &prepared.0).map_err(|source| Error::Io {
        what: "unpack the backup to",
        path: prepared.0.clone(),
        source,
    })?;
    if bytes != manifest.bytes {
        return Err(damaged(format!("{bytes} bytes instead of {}", manifest.bytes)));
    }
    if sha256 != manifest.sha256 {
        return Err(damaged("its checksum is another one".to_owned()));
    }
    let contents = snapshot::contents(&prepared.0).map_err(|error| damaged(error.to_string()))?;
    if (contents.schema, &contents.tables) != (manifest.schema, &manifest.tables) {
        return Err(damaged("its manifest speaks of something else".to_owned()));
    }
    snapshot::bring_up(&prepared.0)?;
    snapshot::put_in_place(&prepared.0, database).map_err(|source| Error::Io {
        what: "replace",
        path: database.to_owned(),
        source,
    })?;
    Ok(manifest)
}

/// A file of ours for as long as this lives, together with what SQLite keeps beside it.
struct Scratch(PathBuf);

impl Scratch {
    /// An empty file that this user alone can read, in the same folder as `file`.
    fn beside(file: &Path, what: &str) -> Result<Self, Error> {
        let path = snapshot::beside(file, &format!(".{}.{what}", std::process::id()));
        let scratch = Self(path);
        scratch.remove();
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&scratch.0)
            .map_err(|source| Error::Io { what: "write", path: scratch.0.clone(), source })?;
        Ok(scratch)
    }

    fn remove(&self) {
        for suffix in ["", "-wal", "-shm", "-journal"] {
            // Most of them are not there, and this one is not if it has got its final name.
            let _ = fs::remove_file(snapshot::beside(&self.0, suffix));
        }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        self.remove();
    }
}

/// The manifest of a backup, and its content from there on.
fn open(file: &Path) -> Result<(Manifest, BufReader<File>), Error> {
    let failed = |source| Error::Io { what: "read", path: file.to_owned(), source };
    let mut content = BufReader::new(File::open(file).map_err(failed)?);
    let mut line = || -> io::Result<Vec<u8>> {
        let mut line = Vec::new();
        (&mut content).take(LONGEST_LINE).read_until(b'\n', &mut line)?;
        Ok(line)
    };
    if line().map_err(failed)? != format!("{FIRST_LINE}\n").as_bytes() {
        return Err(Error::Foreign(file.to_owned()));
    }
    let manifest = serde_json::from_slice(&line().map_err(failed)?)
        .map_err(|error| Error::Damaged { file: file.to_owned(), why: format!("its manifest: {error}") })?;
    Ok((manifest, content))
}

/// Copies everything; its length and SHA-256.
fn unpack(content: &mut impl Read, into: &Path) -> io::Result<(u64, String)> {
    let mut out = OpenOptions::new().write(true).open(into)?;
    let summed = pump(content, &mut out)?;
    out.sync_all()?;
    Ok(summed)
}

fn digest(file: &Path) -> Result<(u64, String), Error> {
    let read = || pump(&mut File::open(file)?, &mut io::sink());
    read().map_err(|source| Error::Io { what: "read", path: file.to_owned(), source })
}

fn pump(from: &mut impl Read, to: &mut impl Write) -> io::Result<(u64, String)> {
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    let mut bytes = 0;
    loop {
        let read = from.read(&mut buffer)?;
        let Some(piece) = buffer.get(..read).filter(|piece| !piece.is_empty()) else { break };
        hash.update(piece);
        to.write_all(piece)?;
        bytes += read as u64;
    }
    let hex = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok((bytes, hex))
}

/// Makes the name of a file durable, too.
pub(crate) fn sync_folder(file: &Path) -> io::Result<()> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

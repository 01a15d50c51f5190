//! The interpreter that jobs run on: which files it needs, found by asking it once, outside any sandbox, before any
//! untrusted code is there. Not here: what it does inside (`python/runner.py`).

use crate::Config;
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

/// The program that runs in the interpreter: prepares itself, then runs one job.
pub(crate) const RUNNER: &str = include_str!("../python/runner.py");

/// How the interpreter is started: isolated from its environment, without looking for further packages, without
/// writing compiled files, with UTF-8 everywhere.
pub(crate) const OPTIONS: [&str; 6] = ["-I", "-S", "-B", "-X", "utf8", "-c"];

/// Longest time for the interpreter to import everything and describe itself.
const PROBE: Duration = Duration::from_secs(60);

/// Where systems keep the certificates they trust.
const CA_BUNDLES: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// An interpreter with its packages.
#[derive(Debug, Clone)]
pub(crate) struct Python {
    pub(crate) version: String,
    pub(crate) view: View,
}

/// All of the file system that a sandbox shows.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct View {
    /// The interpreter, at its own path.
    pub(crate) program: PathBuf,
    /// Further programs that start with it: the dynamic loader.
    pub(crate) loaders: Vec<PathBuf>,
    /// Folders and files to read, at their own paths; none lies within another.
    pub(crate) read: Vec<PathBuf>,
    /// Links such as `/lib` → `usr/lib`.
    pub(crate) links: Vec<(PathBuf, PathBuf)>,
    /// Where modules are looked for.
    pub(crate) search: Vec<PathBuf>,
    /// Certificates to trust; those that `requests` brings if absent.
    pub(crate) certificates: Option<PathBuf>,
}

#[derive(Deserialize)]
struct Found {
    version: String,
    program: PathBuf,
    search: Vec<PathBuf>,
    mapped: Vec<PathBuf>,
}

impl Python {
    /// Asks the configured interpreter about itself. Fails with a sentence for an operator.
    pub(crate) async fn probe(config: &Config) -> Result<Self, String> {
        let interpreter = config.python.join("bin/python3");
        let packages = config.python.join("site-packages");
        if !interpreter.exists() || !packages.is_dir() {
            return Err(format!(
                "there is no Python for the sandbox in {}: run scripts/sandbox_python.sh",
                config.python.display()
            ));
        }
        let packages = canonical(&packages)?;
        let question = serde_json::json!({"search": [packages], "probe": true}).to_string();
        let asked = tokio::process::Command::new(&interpreter)
            .args(OPTIONS)
            .args([RUNNER, &question])
            .env_clear()
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .output();
        let output = match tokio::time::timeout(PROBE, asked).await {
            Ok(Ok(output)) => output,
            Ok(Err(error)) => return Err(format!("{} does not start: {error}", interpreter.display())),
            Err(_) => return Err(format!("{} does not answer", interpreter.display())),
        };
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            let said = said.trim().lines().last().unwrap_or("it says nothing").to_owned();
            return Err(format!(
                "{} is not usable: {said}; run scripts/sandbox_python.sh",
                interpreter.display()
            ));
        }
        let found: Found = serde_json::from_slice(&output.stdout)
            .map_err(|error| format!("{} describes itself oddly: {error}", interpreter.display()))?;
        Ok(Self { version: found.version.clone(), view: View::of(found)? })
    }
}

impl View {
    fn of(found: Found) -> Result<Self, String> {
        let program = canonical(&found.program)?;
        let search: Vec<PathBuf> = found.search.iter().filter(|path| path.exists()).cloned().collect();
        let loaders: Vec<PathBuf> = found.mapped.iter().filter(|path| is_loader(path)).cloned().collect();
        let certificates = CA_BUNDLES.into_iter().map(PathBuf::from).find(|path| path.exists());

        let mut wanted = BTreeSet::from([program.clone()]);
        for path in &search {
            wanted.insert(canonical(path)?);
        }
        for library in found.mapped.iter().filter(|path| path.exists()) {
            if let Some(folder) = library.parent() {
                wanted.insert(canonical(folder)?);
            }
        }
        // Where the loader is looked for by name, and its index of libraries.
        for path in ["/lib64", "/etc/ld.so.cache"].map(Path::new).into_iter().filter(|path| path.exists()) {
            wanted.insert(canonical(path)?);
        }
        wanted.remove(Path::new("/"));
        let read =
            wanted.iter().filter(|path| !path.ancestors().skip(1).any(|folder| wanted.contains(folder)));
        let links = ["/lib", "/lib64", "/lib32", "/bin"]
            .into_iter()
            .filter_map(|link| Some((PathBuf::from(link), std::fs::read_link(link).ok()?)));
        Ok(Self {
            read: read.cloned().collect(),
            links: links.collect(),
            program,
            loaders,
            search,
            certificates,
        })
    }
}

fn is_loader(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("ld-"))
}

fn canonical(path: &Path) -> Result<PathBuf, String> {
    path.canonicalize().map_err(|error| format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_view_holds_what_is_needed_once() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        let inner = root.join("lib/python3/lib-dynload");
        std::fs::create_dir_all(&inner).unwrap();
        let program = root.join("python3");
        std::fs::write(&program, "").unwrap();
        let loader = root.join("lib/ld-linux.so.2");
        std::fs::write(&loader, "").unwrap();
        let view = View::of(Found {
            version: "3".to_owned(),
            program: program.clone(),
            search: vec![root.join("lib/python3"), inner, root.join("missing.zip")],
            mapped: vec![loader.clone(), root.join("lib/python3/lib-dynload/x.so"), program.clone()],
        })
        .unwrap();
        assert_eq!(view.loaders, [loader]);
        assert_eq!(view.search.len(), 2);
        for (at, path) in view.read.iter().enumerate() {
            assert!(view.read.iter().skip(at + 1).all(|other| !other.starts_with(path)), "{path:?} twice");
        }
        assert!(view.read.iter().any(|path| program.starts_with(path)));
    }
}

//! A private NATS server for a test: the installed `nats-server`, on a port of its own, without JetStream. It can be
//! killed and come back on the same port. Not here: clients of it (`nexus-bus`).

use std::{
    io,
    net::TcpStream,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// How long the server may take to listen.
const PATIENCE: Duration = Duration::from_secs(20);

/// A running (or killed) server; dropping it ends it.
#[derive(Debug)]
pub struct NatsServer {
    process: Option<Child>,
    port: u16,
    /// Where it announces its port.
    folder: tempfile::TempDir,
}

impl NatsServer {
    /// Starts a server on a free port and waits until it listens.
    pub fn start() -> io::Result<Self> {
        let mut server = Self { process: None, port: 0, folder: tempfile::tempdir()? };
        server.spawn("-1")?;
        server.port = server.wait_for(Self::announced_port)?;
        server.wait_for(Self::accepts)?;
        Ok(server)
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// Kills it at once, as a crash would.
    pub fn kill9(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }

    /// Starts it again on the same port.
    pub fn restart(&mut self) -> io::Result<()> {
        self.kill9();
        self.spawn(&self.port.to_string())?;
        self.wait_for(Self::accepts)
    }

    fn spawn(&mut self, port: &str) -> io::Result<()> {
        let folder = self.folder.path();
        let process = Command::new("nats-server")
            .args(["--addr", "127.0.0.1", "--port", port, "--ports_file_dir"])
            .arg(folder)
            .arg("--log")
            .arg(folder.join("nats.log"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| io::Error::new(error.kind(), format!("cannot start nats-server: {error}")))?;
        self.process = Some(process);
        Ok(())
    }

    /// The port in `nats-server_<pid>.ports`, once it is written.
    fn announced_port(&self) -> Option<u16> {
        let pid = self.process.as_ref()?.id();
        let text =
            std::fs::read_to_string(self.folder.path().join(format!("nats-server_{pid}.ports"))).ok()?;
        let ports: serde_json::Value = serde_json::from_str(&text).ok()?;
        ports["nats"][0].as_str()?.rsplit(':').next()?.parse().ok()
    }

    fn accepts(&self) -> Option<()> {
        TcpStream::connect(("127.0.0.1", self.port)).ok().map(drop)
    }

    fn wait_for<T>(&mut self, condition: impl Fn(&Self) -> Option<T>) -> io::Result<T> {
        let start = Instant::now();
        loop {
            if let Some(value) = condition(self) {
                return Ok(value);
            }
            if let Some(Some(status)) = self.process.as_mut().map(Child::try_wait).transpose()? {
                let log = std::fs::read_to_string(self.folder.path().join("nats.log")).unwrap_or_default();
                return Err(io::Error::other(format!("nats-server ended with {status}: {log}")));
            }
            if start.elapsed() > PATIENCE {
                return Err(io::Error::new(io::ErrorKind::TimedOut, "nats-server does not listen"));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for NatsServer {
    fn drop(&mut self) {
        self.kill9();
    }
}

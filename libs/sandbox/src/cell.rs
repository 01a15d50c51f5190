//! One sandbox as the service sees it: started, made ready, used for one job, thrown away. Every way out of here
//! ends its processes: by descriptor, by closing the socket, and by dropping.
//! Not here: what goes on inside (`child`), how many there are (`pool`).

mod verdict;

use crate::{
    Job, Network, Outcome, Reason, Serve, Tier,
    capture::{Capture, read_all},
    child::WORD,
    error::Error,
    frame::{self, Answer, OVERHEAD, Request},
    report::Plan,
    sys::watched,
    wire::{self, End, Event, Order, Setup},
};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    net::{AddressFamily, SocketFlags, SocketType, socketpair},
    process::{Signal, pidfd_send_signal},
};
use std::{
    future::Future,
    io,
    os::fd::{AsFd, OwnedFd},
    path::Path,
    pin::Pin,
    process::Stdio,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, Interest, unix::AsyncFd},
    net::{
        TcpListener,
        unix::pipe::{Receiver, Sender},
    },
    process::{Child, Command},
    time::timeout,
};
use tokio_util::sync::CancellationToken;

/// Longest time for a sandbox to become ready.
const READY: Duration = Duration::from_secs(30);

/// How much later than the supervisor the service gives up on a job.
const GRACE: Duration = Duration::from_millis(500);

/// How long what was written is read after the end of those who wrote it.
const DRAIN: Duration = Duration::from_secs(1);

/// How long a keeper may take to clean up.
const CLEANUP: Duration = Duration::from_secs(10);

/// A sandbox that is ready for its one job.
pub(crate) struct Cell {
    plan: Arc<Plan>,
    control: AsyncFd<OwnedFd>,
    /// The process that everything else dies with.
    inside: OwnedFd,
    way_out: WayOut,
    job: Sender,
    result: Receiver,
    stdout: Receiver,
    stderr: Receiver,
    remains: Remains,
}

/// The only way out of a sandbox.
enum WayOut {
    /// A listener in its network namespace.
    Listener(std::net::TcpListener, u16),
    /// A socket over which it asks for connections (tier C).
    Streams(OwnedFd),
}

/// What is left to be cleaned up when a sandbox has ended.
pub(crate) struct Remains {
    keeper: Child,
    group: Option<crate::cgroup::Group>,
    folder: Option<ScratchFolder>,
}

impl Cell {
    /// Starts a sandbox and waits until it is ready.
    pub(crate) async fn start(plan: &Arc<Plan>) -> Result<Self, Reason> {
        let starting = Self::start_now(plan);
        match timeout(READY, starting).await {
            Ok(Ok(cell)) => Ok(cell),
            Ok(Err(error)) => Err(Reason::Setup(error.to_string())),
            Err(_) => Err(Reason::Setup(format!("it was not ready within {} s", READY.as_secs()))),
        }
    }

    async fn start_now(plan: &Arc<Plan>) -> io::Result<Self> {
        let pair = || socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None);
        let (ours, theirs) = pair()?;
        let keeper = keeper(plan.config.helper.as_deref(), theirs)?;
        let group = plan.groups.as_ref().map(crate::cgroup::Parents::group);
        let folder = (plan.tier == Tier::C).then(ScratchFolder::new).transpose()?;
        let remains = Remains { keeper, group, folder };

        let (job_reader, job) = io::pipe()?;
        let (result, result_writer) = io::pipe()?;
        let (stdout, stdout_writer) = io::pipe()?;
        let (stderr, stderr_writer) = io::pipe()?;
        let streams = (plan.tier == Tier::C).then(pair).transpose()?;
        let setup = Setup {
            tier: plan.tier,
            view: plan.python.view.clone(),
            memory: plan.config.memory,
            scratch: plan.config.scratch,
            processes: plan.config.processes,
            group: remains.group.clone(),
            folder: remains.folder.as_ref().map(|folder| folder.0.clone()),
        };
        let mut given =
            vec![job_reader.as_fd(), result_writer.as_fd(), stdout_writer.as_fd(), stderr_writer.as_fd()];
        given.extend(streams.as_ref().map(|(_, theirs)| theirs.as_fd()));
        wire::send(&ours, &setup, &given)?;
        drop((job_reader, result_writer, stdout_writer, stderr_writer));

        rustix::io::ioctl_fionbio(&ours, true)?;
        let control = watched(ours)?;
        let mut inside = None;
        let mut way_out = streams.map(|(ours, _)| WayOut::Streams(ours));
        while inside.is_none() || way_out.is_none() {
            match next(&control).await? {
                (Event::Cloned, descriptors) => inside = descriptors.into_iter().next(),
                (Event::Listening { port }, descriptors) => {
                    let listener = descriptors.into_iter().next().map(std::net::TcpListener::from);
                    way_out = listener.map(|listener| WayOut::Listener(listener, port));
                }
                (other, _) => return Err(unready(other)),
            }
        }
        let (Some(inside), Some(way_out)) = (inside, way_out) else {
            return Err(io::ErrorKind::InvalidData.into());
        };
        let receiver = |pipe: io::PipeReader| Receiver::from_owned_fd(pipe.into());
        let mut cell = Self {
            plan: Arc::clone(plan),
            control,
            inside,
            way_out,
            job: Sender::from_owned_fd(job.into())?,
            result: receiver(result)?,
            stdout: receiver(stdout)?,
            stderr: receiver(stderr)?,
            remains,
        };
        cell.ready().await?;
        Ok(cell)
    }

    /// Waits for the interpreter's word that it has imported everything.
    async fn ready(&mut self) -> io::Result<()> {
        let (result, control) = (&mut self.result, &self.control);
        let word = async {
            let mut bytes: Vec<u8> = Vec::new();
            loop {
                let missing = match frame::length(&bytes).map_err(io::Error::other)? {
                    Some(length) if length > OVERHEAD => {
                        return Err(io::Error::from(io::ErrorKind::InvalidData));
                    }
                    Some(length) if length == bytes.len() => break,
                    Some(length) => length - bytes.len(),
                    None => 8 - bytes.len(),
                };
                let mut part = vec![0; missing];
                result.read_exact(&mut part).await?;
                bytes.append(&mut part);
            }
            match frame::decode(&bytes, "") {
                Ok(Some(Answer::Ready)) => Ok(()),
                _ => Err(io::Error::from(io::ErrorKind::InvalidData)),
            }
        };
        let ended = tokio::select! {
            biased;
            word = word => match word {
                // The reason stands on the other channel.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => next(control).await?.0,
                other => return other,
            },
            event = next(control) => event?.0,
        };
        let mut said = Vec::new();
        drop(timeout(DRAIN, (&mut self.stderr).take(2000).read_to_end(&mut said)).await);
        let said = String::from_utf8_lossy(&said);
        Err(match (unready(ended), said.trim().lines().last()) {
            (error, None) => error,
            (error, Some(said)) => io::Error::other(format!("{error}: {said}")),
        })
    }

    /// Whether it is still there to be used: neither has its process ended, nor its side of the socket.
    pub(crate) fn is_alive(&self) -> bool {
        let mut signs = [
            PollFd::new(&self.inside, PollFlags::IN),
            PollFd::new(self.control.get_ref(), PollFlags::empty()),
        ];
        matches!(poll(&mut signs, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })), Ok(0))
    }

    /// Runs the job, or as much of it as there is time until `stop`. What comes second must be cleaned up: [`Remains::clean_up`].
    pub(crate) async fn run(self, job: Job, stop: &CancellationToken) -> (Result<Outcome, Error>, Remains) {
        let Self { plan, control, inside, way_out, job: mut requests, mut result, stdout, stderr, remains } =
            self;
        let limits = job.limits;
        let begin = Instant::now();
        let mut stdout = Capture::start(stdout, limits.output);
        let mut stderr = Capture::start(stderr, limits.output);
        let offline = matches!(job.network, Network::None);
        let result_most = limits.result.saturating_add(OVERHEAD);
        let nonce = nonce();

        let working = async {
            let (proxy, serving) = open(&job.network, way_out).await.map_err(setup)?;
            let request = Request {
                nonce: &nonce,
                code: &job.code,
                entry: job.entry,
                function: job.entry.function(),
                argument: &job.argument,
                result_limit: limits.result,
                proxy,
            };
            let Some(request) = frame::encode(&request) else {
                return Err(Reason::Setup("the code is too long".to_owned()));
            };
            let start = Order::Start {
                wall_ms: limits.wall.as_millis().try_into().unwrap_or(u64::MAX),
                cpu_seconds: limits.cpu.as_secs() + u64::from(limits.cpu.subsec_nanos() > 0),
                memory: limits.memory,
            };
            wire::send(control.get_ref(), &start, &[]).map_err(setup)?;
            // Not a line of the code runs before: it could change limits that are about to be set.
            match next(&control).await.map_err(setup)?.0 {
                Event::Started => {}
                other => return Err(setup(unready(other))),
            }
            // Fails when the program ends without reading; then its end says more.
            let asking = async {
                drop(requests.write_all(&request).await);
                drop(requests);
            };
            let ending = async {
                let end = ended(&control).await?;
                drop(timeout(DRAIN, async { tokio::join!(stdout.ended(), stderr.ended()) }).await);
                Ok::<End, Reason>(end)
            };
            let answering = read_all(&mut result, result_most);
            let conversation = async {
                let (_, answer, end) = tokio::join!(asking, within(answering, result_most, &inside), ending);
                end.map(|end| (answer, end))
            };
            tokio::select! {
                done = conversation => done,
                () = serving => Err(Reason::Setup("the proxy ended before the job".to_owned())),
            }
        };
        let done = tokio::select! {
            done = timeout(limits.wall.saturating_add(GRACE), working) => {
                done.unwrap_or(Err(Reason::Timeout(limits.wall)))
            }
            () = stop.cancelled() => Err(Reason::Closed),
        };
        let duration = begin.elapsed();
        let _ = pidfd_send_signal(&inside, Signal::KILL);
        let (stdout, stderr) = (stdout.text(), stderr.text());
        let judged = done.and_then(|(answer, end)| {
            let memory = limits.memory.min(plan.config.memory);
            verdict::judge(&answer, result_most, &end, &nonce, &limits, memory, &job)
                .map(|value| (value, end))
        });
        let outcome = match judged {
            Ok((value, end)) => Ok(Outcome {
                value,
                stdout,
                stderr,
                duration,
                cpu: Duration::from_micros(end.cpu_us),
                peak_memory: end.peak_memory,
            }),
            Err(reason) => {
                Err(Error { reason, stdout: stdout.into(), stderr: stderr.into(), duration, offline })
            }
        };
        (outcome, remains)
    }

    /// Ends it without a job.
    pub(crate) fn discard(self) -> Remains {
        let _ = pidfd_send_signal(&self.inside, Signal::KILL);
        self.remains
    }
}

impl Remains {
    /// Waits until every process has ended and nothing is left. The sandbox must be gone, or its socket closed.
    pub(crate) async fn clean_up(mut self) {
        if timeout(CLEANUP, self.keeper.wait()).await.is_err() {
            tracing::warn!("a sandbox's keeper did not end by itself");
            drop(self.keeper.kill().await);
        }
        if let Some(group) = self.group.take() {
            // The keeper has done so, unless it was killed.
            drop(tokio::task::spawn_blocking(move || group.remove()).await);
        }
        drop(self.folder.take());
    }
}

/// Bytes read until the end of the stream. Too many of them end the sandbox: it would go on writing.
async fn within(
    reading: impl Future<Output = io::Result<Vec<u8>>>,
    most: usize,
    inside: &OwnedFd,
) -> io::Result<Vec<u8>> {
    let bytes = reading.await;
    if bytes.as_ref().is_ok_and(|bytes| bytes.len() > most) {
        let _ = pidfd_send_signal(inside, Signal::KILL);
    }
    bytes
}

type Serving = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The port that the program is told, and what serves it; never ends by itself without network.
async fn open(network: &Network, way_out: WayOut) -> io::Result<(Option<u16>, Serving)> {
    let Network::Via(server) = network else {
        drop(way_out);
        return Ok((None, Box::pin(std::future::pending())));
    };
    Ok(match way_out {
        WayOut::Listener(listener, port) => {
            let serving = server.serve(TcpListener::from_std(listener)?);
            (Some(port), Box::pin(forever(serving)))
        }
        WayOut::Streams(socket) => {
            let (port, serving) = by_hand(&**server, socket).await?;
            (Some(port), Box::pin(forever(serving)))
        }
    })
}

/// A server that stops serving leaves the job without network; that is for the job to find out.
async fn forever(serving: Serving) {
    serving.await;
    std::future::pending::<()>().await;
}

/// Tier C: the listener is on this machine's loopback, and its connections are handed in one by one.
async fn by_hand(server: &dyn Serve, socket: OwnedFd) -> io::Result<(u16, Serving)> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let address = listener.local_addr()?;
    rustix::io::ioctl_fionbio(&socket, true)?;
    let socket = watched(socket)?;
    let serving = server.serve(listener);
    let handing = crate::network::hand_out(socket, address);
    let both: Serving = Box::pin(async move {
        tokio::join!(serving, handing);
    });
    Ok((address.port(), both))
}

fn setup(error: io::Error) -> Reason {
    Reason::Setup(error.to_string())
}

/// Starts the program that keeps the sandbox. It gets one socket, as stdin, and nothing else: no environment, no
/// further descriptors.
fn keeper(helper: Option<&Path>, socket: OwnedFd) -> io::Result<Child> {
    Command::new(helper.unwrap_or(Path::new("/proc/self/exe")))
        .arg(WORD)
        .env_clear()
        .stdin(Stdio::from(socket))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
}

/// The next packet.
async fn next(control: &AsyncFd<OwnedFd>) -> io::Result<(Event, Vec<OwnedFd>)> {
    let packet =
        control.async_io(Interest::READABLE, |socket: &OwnedFd| wire::receive::<Event>(socket)).await?;
    packet.ok_or_else(|| io::Error::new(io::ErrorKind::UnexpectedEof, "the sandbox is gone"))
}

/// Waits for the end of the program.
async fn ended(control: &AsyncFd<OwnedFd>) -> Result<End, Reason> {
    loop {
        match next(control).await {
            Ok((Event::Ended(end), _)) => return Ok(end),
            Ok((Event::Failed { message }, _)) => return Err(Reason::Setup(message)),
            Ok(_) => {}
            Err(_) => return Err(Reason::Killed("its supervisor is gone".to_owned())),
        }
    }
}

fn unready(event: Event) -> io::Error {
    match event {
        Event::Failed { message } => io::Error::other(message),
        Event::Ended(End { signal: Some(signal), .. }) => {
            io::Error::other(format!("the interpreter was ended by signal {signal}"))
        }
        Event::Ended(End { exit, .. }) => {
            io::Error::other(format!("the interpreter ended with {}", exit.unwrap_or(-1)))
        }
        Event::Cloned | Event::Listening { .. } | Event::Started => io::ErrorKind::InvalidData.into(),
    }
}

/// Sixteen random bytes as text.
fn nonce() -> String {
    let mut bytes = [0; 16];
    let _ = rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty());
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Tier C's scratch folder; removed when dropped.
struct ScratchFolder(std::path::PathBuf);

impl ScratchFolder {
    fn new() -> io::Result<Self> {
        let path = std::env::temp_dir().join(format!("nexus-sandbox-{}-{}", std::process::id(), nonce()));
        std::fs::create_dir(&path)?;
        let folder = Self(path);
        std::fs::set_permissions(&folder.0, std::os::unix::fs::PermissionsExt::from_mode(0o700))?;
        if rustix::process::geteuid().is_root() {
            std::os::unix::fs::chown(&folder.0, Some(crate::child::OUTER_ID), Some(crate::child::OUTER_ID))?;
        }
        Ok(folder)
    }
}

impl Drop for ScratchFolder {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

//! What the service and its keepers and supervisors say to each other: one JSON value per packet of a Unix socket,
//! file descriptors beside it. The untrusted code never holds this socket. Not here: what the interpreter says
//! (`frame`).

use crate::{Tier, cgroup, python::View};
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::{
    io::{self, IoSlice, IoSliceMut},
    mem::MaybeUninit,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    path::PathBuf,
};

/// Longest packet.
const PACKET: usize = 64 << 10;

/// Most file descriptors in one packet.
const DESCRIPTORS: usize = 5;

/// First packet to a keeper. Beside it: the ends of the job's pipe (to read), the result's, stdout's and stderr's (to
/// write), and in tier C the end of the socket over which connections are handed out.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Setup {
    pub(crate) tier: Tier,
    pub(crate) view: View,
    /// Bytes.
    pub(crate) memory: u64,
    /// Bytes.
    pub(crate) scratch: u64,
    pub(crate) processes: u32,
    pub(crate) group: Option<cgroup::Group>,
    /// Tier C's scratch folder.
    pub(crate) folder: Option<PathBuf>,
}

/// Later packets to the supervisor.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Order {
    /// The job begins: from now on its limits count.
    Start { wall_ms: u64, cpu_seconds: u64, memory: u64 },
}

/// What comes back.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Event {
    /// The process that everything else dies with is there: its pidfd is beside this.
    Cloned,
    /// The listener inside is there: it is beside this.
    Listening { port: u16 },
    /// The job's limits are in force.
    Started,
    /// It could not be set up.
    Failed { message: String },
    /// The interpreter has ended, and with it everything that it had started.
    Ended(End),
}

/// How the interpreter ended, as its supervisor saw it.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(crate) struct End {
    pub(crate) exit: Option<i32>,
    pub(crate) signal: Option<i32>,
    /// The supervisor's own clock ran out.
    pub(crate) timed_out: bool,
    /// The scratch folder of tier C grew too large.
    pub(crate) overfull: bool,
    pub(crate) cpu_us: u64,
    /// Bytes.
    pub(crate) peak_memory: u64,
    /// Processes that the kernel ended because the cgroup's memory was used up.
    pub(crate) out_of_memory: u64,
}

/// Sends one packet.
pub(crate) fn send(
    socket: impl AsFd,
    message: &impl Serialize,
    descriptors: &[BorrowedFd<'_>],
) -> io::Result<()> {
    let bytes = serde_json::to_vec(message)?;
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !descriptors.is_empty() && !control.push(SendAncillaryMessage::ScmRights(descriptors)) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    rustix::net::sendmsg(socket, &[IoSlice::new(&bytes)], &mut control, SendFlags::NOSIGNAL)?;
    Ok(())
}

/// Receives one packet; `None` when the other side is gone.
pub(crate) fn receive<T: DeserializeOwned>(socket: impl AsFd) -> io::Result<Option<(T, Vec<OwnedFd>)>> {
    let mut bytes = vec![0; PACKET];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let buffers = &mut [IoSliceMut::new(&mut bytes)];
    let received = loop {
        match rustix::net::recvmsg(&socket, buffers, &mut control, RecvFlags::CMSG_CLOEXEC) {
            Err(rustix::io::Errno::INTR) => {}
            other => break other?,
        }
    };
    let mut descriptors = Vec::new();
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(rights) = message {
            descriptors.extend(rights);
        }
    }
    if received.bytes == 0 {
        return Ok(None);
    }
    if received.flags.contains(ReturnFlags::TRUNC) {
        return Err(io::ErrorKind::InvalidData.into());
    }
    Ok(Some((serde_json::from_slice(&bytes[..received.bytes])?, descriptors)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};

    #[test]
    fn packets_carry_descriptors_and_end_with_the_other_side() {
        let (ours, theirs) =
            socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None).unwrap();
        send(&ours, &Event::Listening { port: 7 }, &[ours.as_fd(), theirs.as_fd()]).unwrap();
        send(&ours, &Event::Cloned, &[]).unwrap();
        let (event, descriptors) = receive::<Event>(&theirs).unwrap().unwrap();
        assert!(matches!(event, Event::Listening { port: 7 }));
        assert_eq!(descriptors.len(), 2);
        drop(descriptors);
        let (event, descriptors) = receive::<Event>(&theirs).unwrap().unwrap();
        assert!(matches!(event, Event::Cloned) && descriptors.is_empty());
        drop(ours);
        assert!(receive::<Event>(&theirs).unwrap().is_none());
    }
}

//! Reading what a sandbox writes: a bounded part of it is kept, the rest is read and thrown away, so that nobody waits
//! for a full pipe. Not here: what it means (`frame`).

use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
};
use tokio::{io::AsyncReadExt, net::unix::pipe::Receiver, task::JoinHandle};

/// One stream of text, read in the background.
pub(crate) struct Capture {
    kept: Arc<Mutex<Kept>>,
    task: JoinHandle<()>,
}

#[derive(Default)]
struct Kept {
    bytes: Vec<u8>,
    /// More was written than is kept.
    cut: bool,
}

impl Capture {
    /// Starts reading; keeps `most` bytes.
    pub(crate) fn start(mut pipe: Receiver, most: usize) -> Self {
        let kept = Arc::new(Mutex::new(Kept::default()));
        let shared = Arc::clone(&kept);
        let task = tokio::spawn(async move {
            let mut buffer = vec![0; 16 << 10];
            while let Ok(count @ 1..) = pipe.read(&mut buffer).await {
                let mut kept = shared.lock().unwrap_or_else(PoisonError::into_inner);
                let room = most.saturating_sub(kept.bytes.len());
                kept.bytes.extend_from_slice(&buffer[..count.min(room)]);
                kept.cut |= count > room;
            }
        });
        Self { kept, task }
    }

    /// Waits for the end of the stream; whoever does not want to wait any longer drops this and calls [`Self::text`].
    pub(crate) async fn ended(&mut self) {
        drop((&mut self.task).await);
    }

    /// What was kept so far; says so if there was more.
    pub(crate) fn text(&self) -> String {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let mut text = String::from_utf8_lossy(&kept.bytes).into_owned();
        if kept.cut {
            text.push_str("\n… (cut)");
        }
        text
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Reads everything up to the end, or up to one byte more than `most`.
pub(crate) async fn read_all(pipe: &mut Receiver, most: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let limit = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
    pipe.take(limit).read_to_end(&mut bytes).await?;
    Ok(bytes)
}

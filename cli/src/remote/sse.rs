//! Server-sent events: the `data` of each event, whole. Not here: names and ids of events, which repeat what is in
//! the data.

use futures::{Stream, StreamExt, stream};
use std::collections::VecDeque;

/// An event that grows beyond this is no event of ours.
const LARGEST: usize = 16 << 20;

/// The data of the events in a body.
pub(super) fn data<B, E, S>(body: S) -> impl Stream<Item = Result<String, E>>
where
    B: AsRef<[u8]>,
    S: Stream<Item = Result<B, E>> + Unpin,
{
    stream::unfold((body, Parser::default()), |(mut body, mut parser)| async move {
        loop {
            if let Some(event) = parser.ready.pop_front() {
                return Some((Ok(event), (body, parser)));
            }
            match body.next().await {
                Some(Ok(bytes)) if parser.rest.len() < LARGEST => parser.push(bytes.as_ref()),
                Some(Err(error)) => return Some((Err(error), (body, parser))),
                // An event without its empty line is half an event: dropped.
                _ => return None,
            }
        }
    })
}

#[derive(Default)]
struct Parser {
    /// Bytes of the line that has not ended yet.
    rest: Vec<u8>,
    data: Option<String>,
    ready: VecDeque<String>,
}

impl Parser {
    fn push(&mut self, bytes: &[u8]) {
        self.rest.extend_from_slice(bytes);
        while let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.rest.drain(..=end).collect();
            let line = String::from_utf8_lossy(&line);
            self.line(line.trim_end_matches(['\n', '\r']));
        }
    }

    fn line(&mut self, line: &str) {
        if line.is_empty() {
            self.ready.extend(self.data.take());
        } else if let Some(text) = line.strip_prefix("data:") {
            let text = text.strip_prefix(' ').unwrap_or(text);
            match &mut self.data {
                Some(data) => {
                    data.push('\n');
                    data.push_str(text);
                }
                None => self.data = Some(text.to_owned()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::convert::Infallible;

    #[tokio::test]
    async fn events_survive_any_cut() {
        let text = ": hello\nretry: 1000\n\nevent: a\nid: 1\ndata: {\"a\":\ndata: 1}\r\n\r\n: ping\n\ndata:x\n\ndata: half";
        for size in [1, 2, 3, 7, text.len()] {
            let chunks = text.as_bytes().chunks(size).map(|chunk| Ok::<_, Infallible>(chunk.to_vec()));
            let events: Vec<_> = data(stream::iter(chunks)).map(Result::unwrap).collect().await;
            assert_eq!(events, ["{\"a\":\n1}", "x"], "in chunks of {size}");
        }
    }
}

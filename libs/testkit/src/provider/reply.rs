//! How a scripted answer looks and how it goes wrong. Not here: putting it on the wire (`wire`, `server`).

use nexus_model::price::Usage;
use serde_json::Value;
use std::time::Duration;

/// On which piece of a stream the usage is told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum UsageAt {
    /// Where the real provider tells it.
    #[default]
    Usual,
    /// On the first piece with text (OpenAI only).
    Early,
    /// On every piece, growing (OpenAI only).
    Every,
    /// Nowhere.
    Never,
}

/// How an answer ends.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) enum Ending {
    /// As it should.
    #[default]
    Complete,
    /// After so many pieces nothing more comes; with 0 not even a status.
    Hang(usize),
    /// After so many pieces the connection breaks.
    Cut(usize),
    /// After so many pieces the stream ends properly, but too early.
    Stop(usize),
    /// After so many pieces an error event of this type.
    Error(usize, String),
    /// After so many pieces something that is no event.
    Garbage(usize),
}

/// A scripted answer. Pieces are the events of a stream; an answer that is no stream has two: its halves.
#[derive(Debug, Clone, Default)]
pub struct Reply {
    pub(super) text: Option<String>,
    pub(super) calls: Vec<(String, Value)>,
    pub(super) status: Option<u16>,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Option<String>,
    pub(super) delay: Duration,
    pub(super) between: Duration,
    pub(super) chunks: Option<usize>,
    pub(super) usage: Option<Usage>,
    pub(super) usage_at: UsageAt,
    pub(super) finish: Option<String>,
    pub(super) tier: Option<String>,
    pub(super) ending: Ending,
    pub(super) gate: Option<(usize, String)>,
    pub(super) crlf: bool,
    pub(super) noise: bool,
    pub(super) single_bytes: bool,
    pub(super) ignores_cap: bool,
    pub(super) argument_pieces: Option<usize>,
    pub(super) cuts_characters: bool,
    pub(super) empty_deltas: bool,
    pub(super) truncated_gzip: bool,
}

impl Reply {
    /// The answer the provider gives without a script: an echo of the prompt, or a value for the schema that is asked for.
    pub fn echo() -> Self {
        Self::default()
    }

    /// This text.
    pub fn text(text: impl Into<String>) -> Self {
        Self { text: Some(text.into()), ..Self::default() }
    }

    /// This value as JSON text.
    pub fn json(value: &Value) -> Self {
        Self::text(value.to_string())
    }

    /// A call of a tool, with these arguments.
    pub fn tool_call(name: impl Into<String>, arguments: Value) -> Self {
        Self { text: Some(String::new()), ..Self::default() }.and_tool_call(name, arguments)
    }

    /// One more call of a tool.
    #[must_use]
    pub fn and_tool_call(mut self, name: impl Into<String>, arguments: Value) -> Self {
        self.calls.push((name.into(), arguments));
        self
    }

    /// A failing status with an error body in the provider's format, of this type and message.
    pub fn error(status: u16, kind: &str, message: &str) -> Self {
        let body =
            serde_json::json!({"type": "error", "error": {"type": kind, "code": kind, "message": message}});
        Self { status: Some(status), body: Some(body.to_string()), ..Self::default() }
    }

    /// Any status and body.
    pub fn raw(status: u16, body: impl Into<String>) -> Self {
        Self { status: Some(status), body: Some(body.into()), ..Self::default() }
    }

    /// Takes the request and never answers.
    pub fn hang() -> Self {
        Self { ending: Ending::Hang(0), ..Self::default() }
    }

    /// With a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Waits before the first byte.
    #[must_use]
    pub fn delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// Waits before each piece of a stream.
    #[must_use]
    pub fn between(mut self, between: Duration) -> Self {
        self.between = between;
        self
    }

    /// Streams the text in so many pieces (default 4).
    #[must_use]
    pub fn chunks(mut self, chunks: usize) -> Self {
        self.chunks = Some(chunks.max(1));
        self
    }

    /// Reports this usage instead of one counted from prompt and answer; the cap on the answer does not apply.
    #[must_use]
    pub fn usage(mut self, usage: Usage) -> Self {
        self.usage = Some(usage);
        self
    }

    /// Tells the usage elsewhere than usual.
    #[must_use]
    pub fn usage_at(mut self, at: UsageAt) -> Self {
        self.usage_at = at;
        self
    }

    /// With this reason to stop, in the provider's words.
    #[must_use]
    pub fn finish(mut self, reason: &str) -> Self {
        self.finish = Some(reason.to_owned());
        self
    }

    /// Names this service tier.
    #[must_use]
    pub fn tier(mut self, tier: &str) -> Self {
        self.tier = Some(tier.to_owned());
        self
    }

    /// Sends nothing more after so many pieces, but keeps the connection.
    #[must_use]
    pub fn hang_after(mut self, pieces: usize) -> Self {
        self.ending = Ending::Hang(pieces.max(1));
        self
    }

    /// Breaks the connection after so many pieces.
    #[must_use]
    pub fn cut_after(mut self, pieces: usize) -> Self {
        self.ending = Ending::Cut(pieces);
        self
    }

    /// Ends the answer properly, but after so many pieces.
    #[must_use]
    pub fn stop_after(mut self, pieces: usize) -> Self {
        self.ending = Ending::Stop(pieces);
        self
    }

    /// Sends an error event of this type after so many pieces of a stream.
    #[must_use]
    pub fn error_after(mut self, pieces: usize, kind: &str) -> Self {
        self.ending = Ending::Error(pieces, kind.to_owned());
        self
    }

    /// Sends an event that is no JSON after so many pieces of a stream.
    #[must_use]
    pub fn garbage_after(mut self, pieces: usize) -> Self {
        self.ending = Ending::Garbage(pieces);
        self
    }

    /// Waits at this gate after so many pieces, if it is closed by then.
    #[must_use]
    pub fn gate_after(mut self, pieces: usize, marker: &str) -> Self {
        self.gate = Some((pieces, marker.to_owned()));
        self
    }

    /// Ends lines with CR LF.
    #[must_use]
    pub fn crlf(mut self) -> Self {
        self.crlf = true;
        self
    }

    /// Puts comments and pings between the events.
    #[must_use]
    pub fn noise(mut self) -> Self {
        self.noise = true;
        self
    }

    /// Sends every byte by itself.
    #[must_use]
    pub fn single_bytes(mut self) -> Self {
        self.single_bytes = true;
        self
    }

    /// Streams the arguments of each tool call in so many pieces (default 3).
    #[must_use]
    pub fn argument_pieces(mut self, pieces: usize) -> Self {
        self.argument_pieces = Some(pieces.max(1));
        self
    }

    /// Cuts pieces between UTF-16 units, as servers written in JavaScript or Java may: half a character in one piece,
    /// half in the next, each as an escape.
    #[must_use]
    pub fn split_characters(mut self) -> Self {
        self.cuts_characters = true;
        self
    }

    /// Puts pieces between the others that add nothing: no choice, an empty delta, an empty text.
    #[must_use]
    pub fn empty_deltas(mut self) -> Self {
        self.empty_deltas = true;
        self
    }

    /// Compresses the answer (which is no stream) and leaves out the end of it.
    #[must_use]
    pub fn truncated_gzip(mut self) -> Self {
        self.truncated_gzip = true;
        self
    }

    /// Does not cut the answer at the cap the request names.
    #[must_use]
    pub fn ignoring_cap(mut self) -> Self {
        self.ignores_cap = true;
        self
    }
}

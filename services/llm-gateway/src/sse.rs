//! An incremental parser of server-sent events: bytes in any portions in, events out. Not here: what events mean.

/// Longest line; an answer is not cut into lines of this size by any provider.
const MAX_LINE: usize = 1 << 20;

/// A line or event is longer than the limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooLong;

/// One event.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Event {
    /// The `event` field, empty if there was none.
    pub(crate) name: String,
    /// The `data` lines, joined by line feeds.
    pub(crate) data: String,
}

/// The state between two portions.
#[derive(Debug, Default)]
pub(crate) struct Parser {
    /// The line that is not complete yet.
    line: Vec<u8>,
    /// The last byte was a CR: an LF now belongs to it.
    after_cr: bool,
    /// Something was read: a byte order mark is text from here on.
    started: bool,
    name: String,
    data: Option<String>,
}

impl Parser {
    /// Reads a portion and appends the events it completes.
    pub(crate) fn push(&mut self, mut bytes: &[u8], events: &mut Vec<Event>) -> Result<(), TooLong> {
        if self.after_cr && !bytes.is_empty() {
            bytes = bytes.strip_prefix(b"\n").unwrap_or(bytes);
            self.after_cr = false;
        }
        while let Some(end) = bytes.iter().position(|byte| matches!(byte, b'\n' | b'\r')) {
            let ends_in_cr = bytes.get(end) == Some(&b'\r');
            self.extend(bytes.get(..end).unwrap_or_default())?;
            bytes = bytes.get(end + 1..).unwrap_or_default();
            if ends_in_cr {
                self.after_cr = bytes.is_empty();
                bytes = bytes.strip_prefix(b"\n").unwrap_or(bytes);
            }
            self.end_line(events)?;
        }
        self.extend(bytes)
    }

    /// Reads the end of the stream: what a missing last line break kept back.
    pub(crate) fn finish(&mut self, events: &mut Vec<Event>) -> Result<(), TooLong> {
        if !self.line.is_empty() {
            self.end_line(events)?;
        }
        self.dispatch(events);
        Ok(())
    }

    fn extend(&mut self, bytes: &[u8]) -> Result<(), TooLong> {
        if self.line.len() + bytes.len() > MAX_LINE {
            return Err(TooLong);
        }
        self.line.extend_from_slice(bytes);
        Ok(())
    }

    fn end_line(&mut self, events: &mut Vec<Event>) -> Result<(), TooLong> {
        // A whole line: characters are never cut here, however the portions fell.
        let line = String::from_utf8_lossy(&self.line);
        let text = if self.started { &*line } else { line.strip_prefix('\u{feff}').unwrap_or(&line) };
        self.started = true;
        let mut blank = false;
        match text.split_once(':') {
            None if text.is_empty() => blank = true,
            // A comment.
            Some(("", _)) => {}
            Some((field, value)) => {
                Self::field(&mut self.name, &mut self.data, field, value.strip_prefix(' ').unwrap_or(value))?
            }
            None => Self::field(&mut self.name, &mut self.data, text, "")?,
        }
        self.line.clear();
        if blank {
            self.dispatch(events);
        }
        Ok(())
    }

    fn field(name: &mut String, data: &mut Option<String>, field: &str, value: &str) -> Result<(), TooLong> {
        match (field, &mut *data) {
            ("event", _) => value.clone_into(name),
            ("data", Some(lines)) => {
                if lines.len() + value.len() > MAX_LINE {
                    return Err(TooLong);
                }
                lines.push('\n');
                lines.push_str(value);
            }
            ("data", None) => *data = Some(value.to_owned()),
            // `id`, `retry` and what nobody knows.
            _ => {}
        }
        Ok(())
    }

    fn dispatch(&mut self, events: &mut Vec<Event>) {
        let name = std::mem::take(&mut self.name);
        if let Some(data) = self.data.take() {
            events.push(Event { name, data });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse<'a>(portions: impl IntoIterator<Item = &'a [u8]>) -> Result<Vec<Event>, TooLong> {
        let (mut parser, mut events) = (Parser::default(), Vec::new());
        for portion in portions {
            parser.push(portion, &mut events)?;
        }
        parser.finish(&mut events)?;
        Ok(events)
    }

    fn event(name: &str, data: &str) -> Event {
        Event { name: name.to_owned(), data: data.to_owned() }
    }

    #[test]
    fn reads_what_the_standard_allows() {
        for (text, events) in [
            ("data: a\n\ndata: b\n\n", vec![event("", "a"), event("", "b")]),
            ("event: e\r\ndata: a\r\n\r\n", vec![event("e", "a")]),
            ("data: a\rdata: b\r\r", vec![event("", "a\nb")]),
            ("data:a\ndata:  b\ndata\n\n", vec![event("", "a\n b\n")]),
            (": comment\n\n\ndata: a\n\n", vec![event("", "a")]),
            ("event: lost\n\ndata: a\n\n", vec![event("", "a")]),
            ("id: 1\nretry: 5\nother: x\ndata: a\n\n", vec![event("", "a")]),
            ("\u{feff}data: a\n\n", vec![event("", "a")]),
            ("data: no line break at the end", vec![event("", "no line break at the end")]),
            ("data: a\n", vec![event("", "a")]),
            ("", vec![]),
        ] {
            assert_eq!(parse([text.as_bytes()]).unwrap(), events, "{text:?}");
        }
    }

    #[test]
    fn lines_and_events_have_a_limit() {
        let long = vec![b'x'; MAX_LINE];
        assert_eq!(parse([b"data: ".as_slice(), &long]), Err(TooLong));
        let line = [b"data: ".as_slice(), &long[..MAX_LINE / 2 + 1], b"\n"].concat();
        assert_eq!(parse([line.as_slice(), &line]), Err(TooLong));
        let fits = [b"data: ".as_slice(), &long[..MAX_LINE - 6], b"\n\n"].concat();
        assert_eq!(parse([fits.as_slice()]).unwrap().len(), 1);
    }

    proptest! {
        #[test]
        fn portions_do_not_matter(
            parts in prop::collection::vec(
                prop_oneof![
                    Just("\n"), Just("\r"), Just("\r\n"), Just("data: "), Just("event:"), Just(":"), Just("é→𝄞"),
                    Just("{\"a\":1}"), Just(" "), Just("\u{feff}"), Just("data"),
                ],
                0..40,
            ),
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
        ) {
            let bytes = parts.concat().into_bytes();
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let portions = cuts.windows(2).map(|pair| &bytes[pair[0]..pair[1]]);
            let single = bytes.chunks(1);
            let whole = parse([bytes.as_slice()]).unwrap();
            prop_assert_eq!(&parse(portions).unwrap(), &whole);
            prop_assert_eq!(&parse(single).unwrap(), &whole);
        }
    }
}

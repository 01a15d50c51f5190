//! Decompressing bodies piece by piece, never past a bound: the bound is checked before bytes are kept, so a bomb costs
//! no more memory than an honest body. Not here: bounds on what comes over the wire (`exchange`).

use brotli_decompressor::{BrotliDecompressStream, BrotliResult, BrotliState, StandardAlloc};
use flate2::{Decompress, FlushDecompress, Status, write::MultiGzDecoder};
use http::{HeaderMap, header};
use std::io::{self, Write};

/// What is asked for.
pub(crate) const ACCEPTED: &str = "gzip, deflate, br";

const PIECE: usize = 16 * 1024;

/// Why a body cannot be decompressed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It has more bytes than allowed.
    TooLarge,
    /// It is not what it says it is, or it ends early.
    Broken(&'static str),
}

/// How a body is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Coding {
    Identity,
    Gzip,
    Deflate,
    Brotli,
}

impl Coding {
    /// What the headers say; their text if it is nothing that was asked for. Bodies compressed twice are not asked for.
    pub(crate) fn of(headers: &HeaderMap) -> Result<Self, String> {
        let lines = headers.get_all(header::CONTENT_ENCODING);
        let said: Vec<String> = lines
            .iter()
            .flat_map(|line| {
                String::from_utf8_lossy(line.as_bytes()).split(',').map(str::to_owned).collect::<Vec<_>>()
            })
            .map(|name| name.trim().to_ascii_lowercase())
            .filter(|name| !name.is_empty() && name != "identity")
            .collect();
        match said.iter().map(String::as_str).collect::<Vec<_>>()[..] {
            [] => Ok(Coding::Identity),
            ["gzip" | "x-gzip"] => Ok(Coding::Gzip),
            ["deflate"] => Ok(Coding::Deflate),
            ["br"] => Ok(Coding::Brotli),
            _ => Err(said.join(", ").chars().take(80).collect()),
        }
    }
}

/// Takes a body as it comes, gives it as it was meant.
pub(crate) struct Decoder {
    how: How,
    out: Bounded,
    begun: bool,
}

enum How {
    Identity,
    Gzip(Box<MultiGzDecoder<Bounded>>),
    /// Nothing has come yet that says whether it is zlib, as the standard wants, or bare, as some servers send.
    DeflateUnknown,
    Deflate(Box<Decompress>, Ended),
    Brotli(Box<BrotliState<StandardAlloc, StandardAlloc, StandardAlloc>>, Ended),
}

type Ended = bool;

impl Decoder {
    /// For a body of at most `limit` bytes.
    pub(crate) fn new(coding: Coding, limit: usize) -> Self {
        let out = Bounded { bytes: Vec::new(), limit, full: false };
        let how = match coding {
            Coding::Identity => How::Identity,
            Coding::Gzip => {
                let inside = Bounded { bytes: Vec::new(), limit, full: false };
                How::Gzip(Box::new(MultiGzDecoder::new(inside)))
            }
            Coding::Deflate => How::DeflateUnknown,
            // Strict: windows as RFC 7932 has them, not the gigabyte ones of its extension.
            Coding::Brotli => How::Brotli(
                Box::new(BrotliState::new_strict(
                    StandardAlloc::default(),
                    StandardAlloc::default(),
                    StandardAlloc::default(),
                )),
                false,
            ),
        };
        Self { how, out, begun: false }
    }

    /// The next piece.
    pub(crate) fn push(&mut self, piece: &[u8]) -> Result<(), Fault> {
        if piece.is_empty() {
            return Ok(());
        }
        self.begun = true;
        match &mut self.how {
            How::Identity => self.out.keep(piece),
            How::Gzip(decoder) => decoder.write_all(piece).map_err(|_| {
                if decoder.get_ref().full { Fault::TooLarge } else { Fault::Broken("it is not valid gzip") }
            }),
            How::DeflateUnknown => {
                let zlib = piece[0] & 0x0f == 8 && piece[0] >> 4 <= 7;
                self.how = How::Deflate(Box::new(Decompress::new(zlib)), false);
                self.push(piece)
            }
            How::Deflate(decoder, ended) => inflate(decoder, ended, &mut self.out, piece),
            How::Brotli(decoder, ended) => unbrotli(decoder, ended, &mut self.out, piece),
        }
    }

    /// The whole body.
    pub(crate) fn finish(self) -> Result<Vec<u8>, Fault> {
        const EARLY: Fault = Fault::Broken("its compressed data ends early");
        match self.how {
            How::Identity | How::DeflateUnknown => Ok(self.out.bytes),
            // What is sent for "nothing" need not be compressed at all.
            _ if !self.begun => Ok(Vec::new()),
            How::Gzip(mut decoder) => match decoder.try_finish() {
                _ if decoder.get_ref().full => Err(Fault::TooLarge),
                Err(_) => Err(EARLY),
                Ok(()) => Ok(std::mem::take(&mut decoder.get_mut().bytes)),
            },
            How::Deflate(_, true) | How::Brotli(_, true) => Ok(self.out.bytes),
            How::Deflate(_, false) | How::Brotli(_, false) => Err(EARLY),
        }
    }
}

fn inflate(
    decoder: &mut Decompress,
    ended: &mut Ended,
    out: &mut Bounded,
    mut piece: &[u8],
) -> Result<(), Fault> {
    let mut buffer = [0; PIECE];
    while !*ended {
        let (read, written) = (decoder.total_in(), decoder.total_out());
        let status = decoder
            .decompress(piece, &mut buffer, FlushDecompress::None)
            .map_err(|_| Fault::Broken("it is not valid deflate"))?;
        let read = (decoder.total_in() - read) as usize;
        let written = (decoder.total_out() - written) as usize;
        out.keep(&buffer[..written])?;
        piece = &piece[read..];
        match status {
            Status::StreamEnd => *ended = true,
            // Nothing read and nothing written: it waits for more.
            _ if read == 0 && written == 0 => break,
            Status::Ok | Status::BufError => {}
        }
    }
    Ok(())
}

fn unbrotli(
    decoder: &mut BrotliState<StandardAlloc, StandardAlloc, StandardAlloc>,
    ended: &mut Ended,
    out: &mut Bounded,
    piece: &[u8],
) -> Result<(), Fault> {
    let mut buffer = [0; PIECE];
    let (mut left, mut at, mut total) = (piece.len(), 0, 0);
    while !*ended {
        let (mut room, mut written) = (buffer.len(), 0);
        let status = BrotliDecompressStream(
            &mut left,
            &mut at,
            piece,
            &mut room,
            &mut written,
            &mut buffer,
            &mut total,
            decoder,
        );
        out.keep(&buffer[..written])?;
        match status {
            BrotliResult::ResultSuccess => *ended = true,
            BrotliResult::NeedsMoreOutput => {}
            BrotliResult::NeedsMoreInput => break,
            BrotliResult::ResultFailure => return Err(Fault::Broken("it is not valid brotli")),
        }
    }
    Ok(())
}

/// Bytes up to a limit.
struct Bounded {
    bytes: Vec<u8>,
    limit: usize,
    full: bool,
}

impl Bounded {
    fn keep(&mut self, piece: &[u8]) -> Result<(), Fault> {
        if piece.len() > self.limit - self.bytes.len() {
            self.full = true;
            return Err(Fault::TooLarge);
        }
        self.bytes.extend_from_slice(piece);
        Ok(())
    }
}

impl Write for Bounded {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        self.keep(piece).map_err(|_| io::Error::other("larger than allowed"))?;
        Ok(piece.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

//! Reading which host a TLS client asks for, from its first message (RFC 8446, 4.1.2; RFC 6066, 3), and nothing else of
//! it. Strict: what two readers could understand differently is no ClientHello here. Not here: what the host must be
//! (`tunnel`).

/// Longest ClientHello that is read, in bytes, its records' headers included. Usual ones have less than 2,000.
pub(super) const LONGEST: usize = 18 * 1024;

/// What the first bytes of a client are.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum First {
    /// The beginning of a ClientHello.
    Partial,
    /// A whole one.
    Hello {
        /// The host it asks for, if it says one.
        server_name: Option<String>,
        /// Whether it may ask for another one in secret (Encrypted Client Hello).
        hidden: bool,
    },
    /// Something else.
    Other,
}

/// Judges the first bytes of a connection.
pub(super) fn read(bytes: &[u8]) -> First {
    let mut message = Vec::new();
    let mut rest = Reader(bytes);
    loop {
        if let Some(length) = complete(&message) {
            // Another message in the same record would belong to nobody.
            if message.len() > length {
                return First::Other;
            }
            return hello(&message[4..]).unwrap_or(First::Other);
        }
        if rest.0.first().is_some_and(|kind| *kind != 22) || rest.0.get(1).is_some_and(|major| *major != 3) {
            return First::Other;
        }
        let mut record = Reader(rest.0);
        let (Some(_), Some(length)) = (record.take(3), record.number(2)) else { return First::Partial };
        if length == 0 || length > 1 << 14 {
            return First::Other;
        }
        let part = &record.0[..length.min(record.0.len())];
        message.extend_from_slice(part);
        if message.first().is_some_and(|kind| *kind != 1) {
            return First::Other;
        }
        if part.len() < length {
            return First::Partial;
        }
        rest = Reader(&record.0[length..]);
    }
}

/// The length of the message with its header, if it is all there.
fn complete(message: &[u8]) -> Option<usize> {
    let mut reader = Reader(message);
    reader.take(1)?;
    let length = reader.number(3)? + 4;
    (message.len() >= length).then_some(length)
}

fn hello(body: &[u8]) -> Option<First> {
    const SERVER_NAME: usize = 0;
    const ENCRYPTED_CLIENT_HELLO: usize = 0xfe0d;
    let mut reader = Reader(body);
    // Version and random; session; cipher suites; compression methods
    reader.take(34)?;
    reader.vector(1)?;
    reader.vector(2)?;
    reader.vector(1)?;
    let (mut server_name, mut hidden) = (None, false);
    if !reader.0.is_empty() {
        let mut extensions = Reader(reader.vector(2)?);
        while !extensions.0.is_empty() {
            let kind = extensions.number(2)?;
            let data = extensions.vector(2)?;
            match kind {
                SERVER_NAME if server_name.is_some() => return None,
                SERVER_NAME => server_name = Some(name(data)?),
                ENCRYPTED_CLIENT_HELLO => hidden = true,
                _ => {}
            }
        }
    }
    reader.0.is_empty().then_some(First::Hello { server_name, hidden })
}

/// The one name of the list.
fn name(data: &[u8]) -> Option<String> {
    let mut outer = Reader(data);
    let mut list = Reader(outer.vector(2)?);
    let kind = list.number(1)?;
    let name = list.vector(2)?;
    let alone = kind == 0 && list.0.is_empty() && outer.0.is_empty();
    let plain = !name.is_empty() && name.iter().all(u8::is_ascii_graphic);
    (alone && plain).then(|| String::from_utf8_lossy(name).into_owned())
}

/// Takes bytes from the front.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    /// A number of so many bytes.
    fn number(&mut self, bytes: usize) -> Option<usize> {
        Some(self.take(bytes)?.iter().fold(0, |number, byte| number << 8 | usize::from(*byte)))
    }

    /// Bytes with their length in so many bytes before them.
    fn vector(&mut self, bytes: usize) -> Option<&'a [u8]> {
        let length = self.number(bytes)?;
        self.take(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustls::{ClientConnection, pki_types::ServerName};

    fn from_rustls(host: &str) -> Vec<u8> {
        let config = crate::trusting(rustls::RootCertStore::empty()).unwrap();
        let name = ServerName::try_from(host.to_owned()).unwrap();
        let mut client = ClientConnection::new(config, name).unwrap();
        let mut bytes = Vec::new();
        client.write_tls(&mut bytes).unwrap();
        bytes
    }

    fn named(server_name: Option<&str>) -> First {
        First::Hello { server_name: server_name.map(str::to_owned), hidden: false }
    }

    /// A ClientHello with these extensions, in one record.
    fn made(extensions: &[(u16, Vec<u8>)]) -> Vec<u8> {
        let mut list = Vec::new();
        for (kind, data) in extensions {
            list.extend(kind.to_be_bytes());
            list.extend((data.len() as u16).to_be_bytes());
            list.extend(data);
        }
        let mut body = vec![3, 3];
        body.extend([7; 32]);
        body.extend([0, 0, 2, 0x13, 0x01, 1, 0]);
        body.extend((list.len() as u16).to_be_bytes());
        body.extend(list);
        let mut message = vec![1, 0];
        message.extend((body.len() as u16).to_be_bytes());
        message.extend(body);
        record(&message)
    }

    fn record(part: &[u8]) -> Vec<u8> {
        let mut record = vec![22, 3, 1];
        record.extend((part.len() as u16).to_be_bytes());
        record.extend(part);
        record
    }

    fn sni(names: &[(u8, &str)]) -> Vec<u8> {
        let mut list = Vec::new();
        for (kind, name) in names {
            list.push(*kind);
            list.extend((name.len() as u16).to_be_bytes());
            list.extend(name.as_bytes());
        }
        let mut data = (list.len() as u16).to_be_bytes().to_vec();
        data.extend(list);
        data
    }

    #[test]
    fn the_name_is_found_wherever_the_bytes_are_cut() {
        let bytes = from_rustls("site.example");
        for end in 0..bytes.len() {
            assert_eq!(read(&bytes[..end]), First::Partial, "{end}");
        }
        assert_eq!(read(&bytes), named(Some("site.example")));
        // What follows it is the connection's business.
        assert_eq!(read(&[&bytes[..], &[20, 3, 3, 0, 1, 1]].concat()), named(Some("site.example")));
        assert_eq!(read(&from_rustls("127.0.0.1")), named(None));
    }

    #[test]
    fn the_name_is_found_in_fragments() {
        let whole = from_rustls("site.example");
        for size in [1, 2, 3, 5, 40, 100] {
            let bytes: Vec<u8> = whole[5..].chunks(size).flat_map(record).collect();
            assert_eq!(read(&bytes), named(Some("site.example")), "{size}");
            assert_eq!(read(&bytes[..bytes.len() - 1]), First::Partial, "{size}");
        }
    }

    #[test]
    fn what_is_unclear_is_refused() {
        let good = (0, sni(&[(0, "a.example")]));
        assert_eq!(read(&made(std::slice::from_ref(&good))), named(Some("a.example")));
        assert_eq!(read(&made(&[])), named(None));
        let hidden = First::Hello { server_name: Some("a.example".to_owned()), hidden: true };
        assert_eq!(read(&made(&[good.clone(), (0xfe0d, vec![0])])), hidden);
        for (why, bytes) in [
            ("two extensions", made(&[good.clone(), (0, sni(&[(0, "b.example")]))])),
            ("two names", made(&[(0, sni(&[(0, "a.example"), (0, "b.example")]))])),
            ("another kind of name", made(&[(0, sni(&[(1, "a.example")]))])),
            ("an empty name", made(&[(0, sni(&[(0, "")]))])),
            ("an empty list", made(&[(0, sni(&[]))])),
            ("no list", made(&[(0, vec![])])),
            ("a zero in the name", made(&[(0, sni(&[(0, "a.example\0b.example")]))])),
            ("bytes after the list", made(&[(0, [sni(&[(0, "a.example")]), vec![0]].concat())])),
            ("plain HTTP", b"GET / HTTP/1.1\r\n\r\n".to_vec()),
            ("SSH", b"SSH-2.0-x\r\n".to_vec()),
            ("SSL 2", vec![0x80, 0x2e, 1, 3, 1]),
            ("an alert", vec![21, 3, 1, 0, 2, 2, 40]),
            ("a ServerHello", record(&[2, 0, 0, 1, 0])),
            ("an empty record", vec![22, 3, 1, 0, 0]),
            ("a huge record", vec![22, 3, 1, 0xff, 0xff]),
            (
                "two messages in a record",
                record(&[&made(std::slice::from_ref(&good))[5..], &[1, 0, 0, 0]].concat()),
            ),
            ("too short a body", record(&[1, 0, 0, 2, 3, 3])),
        ] {
            assert_eq!(read(&bytes), First::Other, "{why}");
        }
    }

    proptest::proptest! {
        #[test]
        fn nothing_makes_it_fall_over(mut bytes: Vec<u8>, at: proptest::sample::Index, keep: bool) {
            read(&bytes);
            let mut real = from_rustls("site.example");
            let at = at.index(real.len());
            if keep {
                bytes.truncate(8);
                let end = (at + bytes.len()).min(real.len());
                real[at..end].copy_from_slice(&bytes[..end - at]);
            } else {
                real.splice(at.., bytes);
            }
            read(&real);
        }
    }
}

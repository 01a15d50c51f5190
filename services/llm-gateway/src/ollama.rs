//! Finds an Ollama server on this machine, so that its models are offered without any setting. Not here: calling them
//! (Ollama speaks OpenAI's format).

use serde::Deserialize;
use std::{
    io::{Read, Write},
    net::{TcpStream, ToSocketAddrs},
    time::Duration,
};

/// Where Ollama listens if nobody said otherwise.
pub const DEFAULT_ADDRESS: &str = "127.0.0.1:11434";

/// Whoever is not there must not hold up the start.
const CONNECT: Duration = Duration::from_millis(300);

/// A server that is there may be busy loading a model.
const PATIENCE: Duration = Duration::from_secs(2);

/// Longest list that is read.
const MOST: u64 = 1 << 20;

#[derive(Deserialize)]
struct Tags {
    models: Vec<Tag>,
}

#[derive(Deserialize)]
struct Tag {
    name: String,
}

/// A server that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ollama {
    /// Its address for OpenAI's format.
    pub base_url: String,
    /// Its models.
    pub models: Vec<String>,
}

/// Asks `host:port` for its models; `None` if there is no Ollama with any. Blocks for a fraction of a second if nobody is there.
pub fn find(address: &str) -> Option<Ollama> {
    let address = address.trim_start_matches("http://").trim_end_matches('/');
    let address = if address.contains(':') { address.to_owned() } else { format!("{address}:11434") };
    let socket = address.to_socket_addrs().ok()?.next()?;
    let mut stream = TcpStream::connect_timeout(&socket, CONNECT).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    stream.set_write_timeout(Some(PATIENCE)).ok()?;
    // HTTP/1.0: the answer ends with the connection and comes in one piece.
    // In one piece: a server that answers after the first line and closes would reset the rest.
    let request = format!("GET /api/tags HTTP/1.0\r\nHost: {address}\r\nAccept: application/json\r\n\r\n");
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = Vec::new();
    stream.take(MOST).read_to_end(&mut answer).ok()?;
    let models = models(&String::from_utf8_lossy(&answer))?;
    tracing::info!(count = models.len(), "an Ollama server was found; its models are offered as ollama/…");
    Some(Ollama { base_url: format!("http://{address}/v1"), models })
}

fn models(answer: &str) -> Option<Vec<String>> {
    let (head, body) = answer.split_once("\r\n\r\n")?;
    if head.split(' ').nth(1) != Some("200") {
        return None;
    }
    let tags: Tags = serde_json::from_str(body).ok()?;
    let models: Vec<String> =
        tags.models.into_iter().map(|tag| tag.name).filter(|name| !name.is_empty()).collect();
    (!models.is_empty()).then_some(models)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    fn serve(answer: &'static str) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut asked = [0; 1024];
            let read = stream.read(&mut asked).unwrap();
            assert!(asked[..read].starts_with(b"GET /api/tags HTTP/1.0\r\n"));
            stream.write_all(answer.as_bytes()).unwrap();
        });
        address
    }

    #[test]
    fn a_server_with_models_is_found() {
        let address = serve(
            "HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n{\"models\":[{\"name\":\"llama3.2:latest\",\"size\":1},{\"name\":\"qwen3:8b\"}]}",
        );
        let found = find(&format!("http://{address}/")).unwrap();
        assert_eq!(found.models, ["llama3.2:latest", "qwen3:8b"]);
        assert_eq!(found.base_url, format!("http://{address}/v1"));
    }

    #[test]
    fn whatever_else_is_there_is_not_ollama() {
        for answer in [
            "HTTP/1.0 404 Not Found\r\n\r\n{\"models\":[{\"name\":\"x\"}]}",
            "HTTP/1.0 200 OK\r\n\r\n<html>",
            "HTTP/1.0 200 OK\r\n\r\n{\"models\":[]}",
            "SSH-2.0-OpenSSH",
            "",
        ] {
            assert_eq!(find(&serve(answer)), None, "{answer}");
        }
        // A port that was free a moment ago.
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        assert_eq!(find(&free.to_string()), None);
        assert_eq!(find("not an address"), None);
    }
}

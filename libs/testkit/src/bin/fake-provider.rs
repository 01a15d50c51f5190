//! The scripted provider as a process of its own, for tests and benches that start real processes: prints its port on
//! the first line and answers until it is killed. `GET /stats` tells what came in and what it cost. Not here: scripts.
#![expect(clippy::print_stdout, reason = "the port goes to whoever started it")]

use nexus_testkit::provider::{FakeProvider, Matcher, Reply};
use std::{net::SocketAddr, time::Duration};

const USAGE: &str = "fake-provider [--port N] [--latency-ms N] [--chunk-ms N] [--tokens N]

  --port        where to listen on 127.0.0.1 (default: a free port)
  --latency-ms  pause before each answer (default 0)
  --chunk-ms    pause before each piece of a stream (default 0)
  --tokens      tokens of each answer (default: an echo of the prompt)";

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (mut port, mut latency, mut chunk, mut tokens) = (0_u16, 0, 0, None);
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        let mut value = || arguments.next().ok_or(USAGE)?.parse::<u64>().map_err(|_| USAGE);
        match name.as_str() {
            "--port" => port = u16::try_from(value()?)?,
            "--latency-ms" => latency = value()?,
            "--chunk-ms" => chunk = value()?,
            "--tokens" => tokens = Some(value()?),
            _ => return Err(USAGE.into()),
        }
    }
    let mut reply = match tokens {
        // Four bytes are a token.
        Some(tokens) => Reply::text("word".repeat(usize::try_from(tokens)?)),
        None => Reply::echo(),
    };
    reply = reply.delay(Duration::from_millis(latency)).between(Duration::from_millis(chunk));
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async {
        let provider = FakeProvider::start_at(SocketAddr::from(([127, 0, 0, 1], port))).await?;
        provider.always(Matcher::any(), reply);
        println!("{}", provider.port());
        std::future::pending::<()>().await;
        Ok(())
    })
}

//! Keys and prompts stay out of errors, logs and debug output, whatever a provider answers.

use crate::*;
use nexus_testkit::provider::{Matcher, Reply};
use std::{
    io,
    sync::{Arc, Mutex},
};
use tracing_subscriber::{filter::LevelFilter, prelude::*};

const PROMPT: &str = "canary-prompt-41c7 about a secret merger";

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// One thread, so that the log of this test alone is seen, with all that lies below.
#[tokio::test]
async fn keys_and_prompts_are_nowhere() {
    let log = Log::default();
    let writer = log.clone();
    let layer = tracing_subscriber::fmt::layer().with_ansi(false).with_writer(move || writer.clone());
    let _guard = tracing_subscriber::registry().with(layer.with_filter(LevelFilter::TRACE)).set_default();
    let echo = format!(r#"{{"error":{{"type":"x","message":"You said: {PROMPT}, with {KEY}"}}}}"#);
    let mut shown = String::new();
    let (provider, gateway) = fixture().await;
    for (model, streamed) in ways() {
        for reply in [
            Reply::text(format!("answer to {PROMPT}")),
            Reply::raw(400, &echo),
            Reply::raw(401, &echo),
            Reply::raw(500, &echo),
            Reply::raw(200, &echo),
            Reply::text(PROMPT).cut_after(1),
            Reply::text(PROMPT).garbage_after(3),
        ] {
            provider.script(Matcher::any(), reply);
            if let Err(error) = call(&gateway, streamed, ask(model, PROMPT)).await {
                shown.push_str(&format!("{error:?} {error}\n"));
            }
            shown.push_str(&format!("{:?}\n", config(&provider, Timeouts::default())));
        }
    }
    let log = String::from_utf8_lossy(&log.0.lock().unwrap()).into_owned();
    for attribute in ["gen_ai.request.model=\"gpt-4o-mini\"", "error.type=\"provider_auth\""] {
        assert!(log.contains(attribute), "the log was caught: {attribute}");
    }
    for text in [&shown, &log] {
        for canary in [KEY, "8d1f", "canary-prompt", "secret merger"] {
            let at = text.find(canary);
            assert_eq!(at, None, "{canary}: {:?}", at.map(|at| &text[at.saturating_sub(200)..at]));
        }
    }
}

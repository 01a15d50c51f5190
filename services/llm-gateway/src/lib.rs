//! The llm gateway: one way to call models of several providers, priced to the pico-dollar. Implements
//! `nexus_api::Llm` over the OpenAI and Anthropic wire formats and over the built-in `demo` provider.
//!
//! Not here: budgets (`nexus-engine` decides before a call and settles after it), retries and fallbacks (the executor's;
//! this crate only says what may be tried again), the OpenAI-compatible REST API (`nexus-gateway`), reading of the
//! environment (the program wires a [`Config`]).

mod anthropic;
mod check;
mod config;
mod demo;
mod failure;
mod gateway;
mod http;
mod instruct;
mod openai;
mod provider;
mod sse;
mod surrogates;
mod telemetry;

pub use config::{Config, DemoPace, Endpoint, Error, Timeouts};
pub use gateway::LlmGateway;

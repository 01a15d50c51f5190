//! The llm gateway: one way to call models of several providers, priced to the pico-dollar. Implements
//! `nexus_api::Llm` over the OpenAI and Anthropic wire formats and over the built-in `demo` provider.
//!
//! Not here: budgets (`nexus-engine` decides before a call and settles after it), retries and fallbacks (the executor's;
//! this crate only says what may be tried again), the OpenAI-compatible REST API (`nexus-gateway`), reading of the
//! environment (the program wires a [`Config`]).

mod allowance;
mod anthropic;
mod breaker;
mod cache;
mod check;
mod config;
mod demo;
mod failure;
mod flight;
mod gateway;
mod http;
mod instruct;
mod limiter;
mod local;
pub mod ollama;
mod openai;
mod provider;
mod providers_file;
mod sse;
mod surrogates;
mod telemetry;

pub use config::{
    BreakerSettings, Config, DemoPace, Endpoint, Error, Extra, KeyBudget, Limits, Period, Timeouts, Wire,
};
pub use gateway::LlmGateway;
pub use providers_file::{FileError, FileProvider, ProvidersFile};

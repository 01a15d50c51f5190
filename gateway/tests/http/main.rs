//! The gateway against fake services: in this process for requests and answers, over TCP for live streams.
//! One test program, because linking one is faster than linking six.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a failed expectation is a failed test")]

mod authorisation;
mod compatible;
mod conditional;
mod encrypted;
mod failures;
mod live;
mod memory;
mod metrics;
mod openapi;
mod pages;
mod requests;
mod schemas;
mod security;
mod serving;
mod support;

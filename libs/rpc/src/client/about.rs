//! Asking a server which version it is and whether it is ready. Not here: what makes it ready (`server::health`).

use super::{
    ClientOptions, MAX_ANSWER,
    pool::{Pool, Repeat},
};
use crate::meta::{Shape, VERSION};
use nexus_api::{CallCtx, Result};
use std::sync::{Arc, Mutex, PoisonError};
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

/// A server as it describes itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    /// Whether it says that it is ready.
    pub ready: bool,
    /// Its version, if it says so.
    pub version: Option<String>,
}

/// Asks the process at this URL about itself. `service` is for messages.
///
/// # Errors
/// If it cannot be reached.
pub async fn about(service: &str, url: &str, options: &ClientOptions, ctx: &CallCtx) -> Result<About> {
    let pool = Pool::connect(service, url, options)?;
    // The empty name is the process as a whole.
    let message = HealthCheckRequest { service: String::new() };
    let version = Arc::new(Mutex::new(None));
    let answer = pool
        .call(ctx, Repeat::Safe, Shape::Unary, message, |transport, request| {
            let version = version.clone();
            async move {
                let mut client = HealthClient::new(transport).max_decoding_message_size(MAX_ANSWER);
                let response = client.check(request).await?;
                let said = response.metadata().get(VERSION).and_then(|value| value.to_str().ok());
                *version.lock().unwrap_or_else(PoisonError::into_inner) = said.map(str::to_owned);
                Ok(response)
            }
        })
        .await?;
    let version = version.lock().unwrap_or_else(PoisonError::into_inner).clone();
    Ok(About { ready: answer.status() == ServingStatus::Serving, version })
}

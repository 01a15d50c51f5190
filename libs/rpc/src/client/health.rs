//! Asking a server whether it is ready, as `grpc.health.v1` says it. Not here: what makes it ready (`server::health`).

use super::{
    ClientOptions, call,
    pool::{Pool, Repeat},
};
use crate::meta::Shape;
use nexus_api::{CallCtx, Result};
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

/// Whether the process at this URL says that it is ready. `service` is for messages.
///
/// An error if it cannot be reached, or does not know yet what to say.
pub async fn serving(service: &str, url: &str, options: &ClientOptions, ctx: &CallCtx) -> Result<bool> {
    let pool = Pool::connect(service, url, options)?;
    // The empty name is the process as a whole.
    let message = HealthCheckRequest { service: String::new() };
    let answer = call!(pool, ctx, Repeat::Safe, Shape::Unary, HealthClient::check, message).await?;
    Ok(answer.status() == ServingStatus::Serving)
}

//! The methods of secrets.

use super::respond::unary;
use crate::{
    convert::{page, page_request},
    proto::secrets::{self as pb, secrets_service_server::SecretsService},
};
use nexus_api::{
    Bounded,
    secrets::{SecretValue, Secrets},
};
use tonic::{Request, Response, Status};

pub(super) struct Handler(pub(super) Bounded<dyn Secrets>);

#[tonic::async_trait]
impl SecretsService for Handler {
    async fn list_secrets(
        &self,
        request: Request<pb::ListSecretsRequest>,
    ) -> Result<Response<pb::ListSecretsResponse>, Status> {
        unary!(request, |ctx, message| {
            let which = page_request(message.limit, message.cursor);
            let (items, next_cursor) = page(self.0.list_secrets(ctx, which).await?);
            Ok(pb::ListSecretsResponse { items, next_cursor })
        })
    }

    async fn set_secret(
        &self,
        request: Request<pb::SetSecretRequest>,
    ) -> Result<Response<pb::SetSecretResponse>, Status> {
        unary!(request, |ctx, message| {
            let secret = self.0.set_secret(ctx, message.name, SecretValue::new(message.value)).await?;
            Ok(pb::SetSecretResponse { secret: Some(secret.into()) })
        })
    }

    async fn delete_secret(
        &self,
        request: Request<pb::DeleteSecretRequest>,
    ) -> Result<Response<pb::DeleteSecretResponse>, Status> {
        unary!(request, |ctx, message| {
            self.0.delete_secret(ctx, message.name).await?;
            Ok(pb::DeleteSecretResponse {})
        })
    }
}

//! The methods of secrets, called.

use super::{
    call,
    pool::{Pool, Repeat},
};
use crate::{
    convert::{answer, from_page, secrets::of_response},
    meta::Shape,
    proto::secrets::{self as pb, secrets_service_client::SecretsServiceClient},
};
use async_trait::async_trait;
use nexus_api::{
    CallCtx, Result,
    planner::PageRequest,
    secrets::{Secret, SecretValue, Secrets},
};
use nexus_model::workflow::Page;

pub(super) struct Client(pub(super) Pool);

#[async_trait]
impl Secrets for Client {
    async fn list_secrets(&self, ctx: &CallCtx, page: PageRequest) -> Result<Page<Secret>> {
        let message = pb::ListSecretsRequest { limit: page.limit, cursor: page.cursor };
        let response =
            call!(self.0, ctx, Repeat::Safe, Shape::Unary, SecretsServiceClient::list_secrets, message);
        let response = response.await?;
        answer(from_page(response.items, response.next_cursor))
    }

    async fn set_secret(&self, ctx: &CallCtx, name: String, value: SecretValue) -> Result<Secret> {
        let message = pb::SetSecretRequest { name, value: value.expose().to_owned() };
        let response =
            call!(self.0, ctx, Repeat::IfNotSent, Shape::Unary, SecretsServiceClient::set_secret, message);
        answer(of_response(response.await?))
    }

    async fn delete_secret(&self, ctx: &CallCtx, name: String) -> Result<()> {
        let message = pb::DeleteSecretRequest { name };
        let response =
            call!(self.0, ctx, Repeat::IfNotSent, Shape::Unary, SecretsServiceClient::delete_secret, message);
        response.await.map(|_| ())
    }
}

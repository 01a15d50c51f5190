//! Secrets, without their values.

use super::{moment, required, timestamp};
use crate::proto::secrets as pb;
use nexus_api::{Error, Result, secrets::Secret};

impl From<Secret> for pb::Secret {
    fn from(secret: Secret) -> Self {
        Self {
            name: secret.name,
            created_at: moment(secret.created_at),
            updated_at: moment(secret.updated_at),
        }
    }
}

impl TryFrom<pb::Secret> for Secret {
    type Error = Error;
    fn try_from(secret: pb::Secret) -> Result<Self> {
        Ok(Self {
            name: secret.name,
            created_at: timestamp("/created_at", secret.created_at)?,
            updated_at: timestamp("/updated_at", secret.updated_at)?,
        })
    }
}

/// The answer to setting one.
pub(crate) fn of_response(response: pb::SetSecretResponse) -> Result<Secret> {
    required("/secret", response.secret)?.try_into()
}

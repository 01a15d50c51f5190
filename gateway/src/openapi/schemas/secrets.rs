//! Shapes of secrets, which have no values.

use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

/// A secret without its value.
#[derive(Serialize, ToSchema)]
pub(crate) struct Secret {
    /// Its name.
    #[schema(pattern = "^[A-Za-z_][A-Za-z0-9_]{0,62}$", example = "github_token")]
    name: String,
    /// When it was first set.
    #[schema(format = DateTime)]
    created_at: String,
    /// When it was last set.
    #[schema(format = DateTime)]
    updated_at: String,
}

/// A value to keep.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SetSecret {
    /// The value, 4 to 65,536 bytes.
    #[schema(min_length = 1, format = Password)]
    value: String,
}

/// A secret's name in the path.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct SecretNameParam {
    /// Name of the secret.
    name: String,
}

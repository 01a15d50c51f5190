//! Tokens of an identity provider: judged by signature, issuer, audience and time; read for a name, scopes and a
//! workspace. The algorithms that are accepted are set here, never chosen by a token.
//! Not here: the provider's keys (`jwks`), signatures (`crypto`).

use crate::{
    Error, crypto,
    jwks::{Jwks, Missing},
};
use jsonwebtoken::{Algorithm, Validation, decode, decode_header, errors::ErrorKind};
use nexus_api::{
    Code, Workspace,
    access::{Identity, Scope, Scopes},
};
use nexus_runtime::config::Oidc;
use serde_json::{Map, Value};
use std::str::FromStr;

/// Clocks may differ by so many seconds.
const LEEWAY: u64 = 60;
/// Longest token that is looked at.
const LONGEST: usize = 16 << 10;
/// Longest subject; it stands in logs and headers.
const LONGEST_SUBJECT: usize = 200;

/// Judges tokens.
pub(crate) struct Tokens {
    settings: Oidc,
    algorithms: Vec<Algorithm>,
    keys: Jwks,
}

impl Tokens {
    pub(crate) fn new(settings: Oidc) -> Result<Self, Error> {
        crypto::install();
        let algorithms = settings
            .algorithms
            .iter()
            .map(|name| {
                Algorithm::from_str(name)
                    .ok()
                    .filter(|algorithm| crypto::is_public(algorithm.family()))
                    .ok_or_else(|| Error(format!("NEXUS_OIDC_ALGORITHMS has `{name}`, which is not known")))
            })
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Self { keys: Jwks::new(&settings.issuer)?, algorithms, settings })
    }

    /// Whether a credential has the form of a token: three parts, the first of which says how it is signed.
    pub(crate) fn is_one(credential: &str) -> bool {
        credential.len() <= LONGEST && decode_header(credential).is_ok()
    }

    /// Whose token it is.
    pub(crate) async fn identify(&self, token: &str) -> nexus_api::Result<Identity> {
        let header = decode_header(token).map_err(|_| refused("it cannot be read"))?;
        if !self.algorithms.contains(&header.alg) {
            return Err(refused("it is signed with an algorithm that is not accepted"));
        }
        let key =
            self.keys.key(header.kid.as_deref(), header.alg).await.map_err(|missing| match missing {
                Missing::Unknown => refused("it is signed with a key that its issuer does not publish"),
                Missing::NotAsked => nexus_api::Error::unavailable(
                    "the identity provider cannot be asked for its keys at the moment",
                ),
            })?;
        let mut validation = Validation::new(header.alg);
        validation.leeway = LEEWAY;
        validation.validate_nbf = true;
        validation.set_issuer(&[&self.settings.issuer]);
        validation.set_audience(&[&self.settings.audience]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        let claims = decode::<Map<String, Value>>(token, &key, &validation).map_err(|error| {
            refused(match error.kind() {
                ErrorKind::ExpiredSignature => "it has expired",
                ErrorKind::ImmatureSignature => "it is not valid yet",
                ErrorKind::InvalidIssuer => "it comes from another issuer",
                ErrorKind::InvalidAudience => "it is for another audience",
                ErrorKind::MissingRequiredClaim(_) => "it lacks one of exp, iss, aud and sub",
                ErrorKind::InvalidSignature => "its signature is wrong",
                _ => "it is not acceptable",
            })
        })?;
        self.read(&claims.claims)
    }

    fn read(&self, claims: &Map<String, Value>) -> nexus_api::Result<Identity> {
        let subject = claims.get("sub").and_then(Value::as_str).unwrap_or_default();
        let good = |byte: u8| byte.is_ascii_graphic();
        if subject.is_empty() || subject.len() > LONGEST_SUBJECT || !subject.bytes().all(good) {
            return Err(refused("its subject cannot be used as a name"));
        }
        let workspace = match &self.settings.workspace_claim {
            None => Workspace::default(),
            Some(claim) => {
                let name = claims.get(claim).and_then(Value::as_str);
                let workspace = name.and_then(|name| Workspace::new(name).ok());
                // Never the default one instead: whoever has no workspace is a stranger everywhere.
                workspace.ok_or_else(|| refused(&format!("its claim `{claim}` names no workspace")))?
            }
        };
        Ok(Identity {
            // No key's name has a colon: nobody can pass for a key, or spend its budget.
            name: format!("oidc:{subject}"),
            scopes: scopes(claims.get(&self.settings.scopes_claim)),
            workspace,
            mesh: false,
        })
    }
}

/// The scopes in a claim: a text of words or a list of them, `read` or `nexus:read`; others are not ours.
fn scopes(claim: Option<&Value>) -> Scopes {
    let words: Vec<&str> = match claim {
        Some(Value::String(text)) => text.split_ascii_whitespace().collect(),
        Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    words.into_iter().filter_map(|word| Scope::parse(word.strip_prefix("nexus:").unwrap_or(word))).collect()
}

fn refused(why: &str) -> nexus_api::Error {
    nexus_api::Error::new(Code::Unauthenticated, format!("the token is not accepted: {why}"))
        .suggest("get a new token from your identity provider, for Nexus")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn scopes_are_words_or_a_list_and_nothing_else() {
        let of = |claim: Value| scopes(Some(&claim));
        assert_eq!(of(json!("openid nexus:run profile")), Scopes::from_iter([Scope::Run]));
        assert_eq!(of(json!(["read", "edit"])), Scopes::from_iter([Scope::Edit]));
        for nothing in [
            json!(null),
            json!(true),
            json!({"read": true}),
            json!("READ nexus:nexus:read"),
            json!([["admin"]]),
        ] {
            assert!(of(nothing.clone()).is_empty(), "{nothing}");
        }
        assert!(scopes(None).is_empty());
    }
}

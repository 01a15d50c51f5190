//! Settings about callers: further keys, tokens of an identity provider, how often somebody may call, certificates.
//! Not here: what is done with them (`nexus-auth`, `crate::tls`, the gateway).

use super::{EgressRule, Error, parse};
use crate::keys::ApiKeys;
use secrecy::{ExposeSecret, SecretString};
use std::{path::PathBuf, time::Duration};

/// Everything about callers besides `NEXUS_API_KEYS`.
#[derive(Debug, Clone)]
pub struct Access {
    /// Keys with scopes, and the file they came from.
    pub file: Option<KeyFile>,
    /// The key by which the processes of a mesh know each other, if said.
    pub mesh_key: Option<SecretString>,
    /// Whose tokens are accepted, if anybody's.
    pub oidc: Option<Oidc>,
    /// How often one key may call.
    pub rate_per_key: Option<Rate>,
    /// How often one address may call.
    pub rate_per_address: Option<Rate>,
    /// Networks of proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<EgressRule>,
    /// What the gateway, and the gRPC port of `nexus up`, show to clients.
    pub tls: Option<Certificate>,
    /// What the processes of a mesh show each other.
    pub mesh_tls: Option<MeshTls>,
}

/// A file of keys, read once already.
#[derive(Debug, Clone)]
pub struct KeyFile {
    /// Where it is.
    pub path: PathBuf,
    /// What stood in it.
    pub keys: ApiKeys,
}

/// An identity provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Oidc {
    /// Its address, as tokens name it in `iss`.
    pub issuer: String,
    /// What tokens for us name in `aud`.
    pub audience: String,
    /// The signature algorithms that are accepted.
    pub algorithms: Vec<String>,
    /// The claim that names scopes.
    pub scopes_claim: String,
    /// The claim that names the workspace; without it everybody is in the default one.
    pub workspace_claim: Option<String>,
}

/// So many calls in that time; all of them may come at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// How many.
    pub calls: u32,
    /// In which time.
    pub per: Duration,
}

/// A certificate chain and its key, as PEM files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// The chain, the own certificate first.
    pub chain: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// What a process of a mesh shows, and whose certificates it accepts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MeshTls {
    /// Its own.
    pub own: Certificate,
    /// The authority that has signed those of the others, as a PEM file.
    pub authority: PathBuf,
}

/// Signature algorithms that may be accepted: none with a shared secret, and not `none`.
const ALGORITHMS: [&str; 9] =
    ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"];

impl Access {
    pub(super) fn read(
        text: &impl Fn(&'static str) -> Result<Option<String>, Error>,
        keys: &ApiKeys,
    ) -> Result<Self, Error> {
        let rate = |name| text(name)?.map(|value| parse::rate(name, &value)).transpose();
        let mesh_key = text("NEXUS_MESH_KEY")?;
        if mesh_key
            .as_ref()
            .is_some_and(|key| key.len() < 32 || !key.bytes().all(|byte| byte.is_ascii_graphic()))
        {
            return Err(Error::new(
                "NEXUS_MESH_KEY is too short or holds unusual characters; make one with `openssl rand -hex 32`",
            ));
        }
        Ok(Self {
            file: text("NEXUS_API_KEYS_FILE")?.map(|path| key_file(path.into(), keys)).transpose()?,
            mesh_key: mesh_key.map(Into::into),
            oidc: oidc(text)?,
            rate_per_key: rate("NEXUS_RATE_LIMIT_KEY")?,
            rate_per_address: rate("NEXUS_RATE_LIMIT_ADDRESS")?,
            trusted_proxies: text("NEXUS_TRUSTED_PROXIES")?
                .map_or(Ok(Vec::new()), |value| parse::networks("NEXUS_TRUSTED_PROXIES", &value))?,
            tls: certificate(text, "NEXUS_TLS_CERT", "NEXUS_TLS_KEY")?,
            mesh_tls: mesh_tls(text)?,
        })
    }

    /// The key by which the processes of a mesh know each other: as said, or what these keys give.
    pub fn mesh_key(&self, keys: &ApiKeys) -> Option<String> {
        self.mesh_key.as_ref().map(|key| key.expose_secret().to_owned()).or_else(|| keys.mesh_key())
    }
}

fn key_file(path: PathBuf, keys: &ApiKeys) -> Result<KeyFile, Error> {
    let text = std::fs::read_to_string(&path).map_err(|error| {
        Error::new(format!(
            "NEXUS_API_KEYS_FILE is {}, which cannot be read: {error}; docs/security.md describes it",
            path.display()
        ))
    })?;
    let read = ApiKeys::parse_file(&text)?;
    keys.and(&read)?;
    Ok(KeyFile { path, keys: read })
}

fn oidc(text: &impl Fn(&'static str) -> Result<Option<String>, Error>) -> Result<Option<Oidc>, Error> {
    let audience = text("NEXUS_OIDC_AUDIENCE")?;
    let Some(issuer) = text("NEXUS_OIDC_ISSUER")? else {
        return match audience {
            Some(_) => {
                Err(Error::new("NEXUS_OIDC_AUDIENCE is set without NEXUS_OIDC_ISSUER; set both or none"))
            }
            None => Ok(None),
        };
    };
    let uri = parse::http_url("NEXUS_OIDC_ISSUER", &issuer)?;
    let local = ["http://localhost", "http://127.0.0.1", "http://[::1]"];
    if !uri.starts_with("https://") && !local.iter().any(|local| is_at(&uri, local)) {
        return Err(Error::new(
            "NEXUS_OIDC_ISSUER is not https://, so anybody on the way could sign tokens; set it to an https:// address",
        ));
    }
    let audience = audience.ok_or_else(|| {
        Error::new("NEXUS_OIDC_AUDIENCE is missing; set it to what your tokens for Nexus name in `aud`")
    })?;
    let algorithms = text("NEXUS_OIDC_ALGORITHMS")?.unwrap_or_else(|| "RS256,ES256".to_owned());
    let algorithms: Vec<String> = parse::list(&algorithms).map(str::to_owned).collect();
    if let Some(wrong) = algorithms.iter().find(|name| !ALGORITHMS.contains(&name.as_str())) {
        return Err(Error::new(format!(
            "NEXUS_OIDC_ALGORITHMS has `{wrong}`; write some of {}",
            ALGORITHMS.join(", ")
        )));
    }
    Ok(Some(Oidc {
        // As tokens say it, a slash at its end included.
        issuer,
        audience,
        algorithms,
        scopes_claim: text("NEXUS_OIDC_SCOPES_CLAIM")?.unwrap_or_else(|| "scope".to_owned()),
        workspace_claim: text("NEXUS_OIDC_WORKSPACE_CLAIM")?,
    }))
}

/// Whether the address is on this host, not only begins with its name.
fn is_at(uri: &str, host: &str) -> bool {
    uri.strip_prefix(host).is_some_and(|rest| rest.is_empty() || rest.starts_with([':', '/']))
}

fn certificate(
    text: &impl Fn(&'static str) -> Result<Option<String>, Error>,
    chain: &'static str,
    key: &'static str,
) -> Result<Option<Certificate>, Error> {
    match (text(chain)?, text(key)?) {
        (None, None) => Ok(None),
        (Some(chain), Some(key)) => Ok(Some(Certificate { chain: chain.into(), key: key.into() })),
        (Some(_), None) => Err(Error::new(format!("{chain} is set without {key}; set both or none"))),
        (None, Some(_)) => Err(Error::new(format!("{key} is set without {chain}; set both or none"))),
    }
}

fn mesh_tls(text: &impl Fn(&'static str) -> Result<Option<String>, Error>) -> Result<Option<MeshTls>, Error> {
    let own = certificate(text, "NEXUS_MESH_TLS_CERT", "NEXUS_MESH_TLS_KEY")?;
    match (own, text("NEXUS_MESH_TLS_CA")?) {
        (None, None) => Ok(None),
        (Some(own), Some(authority)) => Ok(Some(MeshTls { own, authority: authority.into() })),
        _ => Err(Error::new(
            "of NEXUS_MESH_TLS_CERT, NEXUS_MESH_TLS_KEY and NEXUS_MESH_TLS_CA only some are set; set all or none",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Flags};

    fn load(environment: &[(&str, &str)]) -> Result<Config, Error> {
        Config::from_lookup(&Flags::new(), |name| {
            Ok(environment.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned()))
        })
    }

    const ISSUER: (&str, &str) = ("NEXUS_OIDC_ISSUER", "https://login.example/");
    const AUDIENCE: (&str, &str) = ("NEXUS_OIDC_AUDIENCE", "nexus");

    #[test]
    fn what_would_let_in_too_many_stops_the_start() {
        for (settings, part) in [
            (vec![ISSUER], "NEXUS_OIDC_AUDIENCE is missing"),
            (vec![AUDIENCE], "without NEXUS_OIDC_ISSUER"),
            (vec![("NEXUS_OIDC_ISSUER", "http://login.example"), AUDIENCE], "not https://"),
            (vec![("NEXUS_OIDC_ISSUER", "http://localhost.evil.example"), AUDIENCE], "not https://"),
            (vec![ISSUER, AUDIENCE, ("NEXUS_OIDC_ALGORITHMS", "RS256,HS256")], "HS256"),
            (vec![ISSUER, AUDIENCE, ("NEXUS_OIDC_ALGORITHMS", "none")], "`none`"),
            (vec![("NEXUS_MESH_KEY", "short")], "NEXUS_MESH_KEY"),
            (vec![("NEXUS_RATE_LIMIT_KEY", "5")], "NEXUS_RATE_LIMIT_KEY"),
            (vec![("NEXUS_RATE_LIMIT_KEY", "0/second")], "NEXUS_RATE_LIMIT_KEY"),
            (vec![("NEXUS_RATE_LIMIT_ADDRESS", "5/week")], "NEXUS_RATE_LIMIT_ADDRESS"),
            (vec![("NEXUS_TRUSTED_PROXIES", "proxy:80")], "NEXUS_TRUSTED_PROXIES"),
            (vec![("NEXUS_TLS_CERT", "a.pem")], "without NEXUS_TLS_KEY"),
            (vec![("NEXUS_MESH_TLS_CERT", "a"), ("NEXUS_MESH_TLS_KEY", "b")], "set all or none"),
            (vec![("NEXUS_API_KEYS_FILE", "/nowhere/keys.toml")], "/nowhere/keys.toml"),
        ] {
            let sentence = load(&settings).unwrap_err().to_string();
            assert!(sentence.contains(part) && !sentence.contains('\n'), "{settings:?}: {sentence}");
        }
    }

    #[test]
    fn certificates_between_processes_change_the_default_addresses_and_forbid_others() {
        let tls = [("NEXUS_MESH_TLS_CERT", "c"), ("NEXUS_MESH_TLS_KEY", "k"), ("NEXUS_MESH_TLS_CA", "a")];
        assert_eq!(load(&tls).unwrap().peers.memory, "https://127.0.0.1:50054");
        let plain = [&tls[..], &[("NEXUS_EXECUTOR_URL", "https://a:1,http://b:1")]].concat();
        let sentence = load(&plain).unwrap_err().to_string();
        assert!(sentence.contains("NEXUS_EXECUTOR_URL") && sentence.contains("https://"), "{sentence}");
    }

    #[test]
    fn an_identity_provider_counts_as_knowing_who_calls() {
        let config = load(&[ISSUER, AUDIENCE, ("NEXUS_OIDC_WORKSPACE_CLAIM", "org")]).unwrap();
        assert!(config.check_exposure("NEXUS_HTTP_ADDR", "0.0.0.0:80".parse().unwrap()).is_ok());
        let oidc = config.access.oidc.unwrap();
        assert_eq!((oidc.issuer.as_str(), oidc.algorithms.len()), ("https://login.example/", 2));
        assert_eq!((oidc.scopes_claim.as_str(), oidc.workspace_claim.as_deref()), ("scope", Some("org")));
        let rate = load(&[("NEXUS_RATE_LIMIT_KEY", "600/minute")]).unwrap().access.rate_per_key.unwrap();
        assert_eq!(rate, Rate { calls: 600, per: Duration::from_secs(60) });
    }
}

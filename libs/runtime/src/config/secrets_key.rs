//! The key that secrets for tools are encrypted with. Not here: encrypting (`nexus-executor`).

use super::Error;
use base64::{Engine, engine::general_purpose::STANDARD};
use secrecy::{ExposeSecret, SecretString};
use std::fmt;

/// 32 bytes that nobody may see.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretsKey([u8; 32]);

impl SecretsKey {
    /// The bytes: for whoever encrypts with them.
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }

    /// From the variable or from the file; neither is fine, both are not.
    pub(super) fn read(value: Option<SecretString>, file: Option<String>) -> Result<Option<Self>, Error> {
        match (value, file) {
            (None, None) => Ok(None),
            (Some(_), Some(_)) => {
                Err(Error::new("both NEXUS_SECRETS_KEY and NEXUS_SECRETS_KEY_FILE are set; keep one of them"))
            }
            (Some(value), None) => Self::parse("NEXUS_SECRETS_KEY", value.expose_secret()).map(Some),
            (None, Some(file)) => {
                let text = std::fs::read_to_string(&file).map_err(|error| {
                    let name = "NEXUS_SECRETS_KEY_FILE";
                    Error::new(format!(
                        "{name} is `{file}`, which cannot be read: {error}; set it to a file that can"
                    ))
                })?;
                Self::parse("NEXUS_SECRETS_KEY_FILE", &text).map(Some)
            }
        }
    }

    fn parse(name: &str, text: &str) -> Result<Self, Error> {
        let bytes = STANDARD.decode(text.trim()).ok().and_then(|bytes| bytes.try_into().ok());
        bytes.map(Self).ok_or_else(|| {
            Error::new(format!(
                "{name} holds no key of 32 bytes in base64; make one with `openssl rand -base64 32`"
            ))
        })
    }
}

impl fmt::Debug for SecretsKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretsKey")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

    #[test]
    fn a_key_comes_from_the_variable_or_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        std::fs::write(&path, format!("{KEY}\n")).unwrap();
        let file = || Some(path.to_str().unwrap().to_owned());
        let of_file = SecretsKey::read(None, file()).unwrap().unwrap();
        assert_eq!(of_file.expose()[..3], [0, 1, 2]);
        assert_eq!(SecretsKey::read(Some(KEY.into()), None).unwrap(), Some(of_file.clone()));
        assert_eq!(format!("{of_file:?}"), "SecretsKey");
        assert_eq!(SecretsKey::read(None, None).unwrap(), None);
        assert!(SecretsKey::read(Some(KEY.into()), file()).is_err());
        assert!(SecretsKey::read(None, Some("/no/such/file".into())).is_err());
    }

    #[test]
    fn what_is_no_key_is_not_repeated_in_the_complaint() {
        for text in ["", "hunter2", &KEY[..40], &format!("{KEY}{KEY}")] {
            let complaint = SecretsKey::read(Some(text.to_owned().into()), None).unwrap_err().to_string();
            assert!(complaint.contains("NEXUS_SECRETS_KEY") && complaint.contains("openssl"), "{complaint}");
            assert!(text.is_empty() || !complaint.contains(text), "{complaint}");
        }
    }
}

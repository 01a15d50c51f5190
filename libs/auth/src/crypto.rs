//! Signatures of tokens, checked with ring, the cryptography of everything else here: `jsonwebtoken` reads and judges
//! tokens, and leaves the mathematics to whoever is installed. Signing is not offered: nothing here makes tokens.
//! Not here: which algorithms are accepted (`token`).

use jsonwebtoken::{
    Algorithm, AlgorithmFamily, DecodingKey, DecodingKeyKind, EncodingKey,
    crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils},
    errors::{Error, ErrorKind},
    signature::{Error as Refused, Verifier},
};
use ring::signature::{
    self, ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256,
    RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512, RSA_PSS_2048_8192_SHA256,
    RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512, RsaParameters, RsaPublicKeyComponents,
    UnparsedPublicKey, VerificationAlgorithm,
};

static RING: CryptoProvider = CryptoProvider {
    signer_factory: no_signer,
    verifier_factory: verifier,
    // Only ever asked for by what makes JWKs.
    key_utils: KeyUtils::new_unimplemented(),
};

/// Makes ring the one that checks signatures; calling it again does nothing.
pub(crate) fn install() {
    // Fails only if it is there already.
    let _ = RING.install_default();
}

enum Key {
    Rsa { n: Vec<u8>, e: Vec<u8>, with: &'static RsaParameters },
    Plain { bytes: Vec<u8>, with: &'static dyn VerificationAlgorithm },
}

struct Check {
    algorithm: Algorithm,
    key: Key,
}

fn verifier(algorithm: &Algorithm, key: &DecodingKey) -> Result<Box<dyn JwtVerifier>, Error> {
    // The family of the key decides what it can be used for, whatever a token says of itself.
    if key.family() != algorithm.family() {
        return Err(ErrorKind::InvalidAlgorithm.into());
    }
    let rsa = |with| match key.kind() {
        DecodingKeyKind::RsaModulusExponent { n, e } => Ok(Key::Rsa { n: n.clone(), e: e.clone(), with }),
        DecodingKeyKind::SecretOrDer(_) => Err(Error::from(ErrorKind::InvalidKeyFormat)),
    };
    let plain = |with| Ok::<_, Error>(Key::Plain { bytes: key.try_get_as_bytes()?.to_vec(), with });
    let key = match algorithm {
        Algorithm::RS256 => rsa(&RSA_PKCS1_2048_8192_SHA256),
        Algorithm::RS384 => rsa(&RSA_PKCS1_2048_8192_SHA384),
        Algorithm::RS512 => rsa(&RSA_PKCS1_2048_8192_SHA512),
        Algorithm::PS256 => rsa(&RSA_PSS_2048_8192_SHA256),
        Algorithm::PS384 => rsa(&RSA_PSS_2048_8192_SHA384),
        Algorithm::PS512 => rsa(&RSA_PSS_2048_8192_SHA512),
        Algorithm::ES256 => plain(&ECDSA_P256_SHA256_FIXED),
        Algorithm::ES384 => plain(&ECDSA_P384_SHA384_FIXED),
        Algorithm::EdDSA => plain(&ED25519),
        _ => Err(ErrorKind::UnsupportedAlgorithm.into()),
    }?;
    Ok(Box::new(Check { algorithm: *algorithm, key }))
}

fn no_signer(_: &Algorithm, _: &EncodingKey) -> Result<Box<dyn JwtSigner>, Error> {
    Err(ErrorKind::UnsupportedAlgorithm.into())
}

impl Verifier<Vec<u8>> for Check {
    fn verify(&self, message: &[u8], given: &Vec<u8>) -> Result<(), Refused> {
        let checked: Result<(), ring::error::Unspecified> = match &self.key {
            Key::Rsa { n, e, with } => RsaPublicKeyComponents { n, e }.verify(with, message, given),
            Key::Plain { bytes, with } => {
                signature::UnparsedPublicKey::verify(&UnparsedPublicKey::new(*with, bytes), message, given)
            }
        };
        checked.map_err(|_| Refused::new())
    }
}

impl JwtVerifier for Check {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}

/// Whether keys of this family are published: a shared secret never is.
pub(crate) fn is_public(family: AlgorithmFamily) -> bool {
    family != AlgorithmFamily::Hmac
}

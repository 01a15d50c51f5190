//! TLS for the whole process: which cryptography it uses. Not here: certificates.

use std::sync::Once;

/// Makes `ring` the process's cryptography. Every client with TLS needs this once; calling it again does nothing.
pub fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // Fails only if someone else has installed one, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
}

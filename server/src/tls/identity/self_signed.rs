//! A certificate for trying things out: made at start, for this machine's own names, kept nowhere. Used by
//! [`super::load`].

use rcgen::{
    CertificateParams, DnType, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ED25519, SerialNumber,
    date_time_ymd,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::time::Duration;

/// The names of this machine to itself.
const NAMES: [&str; 3] = ["localhost", "127.0.0.1", "::1"];
/// How long it is valid: the longest that browsers take.
const VALID_SECS: u64 = 397 * 24 * 60 * 60;
/// Clocks differ: it is valid from this long before now.
const SKEW_SECS: u64 = 24 * 60 * 60;

/// The use that a self-signed certificate is made for.
#[derive(Clone, Copy)]
pub(super) enum Purpose {
    /// Clients of all kinds: ECDSA P-256, which all of them know.
    Clients,
    /// Runs that repeat: Ed25519 and a serial number of one byte, so that every certificate and every
    /// signature is as long as the one before.
    Simulation,
}

/// A certificate and its key.
pub(super) fn make(
    purpose: Purpose,
    unix_secs: u64,
) -> Result<(CertificateDer<'static>, PrivateKeyDer<'static>), String> {
    let told = |error: rcgen::Error| error.to_string();
    let (algorithm, serial) = match purpose {
        Purpose::Clients => (&PKCS_ECDSA_P256_SHA256, None),
        Purpose::Simulation => (&PKCS_ED25519, Some(SerialNumber::from(1))),
    };
    let key = KeyPair::generate_for(algorithm).map_err(told)?;
    let mut params = CertificateParams::new(NAMES.map(str::to_owned)).map_err(told)?;
    params.serial_number = serial;
    let begin = unix_secs.saturating_sub(SKEW_SECS);
    params.not_before = date_time_ymd(1970, 1, 1) + Duration::from_secs(begin);
    params.not_after = params.not_before + Duration::from_secs(VALID_SECS);
    params
        .distinguished_name
        .push(DnType::CommonName, "Ringgate, self-signed");
    let certificate = params.self_signed(&key).map_err(told)?;
    let key = PrivateKeyDer::try_from(key.serialize_der()).map_err(str::to_owned)?;
    Ok((certificate.der().clone(), key))
}

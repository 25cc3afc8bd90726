//! Which names and dates a certificate has. Used by [`super::load`]. Whether to trust it is the client's
//! business; a certificate that is over is still shown, and whoever looks after it is told.

use std::net::IpAddr;
use x509_cert::Certificate;
use x509_cert::der::Decode;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

/// Names and dates of a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Described {
    /// Host names, in lower case; `*.example.com` stands for one label before the first dot. The common
    /// name is no host name (RFC 9525 section 2), and clients do not read it.
    pub names: Vec<Box<str>>,
    /// Addresses. Clients ask for none of them by SNI (RFC 6066 section 3), so they choose nothing.
    pub addresses: Vec<IpAddr>,
    /// From when it is valid, in seconds since 1970.
    pub not_before: u64,
    /// Until when it is valid, in seconds since 1970.
    pub not_after: u64,
    /// Serial number of the certificate, to tell an old one from a new one; in hexadecimal.
    pub serial: String,
}

/// Describes a certificate in DER.
///
/// # Errors
///
/// The parser's complaint.
pub fn describe(der: &[u8]) -> Result<Described, String> {
    let parsed = Certificate::from_der(der).map_err(|error| error.to_string())?;
    let inner = parsed.tbs_certificate();
    let validity = inner.validity();
    let (mut names, mut addresses) = (Vec::new(), Vec::new());
    let found = inner.get_extension::<SubjectAltName>();
    let found = found.map_err(|error| format!("its alternative names: {error}"))?;
    for name in found.iter().flat_map(|(_, found)| &found.0) {
        match name {
            GeneralName::DnsName(name) => {
                let name = name.as_str().trim_end_matches('.');
                names.push(name.to_ascii_lowercase().into_boxed_str());
            }
            GeneralName::IpAddress(bytes) => addresses.extend(address(bytes.as_bytes())),
            _ => {}
        }
    }
    Ok(Described {
        names,
        addresses,
        not_before: validity.not_before.to_unix_duration().as_secs(),
        not_after: validity.not_after.to_unix_duration().as_secs(),
        serial: hexadecimal(inner.serial_number().as_bytes()),
    })
}

/// Until when a certificate in DER is valid, in seconds since 1970.
///
/// # Errors
///
/// The parser's complaint.
pub fn valid_until(der: &[u8]) -> Result<u64, String> {
    let parsed = Certificate::from_der(der).map_err(|error| error.to_string())?;
    let end = parsed.tbs_certificate().validity().not_after;
    Ok(end.to_unix_duration().as_secs())
}

/// Subject and issuer of a certificate: distinguished names as RFC 4514 writes them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parties {
    /// The owner of the key.
    pub subject: String,
    /// The signer.
    pub issuer: String,
}

/// The parties of a certificate in DER.
///
/// # Errors
///
/// The parser's complaint.
pub fn parties(der: &[u8]) -> Result<Parties, String> {
    let parsed = Certificate::from_der(der).map_err(|error| error.to_string())?;
    let inner = parsed.tbs_certificate();
    Ok(Parties {
        subject: inner.subject().to_string(),
        issuer: inner.issuer().to_string(),
    })
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    if let Ok(v4) = <[u8; 4]>::try_from(bytes) {
        return Some(IpAddr::from(v4));
    }
    <[u8; 16]>::try_from(bytes).ok().map(IpAddr::from)
}

fn hexadecimal(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing into a string does not fail.
        let _: std::fmt::Result = write!(text, "{byte:02x}");
        text
    })
}

//! Names of fields as the `http` crate has them, without a copy for those that clients send most. Called by
//! [`super::convert`]; what is not known here is left to the crate.

use super::refusal::Refusal;
use ::http::HeaderName;

macro_rules! known {
    ($($name:literal)+) => {
        const TEXTS: &[&str] = &[$($name),+];
        /// The same names. The crate knows some of them, and would make a copy of each other one.
        static NAMES: [HeaderName; TEXTS.len()] = [$(HeaderName::from_static($name)),+];
    };
}

// By their length.
known! {
    "host"
    "accept" "cookie" "origin"
    "referer" "upgrade"
    "priority"
    "sec-ch-ua" "x-real-ip"
    "connection" "user-agent" "tracestate"
    "traceparent"
    "content-type" "x-request-id"
    "authorization" "cache-control" "if-none-match"
    "content-length" "sec-fetch-dest" "sec-fetch-mode" "sec-fetch-site" "sec-fetch-user"
    "accept-encoding" "accept-language" "x-forwarded-for"
    "sec-ch-ua-mobile" "x-forwarded-host" "x-requested-with"
    "if-modified-since" "transfer-encoding" "x-forwarded-proto"
    "sec-ch-ua-platform"
}

const SHORTEST: usize = TEXTS[0].len();
const LONGEST: usize = TEXTS[TEXTS.len() - 1].len();
const _: () = assert!(SHORTEST >= 4 && LONGEST <= 24);

/// At each length the place of the first name that is no shorter.
const STARTS: [u8; LONGEST + 2] = {
    let mut starts = [0; LONGEST + 2];
    let (mut at, mut len) = (0, 0);
    while len < starts.len() {
        while at < TEXTS.len() && TEXTS[at].len() < len {
            assert!(at == 0 || TEXTS[at - 1].len() <= TEXTS[at].len());
            at += 1;
        }
        starts[len] = at as u8;
        len += 1;
    }
    starts
};

/// A name in words, which two comparisons or three tell from another of its length.
type Words = [u64; 3];

/// Setting bit 5 makes a capital letter small, and no other byte of a token a letter, a digit or a hyphen.
const SMALL: u64 = 0x2020_2020_2020_2020;

const WORDS: [Words; TEXTS.len()] = {
    let mut words = [[0; 3]; TEXTS.len()];
    let mut at = 0;
    while at < words.len() {
        words[at] = words_of(TEXTS[at].as_bytes());
        at += 1;
    }
    words
};

/// Words that overlap, so that they hold each byte of a name of 4 to 24.
#[inline]
const fn words_of(name: &[u8]) -> Words {
    match (name.first_chunk::<8>(), name.last_chunk::<8>()) {
        (Some(first), Some(last)) => {
            let middle = match name.len() <= 16 {
                true => first,
                false => match name.split_at(8).1.first_chunk::<8>() {
                    Some(middle) => middle,
                    None => last,
                },
            };
            [small(first), small(middle), small(last)]
        }
        _ => match (name.first_chunk::<4>(), name.last_chunk::<4>()) {
            (Some(&[a, b, c, d]), Some(&[e, f, g, h])) => [small(&[a, b, c, d, e, f, g, h]), 0, 0],
            _ => [0; 3],
        },
    }
}

const fn small(bytes: &[u8; 8]) -> u64 {
    u64::from_ne_bytes(*bytes) | SMALL
}

/// The name that a token is, in whatever case.
///
/// # Errors
/// 400 if it is no token.
pub(super) fn name_of(name: &[u8]) -> Result<HeaderName, Refusal> {
    match known(name) {
        Some(known) => Ok(known.clone()),
        None => HeaderName::from_bytes(name)
            .map_err(|_| Refusal::bad_request("A field name is not a token.")),
    }
}

#[inline]
fn known(name: &[u8]) -> Option<&'static HeaderName> {
    let len = name.len();
    if !(SHORTEST..=LONGEST).contains(&len) {
        return None;
    }
    let words = words_of(name);
    let mut places = usize::from(STARTS[len])..usize::from(STARTS[len + 1]);
    let place = places.find(|&at| WORDS[at] == words)?;
    Some(&NAMES[place])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_is_found_in_any_case_and_nothing_else_is() {
        for (text, name) in TEXTS.iter().zip(&NAMES) {
            assert_eq!(known(text.as_bytes()), Some(name));
            assert_eq!(known(text.to_uppercase().as_bytes()), Some(name));
            let other = text.replace(['e', 'o'], "y");
            assert_eq!(known(other.as_bytes()).filter(|_| other != *text), None);
        }
        for none in ["", "x", "sec-ch-ua-platform-version"] {
            assert_eq!(known(none.as_bytes()), None);
        }
    }

    #[test]
    fn a_name_that_differs_in_one_byte_is_another() {
        let tokens = (b'!'..=b'~').filter(|byte| HeaderName::from_bytes(&[*byte]).is_ok());
        let tokens: Vec<u8> = tokens.collect();
        for text in TEXTS {
            for at in 0..text.len() {
                let mut other = text.as_bytes().to_vec();
                for byte in &tokens {
                    other[at] = *byte;
                    let expected = TEXTS
                        .iter()
                        .position(|text| text.as_bytes().eq_ignore_ascii_case(&other));
                    let name = String::from_utf8_lossy(&other);
                    assert_eq!(known(&other), expected.map(|place| &NAMES[place]), "{name}");
                    assert_eq!(
                        name_of(&other).map(|found| found.to_string()),
                        Ok(name.to_ascii_lowercase())
                    );
                }
                // Nor is one with a byte more or less.
                let mut longer = text.as_bytes().to_vec();
                longer.insert(at, b'q');
                assert_eq!(known(&longer), None);
                let shorter = [&text.as_bytes()[..at], &text.as_bytes()[at + 1..]].concat();
                assert_eq!(known(&shorter), None);
            }
        }
    }
}

//! The grammar of the fields of a handshake that hold lists (RFC 6455 section 9.1, RFC 9110 section 5.6.1):
//! tokens, and offers of extensions with their parameters. Called by `judge`; what an offer means,
//! [`super::super::deflate`] decides.

/// A field that does not keep to its grammar: what is wrong with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed(pub(super) &'static str);

const EXTENSIONS: Malformed = Malformed("Sec-WebSocket-Extensions is no list of offers.");
const PROTOCOLS: Malformed = Malformed("Sec-WebSocket-Protocol is no list of tokens.");

const fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'!' | b'#'
                | b'$'
                | b'%'
                | b'&'
                | b'\''
                | b'*'
                | b'+'
                | b'-'
                | b'.'
                | b'^'
                | b'_'
                | b'`'
                | b'|'
                | b'~'
        )
}

fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().copied().all(is_token_byte)
}

/// The elements of a list; empty ones are left out (RFC 9110 section 5.6.1.2).
fn elements(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    let elements = value.split(|byte| *byte == b',');
    elements
        .map(<[u8]>::trim_ascii)
        .filter(|element| !element.is_empty())
}

/// Whether a list has this element, in any case.
pub(super) fn has(value: &[u8], wanted: &str) -> bool {
    elements(value).any(|element| element.eq_ignore_ascii_case(wanted.as_bytes()))
}

/// The elements of a list of tokens.
pub(super) fn tokens(value: &[u8]) -> impl Iterator<Item = Result<&[u8], Malformed>> {
    elements(value).map(|element| match is_token(element) {
        true => Ok(element),
        false => Err(PROTOCOLS),
    })
}

/// One extension that a client offers.
#[derive(Clone, Copy, Debug)]
pub struct Offer<'a> {
    /// Name of the extension.
    pub name: &'a [u8],
    /// The parameters, seen to keep to the grammar.
    params: &'a [u8],
}

/// A parameter's value.
#[derive(Clone, Copy, Debug)]
pub struct Value<'a>(&'a [u8]);

impl Value<'_> {
    /// The number that this is; None for anything but digits without a leading zero (RFC 7692 section
    /// 7.1.2.1).
    pub fn number(self) -> Option<u8> {
        let mut digits = self.0.iter().filter(|byte| **byte != b'\\').peekable();
        if digits.peek().is_none_or(|first| **first == b'0') {
            return None;
        }
        digits.try_fold(0u8, |number, digit| {
            let digit = digit.is_ascii_digit().then(|| digit - b'0')?;
            number.checked_mul(10)?.checked_add(digit)
        })
    }
}

/// The offers of one field line, in order of preference.
///
/// A value in quotes must be a token when they are taken off (RFC 6455 section 9.1), so no comma or
/// semicolon stands in one, and the line can be taken apart at each.
pub fn offers(value: &[u8]) -> impl Iterator<Item = Result<Offer<'_>, Malformed>> {
    elements(value).map(|element| {
        let (name, params) = match element.iter().position(|byte| *byte == b';') {
            Some(at) => (element[..at].trim_ascii_end(), &element[at + 1..]),
            None => (element, &[][..]),
        };
        let offer = Offer { name, params };
        let has_params = name.len() < element.trim_ascii_end().len();
        let is_sound = is_token(name) && (!has_params || params_are_sound(params));
        is_sound.then_some(offer).ok_or(EXTENSIONS)
    })
}

fn params_are_sound(params: &[u8]) -> bool {
    params.split(|byte| *byte == b';').all(|param| {
        let (name, value) = split_param(param);
        is_token(name) && value.is_none_or(value_is_sound)
    })
}

fn value_is_sound(Value(value): Value<'_>) -> bool {
    let mut unescaped = value.iter();
    // A backslash makes the next byte stand for itself; within quotes alone, and `split_param` has taken
    // them off.
    while let Some(byte) = unescaped.next() {
        let byte = match byte {
            b'\\' => unescaped.next().unwrap_or(&b'\\'),
            byte => byte,
        };
        if !is_token_byte(*byte) {
            return false;
        }
    }
    !value.is_empty()
}

/// Name and value of a parameter, quotes taken off.
fn split_param(param: &[u8]) -> (&[u8], Option<Value<'_>>) {
    let Some(at) = param.iter().position(|byte| *byte == b'=') else {
        return (param.trim_ascii(), None);
    };
    let (name, value) = (&param[..at], &param[at + 1..]);
    let value = value.trim_ascii();
    let quoted = value
        .strip_prefix(b"\"")
        .and_then(|value| value.strip_suffix(b"\""));
    // Without quotes a backslash is no byte of a token, and an empty value is none.
    let value = match quoted {
        Some(inner) => inner,
        None if value.contains(&b'\\') => &[],
        None => value,
    };
    (name.trim_ascii(), Some(Value(value)))
}

impl<'a> Offer<'a> {
    /// The parameters, in order, with their values if they have any.
    pub fn params(self) -> impl Iterator<Item = (&'a [u8], Option<Value<'a>>)> {
        let params = self.params.split(|byte| *byte == b';');
        params
            .filter(move |_| !self.params.is_empty())
            .map(split_param)
    }
}

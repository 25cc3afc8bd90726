//! One request on a connection that idles afterwards: what is sent, and whether what came is all of the answer.
//! Called by the measurement of idle connections, which keeps nothing but the socket.

use ringgate::http2::frame::{self, Flags};
use ringgate::http2::settings::{WINDOW_BYTES_INITIAL, write_ack};
use ringgate::http2::{ErrorCode, Fault};

use crate::load::http2::client::{Client, End, Watch};
use crate::load::http2::request::Blocks;
use crate::load::options::Options;
use crate::target::Target;

/// The payload of the sign of life.
const SIGN: [u8; 8] = *b"ringgate";

/// The end of the stream, once there is one.
#[derive(Default)]
struct Ended(Option<End>);

impl Watch<()> for Ended {
    fn tracked(&mut self, _: Option<&[u8]>) {}

    fn body(&mut self, (): &(), _: u16, _: u64, _: &[u8]) -> bool {
        true
    }

    fn ended(&mut self, (): (), end: End) {
        self.0 = Some(end);
    }

    fn left(&mut self, _: ErrorCode) {}
}

/// A client that has asked for `target`; the bytes go to `out`.
fn asked(target: &Target, out: &mut Vec<u8>) -> Client<()> {
    let blocks = Blocks::new(&Options::to(target.clone()));
    let mut client = Client::begin(WINDOW_BYTES_INITIAL, None, out);
    client.ask((), &blocks, 0, out);
    client
}

/// The first bytes of the connection: preface, settings, and a GET.
pub(crate) fn request(target: &Target) -> Vec<u8> {
    let mut out = Vec::new();
    asked(target, &mut out);
    out
}

/// Whether `bytes`, all that came so far, hold the whole answer.
///
/// # Errors
/// A broken rule, or an answer that is none.
pub(crate) fn is_answered(target: &Target, bytes: &[u8]) -> Result<bool, String> {
    let mut ended = Ended::default();
    let mut client = asked(target, &mut Vec::new());
    client
        .take(bytes, &mut Vec::new(), &mut ended)
        .map_err(|fault: Fault| fault.to_string())?;
    match ended.0 {
        None => Ok(false),
        Some(End::Answered(answer)) if answer.status == 200 && answer.fault.is_none() => Ok(true),
        Some(end) => Err(format!("answered {end:?} instead of 200")),
    }
}

/// The last frames of a client: the acknowledgement of the settings, and a PING, whose answer shows that both were read.
pub(crate) fn farewell() -> Vec<u8> {
    let mut out = Vec::new();
    write_ack(&mut out);
    frame::write_ping(SIGN, Flags::NONE, &mut out);
    out
}

/// Whether the PING was answered.
pub(crate) fn is_read(bytes: &[u8]) -> bool {
    let mut pong = Vec::new();
    frame::write_ping(SIGN, Flags::ACK, &mut pong);
    bytes.windows(pong.len()).any(|window| window == pong)
}

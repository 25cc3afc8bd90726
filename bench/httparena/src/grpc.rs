//! The one call of gRPC that the contest asks for: `benchmark.BenchmarkService/GetSum`, unary, with no code that a
//! generator wrote.
//!
//! A message is five bytes (whether it is compressed, and its length) and the fields of protobuf; the outcome of the
//! call stands in trailer fields.

use std::convert::Infallible;

use futures_util::stream;
use ringgate::http::{HeaderMap, HeaderValue, StatusCode};
use ringgate::{Body, BodyFrame, Request, Response, Result};

const CONTENT_TYPE: &str = "application/grpc";
/// Bytes before each message.
const PREFIX: usize = 5;
/// gRPC's code for a call whose argument is not what the service takes.
const INVALID_ARGUMENT: &str = "3";

/// `SumRequest` in, `SumReply` out.
pub(crate) async fn get_sum<S>(mut request: Request<S>) -> Result<Response> {
    let body = request.take_body().bytes().await?;
    let Some(sum) = message(&body).and_then(operands) else {
        return Ok(refusal());
    };
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from_static("0"));
    let frames = [
        BodyFrame::Data(reply(sum).into()),
        BodyFrame::Trailers(Box::new(trailers)),
    ];
    let frames = stream::iter(frames.map(Ok::<_, Infallible>));
    Ok(Response::new(StatusCode::OK)
        .with_content_type(CONTENT_TYPE)
        .with_body(Body::framed_stream(frames)))
}

/// The outcome alone, in the head of the answer, as gRPC allows where there is no message.
fn refusal() -> Response {
    Response::new(StatusCode::OK)
        .with_content_type(CONTENT_TYPE)
        .with_header("grpc-status", INVALID_ARGUMENT)
        .with_header("grpc-message", "the request is no SumRequest")
}

/// The only message of a body: uncompressed, and as long as its prefix says.
fn message(body: &[u8]) -> Option<&[u8]> {
    let (prefix, message) = body.split_at_checked(PREFIX)?;
    let (flag, length) = prefix.split_first()?;
    let length = u32::from_be_bytes(length.try_into().ok()?);
    (*flag == 0 && length as usize == message.len()).then_some(message)
}

/// The sum of the fields 1 and 2; a field that is missing is 0, one that comes twice is the last, and others are
/// passed over.
fn operands(mut bytes: &[u8]) -> Option<i32> {
    let (mut a, mut b) = (0, 0);
    while !bytes.is_empty() {
        let key = varint(&mut bytes)?;
        match (key >> 3, key & 7) {
            (1, 0) => a = varint(&mut bytes)? as i32,
            (2, 0) => b = varint(&mut bytes)? as i32,
            (_, 0) => drop(varint(&mut bytes)?),
            (_, 1) => bytes = bytes.get(8..)?,
            (_, 2) => {
                let length = usize::try_from(varint(&mut bytes)?).ok()?;
                bytes = bytes.get(length..)?;
            }
            (_, 5) => bytes = bytes.get(4..)?,
            _ => return None,
        }
    }
    Some(a.wrapping_add(b))
}

/// Seven bits a byte, the lowest first; at most ten bytes.
fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..70).step_by(7) {
        let (first, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(first & 0x7f).checked_shl(shift).unwrap_or(0);
        if *first < 0x80 {
            return Some(value);
        }
    }
    None
}

/// A `SumReply` behind its prefix. Field 1 is left out if it is 0, and a negative number takes ten bytes.
fn reply(sum: i32) -> Vec<u8> {
    let mut bytes = vec![0; PREFIX];
    if sum != 0 {
        bytes.push(1 << 3);
        let mut rest = i64::from(sum) as u64;
        while rest >= 0x80 {
            bytes.push(rest as u8 | 0x80);
            rest >>= 7;
        }
        bytes.push(rest as u8);
    }
    bytes[PREFIX - 1] = (bytes.len() - PREFIX) as u8;
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_the_sum_of_its_two_fields_whatever_stands_beside_them() {
        // As the contest sends it: a = 1, b = 2.
        assert_eq!(
            message(&[0, 0, 0, 0, 4, 8, 1, 16, 2]).and_then(operands),
            Some(3)
        );
        assert_eq!(operands(&[]), Some(0));
        let minus_one = [[0xff; 9].as_slice(), &[1]].concat();
        assert_eq!(operands(&[&[8], &*minus_one].concat()), Some(-1));
        let others = [
            24, 5, 33, 0, 0, 0, 0, 0, 0, 0, 0, 42, 2, b'n', b'o', 53, 0, 0, 0, 0, 8, 7,
        ];
        assert_eq!(operands(&others), Some(7));
    }

    #[test]
    fn what_is_no_request_is_refused() {
        for body in [
            [].as_slice(),
            &[0, 0, 0, 0],
            &[1, 0, 0, 0, 0],
            &[0, 0, 0, 0, 3, 8, 1],
            &[0, 0, 0, 0, 1, 8],
            &[0, 0, 0, 0, 2, 42, 9],
            &[0, 0, 0, 0, 2, 11, 0],
        ] {
            assert_eq!(message(body).and_then(operands), None, "{body:?}");
        }
        assert_eq!(operands(&[[8].as_slice(), &[0xff; 11]].concat()), None);
    }

    #[test]
    fn a_reply_is_one_field_that_reads_back() {
        assert_eq!(reply(3), [0, 0, 0, 0, 2, 8, 3]);
        assert_eq!(reply(0), [0, 0, 0, 0, 0]);
        for sum in [1, 127, 128, 300, i32::MAX, -1, i32::MIN] {
            assert_eq!(message(&reply(sum)).and_then(operands), Some(sum));
        }
    }
}

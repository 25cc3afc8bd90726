//! The ways of payload that comes (RFC 9113 section 6.1): delivered where it was received, in parts if it
//! comes in parts, or thrown away, and counted against both windows either way. Called by `receive`, and by the
//! connection code for payload that the application has taken.

use super::super::budgets::{Budget, SMALL_DATA_BYTES};
use super::super::code::{Breach, ErrorCode, Fault};
use super::super::frame::{self, Flags, HEADER_SIZE_BYTES, Header, StreamId};
use super::super::stream::{Effect, Event};
use super::{Arrival, Desk, Received, Session, told};

/// Small DATA frames that a large one makes good.
const SMALL_A_LARGE: u16 = 4;

const LENGTH: Fault = Fault::protocol("The body has not the length that Content-Length gives.");

/// A DATA frame of which not all has come.
#[derive(Clone, Copy, Debug)]
pub(super) struct HalfData {
    stream: StreamId,
    /// Bytes of data to come.
    left: u32,
    /// Bytes of padding to come, behind the data.
    padding: u32,
    /// Whether the frame ends its stream.
    end: bool,
}

impl Session {
    #[inline]
    pub(super) fn begin_data<'a>(
        &mut self,
        header: &Header,
        bytes: &'a [u8],
        desk: &mut Desk<'_>,
    ) -> Result<Received<'a>, Fault> {
        let first = bytes.get(HEADER_SIZE_BYTES);
        if header.flags.has(Flags::PADDED) && header.length > 0 && first.is_none() {
            return Ok(Received::needs(HEADER_SIZE_BYTES + 1));
        }
        let first = first.filter(|_| header.length > 0);
        let (from, padding) = frame::padding(header, first).map_err(Breach::fault)?;
        let half = HalfData {
            stream: header.stream,
            left: header.length - (from + padding) as u32,
            padding: padding as u32,
            end: header.flags.has(Flags::END_STREAM),
        };
        self.count_data(&half, desk)?;
        self.receive.receive(header.length)?;
        if header.length > 0 && self.receive.left() <= 0 {
            self.used_up = desk.seconds;
        }
        let state = self.state_of(half.stream);
        let (_, effect) = told(state, Event::Data { end: half.end });
        let fault = match effect {
            Effect::Break(Breach::Connection(fault)) => return Err(fault),
            Effect::Break(Breach::Stream(fault)) => Some(fault),
            _ => self.charge(header.length, &half),
        };
        // What is neither data nor delivered is given back at once.
        let overhead = header.length - half.left;
        self.took(half.stream, overhead, desk.seconds, desk.out);
        let from = HEADER_SIZE_BYTES + from;
        match fault {
            None => self.go_on(half, bytes, from, desk),
            Some(fault) => {
                let is_whole = half.left == 0 && half.padding == 0;
                self.data = (!is_whole).then_some(half);
                let arrival = self.break_stream(half.stream, fault, desk)?;
                Ok(Received {
                    used: from,
                    arrival,
                })
            }
        }
    }

    #[inline]
    fn count_data(&mut self, half: &HalfData, desk: &Desk<'_>) -> Result<(), Fault> {
        match half.left {
            _ if half.end => Ok(()),
            0 => self.spend(Budget::EmptyData, desk),
            left if left < SMALL_DATA_BYTES && !self.is_tunnel(half.stream) => {
                self.spend(Budget::SmallData, desk)
            }
            _ => {
                self.counters.refund(Budget::SmallData, SMALL_A_LARGE);
                Ok(())
            }
        }
    }

    /// Whether small frames are what its protocol is made of, which has bounds of its own.
    fn is_tunnel(&self, stream: StreamId) -> bool {
        let found = self.streams.get(stream);
        found.is_some_and(|found| found.is_tunnel && found.is_answered)
    }

    /// Counts a frame of `length` bytes against its stream's window, and its data against the length that the
    /// client gave.
    #[inline]
    fn charge(&mut self, length: u32, half: &HalfData) -> Option<Fault> {
        let stream = self.streams.get_mut(half.stream)?;
        if let Err(fault) = stream.receive.receive(length) {
            return Some(fault);
        }
        let left = stream.left.as_mut()?;
        match left.checked_sub(u64::from(half.left)) {
            Some(rest) if rest == 0 || !half.end => {
                *left = rest;
                None
            }
            Some(_) | None => Some(LENGTH),
        }
    }

    /// Takes what there is of the frame at hand, from `from` on.
    #[inline]
    pub(super) fn go_on<'a>(
        &mut self,
        mut half: HalfData,
        bytes: &'a [u8],
        from: usize,
        desk: &mut Desk<'_>,
    ) -> Result<Received<'a>, Fault> {
        let rest = &bytes[from..];
        let data = &rest[..rest.len().min(half.left as usize)];
        half.left -= data.len() as u32;
        let padding = (rest.len() - data.len()).min(half.padding as usize);
        half.padding -= padding as u32;
        let used = from + data.len() + padding;
        let is_whole = half.left == 0 && half.padding == 0;
        if !is_whole {
            self.data = Some(half);
            if used == 0 {
                return Ok(Received::needs(1));
            }
        }
        let end = half.end && is_whole;
        let arrival = self.on_data(half.stream, data, end, is_whole, desk)?;
        Ok(Received { used, arrival })
    }

    #[inline]
    fn on_data<'a>(
        &mut self,
        id: StreamId,
        bytes: &'a [u8],
        end: bool,
        is_whole: bool,
        desk: &mut Desk<'_>,
    ) -> Result<Arrival<'a>, Fault> {
        let count = bytes.len() as u32;
        let Some(stream) = self.streams.get_mut(id) else {
            self.took(id, count, desk.seconds, desk.out);
            return Ok(Arrival::Nothing);
        };
        stream.body_since = desk.seconds;
        stream.awaits_continue &= bytes.is_empty();
        let (next, effect) = told(stream.state, Event::Data { end });
        match effect {
            Effect::Deliver => {
                stream.state = next;
                match bytes.is_empty() && !end {
                    true => Ok(Arrival::Nothing),
                    false => Ok(Arrival::Data {
                        stream: id,
                        bytes,
                        end,
                    }),
                }
            }
            Effect::Forget => {
                self.forget(id, desk.seconds, desk.out);
                self.took(id, count, desk.seconds, desk.out);
                Ok(Arrival::Nothing)
            }
            // Nobody reads it: the stream's window stays as it is, and ends what the client can send.
            _ => {
                let is_used_up = is_whole && stream.receive.left() <= 0;
                self.give_back(count, desk.seconds, desk.out);
                if is_used_up {
                    let (_, effect) = told(self.state_of(id), Event::WindowUsedUp);
                    debug_assert_eq!(effect, Effect::ResetQuietly);
                    self.reset_with(id, ErrorCode::NO_ERROR, desk.seconds, desk.out);
                }
                Ok(Arrival::Nothing)
            }
        }
    }

    /// The application is done with so many bytes of payload. To be called for each byte that was delivered, also
    /// after the end of its stream: the connection's window has them. Room that the client gets begins its time for
    /// the body anew: it could not send meanwhile.
    #[inline]
    pub fn took(&mut self, stream: StreamId, bytes: u32, seconds: u32, out: &mut Vec<u8>) {
        if bytes == 0 {
            return;
        }
        self.give_back(bytes, seconds, out);
        self.took_from_stream(stream, bytes, seconds, out);
    }

    /// As [`Session::took`], of payload that was passed over when it came.
    #[inline]
    pub fn took_from_stream(
        &mut self,
        stream: StreamId,
        bytes: u32,
        seconds: u32,
        out: &mut Vec<u8>,
    ) {
        if let Some(found) = self.streams.get_mut(stream)
            && found.state.is_receiving()
            && let Some(more) = found.receive.release(bytes, self.own.stream_window)
        {
            found.body_since = seconds;
            frame::write_window_update(stream, more, out);
        }
    }

    /// As [`Session::took`], of payload that nobody reads, or not yet: its stream is given no room for more.
    pub fn passed_over(&mut self, bytes: u32, seconds: u32, out: &mut Vec<u8>) {
        self.give_back(bytes, seconds, out);
    }

    #[inline]
    fn give_back(&mut self, bytes: u32, seconds: u32, out: &mut Vec<u8>) {
        let had_room = self.receive.left() > 0;
        if let Some(more) = self.receive.release(bytes, self.own.connection_window) {
            // While there was room for some, whoever has stopped could have gone on.
            if !had_room {
                self.put_bodies_off(seconds);
            }
            frame::write_window_update(StreamId::CONNECTION, more, out);
        }
    }
}

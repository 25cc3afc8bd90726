//! Received bytes, as a client of HTTP/2 takes them (RFC 9113): answers, resets, and how the server leaves.
//! Called by the slot with whatever came. A server that breaks a rule is a [`Fault`]; nothing on the connection
//! can be trusted after it.

use ringgate::http2::code::Breach;
use ringgate::http2::frame::{self, Flags, Frame, HEADER_SIZE_BYTES, Header, Kind};
use ringgate::http2::settings::write_ack;
use ringgate::http2::{ErrorCode, Fault, StreamId};

use crate::load::http2::client::{Client, Data, End, Section, Stream, Watch};
use crate::load::http2::head::Head;
use crate::load::http2::request::{TABLE_BYTES, Table};

/// Longest accepted field section of an answer, in bytes of HPACK.
const BLOCK_BYTES_MAX: usize = 64 * 1024;
const MAX_CONCURRENT_STREAMS: u16 = 0x3;

const IDLE: Fault = Fault::protocol("A frame comes on a stream that nobody opened.");

impl<T> Client<T> {
    /// Takes received bytes in. Frames that answer them go to `out`.
    ///
    /// # Errors
    /// The rule that the server broke. STREAM_CLOSED stands for frames on a stream that was over.
    pub(super) fn take(
        &mut self,
        bytes: &[u8],
        out: &mut Vec<u8>,
        watch: &mut impl Watch<T>,
    ) -> Result<(), Fault> {
        if self.unparsed.is_empty() {
            return self.walk(bytes, out, watch);
        }
        let mut all = std::mem::take(&mut self.unparsed);
        all.extend_from_slice(bytes);
        self.walk(&all, out, watch)
    }

    fn walk(
        &mut self,
        mut bytes: &[u8],
        out: &mut Vec<u8>,
        watch: &mut impl Watch<T>,
    ) -> Result<(), Fault> {
        if !self.has_settings && bytes.starts_with(b"HTTP/") {
            return Err(Fault::new(
                ErrorCode::HTTP_1_1_REQUIRED,
                "The server answers in HTTP/1.",
            ));
        }
        while !bytes.is_empty() {
            if let Some(data) = self.data {
                let used = self.data_goes_on(data, bytes, out, watch);
                bytes = &bytes[used..];
                continue;
            }
            let header = frame::read_header(bytes)?;
            let used = match header {
                None => None,
                Some(header) => self.frame(&header, &bytes[HEADER_SIZE_BYTES..], out, watch)?,
            };
            match used {
                Some(used) => bytes = &bytes[HEADER_SIZE_BYTES + used..],
                None => {
                    self.unparsed.extend_from_slice(bytes);
                    break;
                }
            }
        }
        Ok(())
    }

    /// Takes a frame in whose payload begins at `rest`; gives how many bytes of that were used, None if more of
    /// them are needed.
    fn frame(
        &mut self,
        header: &Header,
        rest: &[u8],
        out: &mut Vec<u8>,
        watch: &mut impl Watch<T>,
    ) -> Result<Option<usize>, Fault> {
        if !self.has_settings && header.kind != Kind::Settings {
            return Err(Fault::protocol("The server's first frame is not SETTINGS."));
        }
        if self.section.is_some() && header.kind != Kind::Continuation {
            return Err(Fault::protocol("A field section is interrupted."));
        }
        if header.kind == Kind::Data {
            return self.data_begins(header, rest, out, watch);
        }
        let Some(payload) = rest.get(..header.length as usize) else {
            return Ok(None);
        };
        let frame = frame::parse(header, payload).map_err(Breach::fault)?;
        match frame {
            Frame::Headers(block) => {
                let is_last = header.flags.has(Flags::END_STREAM);
                self.fields(header, is_last, block, out, watch)?;
            }
            Frame::Continuation(block) => self.more_fields(header, block, out, watch)?,
            Frame::ResetStream(code) => self.reset(header.stream.0, code, watch)?,
            Frame::Settings(payload) => self.settings(payload, out)?,
            Frame::Ping(payload) => frame::write_ping(payload, Flags::ACK, out),
            Frame::GoAway(code) => self.go_away(payload, code, watch)?,
            Frame::WindowUpdate(more) => self.window_update(header.stream.0, more)?,
            Frame::Data(_)
            | Frame::Priority
            | Frame::SettingsAck
            | Frame::PingAck(_)
            | Frame::PriorityUpdate(..)
            | Frame::Unknown => {}
        }
        Ok(Some(payload.len()))
    }

    fn data_begins(
        &mut self,
        header: &Header,
        rest: &[u8],
        out: &mut Vec<u8>,
        watch: &mut impl Watch<T>,
    ) -> Result<Option<usize>, Fault> {
        if header.flags.has(Flags::PADDED) && header.length > 0 && rest.is_empty() {
            return Ok(None);
        }
        let (from, padding) = frame::padding(header, rest.first()).map_err(Breach::fault)?;
        self.receive.receive(header.length)?;
        if let Some(more) = self.receive.release(header.length, self.window) {
            frame::write_window_update(StreamId::CONNECTION, more, out);
        }
        let is_last = header.flags.has(Flags::END_STREAM);
        if let Some(place) = self.find(header.stream.0)? {
            let stream = &mut self.open[place];
            if stream.answer.status == 0 {
                stream.answer.fault = Some("DATA comes before the answer's fields.");
            }
            stream.receive.receive(header.length)?;
            let more = stream.receive.release(header.length, self.window);
            if let Some(more) = more.filter(|_| !is_last) {
                frame::write_window_update(header.stream, more, out);
            }
        }
        let data = Data {
            stream: header.stream.0,
            left: header.length as usize - from - padding,
            padding,
            is_last,
        };
        self.data_goes_on(data, &[], out, watch);
        Ok(Some(from))
    }

    /// Takes in what is there of a DATA frame; gives how many bytes were used.
    fn data_goes_on(
        &mut self,
        mut data: Data,
        bytes: &[u8],
        out: &mut Vec<u8>,
        watch: &mut impl Watch<T>,
    ) -> usize {
        let content = data.left.min(bytes.len());
        let padding = data.padding.min(bytes.len() - content);
        data.left -= content;
        data.padding -= padding;
        let place = (self.open.iter()).position(|stream| stream.id == data.stream);
        if let Some(place) = place
            && content > 0
        {
            let Stream { tag, answer, .. } = &mut self.open[place];
            let piece = &bytes[..content];
            answer.body_matches &= watch.body(tag, answer.status, answer.body_bytes, piece);
            answer.body_bytes += content as u64;
        }
        let is_over = data.left + data.padding == 0;
        self.data = Some(data).filter(|_| !is_over);
        if let Some(place) = place
            && is_over
            && data.is_last
        {
            self.finish(place, out, watch);
        }
        content + padding
    }

    fn fields(
        &mut self,
        header: &Header,
        is_last: bool,
        block: &[u8],
        out: &mut Vec<u8>,
        watch: &mut impl Watch<T>,
    ) -> Result<(), Fault> {
        let stream = header.stream.0;
        if header.flags.has(Flags::END_HEADERS) {
            return self.answer(stream, is_last, block, out, watch);
        }
        self.section = Some(Section {
            stream,
            is_last,
            block: block.to_vec(),
        });
        Ok(())
    }

    fn more_fields(
        &mut self,
        header: &Header,
        block: &[u8],
        out: &mut Vec<u8>,
        watch: &mut impl Watch<T>,
    ) -> Result<(), Fault> {
        let section = self.section.take();
        let Some(mut section) = section.filter(|section| section.stream == header.stream.0) else {
            return Err(Fault::protocol("CONTINUATION continues nothing."));
        };
        section.block.extend_from_slice(block);
        if section.block.len() > BLOCK_BYTES_MAX {
            return Err(Fault::protocol("A field section is too long."));
        }
        match header.flags.has(Flags::END_HEADERS) {
            true => self.answer(section.stream, section.is_last, &section.block, out, watch)?,
            false => self.section = Some(section),
        }
        Ok(())
    }

    /// A whole field section came: a head, an interim one, or trailers.
    fn answer(
        &mut self,
        stream: u32,
        is_last: bool,
        block: &[u8],
        out: &mut Vec<u8>,
        watch: &mut impl Watch<T>,
    ) -> Result<(), Fault> {
        let mut head = Head::new(self.track.as_deref());
        self.decoder.decode(block, &mut self.scratch, &mut head)?;
        let (status, length, fault) = (head.status, head.length, head.fault);
        let tracked = head.tracked;
        let Some(place) = self.find(stream)? else {
            return Ok(());
        };
        let Stream {
            answer,
            length: announced,
            ..
        } = &mut self.open[place];
        let is_trailer = answer.status != 0;
        let fault = match (is_trailer, status) {
            (true, 0) if is_last => None,
            (true, _) => Some("Fields come behind an answer that are no trailers."),
            (false, 0) => Some("An answer has no :status."),
            (false, 101) => Some("An answer of HTTP/2 is 101 (section 8.6)."),
            (false, 100..200) if is_last => Some("An interim answer ends the stream."),
            (false, _) => None,
        }
        .or(fault);
        answer.fault = answer.fault.or(fault);
        if !is_trailer && !(100..200).contains(&status) {
            (answer.status, *announced) = (status, length);
            watch.tracked(tracked.as_deref());
        }
        if is_last {
            self.finish(place, out, watch);
        }
        Ok(())
    }

    /// The stream at `place` is answered.
    fn finish(&mut self, place: usize, out: &mut Vec<u8>, watch: &mut impl Watch<T>) {
        let Some(stream) = self.remove(place) else {
            return;
        };
        if stream.sent < stream.body {
            // The rest of the body is not wanted (section 8.1).
            frame::write_reset(StreamId(stream.id), ErrorCode::CANCEL, out);
        }
        let Stream {
            mut answer, length, ..
        } = stream;
        let bodiless = matches!(answer.status, 204 | 304);
        if !bodiless && length.is_some_and(|length| length != answer.body_bytes) {
            let why = "Content-Length is not the length of the content.";
            answer.fault.get_or_insert(why);
        }
        watch.ended(stream.tag, End::Answered(answer));
    }

    fn reset(
        &mut self,
        stream: u32,
        code: ErrorCode,
        watch: &mut impl Watch<T>,
    ) -> Result<(), Fault> {
        if stream >= self.next || !StreamId(stream).is_clients() {
            return Err(IDLE);
        }
        let place = (self.open.iter()).position(|one| one.id == stream);
        // On one that is over it stops the rest of a body, or crosses what this side has sent.
        if let Some(stream) = place.and_then(|place| self.remove(place)) {
            let end = match code {
                ErrorCode::REFUSED_STREAM => End::Refused,
                code => End::Reset(code),
            };
            watch.ended(stream.tag, end);
        }
        Ok(())
    }

    fn settings(&mut self, payload: &[u8], out: &mut Vec<u8>) -> Result<(), Fault> {
        let before = self.settings.initial_window_size;
        let mut table = TABLE_BYTES as u32;
        self.settings
            .apply(payload, |size| table = table.min(size))?;
        if (table as usize) < TABLE_BYTES && self.table != Table::GivenUp {
            self.table = Table::Unwanted;
        }
        if !self.has_settings {
            // Without a word the server sets no limit (section 6.5.2).
            self.streams_max = usize::MAX;
        }
        for setting in payload.chunks_exact(6) {
            if setting[..2] == MAX_CONCURRENT_STREAMS.to_be_bytes() {
                let value = [setting[2], setting[3], setting[4], setting[5]];
                self.streams_max = u32::from_be_bytes(value) as usize;
            }
        }
        let by = i64::from(self.settings.initial_window_size) - i64::from(before);
        for stream in &mut self.open {
            stream.send.shift(by)?;
        }
        self.has_settings = true;
        write_ack(out);
        Ok(())
    }

    fn go_away(
        &mut self,
        payload: &[u8],
        code: ErrorCode,
        watch: &mut impl Watch<T>,
    ) -> Result<(), Fault> {
        let four = payload.first_chunk().copied().unwrap_or_default();
        let last = u32::from_be_bytes(four) & frame::NUMBER_MAX;
        if self.last.is_some_and(|before| last > before) {
            return Err(Fault::protocol(
                "A GOAWAY names a later stream than the one before.",
            ));
        }
        self.last = Some(last);
        watch.left(code);
        let mut place = 0;
        while let Some(stream) = self.open.get(place) {
            match stream.id > last {
                false => place += 1,
                true => {
                    self.has_cancelled = true;
                    if let Some(stream) = self.remove(place) {
                        watch.ended(stream.tag, End::Unprocessed);
                    }
                }
            }
        }
        Ok(())
    }

    fn window_update(&mut self, stream: u32, more: u32) -> Result<(), Fault> {
        if stream == 0 {
            return self.send.grow(more);
        }
        if stream >= self.next || !StreamId(stream).is_clients() {
            return Err(IDLE);
        }
        match self.open.iter_mut().find(|one| one.id == stream) {
            Some(stream) => stream.send.grow(more),
            None => Ok(()),
        }
    }

    /// The place of a stream on which the server sends; None if it was given up.
    fn find(&self, stream: u32) -> Result<Option<usize>, Fault> {
        if stream >= self.next || !StreamId(stream).is_clients() {
            return Err(IDLE);
        }
        let place = (self.open.iter()).position(|one| one.id == stream);
        match place.is_none() && !self.has_cancelled {
            true => Err(Fault::closed("A frame comes on a stream that is over.")),
            false => Ok(place),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::ops::Range;

    use super::*;
    use crate::load::http2::client::Answer;
    use crate::load::http2::request::Blocks;
    use crate::load::options::Options;

    /// Events seen on a connection whose streams are numbered from 0.
    #[derive(Debug, Default, PartialEq)]
    struct Seen {
        body: Vec<u8>,
        ended: Vec<(u32, End)>,
        left: Vec<ErrorCode>,
    }

    impl Watch<u32> for Seen {
        fn tracked(&mut self, _: Option<&[u8]>) {}

        fn body(&mut self, _: &u32, _: u16, _: u64, piece: &[u8]) -> bool {
            self.body.extend_from_slice(piece);
            true
        }

        fn ended(&mut self, tag: u32, end: End) {
            self.ended.push((tag, end));
        }

        fn left(&mut self, code: ErrorCode) {
            self.left.push(code);
        }
    }

    /// A client that has asked for `streams`.
    fn client(streams: u32) -> Client<u32> {
        let blocks = Blocks::new(&Options::to("http://127.0.0.1:1/".parse().unwrap()));
        let mut out = Vec::new();
        let mut client = Client::begin(100_000, None, &mut out);
        for tag in 0..streams {
            client.ask(tag, &blocks, 0, &mut out);
        }
        client
    }

    fn header(length: usize, kind: Kind, flags: Flags, stream: u32, out: &mut Vec<u8>) {
        frame::write_header(length, kind, flags, StreamId(stream), out);
    }

    /// Settings, an answer on stream 1, a refusal of stream 3, and a GOAWAY that leaves stream 5 out.
    fn script() -> Vec<u8> {
        let mut bytes = Vec::new();
        header(0, Kind::Settings, Flags::NONE, 0, &mut bytes);
        // `:status: 200` is the eighth field of the static table.
        header(1, Kind::Headers, Flags::END_HEADERS, 1, &mut bytes);
        bytes.push(0x88);
        header(8, Kind::Data, Flags::PADDED, 1, &mut bytes);
        bytes.extend(b"\x02hello\0\0");
        header(2, Kind::Data, Flags::END_STREAM, 1, &mut bytes);
        bytes.extend(b"!!");
        frame::write_reset(StreamId(3), ErrorCode::REFUSED_STREAM, &mut bytes);
        frame::write_go_away(StreamId(3), ErrorCode::NO_ERROR, "bye", &mut bytes);
        bytes
    }

    #[test]
    fn frames_mean_the_same_wherever_they_are_cut() {
        let script = script();
        let answer = Answer {
            status: 200,
            body_bytes: 7,
            body_matches: true,
            fault: None,
        };
        let expected = Seen {
            body: b"hello!!".to_vec(),
            ended: vec![
                (0, End::Answered(answer)),
                (1, End::Refused),
                (2, End::Unprocessed),
            ],
            left: vec![ErrorCode::NO_ERROR],
        };
        for size in 1..=script.len() {
            let (mut client, mut seen) = (client(3), Seen::default());
            for piece in script.chunks(size) {
                let taken = client.take(piece, &mut Vec::new(), &mut seen);
                assert_eq!(taken, Ok(()), "pieces of {size}");
            }
            assert_eq!(seen, expected, "pieces of {size}");
            assert_eq!((client.open(), client.room(9)), (0, 0));
        }
    }

    #[test]
    fn each_stream_leaves_exactly_once_whatever_the_server_sends() {
        let mut random = 0x9e37_79b9_7f4a_7c15_u64;
        for _ in 0..20_000 {
            let mut script = script();
            let mut next = || {
                random ^= random << 13;
                random ^= random >> 7;
                random ^= random << 17;
                random as usize
            };
            for _ in 0..1 + next() % 3 {
                let at = next() % script.len();
                script[at] = next() as u8;
            }
            let (mut client, mut seen) = (client(3), Seen::default());
            // A fault ends the connection, and then nothing more is handed in.
            let _ = client.take(&script, &mut Vec::new(), &mut seen);
            let mut tags: Vec<u32> = seen.ended.iter().map(|(tag, _)| *tag).collect();
            tags.extend(client.abandon());
            tags.sort_unstable();
            assert_eq!(tags, [0, 1, 2], "{script:x?}");
        }
    }

    #[test]
    fn windows_are_given_back_and_never_exceeded() {
        let (mut client, mut seen, mut out) = (client(1), Seen::default(), Vec::new());
        let mut bytes = Vec::new();
        header(0, Kind::Settings, Flags::NONE, 0, &mut bytes);
        header(1, Kind::Headers, Flags::END_HEADERS, 1, &mut bytes);
        bytes.push(0x88);
        for _ in 0..10 {
            header(16_000, Kind::Data, Flags::NONE, 1, &mut bytes);
            bytes.resize(bytes.len() + 16_000, b'x');
        }
        assert_eq!(client.take(&bytes, &mut out, &mut seen), Ok(()));
        // Half of 100,000 bytes: after four frames, and after four more; on the stream and the connection.
        let updates = out.windows(5).filter(|five| five == b"\0\0\x04\x08\0");
        assert_eq!(updates.count(), 4);
        assert_eq!(seen.body.len(), 160_000);
    }
    #[test]
    fn bodies_are_sent_in_turn_as_far_as_the_windows_reach() {
        let blocks = Blocks::new(&Options::to("http://127.0.0.1:1/".parse().unwrap()));
        let mut client = client(0);
        for tag in 0..3 {
            client.ask(tag, &blocks, 40_000, &mut Vec::new());
        }
        let (mut out, mut sent) = (Vec::new(), Vec::new());
        let mut upload = |client: &mut Client<u32>, most| {
            let content = |tag: &u32, part: Range<usize>, _: &mut Vec<u8>| {
                sent.push((*tag, part.len()));
            };
            client.upload(most, content, &mut out)
        };
        // Stopped by the bytes asked for, at once, and then by the connection's window.
        assert!(upload(&mut client, 0));
        assert!(!upload(&mut client, usize::MAX / 2));
        let mut bytes = Vec::new();
        header(0, Kind::Settings, Flags::NONE, 0, &mut bytes);
        frame::write_window_update(StreamId(0), 1_000, &mut bytes);
        let taken = client.take(&bytes, &mut Vec::new(), &mut Seen::default());
        assert_eq!(taken, Ok(()));
        assert!(!upload(&mut client, usize::MAX / 2));
        let whole = 16_384;
        let expected = [
            (0, whole),
            (1, whole),
            (2, whole),
            (0, whole - 1),
            (1, 1_000),
        ];
        assert_eq!(sent, expected);
    }
}

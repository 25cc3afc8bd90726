//! The options whose value is one of a few words, and those words.
//!
//! Each enum and its words are written once; reading, writing and the list of what is allowed
//! follow from that. The code that asks for a choice acts on it.

use std::fmt;
use std::str::FromStr;

use tracing::level_filters::LevelFilter;

use super::error::Malformed;

/// An option with a fixed list of words, as the option table sees it.
pub(super) trait Choice {
    /// Every word, in the order of the documentation.
    fn words(&self) -> &'static [&'static str];
    /// The word chosen now.
    fn word(&self) -> &'static str;
    /// Chooses by word; `false` if there is no such word.
    fn choose(&mut self, word: &str) -> bool;
}

macro_rules! choice {
    ($($(#[$of_enum:meta])* pub enum $name:ident {
        $($(#[$of_variant:meta])* $variant:ident = $word:literal,)+
    })+) => {$(
        $(#[$of_enum])*
        ///
        /// ```
        #[doc = concat!("use ringgate::config::", stringify!($name), ";")]
        ///
        #[doc = concat!("let words: Vec<&str> = ", stringify!($name), "::ALL.iter().map(|choice| choice.word()).collect();")]
        #[doc = concat!("assert_eq!(words, [", $("\"", $word, "\", ",)+ "]);")]
        #[doc = concat!("assert_eq!(words[0].parse(), Ok(", stringify!($name), "::ALL[0]));")]
        /// ```
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name {
            $($(#[$of_variant])* #[doc = concat!("Written `", $word, "`.")] $variant,)+
        }

        impl $name {
            /// Every choice, in the order of the documentation.
            pub const ALL: &'static [$name] = &[$($name::$variant),+];

            /// The word of this choice.
            pub const fn word(self) -> &'static str {
                match self { $($name::$variant => $word),+ }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.word())
            }
        }

        impl FromStr for $name {
            type Err = Malformed;

            fn from_str(text: &str) -> Result<Self, Malformed> {
                match text { $($word => Ok($name::$variant),)+ _ => Err(Malformed::plain()) }
            }
        }

        impl Choice for $name {
            fn words(&self) -> &'static [&'static str] { &[$($word),+] }
            fn word(&self) -> &'static str { (*self).word() }
            fn choose(&mut self, word: &str) -> bool {
                word.parse().map(|choice| *self = choice).is_ok()
            }
        }
    )+};
}

choice! {
    /// Whether there is something that not everybody should reach.
    pub enum Offered {
        /// Only if every listener is loopback or a Unix socket.
        Auto = "auto",
        /// Always.
        On = "on",
        /// Never.
        Off = "off",
    }

    /// The least important event that is still logged.
    pub enum LogLevel {
        /// The server could not do its work.
        Error = "error",
        /// Something was refused, lost or degraded.
        Warn = "warn",
        /// Start, stop, resize and their like.
        Info = "info",
        /// Every connection.
        Debug = "debug",
        /// Every operation.
        Trace = "trace",
        /// Nothing.
        Off = "off",
    }

    /// The place of the files of the built-in application.
    pub enum FilesAt {
        /// Below a path of their own, beside the other routes.
        Below = "/files/",
        /// At the top, in place of the other routes.
        Top = "/",
    }

    /// How a log line looks.
    pub enum LogFormat {
        /// For people.
        Text = "text",
        /// One JSON object a line.
        Json = "json",
    }

    /// How a line of the access log looks.
    pub enum AccessFormat {
        /// The Combined Log Format, which tools that read access logs know.
        Combined = "combined",
        /// One JSON object a line.
        Json = "json",
    }

    /// A field of the access log as JSON (docs/access-log.md).
    pub enum AccessField {
        /// When the request was over.
        Time = "time",
        /// The address of the client.
        RemoteAddr = "remote_addr",
        /// The port of the client.
        RemotePort = "remote_port",
        /// The first line of the request, as the Combined Log Format has it.
        Request = "request",
        /// The method.
        Method = "method",
        /// The target, with its query.
        Target = "target",
        /// The protocol.
        Protocol = "protocol",
        /// The host that the request is for.
        Host = "host",
        /// The status of the answer.
        Status = "status",
        /// Bytes of the answer's body.
        Bytes = "bytes",
        /// The page that led here.
        Referer = "referer",
        /// The program of the client.
        UserAgent = "user_agent",
        /// Seconds until the answer began.
        FirstByte = "first_byte",
        /// Seconds until the request was over.
        Duration = "duration",
        /// Seconds of them that it waited at the gate.
        Queue = "queue",
        /// The core that served it.
        Core = "core",
        /// The number of the connection.
        Connection = "connection",
        /// The number of the request on its connection.
        ConnectionRequests = "connection_requests",
        /// The stream of HTTP/2.
        Stream = "stream",
        /// The id of the request.
        RequestId = "request_id",
        /// The version of TLS.
        Tls = "tls",
        /// The cipher suite.
        Cipher = "cipher",
        /// The route.
        Route = "route",
        /// Why the request was refused or aborted.
        Reason = "reason",
        /// Whether the client did not get the whole answer.
        Aborted = "aborted",
    }

    /// The effect of SIGTERM.
    pub enum OnTerm {
        /// Stop now.
        Stop = "stop",
        /// Drain, then stop.
        Drain = "drain",
    }

    /// The treatment of requests that wait for a slot when a drain begins.
    pub enum DrainPending {
        /// Waiting requests are served, and those left at the deadline get 503.
        Serve = "serve",
        /// Waiting requests get 503 at once.
        Refuse = "refuse",
    }

    /// The request that gets the 503 when one too many is in.
    pub enum Shed {
        /// The request that has waited longest.
        Oldest = "oldest",
        /// The request that came last.
        Newest = "newest",
    }

    /// How long a slot is held.
    pub enum Admit {
        /// By each request, from its whole head to its answer.
        Request = "request",
        /// By each connection, from its first request to its end.
        Connection = "connection",
    }

    /// The treatment of a request that waits for a slot when its client ends its side of the
    /// connection.
    pub enum HalfClose {
        /// The client is taken to be gone; the request is counted as aborted.
        Gone = "gone",
        /// The request keeps its place and is answered.
        Serve = "serve",
    }

    /// Whether something is done.
    pub enum Switch {
        /// The thing is done.
        On = "on",
        /// The thing is not done.
        Off = "off",
    }

    /// Whether clients have to show a certificate.
    pub enum ClientCertificates {
        /// Required if there are roots to check them against, else not asked for.
        Auto = "auto",
        /// A client without a valid one is refused.
        Require = "require",
        /// A client without one is served, one with a bad one is refused.
        Ask = "ask",
        /// Nobody is asked.
        Off = "off",
    }

    /// The oldest version of TLS that is spoken.
    pub enum TlsVersion {
        /// TLS 1.2 (RFC 5246), beside TLS 1.3.
        Tls12 = "1.2",
        /// TLS 1.3 (RFC 8446) alone.
        Tls13 = "1.3",
    }

    /// The field of a request that names the client, where a trusted proxy sends it.
    #[derive(Default)]
    pub enum Forwarded {
        /// X-Forwarded-For, which most proxies write.
        #[default]
        XForwardedFor = "x-forwarded-for",
        /// Forwarded (RFC 7239).
        Forwarded = "forwarded",
        /// None: the client is whoever connected.
        Off = "off",
    }

    /// A feature of the rings that can be done without, so that the degraded mode can be tested
    /// (io_uring_setup(2), io_uring_enter(2)).
    pub enum RingFlag {
        /// `IORING_SETUP_SINGLE_ISSUER`.
        SingleIssuer = "single_issuer",
        /// `IORING_SETUP_DEFER_TASKRUN`.
        DeferTaskrun = "defer_taskrun",
        /// `IORING_SETUP_COOP_TASKRUN`.
        CoopTaskrun = "coop_taskrun",
        /// `IORING_SETUP_TASKRUN_FLAG`.
        TaskrunFlag = "taskrun_flag",
        /// `IORING_SETUP_SUBMIT_ALL`.
        SubmitAll = "submit_all",
        /// `IORING_SETUP_NO_SQARRAY`.
        NoSqarray = "no_sqarray",
        /// `IORING_ACCEPT_MULTISHOT`.
        MultishotAccept = "multishot_accept",
        /// `IORING_RECV_MULTISHOT`.
        MultishotRecv = "multishot_recv",
        /// `IORING_ENTER_NO_IOWAIT`.
        NoIowait = "no_iowait",
    }
}

impl From<LogLevel> for LevelFilter {
    fn from(level: LogLevel) -> Self {
        match level {
            LogLevel::Error => LevelFilter::ERROR,
            LogLevel::Warn => LevelFilter::WARN,
            LogLevel::Info => LevelFilter::INFO,
            LogLevel::Debug => LevelFilter::DEBUG,
            LogLevel::Trace => LevelFilter::TRACE,
            LogLevel::Off => LevelFilter::OFF,
        }
    }
}

impl Offered {
    /// Whether it is there for a server that only this machine can reach, or not.
    pub const fn is_there(self, is_local: bool) -> bool {
        match self {
            Offered::Auto => is_local,
            Offered::On => true,
            Offered::Off => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_read_back_as_its_choice() {
        for flag in RingFlag::ALL {
            assert_eq!(flag.word().parse::<RingFlag>(), Ok(*flag));
        }
        for level in LogLevel::ALL {
            assert_eq!(level.to_string().parse::<LogLevel>(), Ok(*level));
        }
    }

    #[test]
    fn a_word_that_is_no_choice_leaves_the_old_choice() {
        let mut demo = Offered::On;
        assert!(!Choice::choose(&mut demo, "ON"));
        assert_eq!(demo, Offered::On);
        assert!(Choice::choose(&mut demo, "off"));
        assert_eq!(demo, Offered::Off);
    }
}

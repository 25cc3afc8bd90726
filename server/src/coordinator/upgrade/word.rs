//! Words that two generations of the server say to each other, and how they are written: one message is a
//! line of JSON, and behind its line feed the bytes of a connection, if one goes along.
//!
//! Pure. The order of the words is in the file above this one.

use super::secret_word::SecretWord;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Of this form of the words. Another one is refused, and the old process goes on.
pub(crate) const VERSION: u32 = 2;
/// Longest message in bytes; a message is sent as a whole or not at all.
pub(crate) const WORD_BYTES_MAX: usize = 160 << 10;

/// A process that serves, or finishes what it has.
///
/// ```
/// use ringgate::{ServerHandle, Status};
///
/// /// Connections that older processes still have.
/// async fn left_behind(server: &ServerHandle) -> u64 {
///     let generations = server.status().await.map_or(Vec::new(), |status| status.generations);
///     let others = generations.iter().filter(|one| one.pid != std::process::id());
///     others.map(|one| one.open).sum()
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "docs/status.md defines each field")]
pub struct Generation {
    pub pid: u32,
    pub phase: String,
    pub open: u64,
    pub staying: u64,
}

/// One word.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "word", rename_all = "snake_case")]
pub(crate) enum Word {
    /// Old: who I am, and how many listeners follow.
    Hello {
        version: u32,
        pid: u32,
        units: u32,
        /// The control socket, if there is one, that the new one shall replace.
        control: Option<PathBuf>,
        /// The origin of the keys of session tickets, so that sessions are resumed by the new process too.
        /// Behind everything else: a message that is not understood is logged as far as its first bytes.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ticket_secret: Option<SecretWord>,
    },
    /// Old, with the socket: a listener.
    Listener {
        unit: u32,
        /// The address as it was configured, which finds it again.
        configured: String,
        /// The address as bound.
        bound: String,
        slot: u32,
        shared: bool,
    },
    /// Old, with the socket: the listener for metrics.
    Metrics { configured: String, bound: String },
    /// New: I cannot serve.
    Refused { error: String },
    /// New: my cores are up, and I want these listeners.
    Ready {
        wanted: Vec<u32>,
        /// Whether I can shake hands with clients that speak TLS.
        #[serde(default = "yes")]
        tls: bool,
        /// Whether I know [`Word::Again`]: what a process does not know it takes for nonsense.
        #[serde(default)]
        again: bool,
        /// Whether I answer on your listener for metrics from now on.
        #[serde(default = "yes")]
        metrics: bool,
    },
    /// Old: nobody accepts on this one now but you.
    Baton { unit: u32 },
    /// Old: the core that accepts on this one is stuck, and nobody can take it from it. Help, without
    /// arming, until it is free (then comes [`Word::Baton`]) or I am gone.
    Stuck { unit: u32 },
    /// New: I do.
    Armed { unit: u32 },
    /// Old: these were all.
    AllBatons,
    /// New: the control socket is mine; what comes from here on is mine. I have descriptors for so many
    /// connections.
    Owner { room: Option<u64> },
    /// Old, with the socket and the bytes: a connection between two requests.
    Parcel {
        id: u64,
        /// The unit that it came in by, if it is one of the old process.
        #[serde(default)]
        unit: Option<u32>,
        /// The header with which a proxy announced it, in hexadecimal.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        announced: Option<String>,
        /// The seconds from which the times of the WebSockets on its streams count.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        silences: Vec<u32>,
    },
    /// Old, with the socket: a connection that nobody has read from.
    Fresh {
        id: u64,
        /// As of a parcel.
        #[serde(default)]
        unit: Option<u32>,
        /// Whether its client speaks TLS.
        #[serde(default)]
        tls: bool,
        /// Whether a header of the PROXY protocol comes before everything else.
        #[serde(default)]
        proxied: bool,
    },
    /// New: I have it.
    Taken { id: u64 },
    /// New: I have no descriptor for it. Keep it.
    Full { id: u64 },
    /// Old: the limits of admission as configured and as they are, in the words of `ctl limits`.
    Limits { configured: String, live: String },
    /// Old: the number of cores, if an operator has set it.
    Size { cores: Option<u32> },
    /// Old: I was told so after you had started. Read the configuration again, once you serve; open the logs again.
    Again { reload: bool, reopen: bool },
    /// Old: how I stand, and those before me.
    Generations { list: Vec<Generation> },
    /// New: another one takes over from me (or has failed to), or I end on purpose. Do not take
    /// batons back.
    Succeeded { by: bool },
}

/// The answer of a process that does not give one.
fn yes() -> bool {
    true
}

impl Word {
    /// The message, with the bytes that go along.
    pub(crate) fn encode(&self, bytes: &[u8]) -> Vec<u8> {
        // No word has a part that JSON cannot say, but for a path that is not UTF-8.
        let mut message = serde_json::to_vec(self).unwrap_or_default();
        message.push(b'\n');
        message.extend_from_slice(bytes);
        message
    }

    /// Reads a message; None if it is none.
    pub(crate) fn decode(message: &[u8]) -> Option<(Word, &[u8])> {
        let end = message.iter().position(|byte| *byte == b'\n')?;
        let word = serde_json::from_slice(&message[..end]).ok()?;
        Some((word, &message[end + 1..]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tls::tickets::TicketSecret;
    use proptest::prelude::*;

    fn word() -> impl Strategy<Value = Word> {
        prop_oneof![
            any::<(u32, u32)>().prop_map(|(pid, units)| Word::Hello {
                version: VERSION,
                pid,
                units,
                control: Some("/run/ringgate/control.sock".into()),
                ticket_secret: Some(SecretWord::from(&TicketSecret::new([pid as u8; 32]))),
            }),
            ("[^\u{0}]{0,40}", any::<(u32, bool)>()).prop_map(|(text, (unit, shared))| {
                Word::Listener {
                    unit,
                    configured: text.clone(),
                    bound: text,
                    slot: unit,
                    shared,
                }
            }),
            any::<String>().prop_map(|error| Word::Refused { error }),
            any::<(Vec<u32>, [bool; 3])>().prop_map(|(wanted, [tls, again, metrics])| {
                Word::Ready {
                    wanted,
                    tls,
                    again,
                    metrics,
                }
            }),
            any::<(bool, bool)>().prop_map(|(reload, reopen)| Word::Again { reload, reopen }),
            any::<(u64, Option<u32>, Option<String>, Vec<u32>)>().prop_map(
                |(id, unit, announced, silences)| Word::Parcel {
                    id,
                    unit,
                    announced,
                    silences,
                }
            ),
            any::<u32>().prop_map(|unit| Word::Stuck { unit }),
            any::<u64>().prop_map(|id| Word::Full { id }),
            any::<Option<u64>>().prop_map(|room| Word::Owner { room }),
            any::<Option<u32>>().prop_map(|cores| Word::Size { cores }),
            any::<(String, String)>()
                .prop_map(|(configured, live)| Word::Limits { configured, live }),
            Just(Word::AllBatons),
        ]
    }

    #[test]
    fn a_secret_is_neither_in_what_is_logged_of_a_word_nor_in_its_first_bytes() {
        let word = Word::Hello {
            version: 1,
            pid: 1,
            units: 0,
            control: None,
            ticket_secret: Some(SecretWord::from(&TicketSecret::new([0xab; 32]))),
        };
        assert!(!format!("{word:?}").contains("abab"), "{word:?}");
        let message = word.encode(&[]);
        let secret = message.windows(4).position(|window| window == b"abab");
        assert!(secret.expect("the secret goes along") > 60);
        let old = br#"{"word":"hello","version":2,"pid":1,"units":0,"control":null}
"#;
        let understood = Word::decode(old).map(|(word, _)| word);
        assert!(matches!(
            understood,
            Some(Word::Hello {
                ticket_secret: None,
                ..
            })
        ));
    }

    proptest! {
        #[test]
        fn a_word_written_is_read_back_the_same(word in word(), bytes in any::<Vec<u8>>()) {
            let message = word.encode(&bytes);
            prop_assert_eq!(Word::decode(&message), Some((word, &bytes[..])));
        }

        #[test]
        fn reading_a_word_never_panics(message in any::<Vec<u8>>()) {
            let _ = Word::decode(&message);
        }
    }
}

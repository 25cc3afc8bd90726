//! Kinds of values: how each is read, written, bounded and described.
//!
//! Flags, file, environment, help and documentation all come here, so that they cannot disagree. A
//! kind also carries the place its value lives in, as a function from the draft to the field. Which
//! option is of which kind stands in `options/`.

use std::ffi::OsString;
use std::fmt::Display;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use super::access::AccessTarget;
use super::address::ListenAddr;
use super::admission::MaxAccepts;
use super::answers::{CorsOrigin, ServerHeader};
use super::choice::{AccessField, Choice, RingFlag};
use super::control::ControlPath;
use super::cores::{CORES_MAX, CoreSpec};
use super::definition::{Draft, OptionDef};
use super::duration::{format_duration, parse_duration};
use super::endpoint::Endpoint;
use super::error::{Error, Malformed, WrongValue};
use super::file_header::FileHeader;
use super::priority::PriorityRule;
use super::proxies::ProxyProtocol;
use super::rates::RequestRate;
use super::size::{format_size, parse_size, whole_number};
use super::source::Source;
use super::tls::CertificateSource;
use super::trusted::TrustedProxy;

/// Where a value of type `T` lives.
pub(super) type At<T> = for<'a> fn(&'a mut Draft) -> &'a mut T;

/// A whole number of any width, as the table sees it.
pub(super) trait Whole {
    fn get(&self) -> u64;
    /// `false`, and no change, if the number does not fit.
    fn set(&mut self, number: u64) -> bool;
}

macro_rules! whole {
    ($($number:ty),+) => {$(
        impl Whole for $number {
            fn get(&self) -> u64 {
                *self as u64
            }
            fn set(&mut self, number: u64) -> bool {
                <$number>::try_from(number).map(|number| *self = number).is_ok()
            }
        }
    )+};
}
whole!(u16, u32, u64, usize);

/// A kind of value, the place it lives in, and its bounds (both ends included).
#[derive(Clone, Copy)]
pub(super) enum Kind {
    Endpoints(At<Vec<Endpoint>>),
    AddressOrNone(At<Option<ListenAddr>>),
    Cores(At<CoreSpec>),
    /// A number, or one word for its absence.
    CountOr {
        word: &'static str,
        at: At<Option<NonZeroU32>>,
        max: u32,
    },
    MaxAccepts(At<MaxAccepts>),
    Count {
        at: At<dyn Whole>,
        min: u64,
        max: u64,
        power_of_two: bool,
    },
    Size {
        at: At<dyn Whole>,
        min: u64,
        max: u64,
    },
    SizeOrNone(At<Option<u64>>),
    Duration {
        at: At<Duration>,
        min: Duration,
        max: Duration,
    },
    Choice(At<dyn Choice>),
    RingFlags(At<Vec<RingFlag>>),
    Priorities(At<Vec<PriorityRule>>),
    Certificates(At<Vec<CertificateSource>>),
    Paths(At<Vec<PathBuf>>),
    TrustedProxies(At<Vec<TrustedProxy>>),
    ProxyProtocol(At<ProxyProtocol>),
    PathOrNone {
        at: At<Option<PathBuf>>,
        placeholder: &'static str,
    },
    RateOrNone(At<Option<RequestRate>>),
    /// A name, or one word for its absence.
    NameOrNone(At<Option<String>>),
    Control(At<ControlPath>),
    AccessTarget(At<AccessTarget>),
    AccessFields(At<Vec<AccessField>>),
    FileHeaders(At<Vec<FileHeader>>),
    /// The name of a file in any directory.
    FileName(At<String>),
    ServerHeaderOrNone(At<Option<ServerHeader>>),
    CorsOrigins(At<Vec<CorsOrigin>>),
}

/// A value that was refused: which one of those given, and why.
pub(super) struct Refused {
    pub(super) item: usize,
    value: String,
    reason: Option<String>,
    allowed: String,
}

impl Refused {
    /// The error for a value that did not stand in a file.
    pub(super) fn at(self, option: &OptionDef, from: Source) -> Error {
        let value = format!("{:?}", self.value);
        self.written(value, option, from)
    }

    /// The error for a value that is written like this where it stands.
    pub(super) fn written(self, value: String, option: &OptionDef, from: Source) -> Error {
        let Refused {
            reason, allowed, ..
        } = self;
        Error::Value(Box::new(WrongValue {
            from,
            key: option.key,
            value,
            reason,
            allowed,
        }))
    }
}

impl Kind {
    pub(super) fn repeatable(&self) -> bool {
        matches!(
            self,
            Kind::Endpoints(_)
                | Kind::RingFlags(_)
                | Kind::Priorities(_)
                | Kind::Certificates(_)
                | Kind::Paths(_)
                | Kind::AccessFields(_)
                | Kind::FileHeaders(_)
                | Kind::CorsOrigins(_)
                | Kind::TrustedProxies(_)
                | Kind::ProxyProtocol(_)
        )
    }

    /// Whether a file may write it as a bare number.
    pub(super) fn takes_numbers(&self) -> bool {
        match self {
            Kind::Cores(_)
            | Kind::CountOr { .. }
            | Kind::MaxAccepts(_)
            | Kind::Count { .. }
            | Kind::Size { .. }
            | Kind::SizeOrNone(_)
            | Kind::Duration { .. } => true,
            Kind::Endpoints(_)
            | Kind::AddressOrNone(_)
            | Kind::Choice(_)
            | Kind::RingFlags(_)
            | Kind::Priorities(_)
            | Kind::Certificates(_)
            | Kind::Paths(_)
            | Kind::TrustedProxies(_)
            | Kind::ProxyProtocol(_)
            | Kind::PathOrNone { .. }
            | Kind::RateOrNone(_)
            | Kind::NameOrNone(_)
            | Kind::Control(_)
            | Kind::AccessTarget(_)
            | Kind::AccessFields(_)
            | Kind::FileHeaders(_)
            | Kind::FileName(_)
            | Kind::ServerHeaderOrNone(_)
            | Kind::CorsOrigins(_) => false,
        }
    }

    /// Reads what was given, in full: a repeatable option is replaced, not added to.
    pub(super) fn read(&self, draft: &mut Draft, items: &[OsString]) -> Result<(), Refused> {
        let refused = |item: usize, reason: Malformed| Refused {
            item,
            value: items
                .get(item)
                .map(|text| text.to_string_lossy().into())
                .unwrap_or_default(),
            reason: reason.reason().map(str::to_owned),
            allowed: self.allowed(),
        };
        match self {
            Kind::Endpoints(at) => *at(draft) = list(items, refused)?,
            Kind::RingFlags(at) => *at(draft) = list(items, refused)?,
            Kind::Priorities(at) => *at(draft) = list(items, refused)?,
            Kind::Certificates(at) => *at(draft) = each(items, refused, CertificateSource::read)?,
            Kind::Paths(at) => *at(draft) = each(items, refused, path)?,
            Kind::AccessFields(at) => *at(draft) = list(items, refused)?,
            Kind::FileHeaders(at) => *at(draft) = list(items, refused)?,
            Kind::CorsOrigins(at) => *at(draft) = list(items, refused)?,
            Kind::TrustedProxies(at) => *at(draft) = list(items, refused)?,
            Kind::ProxyProtocol(at) => {
                let read = ProxyProtocol::read(items);
                *at(draft) = read.map_err(|(item, reason)| refused(item, reason))?;
            }
            _ => {
                let [item] = items else {
                    return Err(refused(0, Malformed::new("takes one value, not a list")));
                };
                self.read_one(draft, item)
                    .map_err(|reason| refused(0, reason))?;
            }
        }
        match self {
            Kind::Endpoints(at) if at(draft).is_empty() => Err(refused(
                0,
                Malformed::new("a server needs at least one address"),
            )),
            Kind::CorsOrigins(at)
                if at(draft).len() > 1 && at(draft).contains(&CorsOrigin::Any) =>
            {
                Err(refused(
                    0,
                    Malformed::new("* is every origin and stands alone"),
                ))
            }
            _ => Ok(()),
        }
    }

    fn read_one(&self, draft: &mut Draft, item: &OsString) -> Result<(), Malformed> {
        match self {
            Kind::PathOrNone { at, .. } => *at(draft) = optional(item, "none", path)?,
            Kind::AccessTarget(at) => *at(draft) = AccessTarget::read(item)?,
            Kind::Control(at) => {
                *at(draft) = match item.to_str() {
                    // Whose it is was not said by this value.
                    Some("auto") if at(draft).is_auto() => return Ok(()),
                    Some("auto") => ControlPath::Auto,
                    Some("none") => ControlPath::Off,
                    _ => ControlPath::At(path(item)?),
                }
            }
            _ => self.read_text(draft, text(item)?)?,
        }
        Ok(())
    }

    fn read_text(&self, draft: &mut Draft, text: &str) -> Result<(), Malformed> {
        let between = |number: u64, min: u64, max: u64| {
            if (min..=max).contains(&number) {
                Ok(number)
            } else {
                Err(Malformed::plain())
            }
        };
        let time = |text: &str, min: &Duration, max: &Duration| {
            let time = parse_duration(text)?;
            if (*min..=*max).contains(&time) {
                Ok(time)
            } else {
                Err(Malformed::plain())
            }
        };
        let put = |place: &mut dyn Whole, number: u64| {
            if place.set(number) {
                Ok(())
            } else {
                Err(Malformed::plain())
            }
        };
        match self {
            Kind::AddressOrNone(at) => {
                *at(draft) = if text == "none" {
                    None
                } else {
                    Some(text.parse()?)
                };
            }
            Kind::RateOrNone(at) => {
                *at(draft) = match text {
                    "none" => None,
                    rate => Some(rate.parse()?),
                };
            }
            Kind::NameOrNone(at) => {
                *at(draft) = match text {
                    "none" => None,
                    "" => return Err(Malformed::new("an empty name")),
                    name => Some(name.to_owned()),
                };
            }
            Kind::ServerHeaderOrNone(at) => {
                *at(draft) = match text {
                    "none" => None,
                    value => Some(value.parse()?),
                };
            }
            Kind::FileName(at) => {
                *at(draft) = match text {
                    "" | "." | ".." => return Err(Malformed::plain()),
                    name if name.contains(['/', '\0']) => return Err(Malformed::plain()),
                    name => name.to_owned(),
                };
            }
            Kind::Cores(at) => *at(draft) = text.parse()?,
            Kind::CountOr { word, at, max } => {
                *at(draft) = if text == *word {
                    None
                } else {
                    let number = whole_number(text).ok_or_else(Malformed::plain)?;
                    NonZeroU32::new(between(number, 1, u64::from(*max))? as u32)
                };
            }
            Kind::MaxAccepts(at) => *at(draft) = text.parse()?,
            Kind::Count {
                at,
                min,
                max,
                power_of_two,
            } => {
                let number = whole_number(text).ok_or_else(Malformed::plain)?;
                let number = between(number, *min, *max)?;
                if *power_of_two && !number.is_power_of_two() {
                    return Err(Malformed::plain());
                }
                put(at(draft), number)?;
            }
            Kind::Size { at, min, max } => put(at(draft), between(parse_size(text)?, *min, *max)?)?,
            Kind::SizeOrNone(at) => {
                *at(draft) = if text == "none" {
                    None
                } else {
                    Some(parse_size(text)?)
                };
            }
            Kind::Duration { at, min, max } => *at(draft) = time(text, min, max)?,
            Kind::Choice(at) => {
                if !at(draft).choose(text) {
                    return Err(Malformed::plain());
                }
            }
            // Read as a list or as a path.
            Kind::Endpoints(_)
            | Kind::RingFlags(_)
            | Kind::Priorities(_)
            | Kind::Certificates(_)
            | Kind::Paths(_)
            | Kind::TrustedProxies(_)
            | Kind::ProxyProtocol(_)
            | Kind::PathOrNone { .. }
            | Kind::Control(_)
            | Kind::AccessTarget(_)
            | Kind::AccessFields(_)
            | Kind::FileHeaders(_)
            | Kind::CorsOrigins(_) => return Err(Malformed::plain()),
        }
        Ok(())
    }

    /// Writes the value so that [`Kind::read`] reads the same one.
    pub(super) fn write(&self, draft: &Draft) -> Vec<OsString> {
        let mut draft = draft.clone();
        let draft = &mut draft;
        let one = match self {
            Kind::Endpoints(at) => return at(draft).iter().map(Endpoint::written).collect(),
            Kind::RingFlags(at) => {
                return at(draft).iter().map(|flag| flag.word().into()).collect();
            }
            Kind::Priorities(at) => return at(draft).iter().map(shown).collect(),
            Kind::Certificates(at) => {
                return at(draft).iter().map(CertificateSource::written).collect();
            }
            Kind::Paths(at) => return at(draft).iter().map(OsString::from).collect(),
            Kind::AccessFields(at) => {
                return at(draft).iter().map(|field| field.word().into()).collect();
            }
            Kind::FileHeaders(at) => return at(draft).iter().map(shown).collect(),
            Kind::CorsOrigins(at) => return at(draft).iter().map(shown).collect(),
            Kind::ServerHeaderOrNone(at) => or_word(at(draft).as_ref(), "none", shown),
            Kind::FileName(at) => shown(at(draft)),
            Kind::AccessTarget(at) => at(draft).written(),
            Kind::TrustedProxies(at) => return at(draft).iter().map(shown).collect(),
            Kind::ProxyProtocol(at) => return at(draft).written(),
            Kind::AddressOrNone(at) => or_word(at(draft).as_ref(), "none", ListenAddr::written),
            Kind::Cores(at) => shown(at(draft)),
            Kind::CountOr { word, at, .. } => or_word(at(draft).as_ref(), word, shown),
            Kind::MaxAccepts(at) => shown(at(draft)),
            Kind::Count { at, .. } => shown(&at(draft).get()),
            Kind::Size { at, .. } => format_size(at(draft).get()).into(),
            Kind::SizeOrNone(at) => {
                or_word(at(draft).as_ref(), "none", |size| format_size(*size).into())
            }
            Kind::Duration { at, .. } => format_duration(*at(draft)).into(),
            Kind::Choice(at) => at(draft).word().into(),
            Kind::PathOrNone { at, .. } => {
                or_word(at(draft).as_ref(), "none", |path| path.clone().into())
            }
            Kind::RateOrNone(at) => or_word(at(draft).as_ref(), "none", shown),
            Kind::NameOrNone(at) => or_word(at(draft).as_ref(), "none", shown),
            Kind::Control(at) => match at(draft) {
                ControlPath::Auto | ControlPath::AutoOf(_) => "auto".into(),
                ControlPath::Off => "none".into(),
                ControlPath::At(path) => path.clone().into(),
            },
        };
        vec![one]
    }

    /// Refuses a value that could not have been read: out of its bounds, or a path that means
    /// something else when it is written.
    pub(super) fn check(&self, draft: &Draft) -> Result<(), Refused> {
        let items = self.write(draft);
        let mut again = draft.clone();
        self.read(&mut again, &items)?;
        if again == *draft {
            return Ok(());
        }
        Err(Refused {
            item: 0,
            value: items.join(",".as_ref()).to_string_lossy().into(),
            reason: Some("reads as another value; write a path as ./PATH".to_owned()),
            allowed: self.allowed(),
        })
    }

    /// Refuses a value for a reason that only its reader knows.
    pub(super) fn refuse(&self, reason: String) -> Refused {
        Refused {
            item: 0,
            value: String::new(),
            reason: Some(reason),
            allowed: self.allowed(),
        }
    }

    /// The placeholder in help and usage.
    pub(super) fn placeholder(&self) -> String {
        let words: &str = match self {
            Kind::Endpoints(_) | Kind::AddressOrNone(_) => "ADDR",
            Kind::Certificates(_) => "FILE|DIR|self",
            Kind::Paths(_) => "FILE",
            Kind::TrustedProxies(_) => "IP|IP/BITS|unix",
            Kind::ProxyProtocol(_) => "off|on|ADDR",
            Kind::Cores(_) => "auto|N|MIN..MAX",
            Kind::CountOr { word, .. } => {
                return if *word == "none" {
                    "N|none".into()
                } else {
                    format!("{word}|N")
                };
            }
            Kind::MaxAccepts(_) => "N|none|unbounded",
            Kind::Count { .. } => "N",
            Kind::Size { .. } => "SIZE",
            Kind::SizeOrNone(_) => "SIZE|none",
            Kind::Duration { .. } => "TIME",
            Kind::Choice(at) => return at(&mut Draft::default()).words().join("|"),
            Kind::RingFlags(_) => "FLAG",
            Kind::Priorities(_) => "RULE",
            Kind::PathOrNone { placeholder, .. } => placeholder,
            Kind::RateOrNone(_) => "N/s|none",
            Kind::NameOrNone(_) => "NAME",
            Kind::Control(_) => "PATH",
            Kind::AccessTarget(_) => "FILE|stderr|syslog:PATH|journald|off",
            Kind::AccessFields(_) => "FIELD",
            Kind::FileHeaders(_) => "PATTERN NAME: VALUE",
            Kind::FileName(_) => "NAME",
            Kind::ServerHeaderOrNone(_) => "TEXT|none",
            Kind::CorsOrigins(_) => "ORIGIN|*",
        };
        words.to_owned()
    }

    /// Returns the values that are allowed, for errors and documentation.
    pub(super) fn allowed(&self) -> String {
        const ADDRESS: &str = "IP:PORT, [IPV6]:PORT, unix:PATH or fd:N";
        match self {
            Kind::Endpoints(_) => format!("{ADDRESS}, with https:// before it for TLS"),
            Kind::Certificates(_) => "the path of a file or a directory, or self".to_owned(),
            Kind::Paths(_) => "a path".to_owned(),
            Kind::TrustedProxies(_) => {
                "an address, a prefix such as 10.0.0.0/8, or unix".to_owned()
            }
            Kind::ProxyProtocol(_) => format!("off, on, or an address of listen: {ADDRESS}"),
            Kind::AddressOrNone(_) => format!("{ADDRESS}, or none"),
            Kind::Cores(_) => format!("auto, N or MIN..MAX with numbers from 1 to {CORES_MAX}"),
            Kind::CountOr { word, max, .. } => {
                format!("a whole number from 1 to {max}, or {word}")
            }
            Kind::MaxAccepts(_) => {
                format!("a whole number from 1 to {}, none or unbounded", u32::MAX)
            }
            Kind::Count {
                min,
                max,
                power_of_two: true,
                ..
            } => {
                format!("a power of two from {min} to {max}")
            }
            Kind::Count { min, max, .. } => format!("a whole number from {min} to {max}"),
            Kind::Size { min, max, .. } => {
                format!("a size from {} to {}", format_size(*min), format_size(*max))
            }
            Kind::SizeOrNone(_) => "a size such as 1MiB, or none".to_owned(),
            Kind::Duration { min, max, .. } => times(*min, *max),
            Kind::Choice(at) => either(at(&mut Draft::default()).words()),
            Kind::RingFlags(_) => either(
                &RingFlag::ALL
                    .iter()
                    .map(|flag| flag.word())
                    .collect::<Vec<_>>(),
            ),
            Kind::Priorities(_) => {
                "high:/PREFIX, low:/PREFIX, high:FIELD=VALUE or low:FIELD=VALUE".to_owned()
            }
            Kind::PathOrNone { .. } => "a path, or none".to_owned(),
            Kind::RateOrNone(_) => format!(
                "a number from 1 to {} in a second, a minute or an hour, such as 100/s, 60/m or 1000/h, or none",
                RequestRate::REQUESTS_MAX
            ),
            Kind::NameOrNone(_) => "a name or a number, or none".to_owned(),
            Kind::Control(_) => "a path, auto or none".to_owned(),
            Kind::AccessTarget(_) => "a path, stderr, syslog:PATH, journald or off".to_owned(),
            Kind::FileHeaders(_) => {
                "PATTERN NAME: VALUE, such as *.html Cache-Control: no-cache".to_owned()
            }
            Kind::FileName(_) => "the name of a file, without a slash".to_owned(),
            Kind::ServerHeaderOrNone(_) => "a text, or none".to_owned(),
            Kind::CorsOrigins(_) => "an origin such as https://app.example, or *".to_owned(),
            Kind::AccessFields(_) => either(
                &AccessField::ALL
                    .iter()
                    .map(|field| field.word())
                    .collect::<Vec<_>>(),
            ),
        }
    }
}

fn times(min: Duration, max: Duration) -> String {
    format!(
        "a duration from {} to {}",
        format_duration(min),
        format_duration(max)
    )
}

fn either(words: &[&str]) -> String {
    match words {
        [first @ .., last] if !first.is_empty() => format!("{} or {last}", first.join(", ")),
        _ => words.concat(),
    }
}

fn list<T: FromStr<Err = Malformed>>(
    items: &[OsString],
    refused: impl Fn(usize, Malformed) -> Refused,
) -> Result<Vec<T>, Refused> {
    each(items, refused, |item| text(item)?.parse())
}

fn each<T>(
    items: &[OsString],
    refused: impl Fn(usize, Malformed) -> Refused,
    read: impl Fn(&OsString) -> Result<T, Malformed>,
) -> Result<Vec<T>, Refused> {
    let read = |(at, item)| read(item).map_err(|reason| refused(at, reason));
    items.iter().enumerate().map(read).collect()
}

fn text(item: &OsString) -> Result<&str, Malformed> {
    item.to_str().ok_or_else(|| Malformed::new("not UTF-8"))
}

pub(super) fn path(item: &OsString) -> Result<PathBuf, Malformed> {
    if item.is_empty() {
        Err(Malformed::new("an empty path"))
    } else {
        Ok(PathBuf::from(item))
    }
}

fn optional<T>(
    item: &OsString,
    word: &str,
    read: impl Fn(&OsString) -> Result<T, Malformed>,
) -> Result<Option<T>, Malformed> {
    if item == word {
        Ok(None)
    } else {
        read(item).map(Some)
    }
}

fn or_word<T>(value: Option<&T>, word: &str, write: impl Fn(&T) -> OsString) -> OsString {
    value.map_or_else(|| word.into(), write)
}

fn shown<T: Display>(value: &T) -> OsString {
    value.to_string().into()
}

//! Every option of Ringgate, each written once.
//!
//! Flags, keys of the file, environment names, help, `docs/configuration.md` and the example file
//! are made from this table. Its order is the order of the help: one file after the other, each with
//! the options of its groups. The code that reads a value decides what it does.

mod access;
mod admission;
mod app;
mod connections;
mod drain;
mod http2;
mod pool;
mod proxies;
mod rings;
mod server;
mod tls;
mod websocket;

use std::time::Duration;

use super::definition::OptionDef;
use super::kind::{At, Kind, Whole};

const MIB: u64 = 1 << 20;
const U32_MAX: u64 = u32::MAX as u64;
const MILLISECOND: Duration = Duration::from_millis(1);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

const fn count(at: At<dyn Whole>, min: u64, max: u64) -> Kind {
    Kind::Count {
        at,
        min,
        max,
        power_of_two: false,
    }
}

const fn power_of_two(at: At<dyn Whole>, min: u64, max: u64) -> Kind {
    Kind::Count {
        at,
        min,
        max,
        power_of_two: true,
    }
}

/// Place in [`OPTIONS`] of the option with this key.
pub(super) fn index_of(key: &str) -> Option<usize> {
    OPTIONS.iter().position(|option| option.key == key)
}

const PARTS: [&[OptionDef]; 12] = [
    server::SERVER,
    access::ACCESS,
    tls::TLS,
    proxies::PROXIES,
    app::APP,
    admission::ADMISSION,
    connections::CONNECTIONS,
    http2::HTTP2,
    websocket::WEBSOCKET,
    drain::DRAIN,
    pool::POOL,
    rings::RINGS,
];

const COUNT: usize = {
    let (mut count, mut part) = (0, 0);
    while part < PARTS.len() {
        count += PARTS[part].len();
        part += 1;
    }
    count
};

/// The table: all parts, one after the other.
pub(super) static OPTIONS: &[OptionDef] = &{
    let mut all = [server::SERVER[0]; COUNT];
    let (mut at, mut part) = (0, 0);
    while part < PARTS.len() {
        let mut index = 0;
        while index < PARTS[part].len() {
            all[at] = PARTS[part][index];
            at += 1;
            index += 1;
        }
        part += 1;
    }
    all
};

//! Answers of hyper and actix-web to the profiles of a contest: sums, and items of a data set as JSON. The work is that of
//! Ringgate's entry (bench/httparena): serde and flate2, anew for each request.

use std::io::{self, Write};
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde::{Deserialize, Serialize};

/// The level of Ringgate's compression.
const LEVEL: u32 = 4;

#[derive(Deserialize, Serialize)]
struct Item {
    id: u64,
    name: String,
    category: String,
    price: i64,
    quantity: i64,
    active: bool,
    tags: Vec<String>,
    rating: Rating,
}

#[derive(Deserialize, Serialize)]
struct Rating {
    score: i64,
    count: i64,
}

#[derive(Serialize)]
struct Priced<'a> {
    #[serde(flatten)]
    item: &'a Item,
    total: i64,
}

#[derive(Serialize)]
struct Answer<'a> {
    items: Vec<Priced<'a>>,
    count: usize,
}

/// The data set.
pub struct Items(Vec<Item>);

impl Items {
    /// The file `items.json` of the folder; none without a folder.
    pub fn of(folder: Option<&Path>) -> io::Result<Items> {
        let Some(folder) = folder else {
            return Ok(Items(Vec::new()));
        };
        let text = std::fs::read(folder.join("items.json"))?;
        Ok(Items(serde_json::from_slice(&text)?))
    }

    /// The first items with `price * quantity * factor` each, as JSON.
    pub fn priced(&self, count: usize, factor: i64) -> io::Result<Vec<u8>> {
        let items: Vec<_> = (self.0.iter().take(count))
            .map(|item| Priced {
                item,
                total: item.price.wrapping_mul(item.quantity).wrapping_mul(factor),
            })
            .collect();
        let count = items.len();
        Ok(serde_json::to_vec(&Answer { items, count })?)
    }
}

/// A number of a query.
pub fn operand(query: &str, name: &str) -> Option<i64> {
    let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs.find(|(known, _)| *known == name)?.1.parse().ok()
}

/// Whether a client takes gzip, by its Accept-Encoding.
pub fn takes_gzip(accepted: Option<&[u8]>) -> bool {
    accepted.is_some_and(|accepted| accepted.windows(4).any(|word| word == b"gzip"))
}

pub fn gzip(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::new(LEVEL));
    encoder.write_all(bytes)?;
    encoder.finish()
}

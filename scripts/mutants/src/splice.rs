//! Writes a source in which each mutant is one branch. Around every branch stand comments with its number, by which the
//! errors of the compiler are given to mutants.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use serde_json::Value;

use crate::places::Places;

/// What is in the text of a choice.
const NUMBER: &str = "crate::mutant_of_this_run::number()";

/// A change of the source.
pub(crate) struct Mutant {
    number: u32,
    at: Range<usize>,
    replacement: String,
    is_body: bool,
    /// Whether its function returns a type without a name, which can be but one.
    is_opaque: bool,
}

impl Mutant {
    /// As cargo-mutants lists it: lines and columns count from 1.
    pub(crate) fn read(number: u32, listed: &Value, text: &str) -> Option<Mutant> {
        let offset = |place: &Value| {
            let line = usize::try_from(place["line"].as_u64()?).ok()?;
            let column = usize::try_from(place["column"].as_u64()?).ok()?;
            let before: usize = text
                .split_inclusive('\n')
                .take(line - 1)
                .map(str::len)
                .sum();
            let within = text[before..].char_indices().nth(column - 1);
            Some(within.map_or(text.len(), |(within, _)| before + within))
        };
        let span = &listed["span"];
        Some(Mutant {
            number,
            at: offset(&span["start"])?..offset(&span["end"])?,
            replacement: listed["replacement"].as_str()?.to_owned(),
            is_body: listed["genre"] == "FnValue",
            is_opaque: listed["function"]["return_type"]
                .as_str()
                .is_some_and(|returned| returned.contains("impl ")),
        })
    }
}

/// A source with mutants in it.
pub(crate) struct Spliced {
    pub(crate) text: String,
    pub(crate) numbers: BTreeSet<u32>,
    /// Where each group of mutants stands, and each mutant.
    regions: Vec<(Range<usize>, Vec<u32>)>,
}

/// The mutants of one expression, or of one body; or what is left out.
struct Site<'a> {
    range: Range<usize>,
    is_block: bool,
    mutants: Vec<&'a Mutant>,
}

/// Those that have no place, as what the compiler computes, are left out.
pub(crate) fn splice(
    text: &str,
    mutants: &[Mutant],
    computed: &BTreeSet<String>,
) -> syn::Result<Spliced> {
    let places = Places::of(text, computed)?;
    let mut sites: BTreeMap<(usize, usize), Site<'_>> = BTreeMap::new();
    let mut numbers = BTreeSet::new();
    for mutant in mutants {
        let holds =
            |range: &Range<usize>| range.start <= mutant.at.start && mutant.at.end <= range.end;
        let (range, is_block) = if mutant.is_body {
            let holding = places.bodies.iter().filter(|body| holds(body));
            match holding.min_by_key(|body| body.len()) {
                Some(body) if !mutant.is_opaque => (body.start..body.start, false),
                _ => continue,
            }
        } else {
            let all = places.expressions.iter();
            let holding = all.filter(|expression| holds(&expression.range));
            match holding.min_by_key(|expression| expression.range.len()) {
                Some(found) => (found.range.clone(), found.is_block),
                None => continue,
            }
        };
        let site = Site {
            range,
            is_block,
            mutants: Vec::new(),
        };
        // The outer ones first.
        let key = (site.range.start, usize::MAX - site.range.end);
        sites.entry(key).or_insert(site).mutants.push(mutant);
        numbers.insert(mutant.number);
    }
    // A function that looks at the environment is none that the compiler can compute.
    for (word, end) in &places.consts {
        let (first, last) = ((word.start, 0), (*end, 0));
        if sites.range(first..last).next().is_some() {
            let site = Site {
                range: word.clone(),
                is_block: false,
                mutants: Vec::new(),
            };
            sites.insert((word.start, usize::MAX - word.end), site);
        }
    }
    let sites: Vec<Site<'_>> = sites.into_values().collect();
    let mut out = String::new();
    render(text, 0..text.len(), &sites, &mut out);
    let mut spliced = Spliced::read(out);
    spliced.numbers = numbers;
    Ok(spliced)
}

/// Writes a part of the text with the sites that are in it. They are in order, the outer ones first.
fn render(text: &str, range: Range<usize>, sites: &[Site<'_>], out: &mut String) {
    let mut at = range.start;
    let mut next = 0;
    while let Some(site) = sites.get(next) {
        out.push_str(&text[at..site.range.start]);
        let inner = sites[next + 1..]
            .iter()
            .take_while(|inner| inner.range.start < site.range.end)
            .count();
        let inner = &sites[next + 1..next + 1 + inner];
        let all: Vec<String> = (site.mutants.iter())
            .map(|mutant| mutant.number.to_string())
            .collect();
        let all = all.join(" ");
        if site.mutants.is_empty() {
            // Nothing takes its place.
        } else if site.range.is_empty() {
            for mutant in &site.mutants {
                let (number, value) = (mutant.number, &mutant.replacement);
                out.push_str(&format!(
                    " if {NUMBER} == {number} {{ /*<<{number}*/ return {value}; /*{number}>>*/ }} "
                ));
            }
        } else {
            let (open, close) = if site.is_block { ("", "") } else { ("(", ")") };
            out.push_str(&format!("/*<<{all}*/ {open}match {NUMBER} {{ "));
            for mutant in &site.mutants {
                let number = mutant.number;
                let before = &text[site.range.start..mutant.at.start];
                let after = &text[mutant.at.end..site.range.end];
                let changed = format!("{before}{}{after}", mutant.replacement);
                out.push_str(&format!(
                    "{number} => /*<<{number}*/ {changed} /*{number}>>*/, "
                ));
            }
            out.push_str("_ => ");
            render(text, site.range.clone(), inner, out);
            out.push_str(&format!(" }}{close} /*{all}>>*/"));
        }
        at = site.range.end;
        next += 1 + inner.len();
    }
    out.push_str(&text[at..range.end]);
}

impl Spliced {
    /// Finds the marks in a text.
    pub(crate) fn read(text: String) -> Spliced {
        let mut regions = Vec::new();
        for (start, _) in text.match_indices("/*<<") {
            let names = &text[start + 4..];
            let names = &names[..names.find("*/").unwrap_or_default()];
            let end = text[start..].find(&format!("/*{names}>>*/"));
            let numbers: Vec<u32> = names
                .split(' ')
                .filter_map(|name| name.parse().ok())
                .collect();
            if let (Some(end), false) = (end, numbers.is_empty()) {
                regions.push((start..start + end, numbers));
            }
        }
        Spliced {
            text,
            numbers: BTreeSet::new(),
            regions,
        }
    }

    /// The mutants of the smallest region that holds this part of the text, or that this part holds.
    pub(crate) fn at(&self, part: Range<usize>) -> Vec<u32> {
        let holding = self
            .regions
            .iter()
            .filter(|(range, _)| range.start <= part.start && part.end <= range.end);
        match holding.min_by_key(|(range, _)| range.len()) {
            Some((_, numbers)) => numbers.clone(),
            None => {
                let held = self
                    .regions
                    .iter()
                    .filter(|(range, _)| part.start <= range.start && range.end <= part.end);
                held.flat_map(|(_, numbers)| numbers.clone()).collect()
            }
        }
    }
}

//! Puts all mutants that cargo-mutants lists into one build of the sources, where the environment chooses one of them:
//! a mutant then costs a run of its tests and no build.
//!
//! `splice ORIGINAL TREE LIST DROPPED` writes the sources of TREE from those of ORIGINAL, with each mutant of LIST
//! (`cargo mutants --list --json`) whose number is not in the file DROPPED, and prints the numbers and names of those
//! that are in. `dropped TREE` reads the messages of a compiler (`--message-format=json`) and prints what is to be in
//! DROPPED: the numbers of mutants that do not compile, and the names of functions that must stay `const`. It fails
//! where an error is due to none. Called by `scripts/mutants.sh`.

mod places;
mod splice;

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fs;
use std::io::BufRead;
use std::path::Path;

use serde_json::Value;

use splice::{Mutant, Spliced};

type Failure = Box<dyn Error>;

/// What chooses: the number of a mutant in the environment, or none.
const CHOICE: &str = r#"
#[doc(hidden)]
#[allow(missing_docs)]
pub mod mutant_of_this_run {
    pub fn number() -> u32 {
        static NUMBER: std::sync::LazyLock<u32> = std::sync::LazyLock::new(|| {
            let number = std::env::var("RINGGATE_MUTANT").ok();
            number.and_then(|number| number.parse().ok()).unwrap_or(0)
        });
        *NUMBER
    }
}
"#;
/// What the compiler would say of mutants, and refuse.
const LEAVE: &str = "#![allow(warnings, arithmetic_overflow, unconditional_panic)]\n";
/// The root of the crate, which gets [`CHOICE`] and [`LEAVE`].
const ROOT: &str = "server/src/lib.rs";

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["splice", original, tree, list, dropped] => {
            splice_all(Path::new(original), Path::new(tree), list, dropped)
        }
        ["dropped", tree] => print_dropped(Path::new(tree)),
        _ => Err("usage: splice ORIGINAL TREE LIST DROPPED | dropped TREE".into()),
    }
}

fn splice_all(original: &Path, tree: &Path, list: &str, dropped: &str) -> Result<(), Failure> {
    let list: Vec<Value> = serde_json::from_slice(&fs::read(list)?)?;
    let dropped = fs::read_to_string(dropped)?;
    // Numbers of mutants and names of functions.
    let (dropped, computed): (BTreeSet<String>, BTreeSet<String>) = (dropped.lines())
        .map(str::to_owned)
        .partition(|line| line.parse::<u32>().is_ok());
    let mut by_file: BTreeMap<String, Vec<(u32, &Value)>> = BTreeMap::new();
    for (number, mutant) in (1..).zip(&list) {
        let file = mutant["file"].as_str().ok_or("a mutant without a file")?;
        let of_file = by_file.entry(file.to_owned()).or_default();
        if !dropped.contains(&number.to_string()) {
            of_file.push((number, mutant));
        }
    }
    for (file, listed) in by_file {
        let text = fs::read_to_string(original.join(&file))?;
        let mutants = listed.iter().map(|(number, mutant)| {
            Mutant::read(*number, mutant, &text).ok_or_else(|| format!("{file}: {mutant}"))
        });
        let mutants: Vec<Mutant> = mutants.collect::<Result<_, _>>()?;
        let spliced = splice::splice(&text, &mutants, &computed)
            .map_err(|error| format!("{file}: {error}"))?;
        write_changed(&tree.join(&file), &spliced.text)?;
        for (number, mutant) in listed {
            if spliced.numbers.contains(&number) {
                println!("{number}\t{}", mutant["name"].as_str().unwrap_or_default());
            }
        }
    }
    let root = fs::read_to_string(original.join(ROOT))?;
    write_changed(&tree.join(ROOT), &format!("{LEAVE}{root}{CHOICE}"))
}

/// Leaves a file alone that is so already: it would be compiled anew.
fn write_changed(path: &Path, text: &str) -> Result<(), Failure> {
    if fs::read_to_string(path).ok().as_deref() != Some(text) {
        fs::write(path, text)?;
    }
    Ok(())
}

/// The function that the compiler was to compute, where this is what it says (E0015).
fn computed(message: &Value) -> Option<String> {
    let text = message["message"].as_str()?;
    if message["code"]["code"] != "E0015" {
        return None;
    }
    let path = text.split('`').nth(1)?;
    Some(path.rsplit("::").next()?.to_owned())
}

fn print_dropped(tree: &Path) -> Result<(), Failure> {
    let mut files: BTreeMap<String, Spliced> = BTreeMap::new();
    let mut dropped = BTreeSet::new();
    let mut others = Vec::new();
    for line in std::io::stdin().lock().lines() {
        let Ok(line) = serde_json::from_str::<Value>(&line?) else {
            continue;
        };
        let message = &line["message"];
        let spans = message["spans"].as_array().cloned().unwrap_or_default();
        if message["level"] != "error" || spans.is_empty() {
            continue;
        }
        if let Some(name) = computed(message) {
            dropped.insert(name);
            continue;
        }
        let mut found = BTreeSet::new();
        for span in spans.iter().filter(|span| span["is_primary"] == true) {
            let file = span["file_name"].as_str().unwrap_or_default().to_owned();
            let (Some(start), Some(end)) = (span["byte_start"].as_u64(), span["byte_end"].as_u64())
            else {
                continue;
            };
            if !files.contains_key(&file) {
                let text = fs::read_to_string(tree.join(&file))?;
                files.insert(file.clone(), Spliced::read(text));
            }
            let mutants = files[&file].at(start as usize..end as usize);
            found.extend(mutants.iter().map(u32::to_string));
        }
        if found.is_empty() {
            others.push(message["rendered"].as_str().unwrap_or_default().to_owned());
        }
        dropped.extend(found);
    }
    // An error beside a mutant may come of one in a mutant: it counts only when it is left alone.
    if dropped.is_empty() && !others.is_empty() {
        return Err(others.join("\n").into());
    }
    for number in dropped {
        println!("{number}");
    }
    Ok(())
}

//! Which states the simulations have come to, in which events, held against the tables of the state machines.
//! `RINGGATE_TEST_VISITED` names the folder with what they noted (`scripts/seeds.sh`); every cell of a table must be
//! there, or in `unvisited.txt` with the reason.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// The tables: machine, file, and the line before its part of the file.
const TABLES: [(&str, &str, &str); 4] = [
    ("exchange", "http_protocol/life_cycle.txt", ""),
    ("stream", "http2/life_cycle.txt", "A stream"),
    ("session", "http2/life_cycle.txt", "A connection"),
    ("conversation", "websocket/life_cycle.txt", ""),
];

fn read(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests")
        .join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The name at the front of a line: a word, with what is in brackets and braces right behind it.
fn name(line: &str) -> &str {
    let word = |c: char| !c.is_alphanumeric();
    let mut end = line.find(word).unwrap_or(line.len());
    for (opens, closes) in [("(", ')'), (" { ", '}')] {
        if line[end..].starts_with(opens)
            && let Some(length) = line[end..].find(closes)
        {
            end += length + 1;
        }
    }
    &line[..end]
}

/// The event without what the tables show one example of: phases, codes and faults.
fn plain(machine: &str, event: &str) -> String {
    let (front, _) = event.split_once('(').unwrap_or((event, ""));
    let is_example = match machine {
        "exchange" => ["Switched", "Upgraded"].contains(&front),
        "conversation" => ["CloseWanted", "Failed", "Drain"].contains(&front),
        _ => false,
    };
    if is_example { front } else { event }.to_owned()
}

fn cell(machine: &str, state: &str, event: &str) -> String {
    format!("{machine} | {state} | {}", plain(machine, event))
}

/// Every cell of the tables.
fn cells() -> BTreeSet<String> {
    let mut cells = BTreeSet::new();
    for (machine, file, heading) in TABLES {
        let text = read(file);
        let (_, part) = text.split_once(heading).expect("its part");
        let mut state = "";
        for line in part
            .trim_start_matches('\n')
            .lines()
            .take_while(|line| !line.is_empty())
        {
            match line.strip_prefix("    ") {
                Some(event) => {
                    cells.insert(cell(machine, state, name(event)));
                }
                None => state = name(line),
            }
        }
    }
    cells
}

/// The cells that need not be come to.
fn excused() -> BTreeSet<String> {
    let text = read("unvisited.txt");
    let mut excused = BTreeSet::new();
    let mut has_reason = false;
    for line in text.lines() {
        match line {
            "" => has_reason = false,
            line if line.starts_with('#') => has_reason = true,
            line => {
                assert!(
                    has_reason,
                    "{line}: a line above it that begins with # says why"
                );
                assert!(excused.insert(line.to_owned()), "{line}: twice");
            }
        }
    }
    excused
}

#[test]
fn the_cells_that_are_excused_are_in_the_tables() {
    let cells = cells();
    assert!(cells.len() > 300, "{} cells", cells.len());
    for cell in excused() {
        assert!(cells.contains(&cell), "{cell}: no such cell");
    }
}

#[test]
fn each_cell_was_come_to_or_is_excused() {
    let Some(folder) = std::env::var_os("RINGGATE_TEST_VISITED") else {
        return;
    };
    let mut visited = BTreeSet::new();
    for file in fs::read_dir(folder).expect("the folder").flatten() {
        let text = fs::read_to_string(file.path()).expect("text");
        for line in text.lines() {
            if let [machine, state, event] = line.split(" | ").collect::<Vec<_>>()[..] {
                visited.insert(cell(machine, state, event));
            }
        }
    }
    let cells = cells();
    let excused = excused();
    let seen = cells.intersection(&visited).count();
    println!("{seen} of {} states and events were come to", cells.len());
    for cell in excused.intersection(&visited) {
        println!("excused, and come to: {cell}");
    }
    let missing = cells
        .iter()
        .filter(|cell| !visited.contains(*cell) && !excused.contains(*cell));
    let missing: Vec<_> = missing.collect();
    assert!(missing.is_empty(), "never come to: {missing:#?}");
}

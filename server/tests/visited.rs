//! Which states the simulations have come to, in which events, held against the tables of the state machines.
//! `RINGGATE_TEST_VISITED` names the folder with what they noted (`scripts/seeds.sh`).

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

#[test]
fn the_tables_are_read_to_their_ends() {
    let cells = cells();
    for cell in [
        "exchange | Idle | BytesArrived",
        "exchange | Upgraded(Streams) | Force { sent: true }",
        "stream | Reset | WindowUpdate",
        "session | Over | Failed",
        "conversation | Open | DeadlinePassed(Quiet)",
    ] {
        assert!(cells.contains(cell), "{cell}");
    }
}

#[test]
fn cells_that_were_never_come_to_are_shown() {
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
    let missing: Vec<_> = cells.difference(&visited).collect();
    for cell in &missing {
        println!("never: {cell}");
    }
    println!(
        "{} of {} events in states have come",
        cells.len() - missing.len(),
        cells.len()
    );
}

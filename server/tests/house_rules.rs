//! The rules of the house, held to the files themselves: what every source opens with, that
//! documentation names its nouns, where `unsafe` may stand and what stands above it, how long a file
//! may be, why a test sleeps and an answer is dropped, that links of the documents lead somewhere, and that docs/seeds.md names
//! the tests behind each row.
//!
//! It reads text and decides nothing about meaning; clippy and the compiler do the rest.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// A file of one idea fits into this many lines.
const LINES_MAX: usize = 700;

fn root() -> PathBuf {
    let server = Path::new(env!("CARGO_MANIFEST_DIR"));
    server.parent().expect("a workspace around").to_owned()
}

/// A file of the workspace: its path from the root, and its text.
struct File {
    path: String,
    text: String,
}

/// All files of an extension under a folder, builds and hidden folders left out, in order.
fn files(folder: &str, extension: &str) -> Vec<File> {
    let root = root();
    let mut folders = vec![root.join(folder)];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a readable folder") {
            let path = entry.expect("a readable entry").path();
            let name = path.file_name().and_then(|name| name.to_str());
            let name = name.expect("a name in UTF-8");
            if path.is_dir() && name != "target" && !name.starts_with('.') {
                folders.push(path);
            } else if path.extension().is_some_and(|found| found == extension) {
                let text = fs::read_to_string(&path).expect("text in UTF-8");
                let path = path.strip_prefix(&root).expect("below the root");
                found.push(File {
                    path: path.to_string_lossy().into_owned(),
                    text,
                });
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

fn sources() -> Vec<File> {
    let rooms = ["runtime", "server", "bench"];
    let found: Vec<_> = rooms.iter().flat_map(|room| files(room, "rs")).collect();
    assert!(found.len() > 100, "only {} sources found", found.len());
    found
}

/// A line without its comment and without what its string literals hold.
fn code(line: &str) -> String {
    let mut code = String::new();
    let mut in_string = false;
    let mut characters = line.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\\' if in_string => drop(characters.next()),
            '"' => in_string = !in_string,
            '/' if !in_string && characters.peek() == Some(&'/') => break,
            _ if in_string => {}
            _ => code.push(character),
        }
    }
    code
}

/// Whether this code, and not a name or a policy for pages with `unsafe-inline`, is unsafe.
fn is_unsafe(code: &str) -> bool {
    let mut words =
        code.split_inclusive(|character: char| !character.is_alphanumeric() && character != '_');
    words.any(|word| matches!(word, "unsafe" | "unsafe " | "unsafe("))
}

fn complain(broken: &[String], rule: &str) {
    assert!(broken.is_empty(), "{rule}:\n  {}", broken.join("\n  "));
}

#[test]
fn every_source_opens_by_saying_what_it_decides() {
    let silent = |file: &File| !file.text.starts_with("//! ");
    let broken: Vec<_> = sources().into_iter().filter(silent).collect();
    let broken: Vec<_> = broken.into_iter().map(|file| file.path).collect();
    complain(&broken, "these do not open with `//! `");
}

/// The text of a line of documentation.
fn documented(line: &str) -> Option<&str> {
    let line = line.trim_start();
    let text = line.strip_prefix("///").or(line.strip_prefix("//!"))?;
    Some(text.trim())
}

/// Whether a paragraph that begins like this leaves its noun to text that a reader of the rendered
/// page, or of an editor's hint, does not see.
fn names_no_noun(text: &str) -> bool {
    let mut words = text.split_whitespace();
    let two = (words.next().unwrap_or(""), words.next().unwrap_or(""));
    match two {
        ("It" | "Its" | "They" | "Their" | "He" | "She", _) => true,
        ("Who" | "Whoever" | "Whose" | "What", _) => true,
        ("This", "one" | "of" | "is" | "was" | "has" | "cannot" | "many") => true,
        ("That" | "These" | "Those", _) => true,
        ("One", "that" | "which" | "with" | "whose") => true,
        ("As", "there" | "there." | "there," | "there:") => true,
        ("Answers", "whether") => true,
        _ => text.starts_with("See the top of the file"),
    }
}

/// Whether a later sentence of a paragraph has a question word in place of a noun. `goes_on`: whether the line
/// before this one ends with a full stop, so that this line begins with a sentence.
fn asks(text: &str, goes_on: bool) -> bool {
    let first = goes_on.then_some(text);
    let sentences = first.into_iter().chain(text.split(". ").skip(1));
    let mut words = sentences.filter_map(|sentence| sentence.split_whitespace().next());
    words.any(|word| matches!(word, "Who" | "Whoever" | "Whose" | "What"))
}

#[test]
fn documentation_names_its_noun() {
    assert!(names_no_noun("That of the core.") && names_no_noun("Whoever closed the other end."));
    assert!(!names_no_noun("This process ends.") && !asks("The queue. A task of it.", true));
    assert!(asks("What runs goes on.", true) && asks("Closed. Who asks hears so.", false));
    let mut broken = Vec::new();
    for File { path, text } in sources() {
        if !path.contains("/src/") {
            continue;
        }
        let mut before = "";
        for (at, line) in text.lines().enumerate() {
            let found = documented(line).unwrap_or("");
            let begins = before.is_empty() || before.starts_with("# ");
            let goes_on = !begins && before.ends_with('.');
            if begins && names_no_noun(found) || asks(found, goes_on) {
                broken.push(format!("{path}:{}: {found}", at + 1));
            }
            before = found;
        }
    }
    complain(
        &broken,
        "a paragraph of documentation begins with the noun it is about, not with a pronoun, \
         and no sentence begins with a question word instead of one",
    );
}

#[test]
fn no_source_is_longer_than_one_idea() {
    let broken: Vec<_> = sources()
        .iter()
        .filter_map(|file| {
            let lines = file.text.lines().count();
            (lines > LINES_MAX)
                .then(|| format!("{}: {lines} lines, at most {LINES_MAX}", file.path))
        })
        .collect();
    complain(&broken, "these are too long; split them by idea");
}

#[test]
fn the_server_holds_no_unsafe_code() {
    let broken: Vec<_> = files("server", "rs")
        .iter()
        .flat_map(|file| {
            let lines = file.text.lines().enumerate();
            lines
                .filter(|(_, line)| is_unsafe(&code(line)))
                .map(|(number, _)| format!("{}:{}", file.path, number + 1))
                .collect::<Vec<_>>()
        })
        .collect();
    complain(
        &broken,
        "system calls get their safe face in runtime/src/sys",
    );
    for path in ["server/src/lib.rs", "server/src/main.rs"] {
        let text = fs::read_to_string(root().join(path)).expect("a crate root");
        assert!(text.contains("#![forbid(unsafe_code)]"), "{path}");
    }
}

#[test]
fn nothing_of_the_server_is_public_by_accident() {
    let lib = fs::read_to_string(root().join("server/src/lib.rs")).expect("a crate root");
    let lines: Vec<_> = lib.lines().collect();
    let mut broken = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let Some(module) = line.strip_prefix("pub mod ") else {
            continue;
        };
        let module = module.trim_end_matches(';');
        let is_hidden = lines[..at].last() == Some(&"#[doc(hidden)]");
        let named = [
            format!("//! | [`{module}`] |"),
            format!("//! | `{module}` |"),
        ];
        if !is_hidden && !named.iter().any(|row| lib.contains(row.as_str())) {
            broken.push(format!(
                "{module}, which the table at the top of lib.rs leaves out"
            ));
        }
    }
    // A macro that is exported stands at the root of the crate, wherever it was written. Put together
    // here, so that this file holds no such word.
    let export = ["macro", "_export"].concat();
    let exported = files("server/src", "rs");
    let exported = exported.iter().filter(|file| file.text.contains(&export));
    broken.extend(exported.map(|file| format!("a macro of {}", file.path)));
    complain(&broken, "say what these are for, or make them private");
}

/// Whether the comment right above this line, or above the statement it goes on, says SAFETY.
fn is_justified(lines: &[&str], at: usize) -> bool {
    let mut above = lines[..at].iter().rev().map(|line| line.trim()).peekable();
    // The first lines of the same statement, and attributes.
    while above.next_if(|line| continues(line)).is_some() {}
    above
        .take_while(|line| line.starts_with("//"))
        .any(|line| line.contains("SAFETY:"))
}

fn continues(line: &str) -> bool {
    let ends = [";", "{", "}", ","].iter().any(|end| line.ends_with(end));
    line.starts_with("#[") || !(line.is_empty() || line.starts_with("//") || ends)
}

#[test]
fn every_unsafe_block_says_right_above_why_it_is_sound() {
    let mut broken = Vec::new();
    let mut seen = 0;
    for file in files("runtime", "rs").iter().chain(&files("bench", "rs")) {
        let lines: Vec<_> = file.text.lines().collect();
        for (at, line) in lines.iter().enumerate() {
            let code = code(line);
            if !code.contains("unsafe {") && !code.contains("unsafe impl") {
                continue;
            }
            seen += 1;
            if !is_justified(&lines, at) {
                broken.push(format!("{}:{}", file.path, at + 1));
            }
        }
    }
    assert!(seen > 50, "only {seen} unsafe blocks found");
    complain(&broken, "no `// SAFETY:` right above");
}

#[test]
fn nothing_is_left_for_later_in_the_code() {
    // Put together here, so that this file holds none of them.
    let words = [
        ["todo", "!("],
        ["unimplemented", "!("],
        ["dbg", "!("],
        ["FIX", "ME"],
    ];
    let words = words.map(|parts| parts.concat());
    let mut broken = Vec::new();
    for file in sources() {
        for (number, line) in file.text.lines().enumerate() {
            if let Some(word) = words.iter().find(|word| line.contains(word.as_str())) {
                broken.push(format!("{}:{}: {word}", file.path, number + 1));
            }
        }
    }
    complain(
        &broken,
        "finish these, or write down in the docs that it is absent",
    );
}

/// Whether a thread that sleeps at this line says why: beside it, above it, or by the name of a constant.
fn says_why_it_sleeps(lines: &[&str], at: usize) -> bool {
    let asleep = lines[at].split("thread::sleep(").nth(1).unwrap_or("");
    let is_named = asleep.starts_with(|character: char| character.is_ascii_uppercase())
        && !asleep.starts_with("Duration");
    let is_above = at > 0 && lines[at - 1].trim_start().starts_with("//");
    is_named || is_above || asleep.contains("// ")
}

#[test]
fn a_test_that_sleeps_says_why() {
    assert!(says_why_it_sleeps(&["thread::sleep(STALL);"], 0));
    assert!(says_why_it_sleeps(&["// Not yet.", "thread::sleep(a);"], 1));
    assert!(!says_why_it_sleeps(
        &["go();", "thread::sleep(Duration::ZERO);"],
        1
    ));
    let mut broken = Vec::new();
    for File { path, text } in sources() {
        if !path.contains("/tests/") && !path.ends_with("tests.rs") {
            continue;
        }
        let lines: Vec<_> = text.lines().collect();
        let sleeps = |at: &usize| code(lines[*at]).contains("thread::sleep(");
        let silent = (0..lines.len()).filter(sleeps);
        let silent = silent.filter(|at| !says_why_it_sleeps(&lines, *at));
        broken.extend(silent.map(|at| format!("{path}:{}", at + 1)));
    }
    complain(
        &broken,
        "wait for a condition, or let the time pass in the simulation, or say why a time must pass",
    );
}

/// Whether what a call answers is dropped here. What `write!` answers of a String is nothing.
fn drops_an_answer(code: &str) -> bool {
    let Some((_, dropped)) = code.split_once("let _ = ") else {
        return false;
    };
    let mut calls = dropped.match_indices('(');
    let calls = calls.any(|(at, _)| dropped[..at].ends_with(|c: char| c.is_alphanumeric()));
    calls && !dropped.contains("write!(") && !dropped.contains("writeln!(")
}

#[test]
fn an_answer_that_is_dropped_is_dropped_for_a_reason() {
    assert!(drops_an_answer("let _ = self.flush();"));
    assert!(!drops_an_answer("let _ = (a, b);") && !drops_an_answer("let _ = write!(text, \"\");"));
    let mut broken = Vec::new();
    for File { path, text } in files("server/src", "rs") {
        let own = text.split("#[cfg(test)]\nmod ").next().unwrap_or("");
        let lines: Vec<_> = own.lines().collect();
        for (at, line) in lines.iter().enumerate() {
            let mut above = lines[..at].iter().rev();
            let first = above.find(|line| !drops_an_answer(&code(line)));
            let is_told = line.contains("// ") || first.is_some_and(|line| line.contains("// "));
            if drops_an_answer(&code(line)) && !is_told && !path.contains("tests") {
                broken.push(format!("{path}:{}: {}", at + 1, line.trim()));
            }
        }
    }
    complain(&broken, "say above why nobody needs what these answer");
}

/// Where the links of a Markdown text lead: `[text](here)`.
fn links(text: &str) -> impl Iterator<Item = &str> {
    text.split("](").skip(1).filter_map(|rest| {
        let (target, _) = rest.split_once(')')?;
        let path = target.split('#').next().unwrap_or_default();
        (!path.is_empty() && !path.contains("://")).then_some(path)
    })
}

#[test]
fn links_in_the_documents_lead_somewhere() {
    let mut broken = Vec::new();
    let mut documents = files("docs", "md");
    for name in ["README.md", "ARCHITECTURE.md", "CHANGELOG.md"] {
        let text = fs::read_to_string(root().join(name)).unwrap_or_else(|_| panic!("no {name}"));
        documents.push(File {
            path: name.to_owned(),
            text,
        });
    }
    for File { path, text } in &documents {
        let folder = root().join(path);
        let folder = folder.parent().expect("a folder");
        for link in links(text).filter(|link| !folder.join(link).exists()) {
            broken.push(format!("{path}: {link}"));
        }
    }
    complain(&broken, "these links lead nowhere");
}

/// The row that a test's name begins with: H7 of `h7_the_oldest_is_denied`.
fn row_of(test: &str) -> Option<String> {
    let (row, _) = test.split_once('_')?;
    let (letter, number) = row.split_at_checked(1)?;
    let is_row = "hptm".contains(letter) && number.parse::<u32>().is_ok();
    is_row.then(|| row.to_uppercase())
}

/// The tests behind each row.
fn tests_by_row() -> BTreeMap<String, BTreeSet<String>> {
    let mut tests = BTreeMap::<_, BTreeSet<_>>::new();
    for file in sources() {
        let mut attributed = false;
        for line in file.text.lines().map(str::trim) {
            let name = line
                .strip_prefix("fn ")
                .and_then(|rest| rest.split('(').next());
            match (name, attributed) {
                (Some(name), true) => {
                    if let Some(row) = row_of(name) {
                        tests.entry(row).or_default().insert(name.to_owned());
                    }
                    attributed = false;
                }
                _ if line == "#[test]" => attributed = true,
                _ => {}
            }
        }
    }
    tests
}

#[test]
fn the_table_of_seeds_names_the_tests_behind_each_row() {
    let path = root().join("docs/seeds.md");
    let text = fs::read_to_string(&path).expect("docs/seeds.md");
    let mut tests = tests_by_row();
    assert!(!tests.is_empty(), "no test carries a row's number");
    let mut rows = Vec::new();
    let mut expected = String::new();
    for line in text.lines() {
        let cells: Vec<_> = line.split('|').map(str::trim).collect();
        match cells[..] {
            ["", row, behaviour, _, ""]
                if row_of(&format!("{}_", row.to_lowercase())).is_some() =>
            {
                let names = tests.remove(row).unwrap_or_default();
                let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
                let shown = match names.is_empty() {
                    true => "planned".to_owned(),
                    false => names.join(", "),
                };
                expected += &format!("| {row} | {behaviour} | {shown} |\n");
                rows.push(row.to_owned());
            }
            _ => expected += &format!("{line}\n"),
        }
    }
    let letters = [("H", 19), ("P", 10), ("T", 14), ("M", 16)];
    let all = letters.iter().flat_map(|(letter, count)| {
        let numbers = 1..=*count;
        numbers.map(move |number| format!("{letter}{number}"))
    });
    assert_eq!(rows, all.collect::<Vec<_>>(), "the rows of docs/seeds.md");
    assert!(
        tests.is_empty(),
        "tests of rows that do not exist: {tests:?}"
    );
    if std::env::var_os("RINGGATE_BLESS").is_some() {
        fs::write(&path, &expected).expect("written");
    } else {
        assert!(
            text == expected,
            "docs/seeds.md does not name the tests there are; \
             RINGGATE_BLESS=1 cargo test -p ringgate --test house_rules rewrites it"
        );
    }
}

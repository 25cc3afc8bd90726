//! Every block of code in README.md and docs/ is held to the program: its language says how.
//!
//! - `rust`: compiled or run as a documentation test (`documents` in server/src/lib.rs).
//! - `toml`: read as a configuration.
//! - `sh`, `console`: each command line of `ringgate` is one that the program takes, and each script that
//!   is called exists. The lines of `ringgate-bench` are held by a test of that crate.
//! - `text`, `json`: shown as they are; `dockerfile`, `haproxy`: another program's.

use ringgate::config::{CommandLine, Error, Invocation};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    let server = Path::new(env!("CARGO_MANIFEST_DIR"));
    server.parent().expect("a workspace around").to_owned()
}

/// A block of code between fences.
struct Block {
    /// File and line of its first fence.
    place: String,
    file: String,
    language: String,
    attributes: String,
    text: String,
}

fn blocks_of(file: &str) -> Vec<Block> {
    let text = fs::read_to_string(root().join(file)).expect("text");
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    for (number, line) in text.lines().enumerate() {
        match (line.trim_start().strip_prefix("```"), &mut open) {
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (Some(info), None) => {
                let (language, attributes) = info.split_once(',').unwrap_or((info, ""));
                open = Some(Block {
                    place: format!("{file}:{}", number + 1),
                    file: file.to_owned(),
                    language: language.to_owned(),
                    attributes: attributes.to_owned(),
                    text: String::new(),
                });
            }
            (None, Some(block)) => block.text += &format!("{line}\n"),
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "{file} ends within a block");
    blocks
}

fn blocks() -> Vec<Block> {
    let docs = fs::read_dir(root().join("docs")).expect("docs/");
    let names = docs.map(|entry| entry.expect("an entry").file_name());
    let mut files: Vec<_> = names
        .filter_map(|name| name.into_string().ok())
        .filter(|name| name.ends_with(".md"))
        .map(|name| format!("docs/{name}"))
        .collect();
    files.push("README.md".to_owned());
    files.sort();
    let blocks: Vec<_> = files.iter().flat_map(|file| blocks_of(file)).collect();
    assert!(blocks.len() > 15, "only {} blocks found", blocks.len());
    blocks
}

fn parse(words: &[String]) -> Result<Invocation, Error> {
    let example = root().join("docs/ringgate.example.toml");
    let read_file = |_: &Path| fs::read_to_string(example);
    CommandLine::ringgate().parse(words.iter().map(OsString::from), [], read_file)
}

/// The words of a shell's command line up to the first operator; quotes are taken off.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    for character in line.chars() {
        match (quote, character) {
            (Some(open), _) if open == character => quote = None,
            (None, '\'' | '"') => {
                quote = Some(character);
                word.get_or_insert_default();
            }
            (None, '#') if word.is_none() => break,
            (None, '|' | '&' | '>' | '<' | ';') => break,
            (None, ' ') => words.extend(word.take()),
            _ => word.get_or_insert_default().push(character),
        }
    }
    words.extend(word);
    words
}

/// The command lines of a block, continued ones put together.
fn commands(block: &Block) -> Vec<Vec<String>> {
    let text = block.text.replace("\\\n", " ");
    let lines = text.lines();
    let lines: Vec<_> = match block.language.as_str() {
        "console" => lines.filter_map(|line| line.strip_prefix("$ ")).collect(),
        _ => lines.collect(),
    };
    let assigns = |word: &String| {
        word.split('=').next().is_some_and(|name| {
            word.contains('=')
                && name
                    .bytes()
                    .all(|byte| byte.is_ascii_uppercase() || byte == b'_')
        })
    };
    let commands = lines.iter().map(|line| words(line));
    let commands = commands.map(|words| words.into_iter().skip_while(assigns).collect());
    commands
        .filter(|words: &Vec<String>| !words.is_empty())
        .collect()
}

/// What `ringgate` is called with, if it is called.
fn arguments(command: &[String]) -> Option<Vec<String>> {
    let rest = match command {
        [program, rest @ ..] if program == "ringgate" || program == "target/release/ringgate" => {
            rest
        }
        [cargo, run, rest @ ..] if cargo == "cargo" && run == "run" => {
            let other = ["-p", "--example", "--bin"];
            let flags = rest.iter().take_while(|word| *word != "--").count();
            if rest[..flags]
                .iter()
                .any(|flag| other.contains(&flag.as_str()))
            {
                return None;
            }
            rest.get(flags + 1..).unwrap_or_default()
        }
        _ => return None,
    };
    Some([&["ringgate".to_owned()], rest].concat())
}

fn complain(broken: &[String], rule: &str) {
    assert!(broken.is_empty(), "{rule}:\n  {}", broken.join("\n  "));
}

#[test]
fn every_block_says_a_language_that_tells_how_it_is_tested() {
    let known = [
        "rust",
        "toml",
        "sh",
        "console",
        "text",
        "json",
        "dockerfile",
        "haproxy",
    ];
    let blocks = blocks();
    let strange = blocks
        .iter()
        .filter(|block| !known.contains(&block.language.as_str()));
    let broken: Vec<_> = strange
        .map(|block| format!("{}: {:?}", block.place, block.language))
        .collect();
    complain(
        &broken,
        "give these blocks one of the languages at the top of server/tests/documents.rs",
    );
}

#[test]
fn every_block_of_rust_is_a_documentation_test() {
    let lib = fs::read_to_string(root().join("server/src/lib.rs")).expect("a crate root");
    let blocks = blocks();
    let rust: Vec<_> = blocks
        .iter()
        .filter(|block| block.language == "rust")
        .collect();
    assert!(rust.len() >= 4, "only {} found", rust.len());
    let mut broken = Vec::new();
    for block in rust {
        let included = format!("include_str!(\"../../{}\")", block.file);
        if !lib.contains(&included) {
            broken.push(format!("{}: lib.rs does not include the file", block.place));
        }
        if !["", "no_run", "should_panic"].contains(&block.attributes.as_str()) {
            broken.push(format!("{}: {}", block.place, block.attributes));
        }
    }
    complain(&broken, "let these be compiled");
}

#[test]
fn every_block_of_toml_is_a_configuration() {
    let mut broken = Vec::new();
    let blocks = blocks();
    let toml: Vec<_> = blocks
        .iter()
        .filter(|block| block.language == "toml")
        .collect();
    assert!(!toml.is_empty());
    for block in toml {
        let words = ["ringgate", "check-config", "sample.toml"].map(OsString::from);
        if let Err(error) =
            CommandLine::ringgate().parse(words, [], |_: &Path| Ok(block.text.clone()))
        {
            broken.push(format!("{}: {error}", block.place));
        }
    }
    complain(&broken, "these are refused");
}

#[test]
fn every_command_line_of_the_documents_is_one_that_the_program_takes() {
    let (mut broken, mut seen) = (Vec::new(), 0);
    let blocks = blocks();
    let shells = blocks
        .iter()
        .filter(|block| matches!(block.language.as_str(), "sh" | "console"));
    for block in shells {
        for command in commands(block) {
            if command[0].starts_with("scripts/") && !root().join(&command[0]).exists() {
                broken.push(format!("{}: there is no {}", block.place, command[0]));
            }
            if let Some(arguments) = arguments(&command) {
                seen += 1;
                if let Err(error) = parse(&arguments) {
                    broken.push(format!("{}: {}: {error}", block.place, arguments.join(" ")));
                }
            }
        }
    }
    assert!(seen > 20, "only {seen} command lines found");
    complain(&broken, "these are refused");
}

#[test]
fn a_command_line_is_split_as_a_shell_does() {
    for (line, expected) in [
        (
            "ringgate ctl status   # for people",
            &["ringgate", "ctl", "status"][..],
        ),
        (
            "curl -d 'some text' http://a/b?c=#d",
            &["curl", "-d", "some text", "http://a/b?c=#d"],
        ),
        (
            "ringgate serve --demo on &",
            &["ringgate", "serve", "--demo", "on"],
        ),
        ("echo \"a b\" | nc -U x", &["echo", "a b"]),
    ] {
        assert_eq!(words(line), expected, "{line}");
    }
    let block = Block {
        place: String::new(),
        file: String::new(),
        language: "console".to_owned(),
        attributes: String::new(),
        text: "$ RINGGATE_ROOT=x cargo run --release -- ctl \\\n  status\nout\n".to_owned(),
    };
    let [command] = &commands(&block)[..] else {
        panic!("one command")
    };
    let called = arguments(command).expect("the program");
    assert_eq!(called, ["ringgate", "ctl", "status"]);
}

/// Sources whose public items are for applications.
const FOR_APPLICATIONS: &[&str] = &[
    "runtime/src/core",
    "runtime/src/driver/simulated",
    "runtime/src/fs",
    "runtime/src/lane",
    "runtime/src/net",
    "runtime/src/task",
    "runtime/src/time.rs",
    "server/src/app",
    "server/src/around",
    "server/src/certificates",
    "server/src/config",
    "server/src/control",
    "server/src/coordinator",
    "server/src/doctor.rs",
    "server/src/events.rs",
    "server/src/guests.rs",
    "server/src/handler",
    "server/src/lane",
    "server/src/observe/log",
    "server/src/process",
    "server/src/simulation.rs",
    "server/src/testing.rs",
    "server/src/tower",
];

/// Parts that the example of their whole shows, each with its source.
const SHOWN_WITH_ITS_WHOLE: &[(&str, &[&str])] = &[
    ("runtime/src/core/event.rs", &["Event", "Received"]),
    ("runtime/src/driver/simulated/ring.rs", &["SimulatedDriver"]),
    ("server/src/coordinator/listeners.rs", &["ListenError"]),
    (
        "server/src/coordinator/status.rs",
        &[
            "Limits",
            "PoolStatus",
            "GateStatus",
            "Accepts",
            "Totals",
            "TotalConnections",
            "ConnectionFigures",
            "RequestFigures",
            "CoreStatus",
            "ListenerStatus",
            "Http2Status",
            "TlsStatus",
            "CertificateStatus",
            "AccessLogStatus",
            "ByteFigures",
            "LatencyStatus",
            "WebSocketStatus",
            "ProxiesStatus",
        ],
    ),
    ("server/src/observe/log/line.rs", &["Format"]),
];

fn sources_below(path: &Path, found: &mut Vec<PathBuf>) {
    if path.is_file() {
        return found.push(path.to_owned());
    }
    for entry in fs::read_dir(path).into_iter().flatten().flatten() {
        sources_below(&entry.path(), found);
    }
}

/// The name of the public item that a line begins, unless it is a method.
fn item(line: &str) -> Option<&str> {
    let rest = line.strip_prefix("pub ")?;
    let rest = rest.strip_prefix("async ").unwrap_or(rest);
    let rest = rest
        .strip_prefix("const fn ")
        .map_or(rest, |_| &rest["const ".len()..]);
    let kinds = ["struct ", "enum ", "trait ", "type ", "fn "];
    let name = kinds.iter().find_map(|kind| rest.strip_prefix(kind))?;
    name.split(|c: char| !c.is_alphanumeric() && c != '_')
        .next()
}

/// The public items of a source that have no example, neither with themselves nor with one of their methods.
fn without_example(text: &str) -> Vec<String> {
    let lines: Vec<&str> = text.lines().collect();
    let shows = |lines: &[&str]| {
        lines
            .iter()
            .any(|line| line.trim_start().starts_with("/// ```"))
    };
    let mut bare = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let Some(name) = item(line) else {
            continue;
        };
        let above = lines[..at]
            .iter()
            .rposition(|line| line.is_empty() || line.starts_with('}'));
        let own = &lines[above.map_or(0, |above| above + 1)..at];
        let is_hidden = own.contains(&"#[doc(hidden)]");
        let of_it = |line: &&str| {
            let rest = line.strip_prefix("impl").unwrap_or_default();
            let rest = rest.split(" for ").next().unwrap_or_default();
            rest.split(|c: char| !c.is_alphanumeric() && c != '_')
                .any(|word| word == name)
        };
        let in_methods = lines
            .iter()
            .enumerate()
            .filter(|(_, line)| of_it(line))
            .any(|(at, _)| {
                let end = lines[at..].iter().position(|line| *line == "}");
                shows(&lines[at..at + end.unwrap_or(0)])
            });
        if !is_hidden && !shows(own) && !in_methods {
            bare.push(name.to_owned());
        }
    }
    bare
}

#[test]
fn every_public_item_for_applications_has_an_example() {
    let mut bare = Vec::new();
    let mut sources = Vec::new();
    for path in FOR_APPLICATIONS {
        sources_below(&root().join(path), &mut sources);
    }
    assert!(sources.len() > 100, "only {} sources found", sources.len());
    for source in sources {
        let text = fs::read_to_string(&source).expect("text");
        // A module of tests at the end has items of its own.
        let text = text.split("#[cfg(test)]").next().unwrap_or_default();
        let is_shown = |name: &String| {
            let mut parts = SHOWN_WITH_ITS_WHOLE.iter();
            parts.any(|(of, parts)| source.ends_with(of) && parts.contains(&&**name))
        };
        let found = without_example(text)
            .into_iter()
            .filter(|name| !is_shown(name));
        bare.extend(found.map(|name| format!("{}: {name}", source.display())));
    }
    assert!(
        bare.is_empty(),
        "these want an example:\n{}",
        bare.join("\n")
    );
}

//! The commands of the program and their spellings.

use super::super::effective;
use super::super::options::OPTIONS;
use super::super::{ControlPath, CoreOrder, Ctl, CtlCommand, PoolSize, VERSION};
use super::*;
use std::time::Duration;

fn run(line: &str) -> Result<Invocation, Error> {
    let args = std::iter::once("ringgate")
        .chain(line.split_whitespace())
        .map(OsString::from);
    parse(args, [], |_: &Path| Ok("cores = 3".to_owned()))
}

#[track_caller]
fn ctl(line: &str) -> Ctl {
    match run(line) {
        Ok(Invocation::Ctl(ctl)) => ctl,
        other => panic!("{line}: {other:?}"),
    }
}

#[test]
fn the_command_line_is_sound() {
    CommandLine::ringgate().command().debug_assert();
    CommandLine::of("puppies").command().debug_assert();
}

#[test]
fn no_command_serves_as_serve_does() {
    for flags in [
        "",
        "--cores 2 --listen 127.0.0.1:0 --listen [::1]:0",
        "--config x.toml",
    ] {
        assert_eq!(run(flags), run(&format!("serve {flags}")));
        assert!(matches!(run(flags), Ok(Invocation::Serve(..))));
    }
}

#[test]
fn every_flag_of_the_synopsis_is_taken() {
    let line = "serve --listen 127.0.0.1:1 --listen unix:x --cores 1..4 --max-threads 10 \
                --max-accepts unbounded --root . --control c.sock --metrics 127.0.0.1:9 \
                --config f.toml --log-file l --log-level warn --log-format json --demo on --status-page off \
                --without no_sqarray --without no_iowait";
    assert!(
        matches!(run(line), Ok(Invocation::Serve(..))),
        "{:?}",
        run(line)
    );
    assert!(run("--max-threads none --max-accepts none").is_ok());
}

#[test]
fn check_config_reads_the_file_it_is_given() {
    let Ok(Invocation::CheckConfig {
        config,
        provenance,
        print,
    }) = run("check-config f.toml")
    else {
        panic!("not a check");
    };
    assert_eq!((config.cores.to_string().as_str(), print), ("3", false));
    assert_eq!(provenance.file(), Some(Path::new("f.toml")));
    let printed = run("check-config f.toml --print");
    assert!(matches!(
        printed,
        Ok(Invocation::CheckConfig { print: true, .. })
    ));
}

#[test]
fn check_config_sees_the_environment_as_serve_does() {
    let args = ["ringgate", "check-config", "f.toml"].map(OsString::from);
    let env = [("RINGGATE_CORES".into(), "no".into())];
    let error = parse(args, env, |_: &Path| Ok(String::new())).expect_err("a wrong variable");
    assert_has(&error.to_string(), &["RINGGATE_CORES"]);
}

#[test]
fn doctor_and_ctl_know_their_flags() {
    assert_eq!(
        run("doctor"),
        Ok(Invocation::Doctor {
            json: false,
            config: None
        })
    );
    assert_eq!(
        run("doctor --json"),
        Ok(Invocation::Doctor {
            json: true,
            config: None
        })
    );
    assert_eq!(
        ctl("ctl status").command,
        CtlCommand::Status { json: false }
    );
    assert_eq!(
        ctl("ctl status --json").command,
        CtlCommand::Status { json: true }
    );
    let interval = Duration::from_secs(1);
    let (json, once) = (false, false);
    assert_eq!(
        ctl("ctl status --watch").command,
        CtlCommand::Watch { json, interval }
    );
    assert_eq!(ctl("ctl top").command, CtlCommand::Top { once, interval });
    assert_eq!(
        ctl("ctl top --once --interval 250ms").command,
        CtlCommand::Top {
            once: true,
            interval: Duration::from_millis(250)
        }
    );
    for wrong in [
        "ctl top --interval 5",
        "ctl top --interval 1ms",
        "ctl status --interval 2s",
    ] {
        assert!(run(wrong).is_err(), "{wrong}");
    }
    assert_eq!(ctl("ctl drain").command, CtlCommand::Drain);
    assert_eq!(ctl("ctl stop").command, CtlCommand::Stop);
    let four = PoolSize::Cores(4);
    assert_eq!(
        ctl("ctl resize 4").command,
        CtlCommand::Resize {
            size: four,
            wait: false
        }
    );
    assert_eq!(
        ctl("ctl resize 4 --wait").command,
        CtlCommand::Resize {
            size: four,
            wait: true
        }
    );
    for (word, size) in [("0", PoolSize::Cores(0)), ("auto", PoolSize::Auto)] {
        let wait = false;
        let resize = ctl(&format!("ctl resize {word}")).command;
        assert_eq!(resize, CtlCommand::Resize { size, wait });
    }
    for order in CoreOrder::ALL {
        let given = ctl(&format!("ctl core 3 {}", order.word())).command;
        assert_eq!(given, CtlCommand::Core { core: 3, order });
    }
    assert_eq!(
        ctl("ctl cores --json").command,
        CtlCommand::Cores { json: true }
    );
}

#[test]
fn server_and_ctl_of_a_program_of_another_name_meet_at_its_own_socket() {
    let own = ControlPath::AutoOf("puppies".to_owned());
    let Ok(Invocation::Serve(config, provenance)) = embedder(&[], &[], "") else {
        panic!("it serves")
    };
    assert_eq!(config.control, own);
    let shown = effective(&config, &provenance);
    assert!(shown.contains("control = \"auto\""), "{shown}");
    let Ok(Invocation::Ctl(ctl)) = embedder(&["ctl", "status"], &[], "") else {
        panic!("it asks")
    };
    assert_eq!(ctl.control, own);
}

#[test]
fn ctl_finds_the_socket_by_flag_then_variable_then_default() {
    assert_eq!(ctl("ctl status").control, ControlPath::Auto);
    let named = ControlPath::At("x".into());
    assert_eq!(ctl("ctl --control x status").control, named);
    assert_eq!(ctl("ctl status --control x").control, named);
    let by_variable = |words: &[&str]| {
        let args = words.iter().map(OsString::from);
        let env = [("RINGGATE_CONTROL".into(), "y".into())];
        match parse(args, env, |_: &Path| panic!("no file is read")) {
            Ok(Invocation::Ctl(ctl)) => ctl.control,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(
        by_variable(&["ringgate", "ctl", "drain"]),
        ControlPath::At("y".into())
    );
    assert_eq!(
        by_variable(&["ringgate", "ctl", "drain", "--control", "x"]),
        named
    );
    assert_has(
        &run("ctl status --control none")
            .expect_err("no socket")
            .to_string(),
        &["none"],
    );
}

#[test]
fn a_usage_error_is_one_line_that_names_the_word_and_the_nearest() {
    for (line, parts) in [
        ("--max-thread 3", &["'--max-thread'", "'--max-threads'"][..]),
        ("serve --core 3", &["'--core'"]),
        ("sevre", &["'sevre'"]),
        ("ctl", &["status", "resize"]),
        ("ctl resize", &["<N>"]),
        ("ctl resize 1025", &["'1025'", "0 to 1024"]),
        ("ctl resize x", &["'x'"]),
        ("check-config", &["<FILE>"]),
        ("--cores 1 --cores 2", &["'--cores", "multiple times"]),
        ("--cores", &["--cores"]),
        ("doctor --listen 127.0.0.1:1", &["'--listen'"]),
        ("--cores 2 ctl status", &["cannot be used with"]),
    ] {
        let error = run(line).expect_err(line);
        assert!(matches!(error, Error::Usage(_)), "{line}: {error:?}");
        let message = error.to_string();
        assert_eq!(message.lines().count(), 1, "{message}");
        assert_has(&message, parts);
    }
}

#[test]
fn version_names_version_commit_and_target() {
    let Ok(Invocation::Show(text)) = run("--version") else {
        panic!("no text")
    };
    assert_eq!(text, format!("ringgate {VERSION}\n"));
    assert_has(
        &text,
        &[
            env!("CARGO_PKG_VERSION"),
            "commit ",
            std::env::consts::ARCH,
            "linux",
        ],
    );
}

/// Parses this as a program of another name does.
fn embedder(args: &[&str], env: &[(&str, &str)], file: &str) -> Result<Invocation, Error> {
    let args = [&["/opt/bin/puppies"], args].concat();
    let args = args.into_iter().map(OsString::from);
    let env = env
        .iter()
        .map(|(name, value)| (OsString::from(name), OsString::from(value)));
    super::super::parse(args, env, |_: &Path| Ok(file.to_owned()))
}

#[test]
fn a_program_of_another_name_is_called_by_it() {
    for (args, expected) in [
        (&["--help"][..], "Usage: puppies [OPTIONS]"),
        (&["serve", "--help"], "Usage: puppies serve [OPTIONS]"),
        (&["ctl", "--help"], "Usage: puppies ctl"),
        (&["--version"], "puppies (ringgate 0."),
    ] {
        let Ok(Invocation::Show(text)) = embedder(args, &[], "") else {
            panic!("no help for {args:?}")
        };
        assert!(text.contains(expected), "{expected} in {text}");
        let elsewhere = text
            .replace("(ringgate ", "")
            .replace("built on ringgate", "");
        assert!(!elsewhere.contains("ringgate"), "{elsewhere}");
    }
    let line = CommandLine::of("kennel").about("Dogs").version("7.1");
    let shown =
        |word: &str| line.parse(["x".into(), word.into()], [], |_: &Path| Ok(String::new()));
    assert_eq!(
        shown("--version"),
        Ok(Invocation::Show("kennel 7.1\n".to_owned()))
    );
    assert!(matches!(shown("--help"), Ok(Invocation::Show(text)) if text.starts_with("Dogs\n")));
}

#[test]
fn a_program_with_its_own_application_has_no_option_of_the_built_in_one() {
    let of_app = OPTIONS.iter().filter(|option| option.is_of_app());
    let of_app: Vec<_> = of_app.collect();
    let keys: Vec<_> = of_app.iter().map(|option| option.key).collect();
    let expected = [
        "root",
        "files_at",
        "files_precompressed",
        "files_index",
        "files_listing",
        "files_fallback",
        "files_dotfiles",
        "files_headers",
        "files_cache",
        "files_cache_valid",
        "compression",
        "security_headers",
        "cors_origins",
        "error_pages",
        "server_header",
        "status_page",
        "demo",
    ];
    assert_eq!(keys, expected);
    let Ok(Invocation::Show(help)) = embedder(&["--help"], &[], "") else {
        panic!("no help")
    };
    for option in of_app {
        let (flag, key, name) = (option.flag(), option.key, option.environment());
        let refused = embedder(&[&flag, "on"], &[], "")
            .expect_err(key)
            .to_string();
        assert_has(&refused, &["unexpected argument", &flag]);
        assert!(!help.contains(&flag), "{flag} in {help}");
        let file = format!("{key} = \"on\"");
        let refused = embedder(&["--config", "f"], &[], &file)
            .expect_err(key)
            .to_string();
        assert_has(&refused, &["unknown key", key]);
        // A variable may be somebody else's.
        let Ok(Invocation::Serve(config, _)) = embedder(&[], &[(&name, "off")], "") else {
            panic!("{name} is not refused")
        };
        let control = ControlPath::AutoOf("puppies".to_owned());
        let plain = Config::default();
        assert_eq!(config, Config { control, ..plain }, "{name}");
    }
    let Ok(Invocation::CheckConfig {
        config, provenance, ..
    }) = embedder(&["check-config", "--print", "f"], &[], "cores = 3")
    else {
        panic!("not a check")
    };
    let printed = effective(&config, &provenance);
    assert_has(&printed, &["cores = 3", "idle_timeout"]);
    assert!(
        !printed.contains("demo") && !printed.contains("root"),
        "{printed}"
    );
}

#[test]
fn doctor_is_a_command_of_ringgate_and_of_who_asks_for_it() {
    assert_has(
        &embedder(&["doctor"], &[], "")
            .expect_err("no such command")
            .to_string(),
        &["doctor"],
    );
    let asked = CommandLine::of("puppies").with_doctor().parse(
        ["puppies".into(), "doctor".into()],
        [],
        |_: &Path| Ok(String::new()),
    );
    assert_eq!(
        asked,
        Ok(Invocation::Doctor {
            json: false,
            config: None
        })
    );
}

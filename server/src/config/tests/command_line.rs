//! The commands of the program and their spellings.

use super::super::{ControlPath, CoreOrder, Ctl, CtlCommand, PoolSize, VERSION, command};
use super::*;

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
    command().debug_assert();
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
                --config f.toml --log-file l --log-level warn --log-format json --demo on \
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
    assert_eq!(run("doctor"), Ok(Invocation::Doctor { json: false }));
    assert_eq!(run("doctor --json"), Ok(Invocation::Doctor { json: true }));
    assert_eq!(
        ctl("ctl status").command,
        CtlCommand::Status { json: false }
    );
    assert_eq!(
        ctl("ctl status --json").command,
        CtlCommand::Status { json: true }
    );
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

//! Tests of the configuration as a whole: through `parse`, as the program uses it.

mod command_line;
mod layers;
mod manual;
mod own;
mod refusals;
mod texts;

use std::ffi::OsString;
use std::path::Path;

use super::definition::{Draft, OptionDef};
use super::{CommandLine, Config, Error, Invocation, Provenance};

/// Reads as the program `ringgate` does.
fn parse(
    args: impl IntoIterator<Item = OsString>,
    env: impl IntoIterator<Item = (OsString, OsString)>,
    read_file: impl FnOnce(&Path) -> std::io::Result<String>,
) -> Result<Invocation, Error> {
    CommandLine::ringgate().parse(args, env, read_file)
}

/// The input of a program: a file (called `ringgate.toml`), an environment, flags.
#[derive(Clone, Default)]
struct Given {
    file: Option<String>,
    env: Vec<(OsString, OsString)>,
    flags: Vec<OsString>,
}

impl Given {
    fn file(mut self, text: impl Into<String>) -> Self {
        self.file = Some(text.into());
        self
    }

    fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.into(), value.into()));
        self
    }

    fn flags<T: Into<OsString>>(mut self, flags: impl IntoIterator<Item = T>) -> Self {
        self.flags.extend(flags.into_iter().map(Into::into));
        self
    }

    fn parse(self) -> Result<Invocation, Error> {
        let mut args = vec![OsString::from("ringgate")];
        if self.file.is_some() {
            args.extend(["--config".into(), "ringgate.toml".into()]);
        }
        args.extend(self.flags);
        parse(args, self.env, |path: &Path| {
            assert_eq!(
                path,
                Path::new("ringgate.toml"),
                "another file was asked for"
            );
            Ok(self.file.expect("a file was read that was not named"))
        })
    }

    #[track_caller]
    fn serve(self) -> (Config, Provenance) {
        match self.parse() {
            Ok(Invocation::Serve(config, provenance)) => (config, provenance),
            other => panic!("not a server: {other:?}"),
        }
    }

    #[track_caller]
    fn config(self) -> Config {
        self.serve().0
    }

    #[track_caller]
    fn refusal(self) -> String {
        let message = self
            .parse()
            .expect_err("a refusal was expected")
            .to_string();
        assert_eq!(message.lines().count(), 1, "more than one line: {message}");
        message
    }
}

#[track_caller]
fn assert_has(message: &str, parts: &[&str]) {
    for part in parts {
        assert!(message.contains(part), "{part:?} is not in: {message}");
    }
}

/// The value of an option in a configuration, as it is written.
fn written(option: &OptionDef, config: &Config) -> Vec<OsString> {
    option.kind.write(&Draft::from(config.clone()))
}

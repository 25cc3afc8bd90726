//! `ringgate-bench`: load, floors and races. All of it is in the library; this only starts it.
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    ringgate_bench::cli::main()
}

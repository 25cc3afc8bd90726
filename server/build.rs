//! Tells the program which commit and which target it was built from, for `--version`.
//!
//! A build without git, from an unpacked archive or from a registry says `unknown`; a packager can
//! set `RINGGATE_COMMIT`. It builds nothing else.

use std::env;
use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=RINGGATE_COMMIT");
    let commit = env::var("RINGGATE_COMMIT")
        .ok()
        .filter(|commit| !commit.is_empty());
    let commit = commit
        .or_else(commit_of_this_tree)
        .unwrap_or_else(|| "unknown".to_owned());
    println!("cargo:rustc-env=RINGGATE_COMMIT={commit}");
    let target = env::var("TARGET").unwrap_or_else(|_| "unknown".to_owned());
    println!("cargo:rustc-env=RINGGATE_TARGET={target}");
}

fn commit_of_this_tree() -> Option<String> {
    // Every commit and checkout appends to this log; without it, HEAD is the next best.
    let watched = ["logs/HEAD", "HEAD"].into_iter().filter_map(|log| {
        git(&["rev-parse", "--git-path", log]).filter(|path| Path::new(path).exists())
    });
    for path in watched.take(1) {
        println!("cargo:rerun-if-changed={path}");
    }
    // Unpacked inside somebody else's repository, its commit would say nothing about us.
    git(&["ls-files", "--error-unmatch", "build.rs"])?;
    git(&["rev-parse", "--short=12", "HEAD"])
}

fn git(args: &[&str]) -> Option<String> {
    let output = Command::new("git")
        .args(args)
        .output()
        .ok()
        .filter(|out| out.status.success())?;
    Some(String::from_utf8(output.stdout).ok()?.trim().to_owned())
}

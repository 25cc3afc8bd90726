//! A page as a browser shows it, for tests that need chromium.

use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

/// The page as a browser without a window has it, three seconds later by its own clock.
#[track_caller]
pub(crate) fn in_a_browser(url: &str) -> String {
    static NTH: AtomicU32 = AtomicU32::new(0);
    let nth = NTH.fetch_add(1, Ordering::Relaxed);
    let name = format!("ringgate-chromium-{}-{nth}", std::process::id());
    let profile = std::env::temp_dir().join(name);
    let mut chromium = Command::new("chromium");
    chromium.args([
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--virtual-time-budget=3000",
        "--dump-dom",
    ]);
    chromium.arg(format!("--user-data-dir={}", profile.display()));
    let shown = chromium.arg(url).output().expect("chromium runs");
    let _ = std::fs::remove_dir_all(profile);
    let said = String::from_utf8_lossy(&shown.stderr);
    assert!(shown.status.success(), "{:?}\n{said}", shown.status);
    String::from_utf8_lossy(&shown.stdout).into_owned()
}

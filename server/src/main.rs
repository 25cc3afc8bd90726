//! The `ringgate` program.
#![forbid(unsafe_code)]

fn main() {}

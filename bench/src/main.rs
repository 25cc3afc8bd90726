//! `ringgate-bench`: load, floors and races.

fn main() {}

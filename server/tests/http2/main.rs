//! The rooms of HTTP/2 seen from outside, without a socket. The cases of h2spec are here by the section of the
//! RFC that they are about; streams of an implementation of another's making come in `differential`.

mod budgets;
mod compression;
mod frames;
mod windows;

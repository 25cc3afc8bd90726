//! The rooms of HTTP/2 seen from outside, without a socket. The cases of h2spec are here by the section of the
//! RFC that they are about; streams of an implementation of another's making come in `differential`.

mod answers;
mod budgets;
mod compression;
mod conversation;
mod floods;
mod forge;
mod frames;
mod life_cycles;
mod requests;
mod times;
mod windows;

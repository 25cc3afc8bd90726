//! The rooms of HTTP/2 seen from outside, without a socket. The cases of h2spec are here by the section of the
//! RFC that they are about; streams of an implementation of another's making come in `differential`.

mod answers;
mod answers_whole;
mod budgets;
mod carrying;
mod carrying_whole;
mod codes;
mod compression;
mod compression_codes;
mod compression_whole;
mod conversation;
mod conversation_whole;
mod cuts;
mod differential;
mod floods;
mod forge;
mod frames;
mod frames_whole;
mod life_cycles;
mod pieces;
mod places;
mod priorities;
mod requests;
mod requests_whole;
mod speed;
mod times;
mod windows;

//! Behaviour of the binary from the outside, and rules about the repository.
//!
//! Every test has a home, a clock and keys of its own; none needs a network.

#[cfg(test)]
mod ask;
#[cfg(test)]
mod audit;
#[cfg(test)]
mod backup;
#[cfg(test)]
mod bake;
#[cfg(test)]
mod briefing;
#[cfg(test)]
mod bucket;
#[cfg(test)]
mod bundles;
#[cfg(test)]
mod chat;
#[cfg(test)]
mod clients;
#[cfg(test)]
mod compaction;
#[cfg(test)]
mod conflicts;
#[cfg(test)]
#[path = "../../compiler/tests/it/corpus.rs"]
mod corpus;
#[cfg(test)]
mod demo;
#[cfg(test)]
mod dice;
#[cfg(test)]
mod disk;
#[cfg(test)]
mod distillers;
#[cfg(test)]
mod doctor;
#[cfg(test)]
mod drills;
#[cfg(test)]
mod export;
#[cfg(test)]
mod fleet;
#[cfg(test)]
mod formats;
#[cfg(test)]
mod git;
#[cfg(test)]
mod hints;
#[cfg(test)]
mod hooks;
#[cfg(test)]
mod inject;
#[cfg(test)]
mod inputs;
#[cfg(test)]
mod interleavings;
#[cfg(test)]
mod interop;
#[cfg(test)]
mod interruption;
#[cfg(test)]
mod keys;
#[cfg(test)]
mod learn;
#[cfg(test)]
mod machines;
#[cfg(test)]
mod markdown;
#[cfg(test)]
mod markdown_out;
#[cfg(test)]
mod mcp;
#[cfg(test)]
mod memory;
#[cfg(test)]
mod model;
#[cfg(test)]
#[path = "../../serve/tests/it/ollama.rs"]
mod ollama;
#[cfg(test)]
mod output;
#[cfg(test)]
mod plugins;
#[cfg(test)]
mod policies;
#[cfg(test)]
mod promotion;
#[cfg(test)]
mod provenance;
#[cfg(test)]
mod readers;
#[cfg(test)]
mod recovery;
#[cfg(test)]
mod remote;
#[cfg(test)]
#[path = "../../serve/tests/it/replay.rs"]
#[allow(dead_code, reason = "the tests of the proxy itself need more of it")]
mod replay;
#[cfg(test)]
mod review;
#[cfg(test)]
mod revocation;
#[cfg(test)]
mod rotation;
#[allow(dead_code, reason = "the tests of the distillers use more")]
#[cfg(test)]
#[path = "../../distil/tests/it/script.rs"]
mod script;
#[cfg(test)]
mod secrets;
#[cfg(test)]
mod serve;
#[cfg(test)]
mod setup;
#[cfg(test)]
mod shells;
#[cfg(test)]
mod store;
#[cfg(test)]
mod tags;
#[cfg(test)]
mod threats;
#[cfg(test)]
mod thresholds;
#[cfg(test)]
mod tidy;
#[cfg(test)]
mod transcripts;
#[cfg(test)]
mod transfer;
#[cfg(test)]
mod upkeep;
#[cfg(test)]
mod way;
#[cfg(test)]
mod web;
#[cfg(test)]
mod world;

//! The fuzz target `redaction`; its body is [`garner_fuzz::redaction`].

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| garner_fuzz::redaction(input));

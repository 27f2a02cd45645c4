//! The fuzz target `query`; its body is [`garner_fuzz::query`].

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| garner_fuzz::query(input));

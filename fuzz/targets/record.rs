//! The fuzz target `record`; its body is [`garner_fuzz::record`].

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| garner_fuzz::record(input));

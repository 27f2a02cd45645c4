//! The fuzz target `transcript`; its body is [`garner_fuzz::transcript`].

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| garner_fuzz::transcript(input));

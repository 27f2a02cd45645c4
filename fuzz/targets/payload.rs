//! The fuzz target `payload`; its body is [`garner_fuzz::payload`].

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| garner_fuzz::payload(input));

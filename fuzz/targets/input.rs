//! The fuzz target `input`; its body is [`garner_fuzz::input`].

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| garner_fuzz::input(input));

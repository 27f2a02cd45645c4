//! The fuzz target `statement`; its body is [`garner_fuzz::statement`].

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| garner_fuzz::statement(input));

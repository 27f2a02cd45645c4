//! The fuzz target `signed`; its body is [`garner_fuzz::signed`].

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| garner_fuzz::signed(input));

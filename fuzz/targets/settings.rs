//! The fuzz target `settings`; its body is [`garner_fuzz::settings`].

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| garner_fuzz::settings(input));

//! The fuzz target `note`; its body is [`garner_fuzz::note`].

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| garner_fuzz::note(input));

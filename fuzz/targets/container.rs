//! The fuzz target `container`; its body is [`garner_fuzz::container`].

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| garner_fuzz::container(input));

//! The fuzz target `answer`; its body is [`garner_fuzz::answer`].

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| garner_fuzz::answer(input));

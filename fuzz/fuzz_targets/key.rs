#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| ciro_fuzz::targets::key(bytes));

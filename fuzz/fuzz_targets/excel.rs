//! A workbook of any bytes is read or refused, also as rows to predict for. Its parts are not held to their checksums here, so that changed ones are read.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| epochd::data::fuzzing::excel(bytes));

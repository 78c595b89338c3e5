//! A workbook of any bytes is read or refused. Its parts are not held to their checksums here, so that changed ones are read.
#![no_main]

use epochd::data::{fuzzing, ingest::Format};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzzing::file(bytes, Format::Excel));

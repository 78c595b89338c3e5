//! A file of any bytes is read or refused.
#![no_main]

use epochd::data::{fuzzing, ingest::Format};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzzing::file(bytes, Format::Csv));

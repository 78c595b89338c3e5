//! The line of a request in the log. It is put together here, in the form of all other lines, because `tracing` takes longer
//! for an event than a small prediction takes.

use std::cell::RefCell;
use std::io::{self, Write};
use std::sync::{Arc, OnceLock};

use jiff::Timestamp;
use jiff::fmt::temporal::DateTimePrinter;
use serde::Serialize;

use super::log_writer::LogWriter;
use crate::config::LogFormat;

/// Times with microseconds.
const TIMES: DateTimePrinter = DateTimePrinter::new().precision(Some(6));

static LOG: OnceLock<(Arc<LogWriter>, LogFormat)> = OnceLock::new();

/// What is told of a request.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct RequestLine<'a> {
    /// Its id.
    pub request_id: &'a str,
    /// GET, POST, …
    pub method: &'a str,
    /// As it was asked for, without the query.
    pub path: &'a str,
    /// Of the reply.
    pub status: u16,
    /// To the head of the reply.
    pub microseconds: u64,
    /// Of the request's body, as far as it was read.
    pub bytes_in: u64,
    /// Of the reply's body.
    pub bytes_out: u64,
    /// Who asked, if that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peer: Option<&'a str>,
    /// The trace of the request, if it is of one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<&'a str>,
    /// The name of the key that was asked with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<&'a str>,
    /// The model that was asked, as the request names it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<&'a str>,
}

/// A line of JSON, with its fields in the order of other events.
#[derive(Serialize)]
struct Event<'a> {
    timestamp: String,
    level: &'static str,
    message: &'static str,
    #[serde(flatten)]
    line: RequestLine<'a>,
}

/// Lets [`write()`] write to `writer` from now on: the one that all other lines go to.
pub fn start(writer: Arc<LogWriter>, format: LogFormat) {
    let _ = LOG.set((writer, format));
}

/// Writes a line; false if this log was not started.
pub fn write(line: RequestLine) -> bool {
    let Some((writer, format)) = LOG.get() else { return false };
    let mut text = Vec::with_capacity(384);
    line.print(*format, Timestamp::now(), &mut text).expect("writing to memory does not fail");
    writer.as_ref().write_all(&text).expect("appending to memory does not fail");
    true
}

impl RequestLine<'_> {
    fn print(self, format: LogFormat, time: Timestamp, out: &mut Vec<u8>) -> io::Result<()> {
        match format {
            LogFormat::Text => self.print_text(time, out),
            LogFormat::Json => {
                let timestamp = format!("{time:.6}");
                serde_json::to_writer(&mut *out, &Event { timestamp, level: "INFO", message: "request", line: self })?;
                out.write_all(b"\n")
            }
        }
    }

    fn print_text(self, time: Timestamp, out: &mut Vec<u8>) -> io::Result<()> {
        print_time(time, out);
        out.extend_from_slice(b"  INFO request request_id=");
        quote(self.request_id, out)?;
        for part in [" method=", self.method, " path="] {
            out.extend_from_slice(part.as_bytes());
        }
        quote(self.path, out)?;
        let numbers = [
            (" status=", u64::from(self.status)),
            (" microseconds=", self.microseconds),
            (" bytes_in=", self.bytes_in),
            (" bytes_out=", self.bytes_out),
        ];
        for (name, number) in numbers {
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
        }
        for (name, word) in [(" peer=", self.peer), (" trace_id=", self.trace_id)] {
            for part in word.map(|word| [name, word]).into_iter().flatten() {
                out.extend_from_slice(part.as_bytes());
            }
        }
        for (name, word) in [(" key=", self.key), (" model=", self.model)] {
            if let Some(word) = word {
                out.extend_from_slice(name.as_bytes());
                quote(word, out)?;
            }
        }
        out.write_all(b"\n")
    }
}

/// Writes a time with microseconds. All of it but the microseconds is that of the thread's line before for a second.
fn print_time(time: Timestamp, out: &mut Vec<u8>) {
    thread_local! {
        static SECOND: RefCell<(i64, Vec<u8>)> = const { RefCell::new((0, Vec::new())) };
    }
    SECOND.with_borrow_mut(|(second, text)| {
        if *second != time.as_second() || text.is_empty() {
            text.clear();
            TIMES.print_timestamp(&time, &mut *text).expect("a Vec takes all");
            *second = time.as_second();
        }
        // Before 1970 the fraction counts towards zero.
        let Ok(mut rest) = u32::try_from(time.subsec_microsecond()) else {
            return TIMES.print_timestamp(&time, &mut *out).expect("a Vec takes all");
        };
        out.extend_from_slice(text);
        let end = out.len() - 1;
        for digit in out[end - 6..end].iter_mut().rev() {
            *digit = b'0' + (rest % 10) as u8;
            rest /= 10;
        }
    });
}

/// Writes a word in quotes, as `Debug` would; most have nothing to escape.
fn quote(word: &str, out: &mut Vec<u8>) -> io::Result<()> {
    // Without a branch for each byte, so that many are looked at together.
    let is_plain = |byte: u8| (b' '..=b'~').contains(&byte) & (byte != b'"') & (byte != b'\\');
    let plain = word.bytes().fold(true, |plain, byte| plain & is_plain(byte));
    if !plain {
        return write!(out, "{word:?}");
    }
    out.push(b'"');
    out.extend_from_slice(word.as_bytes());
    out.push(b'"');
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_what_jiff_writes() {
        for text in [
            "2026-11-25T18:42:51.124953Z",
            "2026-11-25T18:42:51.000007Z",
            "2026-11-25T18:42:52.999999Z",
            "1970-01-01T00:00:00.000000Z",
            "1969-12-31T23:59:59.250000Z",
            "1969-12-31T23:59:58.750001Z",
        ] {
            let mut out = b"before ".to_vec();
            print_time(text.parse().expect("a time"), &mut out);
            assert_eq!(String::from_utf8(out).expect("text"), format!("before {text}"));
        }
    }

    #[test]
    fn a_line_reads_as_those_of_other_events() {
        let time: Timestamp = "2026-11-25T18:42:51.124953Z".parse().expect("a time");
        let line = RequestLine {
            request_id: "a\"b",
            method: "GET",
            path: "/models",
            status: 200,
            microseconds: 217,
            bytes_in: 0,
            bytes_out: 32,
            peer: Some("192.0.2.1:49152"),
            trace_id: None,
            key: Some("shop"),
            model: None,
        };
        let printed = |format| {
            let mut out = Vec::new();
            line.print(format, time, &mut out).expect("printed");
            String::from_utf8(out).expect("text")
        };
        let text = "2026-11-25T18:42:51.124953Z  INFO request request_id=\"a\\\"b\" method=GET path=\"/models\" status=200 \
                    microseconds=217 bytes_in=0 bytes_out=32 peer=192.0.2.1:49152 key=\"shop\"\n";
        assert_eq!(printed(LogFormat::Text), text);
        let json =
            r#"{"timestamp":"2026-11-25T18:42:51.124953Z","level":"INFO","message":"request","request_id":"a\"b","#;
        let rest = r#""method":"GET","path":"/models","status":200,"microseconds":217,"bytes_in":0,"bytes_out":32,"peer":"192.0.2.1:49152","key":"shop"}"#;
        assert_eq!(printed(LogFormat::Json), format!("{json}{rest}\n"));
    }
}

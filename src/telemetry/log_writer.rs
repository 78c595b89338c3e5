//! Writes the log's lines: they gather in memory, and a thread of their own writes them out, so that a slow reader of the
//! log never holds up a request.

use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long lines wait for each other: under load hundreds are one call, and no request wakes the thread for its own.
const INTERVAL: Duration = Duration::from_millis(10);
/// Bytes that wait at most; lines beyond are dropped.
const MOST: usize = 16 << 20;
/// Capacity that is kept between two batches.
const KEPT: usize = 1 << 20;
/// How long the end of the process waits for the last lines to be taken.
const PATIENCE: Duration = Duration::from_secs(1);

/// Takes lines, each by one call of [`Write::write_all`] on a reference.
#[derive(Debug, Default)]
pub struct LogWriter {
    /// Held to append a line, or to take all of them.
    pending: Mutex<Pending>,
    changed: Condvar,
}

/// Lines that are not written yet.
#[derive(Debug, Default)]
struct Pending {
    lines: Vec<u8>,
    /// The thread waits for a line.
    asleep: bool,
    closing: bool,
    /// The thread has written what there was and is gone.
    ended: bool,
}

/// Has the rest of the log written when it is dropped.
#[derive(Debug)]
pub struct LogGuard(Arc<LogWriter>);

impl LogWriter {
    /// Starts the thread that writes to `out`.
    pub fn start(out: impl Write + Send + 'static) -> (Arc<Self>, LogGuard) {
        let log = Arc::new(LogWriter::default());
        let writing = log.clone();
        std::thread::Builder::new()
            .name("log".into())
            .spawn(move || writing.run(out))
            .expect("a thread can be started");
        (log.clone(), LogGuard(log))
    }

    fn run(&self, mut out: impl Write) {
        let mut batch = Vec::new();
        while self.take(&mut batch) {
            // Nobody is left to be told that the log cannot be written.
            let _ = out.write_all(&batch);
            batch.clear();
            batch.shrink_to(KEPT);
            std::thread::sleep(INTERVAL);
        }
        self.lock().ended = true;
        self.changed.notify_all();
    }

    /// Waits for lines, and exchanges them for the empty `batch`; false if none will come any more.
    fn take(&self, batch: &mut Vec<u8>) -> bool {
        let mut pending = self.lock();
        while pending.lines.is_empty() && !pending.closing {
            pending.asleep = true;
            pending = self.changed.wait(pending).unwrap_or_else(PoisonError::into_inner);
        }
        pending.asleep = false;
        std::mem::swap(&mut pending.lines, batch);
        !batch.is_empty()
    }

    // A panic while the lock was held leaves whole lines: each is appended by one call.
    fn lock(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Write for &LogWriter {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut pending = self.lock();
        if pending.lines.len() + line.len() <= MOST {
            append_visible(line, &mut pending.lines);
        }
        let wake = std::mem::take(&mut pending.asleep);
        drop(pending);
        if wake {
            self.changed.notify_one();
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Appends a line, with what turns the direction of text around, breaks lines in some viewers or is a command to a terminal written
/// as `\u202e`, which JSON takes as well: else a path could show as another one.
fn append_visible(line: &[u8], out: &mut Vec<u8>) {
    let mut rest = line;
    // The first bytes that these characters have in UTF-8.
    while let Some(at) = memchr::memchr3(0xe2, 0xd8, 0xc2, rest) {
        let length = if rest[at] == 0xe2 { 3 } else { 2 };
        let character = rest.get(at..at + length).and_then(|bytes| std::str::from_utf8(bytes).ok()?.chars().next());
        out.extend_from_slice(&rest[..at]);
        match character.filter(|character| turns_or_breaks(*character) || character.is_control()) {
            Some(character) => out.extend_from_slice(format!("\\u{:04x}", u32::from(character)).as_bytes()),
            None => out.extend_from_slice(&rest[at..(at + length).min(rest.len())]),
        }
        rest = rest.get(at + length..).unwrap_or_default();
    }
    out.extend_from_slice(rest);
}

/// Whether a character is one of Unicode's controls of direction (UAX #9), or a separator of lines or paragraphs.
fn turns_or_breaks(character: char) -> bool {
    matches!(character, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{61c}')
}

impl Drop for LogGuard {
    fn drop(&mut self) {
        let mut pending = self.0.lock();
        pending.closing = true;
        self.0.changed.notify_all();
        let _ = self.0.changed.wait_timeout_while(pending, PATIENCE, |pending| !pending.ended);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    /// Hands on what is written, and takes nothing before it is told to.
    struct Slow(mpsc::Receiver<()>, mpsc::Sender<Vec<u8>>);

    impl Write for Slow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _ = self.0.recv();
            let _ = self.1.send(bytes.to_vec());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lines_arrive_in_order_together_and_whole_at_the_end() {
        let ((go, told), (written, out)) = (mpsc::channel(), mpsc::channel());
        let (log, guard) = LogWriter::start(Slow(told, written));
        let mut expected = String::new();
        for i in 0..1000 {
            let line = format!("line {i}\n");
            (&*log).write_all(line.as_bytes()).expect("appended");
            expected += &line;
        }
        drop(go);
        drop(guard);
        let batches: Vec<_> = out.try_iter().collect();
        assert!(batches.len() <= 3, "{} batches", batches.len());
        assert_eq!(String::from_utf8(batches.concat()).expect("text"), expected);
    }

    #[test]
    fn no_line_turns_its_text_around() {
        let written = |line: &str| {
            let mut out = Vec::new();
            append_visible(line.as_bytes(), &mut out);
            String::from_utf8(out).expect("text")
        };
        let turned = "a\u{202a}b\u{202e}\u{2066}c\u{2069}\u{200e}\u{200f}\u{61c}\u{2028}\u{2029}";
        assert_eq!(written(turned), r"a\u202ab\u202e\u2066c\u2069\u200e\u200f\u061c\u2028\u2029");
        assert_eq!(written("\u{9b}31m\u{85}"), r"\u009b31m\u0085");
        for plain in
            ["plain", "é – “quoted” … →", "\u{a0}\u{ad}§°", "\u{61b}\u{61d} \u{2027}\u{202f}\u{2065}\u{206a}", "日本語"]
        {
            assert_eq!(written(plain), plain);
        }
        let mut cut = Vec::new();
        append_visible(b"\xe2\x80", &mut cut);
        assert_eq!(cut, b"\xe2\x80");
        let line = format!("{{\"path\":\"{}\"}}", turned);
        let read: serde_json::Value = serde_json::from_str(&written(&line)).expect("JSON");
        assert_eq!(read["path"], turned);
    }

    #[test]
    fn a_reader_that_takes_nothing_costs_bounded_memory_and_no_waiting() {
        let ((_go, told), (written, _out)) = (mpsc::channel(), mpsc::channel());
        let (log, _guard) = LogWriter::start(Slow(told, written));
        let line = vec![b'x'; 1 << 20];
        for _ in 0..40 {
            (&*log).write_all(&line).expect("appended or dropped");
        }
        let waiting = log.lock().lines.len();
        assert!(waiting <= MOST && waiting > MOST / 2, "{waiting}");
    }
}

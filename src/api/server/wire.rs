//! The stream of a connection as HTTP/1 is spoken on it, watched: what comes and goes is told to [`Watched`], and what hyper
//! writes on its own is held back.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::http::StatusCode;
use memchr::memchr_iter;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::{Semaphore, SemaphorePermit};

use super::watched::{Phase, Watched};

/// A head of so many bytes is long: few of them may come in at once, and the buffer of one goes with its connection.
const LONG_HEAD: usize = 16 << 10;
/// A reply of so many bytes is written as one piece: to copy them takes less time than the kernel needs for a list of pieces.
const SHORT: usize = 1 << 10;
/// Long heads that come in at once.
static LONG_HEADS: Semaphore = Semaphore::const_new(64);

/// A stream that keeps its connection's phase, and holds back what is written while no request is being answered: that is
/// hyper refusing a head by itself, without a body.
pub struct Wire<S> {
    stream: S,
    watched: Arc<Watched>,
    /// The status line and headers that hyper wrote, and nobody was sent.
    held_back: Vec<u8>,
    /// Bytes of the head that is coming in, and the last two of them.
    head: usize,
    last: [u8; 2],
    /// Held while a long head comes in.
    long_head: Option<SemaphorePermit<'static>>,
    /// Why the connection is ended here.
    refused: Option<StatusCode>,
}

impl<S> Wire<S> {
    /// Watches `stream`.
    pub fn new(stream: S, watched: Arc<Watched>) -> Self {
        Wire { stream, watched, held_back: Vec::new(), head: 0, last: [0; 2], long_head: None, refused: None }
    }

    /// The stream, and the status that hyper refused a head with.
    pub fn into_parts(self) -> (S, Option<StatusCode>) {
        let status = self.held_back.strip_prefix(b"HTTP/1.1 ").or(self.held_back.strip_prefix(b"HTTP/1.0 "));
        (self.stream, self.refused.or(status.and_then(|rest| StatusCode::from_bytes(rest.get(..3)?).ok())))
    }

    /// Notes what has come: a head, as far as it goes, and perhaps a body behind it.
    ///
    /// # Errors
    /// It belongs to a head, and too many long ones come in already.
    fn has_read(&mut self, read: &[u8]) -> io::Result<()> {
        match self.watched.phase() {
            Phase::Idle if !read.is_empty() => {
                (self.head, self.last) = (0, [0; 2]);
                self.watched.begin(Phase::Head);
            }
            Phase::Idle | Phase::Head => {}
            Phase::Answering | Phase::Sending | Phase::Lingering => {
                self.long_head = None;
                return Ok(());
            }
        }
        let may_be_long = self.head + read.len() > LONG_HEAD;
        let end = if may_be_long { head_end(self.last, read) } else { None };
        self.head += end.unwrap_or(read.len());
        self.last = match *read {
            [.., before, last] => [before, last],
            [last] => [self.last[1], last],
            [] => self.last,
        };
        if self.head > LONG_HEAD && self.long_head.is_none() {
            self.watched.had_long_head();
            self.long_head = LONG_HEADS.try_acquire().ok();
            if self.long_head.is_none() {
                self.refused = Some(StatusCode::TOO_MANY_REQUESTS);
                return Err(io::ErrorKind::ResourceBusy.into());
            }
        }
        Ok(())
    }

    fn is_refusal(&self) -> bool {
        matches!(self.watched.phase(), Phase::Idle | Phase::Head)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Wire<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        Poll::Ready(self.has_read(&buffer.filled()[before..]))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Wire<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.is_refusal() {
            self.held_back.extend_from_slice(bytes);
            return Poll::Ready(Ok(bytes.len()));
        }
        self.long_head = None;
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.is_refusal() {
            let bytes = slices.iter().map(|slice| slice.len()).sum();
            slices.iter().for_each(|slice| self.held_back.extend_from_slice(slice));
            return Poll::Ready(Ok(bytes));
        }
        self.long_head = None;
        let mut short = [0; SHORT];
        match joined(slices, &mut short) {
            Some(bytes) => Pin::new(&mut self.stream).poll_write(context, bytes),
            None => Pin::new(&mut self.stream).poll_write_vectored(context, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.stream).poll_flush(context))?;
        if self.watched.phase() == Phase::Sending {
            self.watched.begin(Phase::Idle);
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.held_back.is_empty() {
            true => Pin::new(&mut self.stream).poll_shutdown(context),
            // The refusal is written by whoever takes the stream back.
            false => Poll::Ready(Ok(())),
        }
    }
}

/// The bytes of some slices one behind the other, if there is room for them.
#[inline]
fn joined<'b>(slices: &[io::IoSlice], room: &'b mut [u8]) -> Option<&'b [u8]> {
    let mut end = 0;
    for slice in slices {
        room.get_mut(end..end + slice.len())?.copy_from_slice(slice);
        end += slice.len();
    }
    Some(&room[..end])
}

/// Where a head ends among bytes of which `last` stood before: behind its blank line, whose line ends may lack their carriage
/// return (RFC 9112, section 2.2).
fn head_end(last: [u8; 2], read: &[u8]) -> Option<usize> {
    let before = |at: usize, back: usize| at.checked_sub(back).map_or_else(|| last[2 + at - back], |at| read[at]);
    let is_blank = |at: &usize| match before(*at, 1) {
        b'\n' => true,
        b'\r' => before(*at, 2) == b'\n',
        _ => false,
    };
    memchr_iter(b'\n', read).find(is_blank).map(|at| at + 1)
}

#[cfg(test)]
mod tests {
    use std::io::IoSlice;

    use super::{head_end, joined};

    #[test]
    fn what_is_short_is_joined() {
        let of = |texts: &[&str]| {
            let slices: Vec<IoSlice> = texts.iter().map(|text| IoSlice::new(text.as_bytes())).collect();
            joined(&slices, &mut [0; 6]).map(<[u8]>::to_vec)
        };
        assert_eq!(of(&["ab", "", "cdef"]).as_deref(), Some(&b"abcdef"[..]));
        assert_eq!((of(&["abcd", "efg"]), of(&[])), (None, Some(vec![])));
    }

    #[test]
    fn a_head_ends_behind_its_blank_line_wherever_it_is_cut() {
        for (head, body) in [("GET / HTTP/1.1\r\na: b\r\n\r\n", "\r\n\r\n"), ("\r\nGET / HTTP/1.1\na: b\n\n", "{}\n\n")]
        {
            let all = [head, body].concat();
            for cut in 0..head.len() {
                let (before, read) = all.as_bytes().split_at(cut);
                let last = [0, 0].iter().chain(before).copied().collect::<Vec<u8>>();
                let last = [last[last.len() - 2], last[last.len() - 1]];
                assert_eq!(head_end([0, 0], before), None, "{before:?}");
                assert_eq!(head_end(last, read), Some(head.len() - cut), "{before:?}");
            }
        }
    }
}

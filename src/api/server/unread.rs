//! What a client still sends of a body that was answered before its end. To close its connection at once would reset it, and
//! many clients would report that in place of the reply: they send all of a body before they look for one.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::body::HttpBody;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::watch;
use tokio::time::{timeout, timeout_at};

/// A rest of so many bytes is read before the reply, so that the connection is kept, and how long it is waited for: most
/// clients send a short body in the same breath as its head.
const SHORT: (u64, Duration) = (64 << 10, Duration::from_millis(50));
/// How long a client is heard out that sends a longer one, and how long a pause of it may be.
const LINGER: (Duration, Duration) = (Duration::from_secs(30), Duration::from_secs(5));
/// The same when the service stops.
const FAREWELL: Duration = Duration::from_secs(1);
/// Bytes that are read at once and thrown away.
const READ: usize = 16 << 10;

/// What nobody read of the body of a connection's request.
#[derive(Default)]
pub struct Unread {
    is_there: AtomicBool,
    /// None where nothing is known of it.
    body: Mutex<Option<Incoming>>,
}

impl Unread {
    /// Notes that a body was left before its end.
    pub fn leave(&self, body: Option<Incoming>) {
        *self.body.lock().unwrap_or_else(PoisonError::into_inner) = body;
        self.is_there.store(true, Ordering::Relaxed);
    }

    /// Whether there is more of it than was read.
    pub fn is_there(&self) -> bool {
        self.is_there.load(Ordering::Relaxed)
    }

    /// Reads the rest if it is short and comes at once; of a client that waits to be `asked` for its body, nothing.
    pub async fn read_short(&self, asked: bool) {
        let rest = self.body.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(mut rest) = rest.filter(|rest| asked && rest.size_hint().lower() <= SHORT.0) else { return };
        let reading = async {
            let mut bytes = 0;
            while bytes <= SHORT.0 {
                match rest.frame().await {
                    Some(Ok(frame)) => bytes += frame.data_ref().map_or(0, |data| data.len() as u64),
                    Some(Err(_)) => return false,
                    None => return true,
                }
            }
            false
        };
        if timeout(SHORT.1, reading).await.unwrap_or(false) {
            self.is_there.store(false, Ordering::Relaxed);
        }
    }
}

/// Reads what a client still sends, at most so many bytes, until it ends its connection, pauses for long or the service
/// stops; whether it went on for too long.
pub async fn linger<S>(mut stream: S, most: u64, mut stops: watch::Receiver<()>) -> bool
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let began = tokio::time::Instant::now();
    // That nothing follows the reply tells a client so, whatever it goes on with.
    let _ = timeout(LINGER.1, stream.shutdown()).await;
    let mut buffer = vec![0; READ];
    let reading = async {
        let mut bytes = 0;
        while bytes < most {
            match timeout(LINGER.1, stream.read(&mut buffer)).await {
                Ok(Ok(0) | Err(_)) => return false,
                Ok(Ok(read)) => bytes += read as u64,
                Err(_) => return true,
            }
        }
        true
    };
    let mut reading = std::pin::pin!(reading);
    tokio::select! {
        read = timeout_at(began + LINGER.0, &mut reading) => read.unwrap_or(true),
        _ = stops.changed() => timeout(FAREWELL, reading).await.unwrap_or(true),
    }
}

//! Taking connections from the system, also when it has no descriptors left to give.

use std::fs::File;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::net::{TcpListener, TcpStream};

/// How long nothing is taken when the system refuses for a reason that a spare descriptor does not help with.
const PAUSE: Duration = Duration::from_millis(50);
/// Descriptors that are kept for the service's own files, whatever the number of connections.
const OWN_FILES: usize = 64;
/// Connections where nothing else bounds them: what each of them may hold stays a small part of the memory.
const MOST_BY_DEFAULT: usize = 2048;

/// Takes connections.
pub struct Acceptor {
    listener: TcpListener,
    /// Given up for a moment when there is no other descriptor, so that a client is answered rather than left waiting.
    spare: Option<File>,
}

/// A connection that was taken.
pub struct Accepted {
    /// The connection.
    pub stream: TcpStream,
    /// The client's address.
    pub peer: SocketAddr,
    /// Whether it has the spare descriptor, and is to be ended at once.
    pub on_spare: bool,
}

impl Acceptor {
    /// Takes from `listener`.
    pub fn new(listener: TcpListener) -> Self {
        Acceptor { listener, spare: spare() }
    }

    /// The next connection.
    pub async fn accept(&mut self) -> Accepted {
        loop {
            self.spare = self.spare.take().or_else(spare);
            match self.listener.accept().await {
                Ok((stream, peer)) => return Accepted { stream, peer, on_spare: false },
                Err(error) if is_out_of_descriptors(&error) => {
                    self.spare = None;
                    if let Some(Ok((stream, peer))) = self.listener.accept().now_or_never() {
                        return Accepted { stream, peer, on_spare: true };
                    }
                    tokio::time::sleep(PAUSE).await;
                }
                // The client has left already.
                Err(error) if is_of_client(&error) => {}
                Err(error) => {
                    tracing::error!(%error, "connections cannot be taken");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }
}

/// How many connections there may be: `asked` for, or as many as leave each one descriptor more for a file of its own.
pub fn most_connections(asked: Option<usize>) -> usize {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    let left = limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX)).saturating_sub(OWN_FILES);
    match asked {
        None => (left / 2).clamp(1, MOST_BY_DEFAULT),
        Some(asked) if asked > left => {
            tracing::warn!(asked, left, "--max-connections is more than the limit on open files leaves room for");
            left.max(1)
        }
        Some(asked) => asked,
    }
}

fn spare() -> Option<File> {
    File::open("/dev/null").ok()
}

fn is_out_of_descriptors(error: &io::Error) -> bool {
    let code = error.raw_os_error();
    [rustix::io::Errno::MFILE, rustix::io::Errno::NFILE].into_iter().any(|errno| code == Some(errno.raw_os_error()))
}

fn is_of_client(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset
    )
}

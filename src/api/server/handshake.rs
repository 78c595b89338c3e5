//! The beginning of a connection to a port that speaks TLS. It has the time of a head, and a place among the connections.

use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::server::TlsStream;

use super::connection::Connection;
use super::pace::Pace;
use super::streams;
use crate::api::tls::Tls;

/// The first byte of a client that speaks TLS: a record of the handshake.
const HANDSHAKE: u8 = 22;

/// What a handshake comes to.
enum Shaken {
    Done(Box<TlsStream<Pace<TcpStream>>>),
    /// The client speaks something else.
    Plain(TcpStream),
    /// The client is gone, or wants what the service does not have.
    Broken(std::io::Error),
}

/// Serves a connection after its handshake.
pub async fn serve(connection: Connection, tls: Tls, stream: TcpStream) {
    let mut closed = connection.closed.clone();
    let shaken = tokio::select! {
        shaken = timeout(connection.limits.head(), shake(&connection, &tls, stream)) => shaken,
        _ = closed.changed() => return,
    };
    match shaken {
        Ok(Shaken::Done(stream)) => {
            connection.watched.is_new();
            match stream.get_ref().1.alpn_protocol() {
                Some(b"h2") => streams::serve(connection, *stream).await,
                _ => connection.serve(*stream).await,
            }
        }
        Ok(Shaken::Plain(stream)) => connection.refuse_plain(stream).await,
        Ok(Shaken::Broken(error)) => {
            connection.meters.connections_cut.with_label_values(&["handshake"]).inc();
            tracing::debug!(peer = &*connection.peer.address, %error, "no TLS was agreed on");
        }
        Err(_) => connection.meters.connections_cut.with_label_values(&["handshake"]).inc(),
    }
}

async fn shake(connection: &Connection, tls: &Tls, stream: TcpStream) -> Shaken {
    let mut first = [0];
    match stream.peek(&mut first).await {
        Ok(1) if first[0] != HANDSHAKE => return Shaken::Plain(stream),
        Ok(_) => {}
        Err(error) => return Shaken::Broken(error),
    }
    let stream = Pace::new(stream, connection.watched.clone());
    match tls.acceptor().accept(stream).await {
        Ok(stream) => Shaken::Done(Box::new(stream)),
        Err(error) => Shaken::Broken(error),
    }
}

//! Which HTTP is spoken on a connection.

use tokio::io::{AsyncRead, AsyncWrite};

use super::connection::Connection;
use super::streams;

/// Serves a connection whose client begins as it likes: with HTTP/1, or with HTTP/2 because it knows that it is spoken here.
pub async fn serve_any<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(connection: Connection, stream: S) {
    if let Some((connection, stream)) = connection.serve(stream).await {
        streams::serve(connection, stream).await;
    }
}

/// Serves a connection on which HTTP/2 was agreed on.
pub use super::streams::serve as serve_http_2;

//! Connections: taken until the service stops, each served by a task of its own.

use std::convert::Infallible;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;

use axum::body::Body;
use axum::serve::Listener;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};

use super::access::Entrance;
use crate::app::App;

/// Serves `app` on `listener` until `shutdown` resolves; then closes the app, and gives open requests the time of
/// `--shutdown-timeout` to finish.
///
/// # Errors
/// What the listener ends with.
pub async fn serve(
    app: App,
    mut listener: TcpListener,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let timeout = app.settings.shutdown_timeout;
    let entrance = Entrance::new(app.clone());
    let (close, mut closed) = watch::channel(());
    tokio::spawn(async move {
        shutdown.await;
        app.close().await;
        drop(close);
    });
    let (open, mut all_ended) = mpsc::channel(1);
    loop {
        tokio::select! {
            (stream, _) = Listener::accept(&mut listener) => {
                tokio::spawn(connection(stream, entrance.of_connection(), closed.clone(), open.clone()));
            }
            _ = closed.changed() => break,
        }
    }
    drop((listener, open));
    tokio::select! {
        _ = all_ended.recv() => {}
        () = tokio::time::sleep(timeout) => {
            tracing::warn!("some requests did not finish in the time of --shutdown-timeout");
        }
    }
    Ok(())
}

/// Answers the requests of a connection, the last one that it is in when `closed` says so. Holds `_open` until it ends.
async fn connection(
    stream: TcpStream,
    entrance: Entrance,
    mut closed: watch::Receiver<()>,
    _open: mpsc::Sender<Infallible>,
) {
    // Small replies leave at once instead of waiting to fill a packet.
    let _ = stream.set_nodelay(true);
    let entrance = Arc::new(entrance);
    let answer = service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
        let entrance = entrance.clone();
        async move { Ok::<_, Infallible>(entrance.answer(request.map(Body::new)).await) }
    });
    let mut connection = pin!(http1::Builder::new().serve_connection(TokioIo::new(stream), answer));
    tokio::select! {
        // What a connection breaks off with concerns its client alone.
        _ = connection.as_mut() => return,
        _ = closed.changed() => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}

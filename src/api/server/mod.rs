//! Where connections come in: taken until the service stops, each served by a task of its own.
//!
//! axum's own `serve` has no timeout on request heads and no way to answer what hyper refuses, so the loop is ours. What
//! it serves is the [`Router`] as any `tower::Service`, over any stream that [`Listener`] hands out.

mod connection;
mod refusal;
mod wire;

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;

use axum::Router;
use axum::serve::Listener;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{mpsc, watch};

use crate::app::App;
use connection::{Connection, Limits};

/// Serves `app` on `listener` until `shutdown` resolves; then closes the app, and gives open requests the time of
/// `--shutdown-timeout` to finish. `router` makes the routes of an app.
///
/// # Errors
/// What the listener ends with.
pub async fn serve<L>(
    app: App,
    mut listener: L,
    router: fn(App) -> Router,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()>
where
    L: Listener<Addr = SocketAddr>,
    L::Io: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let timeout = app.settings.shutdown_timeout;
    let limits = Limits { head: app.settings.head_timeout, idle: app.settings.idle_timeout };
    // A reply counts the handles that it passes through. Cores that count at one place wait for each other, so
    // connections take turns at as many routers as there are threads that answer.
    let threads = tokio::runtime::Handle::current().metrics().num_workers();
    let routers: Vec<Router> = (0..threads).map(|_| router(app.counted_apart())).collect();
    let mut turns = routers.iter().cycle();
    let meters = app.meters.clone();
    let (close, mut closed) = watch::channel(());
    tokio::spawn(async move {
        shutdown.await;
        app.close().await;
        drop(close);
    });
    let (open, mut all_ended) = mpsc::channel::<Infallible>(1);
    loop {
        tokio::select! {
            (stream, peer) = listener.accept() => {
                let router = turns.next().expect("there is at least one thread").clone();
                let connection = Connection { router, meters: meters.clone(), peer, limits, closed: closed.clone() };
                let open = open.clone();
                tokio::spawn(async move {
                    connection.serve(stream).await;
                    drop(open);
                });
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

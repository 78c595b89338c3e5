//! A proxy before a server that can go silent, break off or refuse: for databases and stores that go away.

use std::sync::Arc;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// What the proxy does with connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Passes on what comes.
    Pass,
    /// Passes nothing on, and keeps connections open.
    Silent,
    /// Breaks off each connection, old or new.
    Refuse,
}

/// A proxy on a port of its own.
#[derive(Clone)]
pub struct Proxy {
    pub port: u16,
    mode: Arc<watch::Sender<Mode>>,
}

impl Proxy {
    /// Before the server at `target`, such as `127.0.0.1:5432`.
    pub async fn new(target: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("a bound address").port();
        let proxy = Proxy { port, mode: Arc::new(watch::Sender::new(Mode::Pass)) };
        let mode = proxy.mode.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(serve(client, target.clone(), mode.subscribe()));
            }
        });
        proxy
    }

    pub fn set(&self, mode: Mode) {
        self.mode.send_replace(mode);
    }
}

async fn serve(mut client: TcpStream, target: String, mut mode: watch::Receiver<Mode>) {
    let mut server = TcpStream::connect(target).await.expect("a server");
    loop {
        let now = *mode.borrow_and_update();
        match now {
            Mode::Refuse => return,
            Mode::Silent => drop(mode.changed().await),
            Mode::Pass => tokio::select! {
                _ = copy_bidirectional(&mut client, &mut server) => return,
                _ = mode.changed() => {}
            },
        }
    }
}

//! For which client a thread works at the moment: that of the request whose handler it runs. It spares every function of the use
//! cases, and of the catalog below them, from handing it on.

use std::cell::Cell;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use super::share::Client;

thread_local! {
    static CLIENT: Cell<Option<Client>> = const { Cell::new(None) };
}

/// The client; none where the service works for itself.
pub fn client() -> Option<Client> {
    CLIENT.get()
}

/// The thread works for a client as long as this is held.
pub struct Behalf {
    before: Option<Client>,
}

impl Behalf {
    /// Of `client`.
    pub fn of(client: Option<Client>) -> Self {
        Behalf { before: CLIENT.replace(client) }
    }
}

impl Drop for Behalf {
    fn drop(&mut self) {
        CLIENT.set(self.before);
    }
}

/// The work, done for this client whatever thread goes on with it.
pub fn done_for<F: Future>(client: Option<Client>, work: F) -> DoneFor<F> {
    DoneFor { client, work }
}

/// The work, done for the service itself: others wait for what it holds, and are to wait for no client's turn.
pub fn done_for_all<F: Future>(work: F) -> DoneFor<F> {
    done_for(None, work)
}

pin_project! {
    /// Work that is done for one client, or for the service itself.
    pub struct DoneFor<F> {
        client: Option<Client>,
        #[pin]
        work: F,
    }
}

impl<F: Future> Future for DoneFor<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let _behalf = Behalf::of(*this.client);
        this.work.poll(context)
    }
}

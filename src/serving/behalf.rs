//! For which client a thread works at the moment: that of the request whose handler it runs. It spares every function of the use
//! cases from handing it on.

use std::cell::Cell;

use crate::memory::Client;

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

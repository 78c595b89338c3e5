//! The memory of one request: what it sends, what is made of it and what is answered are charged to its client.

use std::net::SocketAddr;
use std::sync::Arc;

use bytesize::ByteSize;

use super::error::ServingError;
use crate::app::App;
use crate::memory::behalf::client;
use crate::memory::{Charge, Client, FOR_A_BYTE, FOR_ANY, Refused, scope};

/// Requests from this size on are large: they leave the async threads, and what is made of them is charged as it is made.
pub const LARGE: usize = 64 * 1024;
/// Up to so many bytes a request holds hardly more than its connection, and nothing is charged.
const UNCOUNTED: u64 = 4 << 10;

/// A request's part of the memory. It is given back when this is dropped.
#[derive(Default)]
pub struct RequestMemory {
    charge: Option<Charge>,
    /// Its address and port, as its connection says.
    client: Option<Arc<str>>,
    /// The most that it may hold, once it is known how much was sent.
    most: Option<u64>,
}

/// What a request may hold that has sent so many bytes.
fn most_for(sent: u64) -> u64 {
    FOR_ANY.saturating_add(sent.saturating_mul(FOR_A_BYTE))
}

impl RequestMemory {
    /// Of a request of the client at this address and port.
    pub fn of(client: Option<Arc<str>>) -> Self {
        RequestMemory { client, ..RequestMemory::default() }
    }

    /// Bounds what the request may hold by what it has sent: `sent` bytes.
    pub fn bound(&mut self, sent: u64) {
        let most = most_for(sent);
        self.most = Some(most);
        self.charge.as_ref().inspect(|charge| charge.bound(most));
    }

    /// Lets it hold what goes with `sent` bytes, of which it was told fewer before, of a body that still arrives.
    pub fn allow_for(&mut self, sent: u64, app: &App) {
        let most = most_for(sent);
        match self.most.replace(most) {
            None => self.charge(app).bound(most),
            Some(before) => self.charge(app).widen(most.saturating_sub(before)),
        }
    }

    /// Takes `bytes` more.
    ///
    /// # Errors
    /// `MemoryNeverFree`, `Overloaded`.
    pub fn reserve(&mut self, bytes: usize, app: &App) -> Result<(), ServingError> {
        self.cover(self.held().saturating_add(bytes as u64), app)
    }

    /// Takes `bytes` more for rows of a stored data set, which a request of a few bytes can call for.
    ///
    /// # Errors
    /// `RowsTooLarge` if there is never so much, `Overloaded` if it is not free.
    pub fn reserve_rows(&mut self, bytes: usize, app: &App) -> Result<(), ServingError> {
        let charge = self.charge(app);
        charge.widen(bytes as u64);
        charge.grow(bytes as u64).map_err(|refused| match refused {
            Refused::Now => ServingError::Overloaded,
            Refused::Never { limit } => {
                let (needed, limit) = (ByteSize::b(bytes as u64), ByteSize::b(limit));
                let detail = format!("the rows need {needed} of memory; a request has {limit} (--request-memory)");
                ServingError::RowsTooLarge(detail)
            }
        })
    }

    /// Makes it cover `bytes` in all.
    ///
    /// # Errors
    /// `MemoryNeverFree`, `Overloaded`.
    pub fn cover(&mut self, bytes: u64, app: &App) -> Result<(), ServingError> {
        if self.charge.is_none() && bytes < UNCOUNTED {
            return Ok(());
        }
        Ok(self.charge(app).cover(bytes)?)
    }

    /// Whether it could cover `bytes` in all at the moment. Takes nothing.
    ///
    /// # Errors
    /// `MemoryNeverFree`, `Overloaded`.
    pub fn could_cover(&mut self, bytes: u64, app: &App) -> Result<(), ServingError> {
        Ok(self.charge(app).could_cover(bytes)?)
    }

    /// Makes it hold `bytes`: what is there once an estimate is over.
    pub fn settle(&mut self, bytes: u64) {
        self.charge.as_ref().inspect(|charge| charge.settle(bytes));
    }

    /// Gives `bytes` back.
    pub fn give_back(&mut self, bytes: u64) {
        self.charge.as_ref().inspect(|charge| charge.shrink(bytes));
    }

    /// Does `work` and charges what it tells of by [`crate::memory::made`].
    ///
    /// # Errors
    /// `MemoryNeverFree`, `Overloaded`, whatever `work` has made of it.
    pub fn scope<T>(&mut self, app: &App, work: impl FnOnce() -> T) -> Result<T, ServingError> {
        Ok(scope(self.charge(app), work)?)
    }

    /// What is charged for the request.
    pub fn charge(&mut self, app: &App) -> &Charge {
        self.charge.get_or_insert_with(|| {
            let charge = app.memory.requests.charge(self.client.as_deref().and_then(client_at));
            self.most.inspect(|most| charge.bound(*most));
            charge
        })
    }

    /// What was charged, if anything was.
    pub fn into_charge(self) -> Option<Charge> {
        self.charge
    }

    fn held(&self) -> u64 {
        self.charge.as_ref().map_or(0, Charge::held)
    }
}

/// Memory of records that were read of what is stored, for as long as a request holds them.
///
/// # Errors
/// `MemoryNeverFree`, `Overloaded`.
pub fn of_records(bytes: usize, app: &App) -> Result<Charge, ServingError> {
    let charge = app.memory.requests.charge(client());
    charge.grow(bytes as u64)?;
    Ok(charge)
}

/// The client at an address and port, written out.
pub fn client_at(address: &str) -> Option<Client> {
    address.parse::<SocketAddr>().ok().map(|address| address.ip().into())
}

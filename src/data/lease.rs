//! Memory that the reading of a file takes: charged before it is made, given back when it goes.

use bytesize::ByteSize;

use super::error::DataError;
use crate::memory::{Charge, Refused};

/// Some bytes of a charge, until this is dropped.
pub(crate) struct Lease {
    charge: Charge,
    bytes: u64,
}

impl Lease {
    /// Takes `bytes`.
    ///
    /// # Errors
    /// `TooLarge` or `Overloaded`: they are not to be had.
    pub fn of(charge: &Charge, bytes: u64) -> Result<Self, DataError> {
        charge.grow(bytes)?;
        Ok(Lease { charge: charge.clone(), bytes })
    }

    /// Bytes that `charge` holds already.
    pub fn of_held(charge: &Charge, bytes: u64) -> Self {
        Lease { charge: charge.clone(), bytes }
    }

    /// Takes more, so that it holds `bytes` at least.
    ///
    /// # Errors
    /// As [`Lease::of`].
    pub fn cover(&mut self, bytes: u64) -> Result<(), DataError> {
        let more = bytes.saturating_sub(self.bytes);
        if more > 0 {
            self.charge.grow(more)?;
            self.bytes += more;
        }
        Ok(())
    }

    /// Takes over what `other`, of the same charge, holds.
    pub fn join(&mut self, mut other: Lease) {
        self.bytes += std::mem::take(&mut other.bytes);
    }

    /// Bytes that it holds.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Makes it hold what is really there, where an estimate was taken before.
    ///
    /// # Errors
    /// As [`Lease::of`], where the estimate was too low.
    pub fn settle(&mut self, bytes: u64) -> Result<(), DataError> {
        self.cover(bytes)?;
        self.charge.shrink(self.bytes - bytes);
        self.bytes = bytes;
        Ok(())
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.charge.shrink(self.bytes);
    }
}

impl From<Refused> for DataError {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Never { limit } => DataError::too_large(format!(
                "to read it takes more than the {} of memory that one request may have (--request-memory): send fewer columns or \
                 shorter words, or Parquet with smaller row groups",
                ByteSize::b(limit)
            )),
            Refused::Now => DataError::overloaded(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::error::DataErrorKind;
    use crate::memory::Share;

    #[test]
    fn a_lease_follows_what_is_there_and_ends_with_it() {
        let share = Share::new("requests", ByteSize::b(100));
        let charge = share.charge(None);
        let mut lease = Lease::of(&charge, 60).expect("there is room");
        lease.settle(20).expect("it is less");
        lease.cover(10).expect("it holds more");
        assert_eq!(charge.held(), 20);
        let refused = Lease::of(&charge, 81).err().map(|error| error.kind);
        assert_eq!(refused, Some(DataErrorKind::TooLarge));
        let (other, refused) = (share.charge(None), |charge| Lease::of(charge, 81).err().map(|error| error.kind));
        assert_eq!(refused(&other), Some(DataErrorKind::Overloaded));
        drop(lease);
        assert_eq!((charge.held(), refused(&other)), (0, None));
    }
}

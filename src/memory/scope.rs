//! What is made on a thread while it reads what a client sent: readers that a library calls, such as serde's visitors, have
//! no place for a charge among their parameters.

use std::cell::RefCell;

use super::charge::{Charge, Refused};

thread_local! {
    /// The charge of what this thread makes at the moment, and why it was refused something.
    static CURRENT: RefCell<Option<(Charge, Option<Refused>)>> = const { RefCell::new(None) };
}

/// Puts the scope of before back, also if the work panics.
struct Restore(Option<(Charge, Option<Refused>)>);

impl Drop for Restore {
    fn drop(&mut self) {
        let before = self.0.take();
        CURRENT.with(|current| *current.borrow_mut() = before);
    }
}

/// Does `work`; what it tells of by [`made`] on this thread is taken by `charge`.
///
/// # Errors
/// What was refused, whatever `work` has made of it.
pub fn scope<T>(charge: &Charge, work: impl FnOnce() -> T) -> Result<T, Refused> {
    let before = CURRENT.with(|current| current.borrow_mut().replace((charge.clone(), None)));
    let restore = Restore(before);
    let done = work();
    let refused = CURRENT.with(|current| current.borrow().as_ref().and_then(|(_, refused)| *refused));
    drop(restore);
    refused.map_or(Ok(done), Err)
}

/// Charges `bytes` that are about to be made on this thread; without a scope they are not counted. For steps, not for each
/// value: a buffer tells when it is about to double.
///
/// # Errors
/// They are not to be had. The work should end with an error of any kind: [`scope`] tells of this one.
pub fn made(bytes: u64) -> Result<(), Refused> {
    CURRENT.with(|current| match &mut *current.borrow_mut() {
        None => Ok(()),
        Some((charge, refused)) => charge.grow(bytes).inspect_err(|error| *refused = Some(*error)),
    })
}

#[cfg(test)]
mod tests {
    use bytesize::ByteSize;

    use super::*;
    use crate::memory::Share;

    #[test]
    fn what_is_made_is_charged_to_the_scope_that_is_open() {
        let share = Share::new("requests", ByteSize::b(100));
        let (outer, inner) = (share.charge(None), share.charge(None));
        assert_eq!(made(1000), Ok(()), "nobody counts");
        let done = scope(&outer, || {
            assert_eq!(made(10), Ok(()));
            assert_eq!(scope(&inner, || made(20)), Ok(Ok(())));
            made(30)
        });
        assert_eq!((done, outer.held(), inner.held()), (Ok(Ok(())), 40, 20));
    }

    #[test]
    fn what_was_refused_is_told_whatever_the_work_made_of_it() {
        let share = Share::new("requests", ByteSize::b(100));
        let (charge, other) = (share.charge(None), share.charge(None));
        assert_eq!(scope(&charge, || made(101).is_err()), Err(Refused::Never { limit: 100 }));
        assert!(other.grow(60).is_ok());
        assert_eq!(scope(&charge, || made(50).map_err(|_| "some error")), Err(Refused::Now));
        assert_eq!(scope(&charge, || made(40)), Ok(Ok(())), "a scope begins without a refusal");
    }

    #[test]
    fn a_panic_closes_its_scope() {
        let share = Share::new("requests", ByteSize::b(100));
        let charge = share.charge(None);
        let panicked = std::panic::catch_unwind(|| scope(&charge, || panic!("on purpose")));
        assert!(panicked.is_err());
        assert_eq!(made(1000), Ok(()), "nobody counts again");
    }
}

//! How the memory is shared out: so much to requests, trainings and models, and the rest to the service itself.

use bytesize::ByteSize;

use super::machine;
use super::share::Share;

/// Of the memory that the machine or the control group has, the part that is planned with, in percent: the rest is for
/// pages that the system keeps of files, and for what an allocator holds beyond what is asked of it.
const PLANNED_PERCENT: u64 = 80;
/// What the service takes itself: its code, its threads' stacks, connections, the database's cache.
const OVERHEAD: u64 = 128 << 20;
/// Planned with where the system does not say what it has.
const UNKNOWN: u64 = 4 << 30;
/// Least that a share gets without being asked for.
const LEAST: u64 = 16 << 20;

/// What each share of the memory may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// All of it together.
    pub total: ByteSize,
    /// Bodies, what they become, and replies.
    pub requests: ByteSize,
    /// Trainings that run.
    pub trainings: ByteSize,
    /// Parameters of models in use.
    pub models: ByteSize,
}

/// The shares of the memory. Those of requests are one, by what holds it.
#[derive(Clone, Debug)]
pub struct Shares {
    /// Bodies and what they become, up to the reply.
    pub requests: Share,
    /// Data files as they are read.
    pub uploads: Share,
    /// Replies until they are sent.
    pub replies: Share,
    /// What is held of stored data sets: long profiles, values of a column.
    pub datasets: Share,
    /// Trainings that run.
    pub trainings: Share,
    /// Parameters of models in use.
    pub models: Share,
}

impl Shares {
    /// Each share once.
    pub fn all(&self) -> [&Share; 3] {
        [&self.requests, &self.trainings, &self.models]
    }
}

/// What was asked for; the rest follows.
#[derive(Clone, Copy, Debug, Default)]
#[allow(missing_docs)]
pub struct Wanted {
    pub total: Option<ByteSize>,
    pub requests: Option<ByteSize>,
    pub trainings: Option<ByteSize>,
    pub models: Option<ByteSize>,
}

impl Plan {
    /// A plan for this machine.
    ///
    /// # Errors
    /// The shares that were asked for are more than there is.
    pub fn new(wanted: Wanted) -> Result<Self, String> {
        Plan::on(wanted, machine::available().unwrap_or(UNKNOWN))
    }

    /// The shares, nothing of which is taken.
    pub fn shares(&self) -> Shares {
        let holders = ["requests", "uploads", "replies", "datasets"];
        let [requests, uploads, replies, datasets] = Share::of_holders("requests", self.requests, holders);
        Shares {
            requests,
            uploads,
            replies,
            datasets,
            trainings: Share::new("trainings", self.trainings),
            models: Share::new("models", self.models),
        }
    }

    /// A plan for a machine with `available` bytes. Shares that were not asked for divide what the others leave:
    /// requests and models a quarter each, trainings a half.
    fn on(wanted: Wanted, available: u64) -> Result<Self, String> {
        let total = wanted.total.map_or(available / 100 * PLANNED_PERCENT, |total| total.as_u64());
        let shares = [(wanted.requests, 1), (wanted.trainings, 2), (wanted.models, 1)];
        let asked =
            shares.iter().filter_map(|(size, _)| *size).fold(0, |sum: u64, size| sum.saturating_add(size.as_u64()));
        let parts: u64 = shares.iter().filter(|(size, _)| size.is_none()).map(|(_, parts)| parts).sum();
        let left = total.saturating_sub(OVERHEAD).saturating_sub(asked);
        let [requests, trainings, models] =
            shares.map(|(size, of)| size.map_or_else(|| (left * of / parts).max(LEAST), |size| size.as_u64()));
        let sum = [OVERHEAD, requests, trainings, models].iter().fold(0, |sum: u64, size| sum.saturating_add(*size));
        if sum > total {
            let show = |bytes: u64| ByteSize::b(bytes).to_string();
            return Err(format!(
                "the memory does not suffice: {} for the service itself, {} for requests (--request-memory), {} for \
                 trainings (--training-memory) and {} for models (--model-memory) are {}, and there are {} (--memory, or \
                 {PLANNED_PERCENT} % of what the machine or the container has). Ask for less, or give it more",
                show(OVERHEAD),
                show(requests),
                show(trainings),
                show(models),
                show(sum),
                show(total)
            ));
        }
        let [total, requests, trainings, models] = [total, requests, trainings, models].map(ByteSize::b);
        Ok(Plan { total, requests, trainings, models })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_follow_the_machine_and_never_exceed_it() {
        for available in [256 << 20, 512 << 20, 2 << 30, 24 << 30, 1 << 40] {
            let plan = Plan::on(Wanted::default(), available).expect("it fits");
            let sum = plan.requests.as_u64() + plan.trainings.as_u64() + plan.models.as_u64() + OVERHEAD;
            assert!(sum <= plan.total.as_u64() && plan.total.as_u64() <= available * 4 / 5, "{plan:?}");
            assert!(sum + 4 > plan.total.as_u64(), "nothing is left over: {plan:?}");
        }
    }

    #[test]
    fn what_is_asked_for_is_given_and_the_rest_divided() {
        let wanted = Wanted { requests: Some(ByteSize::gib(1)), ..Wanted::default() };
        let plan = Plan::on(wanted, 10 << 30).expect("it fits");
        assert_eq!(plan.requests, ByteSize::gib(1));
        assert_eq!(plan.trainings.as_u64() / 2, plan.models.as_u64());
        let wanted = Wanted { total: Some(ByteSize::gib(1)), ..Wanted::default() };
        assert_eq!(Plan::on(wanted, 64 << 30).map(|plan| plan.total), Ok(ByteSize::gib(1)));
    }

    #[test]
    fn more_than_there_is_is_refused_with_the_numbers() {
        let wanted = Wanted { trainings: Some(ByteSize::gib(4)), ..Wanted::default() };
        let error = Plan::on(wanted, 4 << 30).expect_err("it does not fit");
        assert!(error.contains("4.0 GiB for trainings") && error.contains("3.2 GiB (--memory"), "{error}");
        assert!(Plan::on(Wanted::default(), 128 << 20).is_err());
    }
}

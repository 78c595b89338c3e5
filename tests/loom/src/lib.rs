//! All orders in which the threads of a team may take the steps of a round: each part is done once, a round ends after all of
//! its parts, and no sleeping helper is left asleep. The files are the service's own; what they wait by is loom's.

#[path = "../../../src/learning/team/helper.rs"]
#[allow(dead_code, unsafe_code)]
mod helper;
#[path = "../../../src/learning/team/round.rs"]
#[allow(dead_code, unsafe_code)]
mod round;
mod sync;

#[cfg(test)]
mod tests {
    use loom::model::Builder;
    use loom::sync::Arc;
    use loom::sync::atomic::{AtomicUsize, Ordering};

    use crate::helper::Helper;
    use crate::round::{Round, Side};

    /// Who works off a round.
    #[derive(Clone, Copy, PartialEq)]
    enum By {
        All,
        /// The thread that begins it only waits: it ends only if the helpers are awake.
        Helpers,
    }

    /// Rounds of so many parts by the calling thread and so many helpers, in all orders with at most so many preemptions.
    fn all_orders(by: By, rounds: &'static [usize], helpers: usize, preemptions: usize) {
        let mut model = Builder::new();
        model.preemption_bound = Some(preemptions);
        model.check(move || {
            let round = Arc::new(Round::default());
            let team: Vec<_> =
                (0..helpers).map(|number| Helper::start(round.clone(), number).expect("a thread")).collect();
            for parts in rounds {
                let done: Vec<_> = (0..*parts).map(|_| AtomicUsize::new(0)).collect();
                let work = |part: usize| {
                    done[part].fetch_add(1, Ordering::Relaxed);
                };
                // SAFETY: `finish` is called before `work` ends.
                unsafe { round.begin(*parts, helpers, &work) };
                team.iter().for_each(Helper::wake);
                while by == By::All && round.work_once(Side::Front) {}
                assert!(round.finish().is_none(), "nothing panicked");
                // `finish` has seen the end of each part, and with it what was done.
                assert!(done.iter().all(|part| part.load(Ordering::Relaxed) == 1), "each part once");
            }
            round.close();
            team.into_iter().for_each(Helper::end);
        });
    }

    #[test]
    fn a_round_of_two_parts_by_two_threads() {
        all_orders(By::All, &[2], 1, 5);
    }

    #[test]
    fn two_rounds_between_which_the_helper_may_fall_asleep() {
        all_orders(By::All, &[1, 2], 1, 3);
    }

    #[test]
    fn a_round_by_three_threads() {
        all_orders(By::All, &[2], 2, 2);
    }

    #[test]
    fn a_helper_that_falls_asleep_while_a_round_begins_is_woken() {
        all_orders(By::Helpers, &[1, 1], 1, 3);
    }
}

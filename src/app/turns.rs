//! Whose requests are admitted while not all can be answered: each client has a fair share of what can be. Who asks for less than a
//! share is refused nothing, and what these leave is shared by the others (max-min fairness; Bertsekas and Gallager, "Data
//! Networks", 1992, 6.5.2).

use std::collections::HashMap;

use crate::memory::Client;

/// All requests, where a part of them is admitted.
pub(super) const ALL: u32 = 1 << 16;
/// Multiples of the golden ratio are spread evenly over all numbers, however few are taken (Knuth, TAOCP 6.4).
const GOLDEN: u32 = 2_654_435_769;

/// What the clients have asked for of late. Those whose address is not known are one.
#[derive(Debug, Default)]
pub(super) struct Turns {
    clients: HashMap<Option<Client>, Turn>,
    /// Requests of all in this while.
    asked: u32,
    /// Requests of a client in a while that are admitted in any case; none before a while was counted.
    share: Option<f64>,
}

#[derive(Debug, Default)]
struct Turn {
    /// Requests in this while.
    asked: u32,
    /// Requests of which a part was to be admitted.
    parted: u32,
    /// The part of its requests that is admitted, of [`ALL`], as it asked for more than a share in the while before.
    part: Option<u32>,
}

impl Turn {
    /// Whether a request is among those that are admitted, of which there are `part` in [`ALL`].
    fn is_among(&mut self, part: u32) -> bool {
        self.parted = self.parted.wrapping_add(1);
        self.parted.wrapping_mul(GOLDEN) >> 16 < part
    }
}

impl Turns {
    /// Whether one more request of `client` is admitted, where `part` of all are, of [`ALL`].
    pub(super) fn admit(&mut self, client: Option<Client>, part: u32) -> bool {
        self.asked = self.asked.saturating_add(1);
        self.clients.entry(client).or_default().asked += 1;
        let clients = self.clients.len() as u64;
        let turn = self.clients.get_mut(&client).expect("it asks");
        match (turn.part, self.share) {
            (Some(part), _) => turn.is_among(part),
            (None, Some(share)) => f64::from(turn.asked) <= share,
            // Before a while was counted: who asks no more than the others do on average.
            (None, None) => {
                let is_light = clients > 1 && u64::from(turn.asked) * clients <= u64::from(self.asked);
                is_light || turn.is_among(part)
            }
        }
    }

    /// A while is over, in which the clients asked as they did; of what they ask for, `part` is to be admitted, of [`ALL`].
    pub(super) fn next(&mut self, part: u32) {
        if part == ALL || self.asked == 0 {
            *self = Turns::default();
            return;
        }
        self.clients.retain(|_, turn| turn.asked > 0);
        let asked = self.clients.values().map(|turn| turn.asked).collect();
        // Somebody who is there has a turn, however many there are.
        let share = share(asked, f64::from(self.asked) * f64::from(part) / f64::from(ALL)).max(1.0);
        for turn in self.clients.values_mut() {
            let asked = f64::from(std::mem::take(&mut turn.asked));
            turn.part = (asked > share).then(|| (share / asked * f64::from(ALL)) as u32);
        }
        (self.asked, self.share) = (0, Some(share));
    }
}

/// The most that each gets of `all` where those who ask for less get what they ask for.
fn share(mut asked: Vec<u32>, mut all: f64) -> f64 {
    asked.sort_unstable();
    let mut left = asked.len();
    for one in asked {
        let share = all / left as f64;
        if f64::from(one) > share {
            return share;
        }
        all -= f64::from(one);
        left -= 1;
    }
    f64::INFINITY
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;

    /// How many requests of each client are admitted in a while in which they ask so often, all the time by turns.
    fn while_of(turns: &mut Turns, asked: &[u32], part: u32) -> Vec<u32> {
        let mut admitted = vec![0; asked.len()];
        let most = asked.iter().copied().max().unwrap_or(0);
        for time in 0..most {
            for (number, asks) in asked.iter().enumerate() {
                let is_due = u64::from(time) * u64::from(*asks) % u64::from(most) < u64::from(*asks);
                let client = Client::from(IpAddr::V4(Ipv4Addr::from_bits(number as u32 + 1)));
                admitted[number] += u32::from(is_due && turns.admit(Some(client), part));
            }
        }
        turns.next(part);
        admitted
    }

    #[test]
    fn who_asks_for_less_than_a_share_is_refused_nothing() {
        let mut turns = Turns::default();
        for _ in 0..5 {
            let admitted = while_of(&mut turns, &[10_000, 10, 1], ALL / 8);
            assert!(admitted[1..] == [10, 1], "{admitted:?}");
            assert!((1_100..1_350).contains(&admitted[0]), "{admitted:?}");
        }
    }

    #[test]
    fn clients_that_ask_alike_are_admitted_alike() {
        let mut turns = Turns::default();
        while_of(&mut turns, &[1_000; 4], ALL / 4);
        for _ in 0..5 {
            for admitted in while_of(&mut turns, &[1_000; 4], ALL / 4) {
                assert!((240..=260).contains(&admitted), "{admitted}");
            }
        }
    }

    #[test]
    fn many_that_ask_for_little_are_bounded_too() {
        let (mut turns, mut asked) = (Turns::default(), vec![20; 1_000]);
        asked.push(20_000);
        while_of(&mut turns, &asked, ALL / 4);
        for _ in 0..5 {
            let admitted = while_of(&mut turns, &asked, ALL / 4);
            let all: u32 = admitted.iter().sum();
            assert!((9_000..=11_500).contains(&all), "{all} of 40,000");
            assert!(admitted.iter().all(|one| (5..=15).contains(one)), "{:?}", admitted.iter().max());
        }
    }

    #[test]
    fn who_comes_new_has_a_share_and_no_more() {
        let mut turns = Turns::default();
        while_of(&mut turns, &[4_000], ALL / 4);
        let admitted = while_of(&mut turns, &[4_000, 4_000], ALL / 4);
        assert!((950..=1_050).contains(&admitted[0]) && admitted[1] == 1_000, "{admitted:?}");
        let admitted = while_of(&mut turns, &[4_000, 4_000], ALL / 4);
        assert!(admitted.iter().all(|one| (950..=1_050).contains(one)), "{admitted:?}");
    }

    #[test]
    fn shares_leave_to_others_what_is_not_asked_for() {
        assert_eq!(share(vec![10, 2, 100], 30.0), 18.0);
        assert_eq!(share(vec![10, 10], 10.0), 5.0);
        assert_eq!(share(vec![1, 2], 3.0), f64::INFINITY);
    }
}

//! A list of two: pages that are read of each, newest first, as one page.

use uuid::Uuid;

/// A page, newest first, and whether there is more.
pub(super) type Listed<T> = (Vec<T>, bool);

/// One page of at most `limit` entries of two lists. What is in both is told once: it went from one into the other meanwhile.
pub(super) fn merged<T>(one: Listed<T>, other: Listed<T>, limit: usize, id: impl Fn(&T) -> Uuid) -> Listed<T> {
    let end = |(page, goes_on): &Listed<T>| page.last().filter(|_| *goes_on).map(&id);
    // Where a list goes on, older entries of the other one are for a later page: some of this one may lie before them.
    let (from, goes_on) = (end(&one).max(end(&other)), one.1 || other.1);
    let mut page: Vec<T> = one.0.into_iter().chain(other.0).collect();
    page.sort_by_key(|entry| std::cmp::Reverse(id(entry)));
    page.dedup_by_key(|entry| id(entry));
    let count = page.len();
    page.retain(|entry| from.is_none_or(|from| id(entry) >= from));
    page.truncate(limit);
    let goes_on = goes_on || page.len() < count;
    (page, goes_on)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merged_of(one: (&[u128], bool), other: (&[u128], bool), limit: usize) -> (Vec<u128>, bool) {
        let listed = |(page, goes_on): (&[u128], bool)| (page.to_vec(), goes_on);
        merged(listed(one), listed(other), limit, |number| Uuid::from_u128(*number))
    }

    #[test]
    fn a_page_of_two_lists_leaves_nothing_out() {
        assert_eq!(merged_of((&[9, 7], false), (&[8, 2], false), 4), (vec![9, 8, 7, 2], false));
        assert_eq!(merged_of((&[9, 7], false), (&[8, 2], false), 3), (vec![9, 8, 7], true));
        // Of the first list an entry between 7 and 2 may follow.
        assert_eq!(merged_of((&[9, 7], true), (&[8, 2], false), 4), (vec![9, 8, 7], true));
        assert_eq!(merged_of((&[9, 7], true), (&[8, 6], true), 4), (vec![9, 8, 7], true));
        assert_eq!(merged_of((&[], false), (&[8, 6], true), 2), (vec![8, 6], true));
        assert_eq!(merged_of((&[9, 7], false), (&[9, 8], false), 4), (vec![9, 8, 7], false), "it has just ended");
    }
}

//! How many rows a list shows: few where they are long, so that no list takes more memory than a bound.

/// How many of at most `limit` rows with these lengths, in bytes, are shown together within `most_bytes`: at least one.
pub fn shown(lengths: impl IntoIterator<Item = u64>, limit: usize, most_bytes: u64) -> usize {
    let mut bytes = 0;
    let within = lengths.into_iter().take(limit).take_while(|length| {
        bytes += length;
        bytes <= most_bytes
    });
    within.count().max(1)
}

#[cfg(test)]
mod tests {
    use super::shown;

    #[test]
    fn rows_are_shown_as_far_as_they_fit_and_one_always() {
        assert_eq!(shown([1, 1, 1], 2, 10), 2);
        assert_eq!(shown([4, 4, 4], 3, 8), 2);
        assert_eq!(shown([100, 1], 3, 8), 1);
    }
}

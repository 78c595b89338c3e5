//! Numbers of the command line.

/// A number that is one: JSON, by which the service is asked, has none for the others.
pub fn number(text: &str) -> Result<f64, &'static str> {
    text.parse().ok().filter(|value: &f64| value.is_finite()).ok_or("a number is expected")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_json_has_no_number_for_is_refused() {
        assert_eq!((number("0.5"), number("1e3")), (Ok(0.5), Ok(1000.0)));
        for wrong in ["nan", "inf", "-infinity", "1e999", "x", ""] {
            assert!(number(wrong).is_err(), "{wrong}");
        }
    }
}

//! The bins that the values of a column fall into while a version is asked: those of its histogram, for words one more for
//! those that training never saw, and one for missing values.

use super::feature::Feature;
use super::histogram::{Histogram, places_of};
use super::slot::Slot;
use super::target::Target;
use crate::data::column::{ColumnType, Values, Words};

/// Bounds that are gone through one by one.
const FEW_BOUNDS: usize = 32;

/// The bins of a column.
#[derive(Clone, Debug, PartialEq)]
pub struct Bins {
    /// Where a bin of numbers ends and the next begins.
    bounds: Vec<f64>,
    /// Words, or classes, that have a place of their own.
    places: usize,
    /// Bins of the histogram.
    counted: usize,
    /// Whether there is one more, for words that training never saw.
    unseen: bool,
}

impl Bins {
    /// Of a feature with this histogram, which fits it.
    pub fn of_feature(feature: &Feature, histogram: &Histogram) -> Self {
        Bins {
            bounds: histogram.bounds.clone(),
            places: places_of(feature),
            counted: histogram.counts.len(),
            unseen: feature.kind == ColumnType::Categorical,
        }
    }

    /// Of what is answered for `target`, with the histogram of what was answered in training.
    pub fn of_answers(target: &Target, histogram: &Histogram) -> Self {
        let (bounds, places) = (histogram.bounds.clone(), target.classes().len());
        Bins { bounds, places, counted: histogram.counts.len(), unseen: false }
    }

    /// How many there are, that for missing values included.
    pub fn count(&self) -> usize {
        self.counted + usize::from(self.unseen) + 1
    }

    /// The rows of `histogram` in each of them.
    pub fn expected(&self, histogram: &Histogram) -> Vec<u64> {
        let unseen = self.unseen.then_some(0);
        let counted = histogram.counts.iter().copied().chain(unseen).chain([histogram.missing]);
        counted.map(u64::from).collect()
    }

    /// Memory that they take, about.
    pub fn bytes(&self) -> usize {
        size_of::<Self>() + size_of_val(self.bounds.as_slice())
    }

    /// Tells `fall` of the bin that each of `values` falls into, whose words belong to `slots`.
    pub fn each(&self, values: &Values, slots: &[Slot], mut fall: impl FnMut(usize)) {
        let missing = self.count() - 1;
        match values {
            Values::Numeric(values) => {
                values.iter().for_each(|x| fall(if x.is_nan() { missing } else { self.of_number(*x) }));
            }
            Values::Datetime(values) => {
                values.iter().for_each(|at| fall(at.map_or(missing, |at| self.of_number(at as f64))));
            }
            Values::Boolean(values) => {
                let last = self.counted - 1;
                values.iter().for_each(|value| fall(value.map_or(missing, |value| usize::from(value).min(last))));
            }
            Values::Words(words) => {
                let bin =
                    |code: &u32| if *code == Words::MISSING { missing } else { self.of_word(slots[*code as usize]) };
                words.codes.iter().for_each(|code| fall(bin(code)));
            }
        }
    }

    /// The bin of a number.
    pub fn of_number(&self, value: f64) -> usize {
        // Comparing with each of a few is faster than searching: no branch depends on the value.
        match self.bounds.len() <= FEW_BOUNDS {
            true => self.bounds.iter().map(|bound| usize::from(*bound <= value)).sum(),
            false => self.bounds.partition_point(|bound| *bound <= value),
        }
    }

    /// The bin of a class by its index.
    pub fn of_class(&self, class: usize) -> usize {
        class * self.counted / self.places
    }

    /// As a histogram's words: those with a place of their own in order, then the rare ones; then those never seen.
    fn of_word(&self, slot: Slot) -> usize {
        let others = self.counted - 1;
        match slot {
            Slot::Own(place) => place * others / self.places,
            Slot::Rare => others,
            Slot::Unseen => self.counted,
        }
    }

    /// What falls into a bin, for people; `words` are the feature's words or the target's classes.
    pub fn title(&self, bin: usize, words: &[String], show: impl Fn(f64) -> String) -> String {
        let shared = self.counted - usize::from(self.unseen);
        match bin {
            bin if bin + 1 == self.count() => "missing".into(),
            bin if bin == self.counted => "never seen".into(),
            bin if !self.bounds.is_empty() => match (bin.checked_sub(1), self.bounds.get(bin)) {
                (None, Some(end)) => format!("below {}", show(*end)),
                (Some(start), Some(end)) => format!("{} to {}", show(self.bounds[start]), show(*end)),
                (_, None) => format!("{} and above", show(self.bounds[bin - 1])),
            },
            // Of texts.
            bin if words.is_empty() && self.places == 1 => ["known words", "no known word"][bin.min(1)].into(),
            bin if words.is_empty() => ["false", "true"][bin.min(1)].into(),
            bin if bin >= shared => "other words".into(),
            bin => {
                // The places p with p · shared / places = bin, rounded down.
                let first = |bin: usize| (bin * self.places).div_ceil(shared);
                let (start, end) = (first(bin), first(bin + 1));
                match words.get(start..end.min(words.len())) {
                    Some([one]) => one.clone(),
                    Some([start, .., end]) => format!("{start} to {end}"),
                    _ => String::new(),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::column::{Column, ColumnType};

    fn feature(kind: ColumnType, values: Values) -> Feature {
        let rows: Vec<usize> = (0..values.len()).collect();
        Feature::fit(&Column { name: "x".into(), kind, values }, &rows).expect("something to learn from")
    }

    fn fallen(bins: &Bins, values: &Values, slots: &[Slot]) -> Vec<usize> {
        let mut fallen = Vec::new();
        bins.each(values, slots, |bin| fallen.push(bin));
        fallen
    }

    #[test]
    fn numbers_times_and_flags_fall_where_their_histogram_has_them() {
        let numbers = feature(ColumnType::Numeric, Values::Numeric((0..100).map(f64::from).collect()));
        let histogram = Histogram { bounds: vec![10.0, 20.0], counts: vec![7, 8, 9], missing: 4 };
        let bins = Bins::of_feature(&numbers, &histogram);
        assert_eq!((bins.count(), bins.expected(&histogram)), (4, vec![7, 8, 9, 4]));
        let values = Values::Numeric(vec![9.9, 10.0, 20.0, f64::NAN, -1e300, 1e300]);
        assert_eq!(fallen(&bins, &values, &[]), [0, 1, 2, 3, 0, 2]);
        assert_eq!(fallen(&bins, &Values::Datetime(vec![Some(15), None]), &[]), [1, 3]);
        let titles: Vec<String> = (0..4).map(|bin| bins.title(bin, &[], |x| x.to_string())).collect();
        assert_eq!(titles, ["below 10", "10 to 20", "20 and above", "missing"]);
        let flags = Bins { bounds: vec![], places: 0, counted: 2, unseen: false };
        assert_eq!(fallen(&flags, &Values::Boolean(vec![Some(true), None, Some(false)]), &[]), [1, 2, 0]);
        assert_eq!([0, 1, 2].map(|bin| flags.title(bin, &[], |_| String::new())), ["false", "true", "missing"]);
    }

    #[test]
    fn words_that_training_never_saw_have_a_bin_of_their_own() {
        let kinds: Vec<String> = ["a", "b", "c", "rare"].map(String::from).to_vec();
        let codes = (0..100u32).map(|row| if row < 1 { 3 } else { row % 3 }).collect();
        let kind = feature(ColumnType::Categorical, Values::Words(Words { words: kinds, codes }));
        assert_eq!((kind.words().len(), kind.rare_words().len()), (3, 1));
        let histogram = Histogram { bounds: vec![], counts: vec![33, 33, 33, 1], missing: 0 };
        let bins = Bins::of_feature(&kind, &histogram);
        assert_eq!(bins.expected(&histogram), [33, 33, 33, 1, 0, 0]);
        let values =
            Values::Words(Words { words: vec!["c".into(), "x".into(), "rare".into()], codes: vec![0, 1, 2, u32::MAX] });
        assert_eq!(fallen(&bins, &values, &[Slot::Own(2), Slot::Unseen, Slot::Rare]), [2, 4, 3, 5]);
        let titles: Vec<String> = (0..6).map(|bin| bins.title(bin, kind.words(), |_| String::new())).collect();
        assert_eq!(titles, ["a", "b", "c", "other words", "never seen", "missing"]);
    }

    #[test]
    fn a_text_falls_where_it_has_known_words_or_none() {
        let texts: Vec<String> = ["good box", "bad box", "bad day", "a good day", "zzz"].map(String::from).to_vec();
        let codes = (0..20).map(|row| row % 4).collect();
        let feature = feature(ColumnType::Text, Values::Words(Words { words: texts[..4].to_vec(), codes }));
        let histogram = Histogram { bounds: vec![], counts: vec![20, 0], missing: 0 };
        assert!(histogram.fits(&feature));
        let bins = Bins::of_feature(&feature, &histogram);
        assert_eq!(bins.expected(&histogram), [20, 0, 0]);
        let values = Values::Words(Words { words: texts.clone(), codes: vec![0, 4, u32::MAX] });
        let slot = |known: bool| if known { Slot::Own(0) } else { Slot::Rare };
        let slots: Vec<Slot> = feature.word_places(&texts).into_iter().map(|place| slot(place.is_some())).collect();
        assert_eq!(fallen(&bins, &values, &slots), [0, 1, 2]);
        let titles: Vec<String> = (0..3).map(|bin| bins.title(bin, &[], |_| String::new())).collect();
        assert_eq!(titles, ["known words", "no known word", "missing"]);
    }

    #[test]
    fn of_many_classes_neighbours_share_a_bin_that_names_them() {
        let counts: Vec<u32> = (0..70).collect();
        let histogram = Histogram::of_classes(&counts);
        assert_eq!(histogram.counts.iter().sum::<u32>(), (0..70).sum::<u32>());
        let bins = Bins { bounds: vec![], places: 70, counted: histogram.counts.len(), unseen: false };
        let classes: Vec<String> = counts.iter().map(|class| format!("c{class}")).collect();
        for class in 0..70 {
            let title = bins.title(bins.of_class(class), &classes, |_| String::new());
            let (start, end) = title.split_once(" to ").unwrap_or((&title, &title));
            let place = |name: &str| classes.iter().position(|class| class == name).expect("a class");
            assert!((place(start)..=place(end)).contains(&class), "{class} is not in {title}");
        }
    }
}

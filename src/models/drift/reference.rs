//! What a version's drift is measured against: the columns that are followed, the bins of each, and how many of the training
//! rows fell into each bin.

use crate::data::column::ColumnType;
use crate::data::encoder::{Bins, Feature, Target};
use crate::learning::stability::population_stability;
use crate::models::table::TableParts;

/// Features that are followed at most: of more, those that matter most to the version.
const MAX_FEATURES: usize = 256;
/// Names of columns that are kept have at most so many bytes in all, words of bins none.
const MAX_NAMES: usize = 64 << 10;

/// The columns that are followed of a version.
#[derive(Clone, Debug, PartialEq)]
pub struct Reference {
    /// Features in the order of the encoder, then the target: what was answered.
    columns: Vec<Followed>,
    /// For each feature of the encoder its place in `columns`, if it is followed.
    places: Vec<Option<u16>>,
    /// Bins of all columns together.
    cells: usize,
    answers: bool,
}

/// A column that is followed.
#[derive(Clone, Debug, PartialEq)]
pub struct Followed {
    /// As the data names it.
    pub name: String,
    /// What its values are.
    pub kind: ColumnType,
    /// What its values fall into.
    pub bins: Bins,
    /// Training rows in each bin.
    pub expected: Vec<u64>,
    /// Where its bins begin among those of all columns.
    start: usize,
}

impl Followed {
    /// Its part of the counts of all columns.
    pub fn of<'a, T>(&self, cells: &'a [T]) -> &'a [T] {
        &cells[self.start..self.start + self.expected.len()]
    }

    /// Where its bins begin among those of all columns.
    pub(super) fn start(&self) -> usize {
        self.start
    }

    /// How far it has moved, of the counts of all columns; none where nothing was counted.
    pub fn stability(&self, cells: &[u64]) -> Option<f64> {
        population_stability(&self.expected, self.of(cells))
    }
}

impl Reference {
    /// Of a version; none if it has no histograms.
    pub fn of(parts: &TableParts) -> Option<Self> {
        let features = &parts.encoder.features;
        if parts.histograms.len() != features.len() || features.is_empty() {
            return None;
        }
        let mut reference =
            Reference { columns: Vec::new(), places: vec![None; features.len()], cells: 0, answers: false };
        for feature in chosen(parts) {
            let (histogram, feature) = (&parts.histograms[feature], (feature, &features[feature]));
            let bins = Bins::of_feature(feature.1, histogram);
            reference.places[feature.0] = Some(reference.columns.len() as u16);
            reference.follow(&feature.1.name, feature.1.kind, bins.expected(histogram), bins);
        }
        if let Some(histogram) = &parts.answers {
            let target = &parts.encoder.target;
            let bins = Bins::of_answers(target, histogram);
            reference.follow(target.name(), kind_of_answers(target), bins.expected(histogram), bins);
            reference.answers = true;
        }
        Some(reference)
    }

    fn follow(&mut self, name: &str, kind: ColumnType, expected: Vec<u64>, bins: Bins) {
        let start = self.cells;
        self.cells += expected.len();
        self.columns.push(Followed { name: name.to_owned(), kind, bins, expected, start });
    }

    /// The features that are followed.
    pub fn features(&self) -> &[Followed] {
        &self.columns[..self.columns.len() - usize::from(self.answers)]
    }

    /// What was answered, if the version knows what it answered in training.
    pub fn answers(&self) -> Option<&Followed> {
        self.columns.last().filter(|_| self.answers)
    }

    /// All of them.
    pub fn columns(&self) -> &[Followed] {
        &self.columns
    }

    /// The column that follows a feature of the encoder.
    pub fn feature(&self, index: usize) -> Option<&Followed> {
        let place = (*self.places.get(index)?)?;
        self.columns.get(usize::from(place))
    }

    /// Bins of all columns together.
    pub fn cells(&self) -> usize {
        self.cells
    }

    /// Rows that were counted, by the counts of all columns.
    pub fn rows(&self, cells: &[u64]) -> u64 {
        self.columns.first().map_or(0, |column| column.of(cells).iter().sum())
    }

    /// Memory that it takes, about.
    pub fn bytes(&self) -> usize {
        let of_column = |column: &Followed| {
            size_of::<Followed>() + column.name.len() + size_of_val(column.expected.as_slice()) + column.bins.bytes()
        };
        self.columns.iter().map(of_column).sum::<usize>() + size_of_val(self.places.as_slice())
    }
}

fn kind_of_answers(target: &Target) -> ColumnType {
    if target.classes().is_empty() { ColumnType::Numeric } else { ColumnType::Categorical }
}

/// The features that are followed, in their order: where there are very many, the most important ones first.
fn chosen(parts: &TableParts) -> Vec<usize> {
    let features = &parts.encoder.features;
    let place = |name: &str| features.iter().position(|feature: &Feature| feature.name == name);
    let mut chosen: Vec<usize> = match features.len() > MAX_FEATURES {
        true => parts.importance.iter().take(MAX_FEATURES).filter_map(|one| place(&one.feature)).collect(),
        false => Vec::new(),
    };
    let others = (0..features.len()).filter(|feature| !chosen.contains(feature)).take(MAX_FEATURES - chosen.len());
    chosen = chosen.iter().copied().chain(others.collect::<Vec<_>>()).collect();
    let mut names = 0;
    chosen.retain(|feature| {
        names += features[*feature].name.len();
        names <= MAX_NAMES
    });
    chosen.sort_unstable();
    chosen
}

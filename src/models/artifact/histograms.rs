//! Histograms as tensors: those of all features one after the other.

use crate::data::encoder::Encoder;
use crate::data::encoder::Histogram;
use crate::models::ModelError;
use crate::storage::tensors::{Tensor, TensorFile, TensorValues, Unreadable};

/// How many counts each feature has.
const BINS: &str = "histograms.bins";
/// These counts, and behind each feature's the rows without a value.
const COUNTS: &str = "histograms.counts";
/// Where bins of numbers and times end.
const BOUNDS: &str = "histograms.bounds";
/// Tensors of a file that has histograms.
pub(super) const TENSORS: usize = 3;

/// Histograms of features, flat.
pub(super) struct Flat {
    bins: Vec<u32>,
    counts: Vec<u32>,
    bounds: Vec<f64>,
}

impl Flat {
    pub(super) fn of<'a>(histograms: impl Iterator<Item = &'a Histogram> + Clone) -> Self {
        Flat {
            bins: histograms.clone().map(|histogram| histogram.counts.len() as u32).collect(),
            counts: histograms.clone().flat_map(|one| one.counts.iter().copied().chain([one.missing])).collect(),
            bounds: histograms.flat_map(|histogram| histogram.bounds.iter().copied()).collect(),
        }
    }

    pub(super) fn tensors(&self) -> [(String, Tensor<'_>); TENSORS] {
        let tensor = |name: &str, length, values| (name.to_owned(), Tensor { shape: vec![length], values });
        [
            tensor(BINS, self.bins.len(), TensorValues::U32(&self.bins)),
            tensor(COUNTS, self.counts.len(), TensorValues::U32(&self.counts)),
            tensor(BOUNDS, self.bounds.len(), TensorValues::F64(&self.bounds)),
        ]
    }
}

/// The histograms of a file, one for each feature of `encoder`, and that of what was answered; none if the file has none.
///
/// # Errors
/// `File`: they do not fit the features.
pub(super) fn read(file: &TensorFile, encoder: &Encoder) -> Result<(Vec<Histogram>, Option<Histogram>), ModelError> {
    let features = encoder.features.len();
    let Some(of_bins) = file.shape(BINS) else { return Ok((Vec::new(), None)) };
    let shape = |name| file.shape(name).unwrap_or_default();
    let unreadable = |Unreadable(reason)| ModelError::File(reason);
    let length = if of_bins == [features + 1] { features + 1 } else { features };
    let bins = file.u32s(BINS, &[length]).map_err(unreadable)?;
    let counts = file.u32s(COUNTS, &shape(COUNTS)).map_err(unreadable)?;
    let bounds = file.f64s(BOUNDS, &shape(BOUNDS)).map_err(unreadable)?;
    let (mut counts, mut bounds) = (counts.as_slice(), bounds.as_slice());
    let mut next = |bins: u32| {
        let (own, rest) = counts.split_at_checked(bins as usize)?;
        let (missing, rest) = rest.split_first()?;
        counts = rest;
        Some(Histogram { bounds: Vec::new(), counts: own.to_vec(), missing: *missing })
    };
    let mut histograms: Vec<Histogram> = bins.iter().map_while(|bins| next(*bins)).collect();
    for (histogram, feature) in histograms.iter_mut().zip(&encoder.features) {
        let own = bounds.split_at_checked(histogram.bounds_of(feature));
        let (own, rest) = own.unwrap_or_default();
        histogram.bounds = own.to_vec();
        bounds = rest;
    }
    let unfit = || ModelError::File("its histograms do not fit its encoder".into());
    let whole = histograms.len() == length && counts.is_empty();
    let fit = histograms.iter().zip(&encoder.features).all(|(histogram, feature)| histogram.fits(feature));
    let answers = histograms.get(features).map(|last| Histogram { bounds: bounds.to_vec(), ..last.clone() });
    let answers_fit = answers.as_ref().map_or(bounds.is_empty(), |answers| answers.fits_answers(&encoder.target));
    histograms.truncate(features);
    if whole && fit && answers_fit { Ok((histograms, answers)) } else { Err(unfit()) }
}

//! Reads the file of a version: nothing in it is left unchecked.

use std::sync::Arc;

use ndarray::Array2;
use serde_json::value::RawValue;

use super::header::{
    BACKGROUND, FIRST_FORM, FOURTH_FORM, Header, Measures, MemberHeader, Reached, THIRD_FORM, member_prefix, tensors_of,
};
use super::measures::check_measures;
use super::{histograms, scores};
use crate::data::encoder::Encoder;
use crate::data::split::Rule;
use crate::learning::calibration::Calibration;
use crate::learning::curves::Curves;
use crate::learning::loss::Loss;
use crate::learning::members::{MAX_MEMBERS, Member, Members, answers_alike};
use crate::learning::network::Network;
use crate::learning::spec::ValidModelSpec;
use crate::models::explanation::MOST_BACKGROUND_ROWS;
use crate::models::notice::kept;
use crate::models::stored::spec_from_json;
use crate::models::table::{FeatureImportance, TableParts, TableSpec};
use crate::models::version::{TrainedOn, VersionFacts};
use crate::models::{ModelError, Predictor};
use crate::storage::exact;
use crate::storage::tensors::{TensorFile, Unreadable};

/// Bytes of a training's settings that are kept of a file.
const MOST_SETTINGS_BYTES: usize = 256 << 10;

/// A file that was read.
#[derive(Debug)]
pub struct Artifact {
    /// What answers.
    pub predictor: Predictor,
    /// What the training reached; `None` in a file of initial parameters.
    pub facts: Option<VersionFacts>,
}

/// Reads a file: its form, specification and shapes are checked before anything is built.
///
/// # Errors
/// `File` if it cannot be read, or what is wrong with its specification.
pub fn decode(bytes: &[u8]) -> Result<Artifact, ModelError> {
    let file = TensorFile::read(bytes).map_err(unreadable)?;
    let header: Header = serde_json::from_str(file.header()).map_err(malformed)?;
    if !(FIRST_FORM..=FOURTH_FORM).contains(&header.format) {
        let form = header.format;
        let detail = format!("it has form {form}; this release reads forms up to {FOURTH_FORM}: use a later release");
        return Err(ModelError::File(detail));
    }
    if header.format == FIRST_FORM && !header.members.is_empty() {
        return Err(ModelError::File("it has members, which form 1 does not have".into()));
    }
    let spec = spec_from_json(header.model.get())?;
    let facts = header.training.as_ref().map(|training| facts(training)).transpose().map_err(malformed)?;
    let table = match (&header.encoder, &header.table) {
        (None, None) => None,
        (Some(encoder), Some(table)) => Some(table_parts(&file, &spec, encoder, table, &header)?),
        _ => return Err(ModelError::File("it has one of `encoder` and `table`: they go together".into())),
    };
    let of_scores = usize::from(table.as_ref().is_some_and(|table| table.conformal.is_some()));
    let of_histograms =
        table.as_ref().map_or(0, |table| if table.histograms.is_empty() { 0 } else { histograms::TENSORS });
    let of_background = usize::from(table.as_ref().is_some_and(|table| table.background.is_some()));
    let networks = specifications(spec, &header.members)?;
    check_tensor_count(&file, &networks, of_scores + of_histograms + of_background)?;
    let members = members(&file, networks, bytes.len() / size_of::<f32>())?;
    let curves = curves(&header)?;
    Ok(Artifact { predictor: Predictor::new(members, table).with_curves(curves), facts })
}

fn curves(header: &Header) -> Result<Option<Curves>, ModelError> {
    let read = |text: &RawValue| exact::from_text(text.get()).map_err(malformed);
    let curves: Option<Curves> = header.curves.as_deref().map(read).transpose()?;
    match curves.as_ref().is_none_or(Curves::are_sound) {
        true => Ok(curves),
        false => Err(ModelError::File("the points of its curves are no such points".into())),
    }
}

fn unreadable(Unreadable(reason): Unreadable) -> ModelError {
    ModelError::File(reason)
}

fn malformed(error: serde_json::Error) -> ModelError {
    ModelError::File(format!("its header cannot be read: {error}"))
}

/// A network of a file: its specification, its weight among others, and what the names of its tensors begin with.
struct NetworkHeader {
    spec: Arc<ValidModelSpec>,
    weight: f64,
    prefix: String,
}

/// The networks of a file whose first is of `spec`.
fn specifications(spec: ValidModelSpec, members: &[MemberHeader]) -> Result<Vec<NetworkHeader>, ModelError> {
    if members.is_empty() {
        return Ok(vec![NetworkHeader { spec: Arc::new(spec), weight: 1.0, prefix: String::new() }]);
    }
    if members.len() > MAX_MEMBERS {
        return Err(ModelError::File(format!("it has {} networks; {MAX_MEMBERS} is the most", members.len())));
    }
    let read = |(index, member): (usize, &MemberHeader)| {
        let weight = exact::from_text(member.weight.get()).map_err(malformed)?;
        Ok(NetworkHeader { spec: Arc::new(spec_from_json(member.model.get())?), weight, prefix: member_prefix(index) })
    };
    let networks = members.iter().enumerate().map(read).collect::<Result<Vec<_>, ModelError>>()?;
    match *networks[0].spec == spec {
        true => Ok(networks),
        false => Err(ModelError::File("its `model` is not that of its first member".into())),
    }
}

/// Checks that a file has the tensors of these networks and `others` further ones, and none beside them.
fn check_tensor_count(file: &TensorFile, networks: &[NetworkHeader], others: usize) -> Result<(), ModelError> {
    let count = |each: fn(&ValidModelSpec) -> usize| networks.iter().map(|network| each(&network.spec)).sum::<usize>();
    let fronts = |spec: &ValidModelSpec| usize::from(spec.waves.is_some()) + usize::from(spec.scale);
    let (tables, layers) = (count(|spec| spec.embeddings.len()), count(|spec| spec.layers.len()));
    let fronts = networks.iter().map(|network| fronts(&network.spec)).sum::<usize>();
    if file.len() == tables + fronts + 2 * layers + others {
        return Ok(());
    }
    let of_tables = if tables == 0 { String::new() } else { format!(", {tables} embeddings one") };
    Err(ModelError::File(format!("it has {} tensors; {layers} layers have two each{of_tables}", file.len())))
}

/// The networks with the parameters of a file that holds at most `most` values.
fn members(file: &TensorFile, networks: Vec<NetworkHeader>, most: usize) -> Result<Members, ModelError> {
    let mut members = Vec::with_capacity(networks.len());
    for NetworkHeader { spec, weight, prefix } in networks {
        let mut parameters = Vec::with_capacity(spec.parameter_count().min(most));
        for (name, shape) in tensors_of(&spec, &prefix) {
            file.append_f32(&name, &shape, &mut parameters).map_err(unreadable)?;
        }
        if !parameters.iter().all(|value| value.is_finite()) {
            return Err(ModelError::File("a weight or bias in it is not finite".into()));
        }
        members.push(Member { network: Network::with_parameters(spec, parameters), weight });
    }
    Members::new(members).ok_or_else(|| ModelError::File("its networks cannot answer together".into()))
}

/// What a file of a model by data set has beside its network, checked to fit it.
fn table_parts(
    file: &TensorFile,
    network: &ValidModelSpec,
    encoder: &RawValue,
    table: &RawValue,
    header: &Header,
) -> Result<TableParts, ModelError> {
    let encoder: Encoder = exact::from_text(encoder.get()).map_err(malformed)?;
    encoder.check().map_err(|reason| ModelError::File(format!("its encoder {reason}")))?;
    let spec: TableSpec = exact::from_text(table.get()).map_err(malformed)?;
    // What a file names is no data set of this service: a key that sees the model would see that, whose ever it is.
    let spec = TableSpec { dataset: None, ..spec };
    spec.check()?;
    let calibration: Option<Calibration> =
        header.calibration.as_ref().map(|fitted| exact::from_text(fitted.get())).transpose().map_err(malformed)?;
    if calibration.is_some_and(|calibration| !calibration.is_sound()) {
        return Err(ModelError::File("its calibration is none".into()));
    }
    let importance: Option<Vec<FeatureImportance>> =
        header.importance.as_ref().map(|list| exact::from_text(list.get())).transpose().map_err(malformed)?;
    if importance.iter().flatten().any(|one| one.std < 0.0) {
        return Err(ModelError::File("a deviation of its importance is below 0".into()));
    }
    let conformal = scores::read(file, header.held_out, header.conformal.as_deref(), &encoder.target)?;
    // Its hidden layers may be others than the model's: a candidate has its own.
    let fits = spec.network(&encoder).is_ok_and(|expected| answers_alike(&expected, network));
    let has_rate = network.loss == Loss::Poisson;
    if !fits || encoder.target.is_rate() != has_rate || encoder.target.name() != spec.target {
        return Err(ModelError::File("its encoder does not fit its network".into()));
    }
    let (histograms, answers) = match header.format {
        FIRST_FORM => (Vec::new(), None),
        _ => histograms::read(file, &encoder)?,
    };
    let background = match header.format {
        THIRD_FORM.. => Some(background(file, encoder.width())?),
        _ => None,
    };
    let importance = importance.unwrap_or_default();
    let rule: Option<Rule> =
        header.split.as_ref().map(|rule| exact::from_text(rule.get())).transpose().map_err(malformed)?;
    Ok(TableParts { spec, encoder, calibration, conformal, importance, histograms, answers, rule, background })
}

/// The training rows of a file, each of `width` values.
fn background(file: &TensorFile, width: usize) -> Result<Array2<f32>, ModelError> {
    let unfit = || ModelError::File("its background rows do not fit its encoder".into());
    let rows = match file.shape(BACKGROUND).as_deref() {
        Some([rows, of_row]) if *rows > 0 && *of_row == width => *rows,
        _ => return Err(unfit()),
    };
    let values = file.f32s(BACKGROUND, &[rows, width]).map_err(unreadable)?;
    if rows > MOST_BACKGROUND_ROWS || !values.iter().all(|value| value.is_finite()) {
        return Err(unfit());
    }
    Array2::from_shape_vec((rows, width), values).map_err(|_| unfit())
}

fn facts(training: &RawValue) -> Result<VersionFacts, serde_json::Error> {
    let Reached { job_id, created_at, epochs, loss, validation_loss, warnings, settings } =
        exact::from_text(training.get())?;
    let Measures { metrics } = serde_json::from_str(training.get())?;
    check_measures(&metrics)?;
    // What a version was trained on stays where it was trained.
    let trained_on = TrainedOn::default();
    // Settings of a later release may be others: then they are not known here.
    let settings = settings.filter(|settings| settings.get().len() <= MOST_SETTINGS_BYTES);
    let settings = settings.and_then(|settings| exact::from_text(settings.get()).ok()).map(Arc::new);
    // A file may come from anywhere: no more is kept than a training tells.
    let warnings = kept(warnings.unwrap_or_default());
    let metrics = metrics.into();
    Ok(VersionFacts { job_id, created_at, epochs, loss, validation_loss, metrics, warnings, trained_on, settings })
}

#[cfg(test)]
mod tests {
    use ndarray::arr2;

    use super::*;
    use crate::learning::spec::{LayerSpec, ModelSpec};
    use crate::models::artifact::encode;
    use crate::storage::tensors::{Tensor, TensorValues, write};

    fn network(widths: &[usize], seed: u64) -> Network {
        let layers = widths.iter().copied().map(LayerSpec::from).collect();
        let spec = ModelSpec { layers, seed: Some(seed), ..ModelSpec::default() };
        Network::new(Arc::new(spec.check().expect("a valid model").0))
    }

    /// Two networks with different hidden layers; a weight that JSON must not change.
    fn two() -> Predictor {
        let members = [(network(&[2, 3, 1], 1), 0.1 + 0.2), (network(&[2, 5, 4, 1], 2), 1.0)];
        let members = members.map(|(network, weight)| Member { network, weight });
        Predictor::new(Members::new(members.into()).expect("they fit together"), None)
    }

    /// The file of `predictor` with another header.
    fn with_header(predictor: &Predictor, change: impl Fn(&str) -> String) -> Vec<u8> {
        let file = encode(predictor, None);
        let read = TensorFile::read(&file).expect("a whole file");
        let members = predictor.members().list();
        let prefix = |index| if members.len() > 1 { member_prefix(index) } else { String::new() };
        let named = members.iter().enumerate().flat_map(|(index, one)| tensors_of(one.network.spec(), &prefix(index)));
        let values: Vec<_> =
            named.map(|(name, shape)| (read.f32s(&name, &shape).expect("it is there"), name, shape)).collect();
        let tensor = |shape: &Vec<usize>, values| Tensor { shape: shape.clone(), values: TensorValues::F32(values) };
        let tensors = values.iter().map(|(values, name, shape)| (name.clone(), tensor(shape, values)));
        write(&change(read.header()), &tensors.collect::<Vec<_>>())
    }

    fn header(file: &[u8]) -> serde_json::Value {
        serde_json::from_str(TensorFile::read(file).expect("a whole file").header()).expect("JSON")
    }

    #[test]
    fn several_networks_come_back_bit_for_bit() {
        let (two, rows) = (two(), arr2(&[[0.5, -1.0], [2.0, 3.0]]));
        let file = encode(&two, None);
        assert_eq!(header(&file)["format"], 2);
        let read = decode(&file).expect("a whole file").predictor;
        assert_eq!(read.members().list().iter().map(|one| one.weight).collect::<Vec<_>>(), [0.1 + 0.2, 1.0]);
        assert_eq!(read.predict(rows.view()), two.predict(rows.view()));
        assert_eq!(header(&encode(&read, None)), header(&file));
    }

    #[test]
    fn what_earlier_releases_know_is_written_as_they_know_it() {
        let one = Predictor::from(network(&[2, 3, 1], 1));
        let written = header(&encode(&one, None));
        assert_eq!((&written["format"], written.get("members")), (&1.into(), None));
        assert!(decode(&with_header(&one, str::to_owned)).is_ok(), "its tensors have the names of form 1");
        assert!(decode(&with_header(&one, |header| header.replace("\"format\":1", "\"format\":2"))).is_ok());
    }

    #[test]
    fn members_that_do_not_fit_are_refused() {
        let changes = [
            ("\"format\":2", "\"format\":1", "form 1"),
            ("\"format\":2", "\"format\":5", "later release"),
            ("\"weight\":1.0", "\"weight\":0.0", "answer together"),
            ("\"weight\":1.0", "\"weight\":\"1\"", "header"),
        ];
        for (from, to, reason) in changes {
            let file = with_header(&two(), |header| header.replace(from, to));
            let error = decode(&file).expect_err(to).to_string();
            assert!(error.contains(reason), "{to}: {error}");
        }
        let other_first = with_header(&two(), |header| header.replacen("\"seed\":1", "\"seed\":9", 1));
        assert!(decode(&other_first).expect_err("another model").to_string().contains("first member"));
    }
}

//! Writes the file of a version.

use serde_json::value::RawValue;

use super::header::{
    BACKGROUND, FIRST_FORM, FOURTH_FORM, Header, MemberHeader, Reached, SCORES, SECOND_FORM, THIRD_FORM, member_prefix,
    tensors_of,
};
use super::histograms::Flat;
use super::scores;
use crate::learning::members::Member;
use crate::learning::network::Network;
use crate::learning::spec::ValidModelSpec;
use crate::models::Predictor;
use crate::models::conformal::Conformal;
use crate::models::stored::spec_to_json;
use crate::models::table::TableSpec;
use crate::models::version::VersionFacts;
use crate::storage::exact;
use crate::storage::tensors::{Tensor, TensorValues, write};

/// The file of `predictor`, with what its training reached if it is that of a version.
pub fn encode(predictor: &Predictor, facts: Option<&VersionFacts>) -> Vec<u8> {
    let table = predictor.table().ok().map(|table| table.parts);
    let histograms = table.filter(|table| !table.histograms.is_empty());
    let histograms = histograms.map(|table| Flat::of(table.histograms.iter().chain(&table.answers)));
    let background = table.and_then(|table| table.background.as_ref());
    let conformal = table.and_then(|table| table.conformal.as_ref());
    let members = predictor.members().list();
    let several = members.len() > 1;
    let is_straight = members.iter().any(|member| !member.network.spec().unclipped.is_empty());
    let has_front = members.iter().map(|member| member.network.spec()).any(|spec| spec.waves.is_some() || spec.scale);
    let has_parts = conformal.is_some_and(|conformal| !matches!(conformal, Conformal::Even(_)));
    let target = table.map(|table| &table.encoder.target);
    let has_scale = target.is_some_and(|target| target.log1p().is_some() || target.is_rate() || target.moves());
    let header = Header {
        format: match () {
            () if has_parts || has_scale || is_straight => FOURTH_FORM,
            () if background.is_some() || has_front => THIRD_FORM,
            () if several || histograms.is_some() => SECOND_FORM,
            () => FIRST_FORM,
        },
        model: specification(predictor.spec()),
        members: if several { members.iter().map(member).collect() } else { Vec::new() },
        encoder: table.map(|table| raw(exact::to_text(&table.encoder))),
        table: table.map(|table| raw(exact::to_text(&TableSpec { dataset: None, ..table.spec.clone() }))),
        calibration: table.and_then(|table| table.calibration.as_ref()).map(|fitted| raw(exact::to_text(fitted))),
        importance: table.map(|table| raw(exact::to_text(&table.importance))),
        held_out: conformal.map(Conformal::count),
        conformal: conformal.and_then(scores::header).map(|parts| raw(exact::to_text(&parts))),
        split: table.and_then(|table| table.rule.as_ref()).map(|rule| raw(exact::to_text(rule))),
        curves: predictor.curves().map(|curves| raw(exact::to_text(curves))),
        training: facts.map(training),
    };
    let mut tensors: Vec<(String, Tensor)> = Vec::new();
    for (index, Member { network, .. }) in members.iter().enumerate() {
        tensors.extend(parameters(network, &if several { member_prefix(index) } else { String::new() }));
    }
    let of_scores = conformal.map(scores::values);
    tensors.extend(
        of_scores
            .as_ref()
            .map(|values| (SCORES.to_owned(), Tensor { shape: vec![values.len()], values: TensorValues::F32(values) })),
    );
    tensors.extend(histograms.iter().flat_map(Flat::tensors));
    tensors.extend(background.map(|rows| {
        let values = TensorValues::F32(rows.as_slice().expect("row-major rows"));
        (BACKGROUND.to_owned(), Tensor { shape: rows.shape().to_vec(), values })
    }));
    write(&exact::to_text(&header), &tensors)
}

fn raw(text: String) -> Box<RawValue> {
    RawValue::from_string(text).expect("it was written as JSON")
}

fn specification(spec: &ValidModelSpec) -> Box<RawValue> {
    raw(spec_to_json(spec).to_string())
}

fn member(Member { network, weight }: &Member) -> MemberHeader {
    MemberHeader { model: specification(network.spec()), weight: raw(exact::to_text(weight)) }
}

fn training(facts: &VersionFacts) -> Box<RawValue> {
    let reached = Reached {
        job_id: facts.job_id,
        created_at: facts.created_at,
        epochs: facts.epochs,
        loss: facts.loss,
        validation_loss: facts.validation_loss,
        warnings: Some(facts.warnings.clone()).filter(|told| !told.is_empty()),
        settings: facts.settings.as_deref().map(|settings| raw(exact::to_text(settings))),
    };
    let reached = exact::to_text(&reached);
    raw(format!("{},\"metrics\":{}}}", &reached[..reached.len() - 1], facts.metrics.get()))
}

/// The parameters of `network` with their names in a file.
fn parameters<'a>(network: &'a Network, prefix: &str) -> Vec<(String, Tensor<'a>)> {
    let mut rest = network.parameters();
    let tensor = |(name, shape): (String, Vec<usize>)| {
        let (values, others) = rest.split_at(shape.iter().product());
        rest = others;
        (name, Tensor { shape, values: TensorValues::F32(values) })
    };
    tensors_of(network.spec(), prefix).into_iter().map(tensor).collect()
}

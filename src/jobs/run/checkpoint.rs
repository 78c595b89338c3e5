//! The file of a checkpoint: everything that a job needs to go on as if nothing had happened.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::search::Found;
use crate::jobs::candidate::Candidate;
use crate::jobs::history::{ENTRY_NUMBERS, from_numbers, to_numbers};
use crate::jobs::member_history::MemberHistories;
use crate::jobs::progress::Reached;
use crate::jobs::thinning::History;
use crate::learning::report::EpochReport;
use crate::learning::snapshot::{Snapshot, SnapshotState};
use crate::models::notice::Notice;
use crate::storage::exact;
use crate::storage::tensors::{Tensor, TensorFile, TensorValues, Unreadable, write};

const FORMAT: u32 = 1;
/// The tensor of the epochs' numbers, of a history that does not have every one.
const EPOCHS: &str = "history.epochs";

/// The tensor of the numbers of each of several networks, one behind the other.
const MEMBERS: &str = "history.members";

/// Where a job stands between two batches.
#[derive(Clone, Debug)]
pub(super) struct Checkpoint<'a> {
    /// The trainer's networks.
    pub(super) snapshots: Vec<Snapshot<'a>>,
    /// What it has reached.
    pub(super) reached: Reached,
    /// Candidates before, that may be chosen yet.
    pub(super) found: Vec<Found<'a>>,
}

#[derive(Serialize, Deserialize)]
struct Header {
    format: u32,
    warnings: Vec<Notice>,
    elapsed_seconds: f64,
    trainer: SnapshotState,
    /// Those of the networks beside the first, whose tensors have the same names behind `members.1.`, `members.2.` and so on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    others: Vec<SnapshotState>,
    /// The distance of the epochs that the history holds; it has every one where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    stride: Option<u64>,
    /// Candidates so far, the last of which is that of the trainer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    candidates: Vec<Candidate>,
    /// Those before it that may be chosen: number and epoch. The parameters of their networks are the tensors `found.0.0` (of the
    /// first of them the first network), `found.0.1`, and so on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    found: Vec<FoundHeader>,
}

#[derive(Serialize, Deserialize)]
struct FoundHeader {
    number: u64,
    networks: usize,
    reached: EpochReport,
}

impl Checkpoint<'_> {
    /// The file.
    pub(super) fn encode(self) -> Vec<u8> {
        let Reached { history, members, warnings, elapsed_seconds, candidates } = self.reached;
        let stride = Some(history.stride()).filter(|stride| *stride > 1);
        let entries = history.entries(1, usize::MAX);
        let epochs: Vec<u32> = entries.iter().filter(|_| stride.is_some()).map(|entry| entry.epoch as u32).collect();
        let (history, members) = (to_numbers(&entries), to_numbers(&members.all()));
        let mut states = self.snapshots.iter().map(|snapshot| snapshot.state.clone());
        let trainer = states.next().expect("there is a network");
        let found =
            |one: &Found| FoundHeader { number: one.number, networks: one.parameters.len(), reached: one.reached };
        let (others, found) = (states.collect(), self.found.iter().map(found).collect());
        let header = Header { format: FORMAT, warnings, elapsed_seconds, trainer, others, stride, candidates, found };
        let mut tensors = vec![flat("history", history.len(), TensorValues::F64(&history))];
        if stride.is_some() {
            tensors.push(flat(EPOCHS, epochs.len(), TensorValues::U32(&epochs)));
        }
        if !members.is_empty() {
            tensors.push(flat(MEMBERS, members.len(), TensorValues::F64(&members)));
        }
        for (index, snapshot) in self.snapshots.iter().enumerate() {
            let of_member = |(name, tensor)| (format!("{}{name}", prefix(index)), tensor);
            tensors.extend(buffers(snapshot).into_iter().map(of_member));
        }
        for (index, found) in self.found.iter().enumerate() {
            for (network, values) in found.parameters.iter().enumerate() {
                tensors.push(flat(&format!("found.{index}.{network}"), values.len(), TensorValues::F32(values)));
            }
        }
        write(&exact::to_text(&header), &tensors)
    }

    /// The checkpoint of a file.
    ///
    /// # Errors
    /// The file is damaged, or of a later release.
    pub(super) fn decode(bytes: &[u8]) -> Result<Checkpoint<'static>, Unreadable> {
        let file = TensorFile::read(bytes)?;
        let header: Header = exact::from_text(file.header()).map_err(|error| Unreadable(error.to_string()))?;
        if header.format != FORMAT {
            return Err(Unreadable(format!("its form is {}; this release reads form {FORMAT}", header.format)));
        }
        let history = file.f64s("history", &file.shape("history").unwrap_or_default())?;
        let epochs = file.shape(EPOCHS).map(|shape| file.u32s(EPOCHS, &shape)).transpose()?;
        let length = epochs.as_ref().map_or(history.len() / ENTRY_NUMBERS, Vec::len);
        if history.len() != length * ENTRY_NUMBERS {
            return Err(Unreadable("its history breaks off".into()));
        }
        let epochs = epochs.unwrap_or_else(|| (1..=length as u32).collect());
        let entries = from_numbers(epochs.into_iter().map(u64::from), &history);
        let networks = 1 + header.others.len();
        let members = file.shape(MEMBERS).map(|shape| file.f64s(MEMBERS, &shape)).transpose()?.unwrap_or_default();
        let of_each = (members.len() / ENTRY_NUMBERS / networks).max(1) as u64;
        let members = from_numbers((1..=of_each).cycle(), &members);
        let states = std::iter::once(header.trainer).chain(header.others);
        let snapshots = states.enumerate().map(|(index, state)| read_snapshot(&file, &prefix(index), state));
        let snapshots = snapshots.collect::<Result<_, _>>()?;
        let found = header.found.into_iter().enumerate().map(|(index, found)| read_found(&file, index, found));
        Ok(Checkpoint {
            snapshots,
            found: found.collect::<Result<_, _>>()?,
            reached: Reached {
                history: History::of(entries, header.stride.unwrap_or(1)),
                members: MemberHistories::of(members, networks),
                warnings: header.warnings,
                elapsed_seconds: header.elapsed_seconds,
                candidates: header.candidates,
            },
        })
    }
}

/// What the names of a network's tensors begin with: nothing where there is one network, as before there could be others.
fn prefix(index: usize) -> String {
    if index == 0 { String::new() } else { format!("members.{index}.") }
}

/// The buffers of a network's training, by name.
fn buffers<'a>(snapshot: &'a Snapshot) -> Vec<(String, Tensor<'a>)> {
    let Snapshot { parameters, first, second, best_parameters, complete_parameters, order, .. } = snapshot;
    let mut tensors = vec![
        flat("parameters", parameters.len(), TensorValues::F32(parameters)),
        flat("optimizer.first", first.len(), TensorValues::F32(first)),
        flat("optimizer.second", second.len(), TensorValues::F32(second)),
        flat("complete_parameters", complete_parameters.len(), TensorValues::F32(complete_parameters)),
        flat("order", order.len(), TensorValues::U32(order)),
    ];
    if let Some(best) = best_parameters {
        tensors.push(flat("best_parameters", best.len(), TensorValues::F32(best)));
    }
    tensors
}

fn read_snapshot(file: &TensorFile, prefix: &str, state: SnapshotState) -> Result<Snapshot<'static>, Unreadable> {
    let shape = |name: &str| file.shape(name).unwrap_or_default();
    let f32s = |name: &str| {
        let name = format!("{prefix}{name}");
        file.f32s(&name, &shape(&name)).map(Cow::Owned)
    };
    let (best, order) = (format!("{prefix}best_parameters"), format!("{prefix}order"));
    Ok(Snapshot {
        state,
        parameters: f32s("parameters")?,
        first: f32s("optimizer.first")?,
        second: f32s("optimizer.second")?,
        best_parameters: file.shape(&best).map(|_| f32s("best_parameters")).transpose()?,
        complete_parameters: f32s("complete_parameters")?,
        order: Cow::Owned(file.u32s(&order, &shape(&order))?),
    })
}

fn read_found(file: &TensorFile, index: usize, found: FoundHeader) -> Result<Found<'static>, Unreadable> {
    let parameters = |network: usize| {
        let name = format!("found.{index}.{network}");
        file.f32s(&name, &file.shape(&name).unwrap_or_default()).map(Cow::Owned)
    };
    let parameters = (0..found.networks).map(parameters).collect::<Result<_, _>>()?;
    Ok(Found { number: found.number, reached: found.reached, parameters })
}

fn flat<'a>(name: &str, length: usize, values: TensorValues<'a>) -> (String, Tensor<'a>) {
    (name.to_owned(), Tensor { shape: vec![length], values })
}

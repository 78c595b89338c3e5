//! The id of a prediction: it holds the version and what was predicted, signed, so that nothing is kept of a prediction until
//! its outcome is told.
//!
//! An id is base64url (RFC 4648, section 5, without padding) of: one byte, 1 for classes and 2 for a value; the UUID of the
//! request and the row in it (u32); the version (u64); the probabilities (f32 each) or the value (f64), all little-endian; the
//! first 16 bytes of HMAC-SHA256 over the model's UUID and all of that.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use tokio::sync::OnceCell;
use uuid::Uuid;

use crate::identifier::new_id;
use crate::memory::behalf::done_for_all;
use crate::models::prediction::{Answers, Predictions};
use crate::storage::{Storage, StorageError};

/// Bytes of a signature.
const TAG: usize = 16;
/// Bytes before what was predicted.
const HEAD: usize = 1 + 16 + 4 + 8;
const CLASSES: u8 = 1;
const VALUE: u8 = 2;

type Signature = Hmac<Sha256>;

/// Signs ids with the secret of the stored state, which is made when it is first needed.
pub struct IdSigner {
    storage: Storage,
    /// Keyed, with nothing signed yet.
    signature: OnceCell<Signature>,
}

/// What an id says.
#[derive(Clone, Debug, PartialEq)]
pub struct Prediction {
    /// Tells the prediction from all others.
    pub key: i64,
    /// Which version predicted.
    pub version: u64,
    /// What it did.
    pub answer: Answer,
}

/// What was predicted of a row.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// The probability of each class.
    Classes(Vec<f32>),
    /// A value in the target's unit.
    Value(f64),
}

/// Makes the ids of one reply.
#[derive(Clone)]
pub struct IdSeries {
    /// Keyed, and begun with the model.
    signature: Signature,
    request: Uuid,
    version: u64,
}

impl IdSigner {
    /// With the secret of `storage`.
    pub fn new(storage: Storage) -> Self {
        IdSigner { storage, signature: OnceCell::new() }
    }

    /// Makes ids of predictions of a version.
    ///
    /// # Errors
    /// The secret cannot be read or made.
    pub async fn series(&self, model: Uuid, version: u64) -> Result<IdSeries, StorageError> {
        Ok(IdSeries { signature: self.begun(model).await?, request: new_id(), version })
    }

    /// What reads ids of a model's predictions: what an id says, or nothing if it was not made here for this model.
    ///
    /// # Errors
    /// The secret cannot be read or made.
    pub async fn reader(&self, model: Uuid) -> Result<impl Fn(&str) -> Option<Prediction> + use<>, StorageError> {
        let begun = self.begun(model).await?;
        Ok(move |id: &str| read(&begun, id))
    }

    async fn begun(&self, model: Uuid) -> Result<Signature, StorageError> {
        let mut signature = self.signature.get_or_try_init(|| done_for_all(self.keyed())).await?.clone();
        signature.update(model.as_bytes());
        Ok(signature)
    }

    async fn keyed(&self) -> Result<Signature, StorageError> {
        let catalog = &self.storage.catalog;
        if catalog.id_secret().await?.is_none() {
            let mut write = catalog.write().await?;
            write.set_id_secret(&new_secret()?).await?;
            write.commit().await?;
        }
        let mut secret = [0; 32];
        hex::decode_to_slice(catalog.id_secret().await?.unwrap_or_default(), &mut secret)
            .map_err(|fault| StorageError::damaged("the secret of the state", fault))?;
        Ok(Signature::new_from_slice(&secret).expect("a key of any length will do"))
    }
}

impl IdSeries {
    /// The ids of predictions, before which `before` rows of the reply stand.
    pub fn of(&self, predictions: &Predictions, before: usize) -> Vec<String> {
        let id = |row: usize| {
            let mut id = Vec::with_capacity(HEAD + TAG + 8);
            let is_value = matches!(predictions.answers, Answers::Values { .. });
            id.push(if is_value { VALUE } else { CLASSES });
            id.extend_from_slice(self.request.as_bytes());
            id.extend_from_slice(&((before + row) as u32).to_le_bytes());
            id.extend_from_slice(&self.version.to_le_bytes());
            match &predictions.answers {
                Answers::Classes { probabilities, .. } => {
                    probabilities.row(row).iter().for_each(|p| id.extend_from_slice(&p.to_le_bytes()));
                }
                Answers::Values { values, .. } => id.extend_from_slice(&values[row].to_le_bytes()),
            }
            let signature = self.signature.clone().chain_update(&id).finalize().into_bytes();
            id.extend_from_slice(&signature[..TAG]);
            URL_SAFE_NO_PAD.encode(id)
        };
        (0..predictions.rows).map(id).collect()
    }
}

fn read(begun: &Signature, id: &str) -> Option<Prediction> {
    let id = URL_SAFE_NO_PAD.decode(id).ok()?;
    let (signed, tag) = id.split_last_chunk::<TAG>()?;
    // In constant time.
    begun.clone().chain_update(signed).verify_truncated_left(tag).ok()?;
    let (head, answer) = signed.split_first_chunk::<HEAD>()?;
    let answer = match head[0] {
        VALUE => Answer::Value(f64::from_le_bytes(answer.try_into().ok()?)),
        _ => Answer::Classes(answer.as_chunks().0.iter().map(|p| f32::from_le_bytes(*p)).collect()),
    };
    let version = u64::from_le_bytes(*head.last_chunk()?);
    Some(Prediction { key: i64::from_le_bytes(*tag.first_chunk()?), version, answer })
}

/// 256 random bits in hexadecimal digits.
fn new_secret() -> Result<String, StorageError> {
    let mut bits = [0; 32];
    let filled = rustls::crypto::ring::default_provider().secure_random.fill(&mut bits);
    filled.map_err(|_| StorageError::Unavailable("the system gives no random bits".into()))?;
    Ok(hex::encode(bits))
}

#[cfg(test)]
mod tests {
    use ndarray::arr2;

    use super::*;

    fn signature(model: Uuid) -> Signature {
        Signature::new_from_slice(b"a secret of the tests").expect("a key").chain_update(model.as_bytes())
    }

    fn ids(model: Uuid, answers: Answers, rows: usize) -> Vec<String> {
        let series = IdSeries { signature: signature(model), request: new_id(), version: 7 };
        series.of(&Predictions { answers, rows, sightings: Vec::new(), ids: Vec::new(), explanations: Vec::new() }, 3)
    }

    #[test]
    fn an_id_says_what_was_predicted_and_by_which_version() {
        let model = new_id();
        let probabilities = arr2(&[[0.25, 0.75], [1.0, 0.0]]);
        let made = ids(model, Answers::Classes { probabilities, sets: None }, 2);
        let read_back: Vec<_> = made.iter().map(|id| read(&signature(model), id).expect("ours")).collect();
        assert_eq!(read_back[0].answer, Answer::Classes(vec![0.25, 0.75]));
        assert_eq!((read_back[1].version, &read_back[1].answer), (7, &Answer::Classes(vec![1.0, 0.0])));
        assert_ne!(read_back[0].key, read_back[1].key);
        let made = ids(model, Answers::Values { values: vec![-1.5e300], intervals: None }, 1);
        assert_eq!(read(&signature(model), &made[0]).map(|read| read.answer), Some(Answer::Value(-1.5e300)));
    }

    #[test]
    fn what_was_changed_or_is_of_another_model_is_no_id() {
        let model = new_id();
        let id = ids(model, Answers::Values { values: vec![1.0], intervals: None }, 1).remove(0);
        assert!(read(&signature(model), &id).is_some() && read(&signature(new_id()), &id).is_none());
        for at in 0..id.len() {
            let other = if id.as_bytes()[at] == b'A' { 'B' } else { 'A' };
            let changed = format!("{}{other}{}", &id[..at], &id[at + 1..]);
            assert_eq!(read(&signature(model), &changed), None, "{at}");
        }
        for none in ["", "AAAA", "not base64!", &id[..id.len() - 4]] {
            assert_eq!(read(&signature(model), none), None);
        }
    }

    #[test]
    fn secrets_are_random_and_read_back() {
        let secret = new_secret().expect("bits");
        assert_ne!(secret, new_secret().expect("bits"));
        assert_eq!(hex::decode(&secret).map(|bytes| bytes.len()), Ok(32));
    }
}

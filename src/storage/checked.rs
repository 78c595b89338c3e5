//! A blob as it comes, held against its checksums before a byte of it is handed on.

use bytes::Bytes;
use futures_util::TryStreamExt;
use futures_util::stream::{BoxStream, StreamExt, try_unfold};

use super::StorageError;
use super::checksums::{BLOCK_BYTES, Checksums};

/// The bytes of the blob `key`, whole blocks at a time; as they are where there are no checksums. Ends with an error at the
/// first block that is not what was written.
pub(super) fn checked(
    key: String,
    checksums: Option<Checksums>,
    pieces: BoxStream<'static, Result<Bytes, StorageError>>,
) -> BoxStream<'static, Result<Bytes, StorageError>> {
    let Some(checksums) = checksums else { return pieces };
    let block = BLOCK_BYTES as usize;
    // The pieces, where the next block begins, and what has come of it.
    let state = ((key, checksums, pieces), 0, Vec::new());
    let checked = try_unfold(state, move |((key, checksums, mut pieces), start, mut pending)| async move {
        let rest = loop {
            if pending.len() >= block {
                break pending.split_off(pending.len() / block * block);
            }
            match pieces.try_next().await? {
                Some(piece) => pending.extend_from_slice(&piece),
                None => break Vec::new(),
            }
        };
        checksums.check(&key, start, &pending)?;
        let next = start + pending.len() as u64;
        Ok((!pending.is_empty()).then(|| (Bytes::from(pending), ((key, checksums, pieces), next, rest))))
    });
    checked.boxed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn whole_blocks_come_through_and_damage_ends_the_stream_before_its_block() {
        let blob: Vec<u8> = (0..3 * BLOCK_BYTES as usize + 5).map(|i| (i % 251) as u8).collect();
        let sums = Checksums::of(&blob);
        let read = async |blob: &[u8], sums: Option<Checksums>| {
            let pieces: Vec<_> = blob.chunks(10_000).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
            let mut stream = checked("k".into(), sums, futures_util::stream::iter(pieces).boxed());
            let (mut got, mut failed) = (Vec::new(), None);
            while let Some(piece) = stream.next().await {
                match piece {
                    Ok(piece) => got.extend_from_slice(&piece),
                    Err(error) => failed = Some(error),
                }
            }
            (got, failed)
        };
        assert_eq!(read(&blob, Some(sums.clone())).await, (blob.clone(), None));
        let mut flipped = blob.clone();
        flipped[2 * BLOCK_BYTES as usize + 7] ^= 1;
        assert_eq!(read(&flipped, None).await, (flipped.clone(), None));
        let (got, failed) = read(&flipped, Some(sums)).await;
        assert_eq!(got, blob[..2 * BLOCK_BYTES as usize]);
        assert!(matches!(failed, Some(StorageError::Damaged { .. })));
    }
}

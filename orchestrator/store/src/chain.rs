//! The digest over the events of a run: each is taken together with the one before, so that none can be changed, left out or put
//! in between without all that follow showing it (I8).

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};
use sortie_core::ids::{Ms, RunId};

/// SHA-256 over all events up to one.
pub(crate) type Chain = Vec<u8>;

/// The digest before the first event of a run.
pub(crate) fn start(run: &RunId) -> Chain {
    Sha256::new().chain_update("sortie journal 1:").chain_update(run.as_str()).finalize().to_vec()
}

/// The digest after one more event, of its parts as they are stored. Each part has its length before it.
pub(crate) fn next(chain: &[u8], seq: u64, at: Ms, kind: &str, data: &str) -> Chain {
    let mut digest = Sha256::new().chain_update(chain).chain_update(seq.to_le_bytes()).chain_update(at.to_le_bytes());
    for part in [kind, data] {
        digest.update((part.len() as u64).to_le_bytes());
        digest.update(part);
    }
    digest.finalize().to_vec()
}

/// As people and files have it.
pub(crate) fn hex(chain: &[u8]) -> String {
    HEXLOWER.encode(chain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use sortie_core::ids::Entropy;

    #[test]
    fn every_part_counts_and_none_runs_into_the_next() {
        let run = RunId::new(1, &Entropy([1; 32]), 0);
        let first = next(&start(&run), 1, 5, "kind", "data");
        let other = [
            next(&start(&RunId::new(1, &Entropy([2; 32]), 0)), 1, 5, "kind", "data"),
            next(&start(&run), 2, 5, "kind", "data"),
            next(&start(&run), 1, 6, "kind", "data"),
            next(&start(&run), 1, 5, "kin", "ddata"),
            next(&start(&run), 1, 5, "kind", "dat"),
        ];
        assert!(other.iter().all(|other| *other != first));
        assert_ne!(next(&first, 2, 5, "a", ""), next(&start(&run), 2, 5, "a", ""), "what came before counts");
        assert_eq!(hex(&first).len(), 64);
    }
}

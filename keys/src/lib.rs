//! Secrets, signing keys, tokens, proofs, signed URLs, SSH identities and host-key pins.

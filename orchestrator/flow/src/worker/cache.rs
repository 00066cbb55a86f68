//! Compiled bundles by digest, the least recently used ones forgotten.

use crate::bundle::Bundle;
use crate::compile::{Compiled, Depth, compile};
use crate::limits::WORKER_BUNDLES;

/// Compiled bundles, the most recently used last.
#[derive(Default)]
pub struct Cache {
    bundles: Vec<(String, Compiled)>,
}

impl Cache {
    /// The bundle of this digest.
    pub fn get(&mut self, digest: &str) -> Option<&Compiled> {
        let at = self.bundles.iter().position(|(known, _)| known == digest)?;
        let found = self.bundles.remove(at);
        self.bundles.push(found);
        self.bundles.last().map(|(_, compiled)| compiled)
    }

    /// Compile and keep a bundle, unless it is there.
    pub fn insert(&mut self, digest: String, bundle: &Bundle) {
        if self.bundles.iter().any(|(known, _)| *known == digest) {
            return;
        }
        if self.bundles.len() >= WORKER_BUNDLES {
            self.bundles.remove(0);
        }
        self.bundles.push((digest, compile(bundle, Depth::Run)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forgets_what_was_used_least_recently() {
        let mut cache = Cache::default();
        let bundle = Bundle::new([("flow.star", "flow(name = 'a')\ndef run(ctx, input):\n  pass\n")]);
        (0..WORKER_BUNDLES).for_each(|n| cache.insert(n.to_string(), &bundle));
        assert!(cache.get("0").is_some());
        cache.insert("new".to_owned(), &bundle);
        assert!(cache.get("0").is_some() && cache.get("1").is_none() && cache.get("new").is_some());
        assert_eq!(cache.bundles.len(), WORKER_BUNDLES);
    }
}

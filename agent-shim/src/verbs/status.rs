//! `status`: where attempts stand; with `seal`, what is not known never will be.

use super::{Fault, claim, named, succeed};
use crate::root::Root;
use crate::view::view;
use sortie_protocol::limits::STATUS_ATTEMPTS;
use sortie_protocol::verb::Reply;
use sortie_protocol::view::{AttemptView, Phase};

/// One view each, in the order asked.
pub fn run(root: &Root, ids: &[String], seal: bool) -> Result<Reply, Fault> {
    if ids.len() > STATUS_ATTEMPTS {
        return Err(Fault::usage(format!("at most {STATUS_ATTEMPTS} attempts")));
    }
    let attempts = ids.iter().map(|id| named(root, id)).collect::<Result<Vec<_>, _>>()?;
    let views = attempts.iter().map(|attempt| -> Result<AttemptView, Fault> {
        succeed(attempt);
        let now = view(attempt);
        if seal && now.phase == Phase::Unknown {
            claim::tombstone(attempt, "sealed")?;
            return Ok(view(attempt));
        }
        Ok(now)
    });
    Ok(Reply::Status(views.collect::<Result<_, _>>()?))
}

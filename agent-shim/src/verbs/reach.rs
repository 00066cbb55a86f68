//! `reach`: one POST as a job would make it, to say whether callbacks will arrive.

use crate::clock;
use crate::limits::REACH_BODY_BYTES;
use crate::post::http::{Client, Refused};
use sortie_protocol::spec::Trust;
use sortie_protocol::verb::Reply;

/// Post, within the time of one post.
pub fn run(url: &str, trust: &Trust) -> Reply {
    let begun = clock::mono_ms();
    let sent = Client::default().bare(url, trust);
    let took_ms = clock::mono_ms().saturating_sub(begun);
    match sent {
        Ok(answer) => {
            let text = &answer.body[..answer.body.len().min(REACH_BODY_BYTES)];
            let body = String::from_utf8_lossy(text).into_owned();
            Reply::Reached { status: Some(answer.status), body, took_ms, error: None }
        }
        Err(Refused::Transport(error) | Refused::Config(error)) => {
            Reply::Reached { status: None, body: String::new(), took_ms, error: Some(error) }
        }
    }
}

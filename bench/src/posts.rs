//! Results of jobs as they come over the wire, signed beforehand, in a file: a 32-bit length and the bytes of the request.

use crate::bulk::Launched;
use crate::limits::BODY_BYTES;
use anyhow::Context;
use serde_json::json;
use sortie::driver::Driver;
use sortie_keys::{Claims, Scope};
use sortie_protocol::callback::{CallbackKind, JobOutcome, JobResult, proof_message, webhook_id};
use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Write};
use std::path::Path;

/// Number of a shim's event: started was the first.
const SEQ: u64 = 2;

/// The result of a job that succeeded, as its shim would post it.
///
/// # Errors
/// Where a key is not there.
pub fn result(driver: &Driver, launched: &Launched, step: &str) -> anyhow::Result<Vec<u8>> {
    let Launched { run, attempt, handed } = launched;
    let (ring, installation) = (driver.ring(), driver.parts().installation.id.as_str());
    let claims = Claims {
        iss: installation.to_owned(),
        aud: handed.audience.clone(),
        sub: run.to_string(),
        jti: attempt.id.to_string(),
        step: step.to_owned(),
        fence: attempt.fence,
        scope: Scope::Attempt,
        iat: handed.issued_s,
        nbf: handed.issued_s,
        exp: handed.expires_s,
    };
    let token = ring.mint_with(&handed.kid, &claims)?;
    let url = ring.sign_url_with(handed.root, "http://x", installation, attempt.id.as_str(), handed.expires_s)?;
    let target = sortie_keys::callback_url_with_kind(&url, CallbackKind::Result.as_str()).replacen("http://x", "", 1);
    let body = body(attempt.id.as_str())?;
    let id = webhook_id(attempt.id.as_str(), CallbackKind::Result, SEQ);
    let secret = ring.proof_secret(handed.root, attempt.id.as_str()).context("no root key")?;
    let signature = secret.sign(&proof_message(&id, handed.issued_s, body.as_bytes()));
    let request = format!(
        "POST {target} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\nwebhook-id: {id}\r\n\
         webhook-timestamp: {}\r\nwebhook-signature: {signature}\r\nContent-Length: {}\r\n\r\n{body}",
        token.expose(),
        handed.issued_s,
        body.len()
    );
    Ok(request.into_bytes())
}

fn body(attempt: &str) -> anyhow::Result<String> {
    let with = |output: String| {
        let result = JobResult {
            outcome: JobOutcome::Exited,
            exit_code: Some(0),
            signal: None,
            stop_reason: None,
            tree_gone: true,
            started_at_ms: 1_700_000_000_000,
            duration_ms: 1_234,
            result: Some(json!({"branch": "fix-7", "files": 3})),
            result_error: None,
            result_kept: None,
            artifacts: Vec::new(),
            progress: None,
            checkpoint: None,
            stdout_bytes: output.len() as u64,
            output,
            error_output: String::new(),
            stderr_bytes: 0,
            message: None,
            agent: None,
            used: None,
            held: None,
            suspended_ms: None,
            asked_ms: None,
            leftovers: None,
        };
        let data = serde_json::to_value(result)?;
        let body = json!({"v": sortie_protocol::VERSION, "attempt": attempt, "kind": CallbackKind::Result, "seq": SEQ,
            "at_ms": 1_700_000_001_234_i64, "instance": "00112233445566778899aabbccddeeff", "data": data});
        anyhow::Ok(body.to_string())
    };
    let bare = with(String::new())?.len();
    with("a line of what the job has printed\n".chars().cycle().take(BODY_BYTES.saturating_sub(bare)).collect())
}

/// Write requests to a file.
///
/// # Errors
/// As the system says.
pub fn write(path: &Path, posts: impl IntoIterator<Item = anyhow::Result<Vec<u8>>>) -> anyhow::Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    for post in posts {
        let post = post?;
        file.write_all(&u32::try_from(post.len())?.to_le_bytes())?;
        file.write_all(&post)?;
    }
    Ok(file.flush()?)
}

/// Read so many requests after the first so many.
///
/// # Errors
/// Where there are fewer.
pub fn read(path: &Path, skip: usize, count: usize) -> anyhow::Result<Vec<Vec<u8>>> {
    let mut file = BufReader::new(File::open(path)?);
    let mut posts = Vec::with_capacity(count);
    for number in 0..skip + count {
        let mut length = [0; 4];
        file.read_exact(&mut length).with_context(|| format!("only {number} posts"))?;
        let length = u32::from_le_bytes(length);
        if number < skip {
            file.seek_relative(i64::from(length))?;
        } else {
            let mut post = vec![0; usize::try_from(length)?];
            file.read_exact(&mut post)?;
            posts.push(post);
        }
    }
    Ok(posts)
}

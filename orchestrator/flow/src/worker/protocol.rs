//! What a worker and its caller say to each other: frames of a length (4 bytes, little-endian) and that many bytes of JSON.

use crate::bundle::Bundle;
use crate::check::CheckReport;
use crate::evaluate::{EvaluateRequest, Evaluated};
use crate::limits::FRAME_BYTES;
use crate::testing::simulate::Answers;
use crate::testing::{Simulation, TestReport};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{Error, ErrorKind, Read, Result, Write};

/// To a worker.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::large_enum_variant, reason = "one lives at a time, and the large one is the common one")]
pub enum Request {
    /// Find what is wrong with a bundle.
    Check {
        /// The bundle.
        bundle: Bundle,
    },
    /// Evaluate a run.
    Evaluate(EvaluateRequest),
    /// Run test files.
    Test {
        /// The flow.
        bundle: Bundle,
        /// Test files by name.
        files: BTreeMap<String, String>,
        /// Only tests whose names contain this.
        only: Option<String>,
    },
    /// Run a flow by canned answers.
    Simulate {
        /// The flow.
        bundle: Bundle,
        /// Input of the run.
        input: Value,
        /// Canned answers by step.
        answers: Answers,
    },
}

/// From a worker: one to each request, in order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// To `Check`.
    Checked(CheckReport),
    /// To `Evaluate`.
    Evaluated(Evaluated),
    /// To `Test`.
    Tested(TestReport),
    /// To `Simulate`; or why it could not begin.
    Simulated(std::result::Result<Simulation, String>),
    /// To `Evaluate` without a bundle, by a worker that does not know the digest: ask again with the bundle.
    NeedBundle,
    /// The request could not be read: a bug of the caller.
    BadRequest {
        /// Why.
        message: String,
    },
}

/// Read one frame; none where the stream ends between frames.
///
/// # Errors
/// The stream broke, ended within a frame, or the frame is larger than [`FRAME_BYTES`].
pub fn read_frame(input: &mut impl Read) -> Result<Option<Vec<u8>>> {
    let mut length = [0; 4];
    let mut have = 0;
    while have < length.len() {
        match input.read(&mut length[have..]) {
            Ok(0) if have == 0 => return Ok(None),
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(n) => have += n,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    let length = u32::from_le_bytes(length) as usize;
    if length > FRAME_BYTES {
        return Err(too_large(length));
    }
    let mut frame = Vec::new();
    input.take(length as u64).read_to_end(&mut frame)?;
    if frame.len() == length { Ok(Some(frame)) } else { Err(ErrorKind::UnexpectedEof.into()) }
}

/// Write one frame and flush it.
///
/// # Errors
/// The stream broke, or the frame is larger than [`FRAME_BYTES`].
pub fn write_frame(output: &mut impl Write, body: &[u8]) -> Result<()> {
    let length = u32::try_from(body.len()).ok().filter(|_| body.len() <= FRAME_BYTES).ok_or_else(|| too_large(body.len()))?;
    output.write_all(&length.to_le_bytes())?;
    output.write_all(body)?;
    output.flush()
}

fn too_large(bytes: usize) -> Error {
    Error::new(ErrorKind::InvalidData, format!("a frame of {bytes} bytes; {FRAME_BYTES} are allowed"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_come_back() {
        let mut bytes = Vec::new();
        write_frame(&mut bytes, b"one").unwrap();
        write_frame(&mut bytes, b"").unwrap();
        let mut input = bytes.as_slice();
        assert_eq!(read_frame(&mut input).unwrap().unwrap(), b"one");
        assert_eq!(read_frame(&mut input).unwrap().unwrap(), b"");
        assert_eq!(read_frame(&mut input).unwrap(), None);
    }

    #[test]
    fn cut_and_huge_frames_are_errors() {
        assert!(read_frame(&mut &b"\x05\0\0\0abc"[..]).is_err());
        assert!(read_frame(&mut &b"\x05\0"[..]).is_err());
        assert!(read_frame(&mut &b"\xff\xff\xff\xff"[..]).is_err());
    }
}

//! `WaitReference`: the URL or the token of a wait, which only the edge resolves.
//!
//! A flow never holds the text. As text a reference is a marker, and a call whose arguments carry that marker is
//! refused, so that `"curl " + str(w.url)` fails where it is written and not on the host.

use allocative::Allocative;
use sortie_core::call::Reference;
use starlark::any::ProvidesStaticType;
use starlark::starlark_simple_value;
use starlark::values::{NoSerialize, StarlarkPagablePanic, StarlarkValue, starlark_value};
use std::fmt;

/// How every reference starts as text.
pub const MARKER: &str = "<reference to the ";

/// Which secret of a wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Allocative)]
pub enum Which {
    /// The signed URL.
    Url,
    /// The token.
    Token,
}

/// A reference, by the number of its call.
#[derive(Debug, Clone, ProvidesStaticType, NoSerialize, StarlarkPagablePanic, Allocative)]
pub struct WaitReference {
    which: Which,
    call: u32,
    step: String,
}
starlark_simple_value!(WaitReference);

impl WaitReference {
    /// To the URL or token of this call.
    #[must_use]
    pub fn new(which: Which, call: u32, step: &str) -> Self {
        Self { which, call, step: step.to_owned() }
    }

    /// As the engine carries it.
    #[must_use]
    pub fn reference(&self) -> Reference {
        match self.which {
            Which::Url => Reference::WaitUrl(self.call),
            Which::Token => Reference::WaitToken(self.call),
        }
    }

    /// Refuse a text into which a reference was put.
    ///
    /// # Errors
    /// A sentence that says how references are used.
    pub fn refuse_in(argument: &str, text: &str) -> Result<(), String> {
        if text.contains(MARKER) {
            return Err(format!(
                "{argument}: the URL and the token of a wait, secrets and connections are no text; hand them over as whole values: \
                 env = {{\"URL\": w.url, \"KEY\": secret(\"key\")}}"
            ));
        }
        Ok(())
    }
}

impl fmt::Display for WaitReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self.which {
            Which::Url => "URL",
            Which::Token => "token",
        };
        write!(f, "{MARKER}{word} of wait {:?}>", self.step)
    }
}

#[starlark_value(type = "WaitReference")]
impl<'v> StarlarkValue<'v> for WaitReference {}

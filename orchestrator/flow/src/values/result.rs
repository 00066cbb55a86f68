//! What the results of durable calls have in common: the recorded answer, of which one part is a Starlark value.

/// A type of result. `$part` is the field of the answer that a flow may change for itself, so that it is decoded once.
macro_rules! result_type {
    ($(#[$doc:meta])* $name:ident, $text:literal, $part:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Trace, ProvidesStaticType, NoSerialize, StarlarkPagablePanic, Allocative)]
        pub struct $name<'v> {
            #[trace(unsafe_ignore)]
            #[allocative(skip)]
            answer: Json,
            part: Value<'v>,
        }

        impl<'v> $name<'v> {
            /// Read a recorded answer.
            ///
            /// # Errors
            /// It has not the form of such an answer.
            pub fn read(answer: &Json, heap: Heap<'v>) -> Result<Self, String> {
                if answer.get("ok").and_then(Json::as_bool).is_none() {
                    return Err("it has no `ok`".to_owned());
                }
                let part = answer.get($part).unwrap_or(&Json::Null);
                let part = from_json(part, heap).map_err(|error| format!("`{}` is {error}", $part))?;
                Ok(Self { answer: answer.clone(), part })
            }

            fn flag(&self, field: &str) -> bool {
                self.answer.get(field).and_then(Json::as_bool).unwrap_or(false)
            }
        }

        impl fmt::Display for $name<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}(ok={}", $text, if self.flag("ok") { "True" } else { "False" })?;
                if let Some(error) = StepError::read(&self.answer) {
                    write!(f, ", error={:?}", error.to_string())?;
                }
                f.write_str(")")
            }
        }

        impl<'v> AllocValue<'v> for $name<'v> {
            fn alloc_value(self, heap: Heap<'v>) -> Value<'v> {
                heap.alloc_complex_no_freeze(self)
            }
        }

        starlark::methods_static!(METHODS = methods);

        #[starlark_value(type = $text, StarlarkTypeRepr, UnpackValue)]
        impl<'v> StarlarkValue<'v> for $name<'v> {
            fn get_methods() -> Option<&'static Methods> {
                Some(METHODS.methods())
            }
        }
    };
}

pub(crate) use result_type;

use serde_json::Value as Json;

/// A text of an answer.
pub(crate) fn text(answer: &Json, field: &str) -> Option<String> {
    answer.get(field).and_then(Json::as_str).map(str::to_owned)
}

/// A whole number of an answer.
pub(crate) fn number(answer: &Json, field: &str) -> Option<i64> {
    answer.get(field).and_then(Json::as_i64)
}

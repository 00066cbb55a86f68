//! `webhook(...)`: runs are started by signed POSTs from outside.

use crate::builtins::args::{DurationArg, absent, duration_or, one_of};
use crate::builtins::flow::is_name;
use crate::limits::WEBHOOK_REPLAY_MS;
use crate::trigger::{Source, Trigger as TriggerData, Verify, WebhookTrigger};
use crate::values::plain::{Secret, Trigger};
use starlark::environment::GlobalsBuilder;
use starlark::starlark_module;
use starlark::values::dict::UnpackDictEntries;
use starlark::values::none::NoneOr;

#[starlark_module]
pub fn register(builder: &mut GlobalsBuilder) {
    /// Start a run for each signed POST: `webhook("issues", verify = "github", secret = secret("github-hook"))`.
    ///
    /// `name` stands in the URL. `verify` is how the sender signs: `"standard"` (Standard Webhooks), `"github"`, `"hmac"`
    /// (HMAC-SHA256 of the body) or `"ed25519"`, the last two in the header `header`. `secret` is the shared secret, or for
    /// `"ed25519"` the public key. A signed timestamp may be `replay_window` old (5 min).
    ///
    /// `input` says where each field of the run's input comes from: `{"issue": "body.issue.number", "kind":
    /// "header.x-github-event"}`; without it the body is the input. A delivery that came before is answered and starts nothing:
    /// deliveries are told apart by the scheme's own id, or by what stands at `dedupe`. `validate_only = True` checks and
    /// records deliveries without starting anything.
    fn webhook<'v>(
        #[starlark(require = pos)] name: &str,
        #[starlark(require = named)] verify: &str,
        #[starlark(require = named)] secret: &Secret,
        #[starlark(require = named, default = NoneOr::None)] header: NoneOr<&'v str>,
        #[starlark(require = named, default = absent())] replay_window: DurationArg<'v>,
        #[starlark(require = named, default = UnpackDictEntries::default())] input: UnpackDictEntries<String, String>,
        #[starlark(require = named, default = NoneOr::None)] dedupe: NoneOr<&'v str>,
        #[starlark(require = named, default = false)] validate_only: bool,
    ) -> anyhow::Result<Trigger> {
        anyhow::ensure!(is_name(name), "webhook: {name:?} is no name; use lower-case letters, digits, `-` and `_`");
        let verify = one_of("verify", verify, &Verify::ALL)?;
        let own_header = matches!(verify, Verify::Hmac | Verify::Ed25519);
        let header = header.into_option();
        anyhow::ensure!(header.is_none() || own_header, "header: the scheme has a header of its own");
        anyhow::ensure!(header.is_some() || !own_header, "header: which header holds the signature, such as \"x-signature\"?");
        let header =
            header.map(|name| Source::parse(&format!("header.{name}")).map_err(|_| anyhow::anyhow!("header: {name:?} is no header")));
        let source = |argument: &str, text: &str| Source::parse(text).map_err(|why| anyhow::anyhow!("{argument}: {why}"));
        Ok(Trigger(TriggerData::Webhook(WebhookTrigger {
            name: name.to_owned(),
            verify,
            secret: secret.0.clone(),
            header: header.transpose()?.and_then(|source| match source {
                Source::Header(name) => Some(name),
                Source::Body(_) => None,
            }),
            replay_ms: duration_or("replay_window", replay_window, WEBHOOK_REPLAY_MS)?,
            input: input
                .entries
                .into_iter()
                .map(|(field, from)| Ok((field.clone(), source(&format!("input[{field:?}]"), &from)?)))
                .collect::<anyhow::Result<_>>()?,
            dedupe: dedupe.into_option().map(|from| source("dedupe", from)).transpose()?,
            validate_only,
        })))
    }
}

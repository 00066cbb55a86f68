//! What bodies are refused, and where the fault is said to be.

use super::parse::{self, Content, Fault};
use super::verify::EventName;
use sortie_core::limits::JSON_DEPTH;
use sortie_protocol::callback::CallbackKind;

const ATTEMPT: &str = "att_x";

fn event(kind: CallbackKind) -> EventName {
    EventName::of(ATTEMPT, kind, &sortie_protocol::callback::webhook_id(ATTEMPT, kind, 3)).unwrap()
}

fn parse(kind: CallbackKind, body: &str) -> Result<Content, String> {
    parse::attempt(&event(kind), ATTEMPT, body.as_bytes()).map_err(|Fault(message)| message)
}

fn progress(data: &str) -> String {
    format!(r#"{{"v":1,"attempt":"{ATTEMPT}","kind":"progress","seq":3,"at_ms":0,"instance":"i","data":{data}}}"#)
}

#[test]
fn an_event_has_one_name() {
    for id in ["att_x.result.3", "att_x.progress.03", "att_x.progress.+3", "att_x.progress.3 ", "att_xy.progress.3", "att_x.progress.", "x"]
    {
        assert_eq!(EventName::of(ATTEMPT, CallbackKind::Progress, id), None, "{id}");
    }
    assert_eq!(event(CallbackKind::Progress).seq, 3);
}

#[test]
fn the_envelope_must_be_of_the_event() {
    let good = progress("{}");
    assert!(matches!(parse(CallbackKind::Progress, &good), Ok(Content::Alive { .. })));
    for (from, to, field) in [
        ("\"v\":1", "\"v\":2", "/v"),
        ("att_x", "att_y", "/attempt"),
        ("\"progress\"", "\"result\"", "/kind"),
        ("\"seq\":3", "\"seq\":4", "/seq"),
    ] {
        let error = parse(CallbackKind::Progress, &good.replace(from, to)).unwrap_err();
        assert!(error.starts_with(field), "{error}");
    }
}

#[test]
fn wrong_types_and_missing_or_repeated_fields_are_refused() {
    let good = progress("{}");
    for (from, to) in [
        ("\"seq\":3", "\"seq\":\"3\""),
        ("\"seq\":3", "\"seq\":3.0"),
        ("\"seq\":3", "\"seq\":-3"),
        ("\"seq\":3,", ""),
        ("\"seq\":3", "\"seq\":3,\"seq\":3"),
        ("\"at_ms\":0", "\"at_ms\":1e400"),
        ("\"at_ms\":0", "\"at_ms\":null"),
    ] {
        assert!(parse(CallbackKind::Progress, &good.replace(from, to)).is_err(), "{to}");
    }
    let twice =
        good.replace("\"progress\"", "\"heartbeat\"").replace("{}", r#"{"silent_ms":1,"silent_ms":1,"stdout_bytes":0,"stderr_bytes":0}"#);
    assert!(parse(CallbackKind::Heartbeat, &twice).unwrap_err().contains("duplicate field `silent_ms`"));
}

#[test]
fn f065_depth_is_counted_outside_of_strings_before_parsing() {
    let nested = |depth: usize| progress(&format!("{}{}", "[".repeat(depth), "]".repeat(depth)));
    assert!(parse(CallbackKind::Progress, &nested(JSON_DEPTH - 1)).is_ok());
    assert!(parse(CallbackKind::Progress, &nested(JSON_DEPTH)).unwrap_err().contains("deeper"));
    let text = format!("\"{}\\\"{}\"", "[".repeat(200), "{".repeat(200));
    assert!(parse(CallbackKind::Progress, &progress(&text)).is_ok());
    assert!(parse::json("[".repeat(100_000).as_bytes()).is_err());
    assert!(parse::json(b"\xff").is_err() && parse::json(b"").is_err() && parse::json(b"1 2").is_err());
}

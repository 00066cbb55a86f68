//! Whether an agent may use a tool: a question to people about exactly this input, and Claude Code's form of their answer.

use super::canonical;
use crate::door::ASK_DEFAULT_MS;
use crate::door::wire::{Reply, Verb};
use crate::sign;
use serde_json::{Map, Value, json};
use sortie_protocol::ask::{Answered, Ask, AskAnswer, AskedTool};
use sortie_protocol::limits::{ASK_MESSAGE_BYTES, ASK_NAME_BYTES};

/// A wish to use a tool.
#[derive(Clone, Debug)]
pub struct Wish {
    tool: String,
    input: Value,
    call: Option<String>,
}

impl Wish {
    /// From the arguments of the call.
    pub fn parse(arguments: &Map<String, Value>) -> Result<Self, String> {
        let text = |name: &str| arguments.get(name).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned);
        let tool = text("tool_name").ok_or("tool_name: the name of a tool is missing")?;
        let input = arguments.get("input").filter(|input| input.is_object()).ok_or("input: the tool's input is missing, or no object")?;
        Ok(Self { tool, input: input.clone(), call: text("tool_use_id") })
    }

    /// The question. The same call asked again is the same question; another input never is.
    pub fn verb(&self, park_ms: u64) -> Verb {
        let input_digest = sign::sha256_hex(canonical::text(&self.input).as_bytes());
        // The id is the agent's word: only its digest goes into a name.
        let key = self.call.as_ref().map(|call| format!("permission {}", sign::sha256_hex(format!("{call}\n{input_digest}").as_bytes())));
        let ask = Ask {
            title: format!("May the agent use {}?", self.name()),
            message: self.message(&input_digest),
            approvers: Vec::new(),
            timeout_ms: ASK_DEFAULT_MS,
            tool: Some(AskedTool { name: self.name(), input_digest }),
            key,
        };
        Verb::Ask { ask, park_ms: Some(park_ms) }
    }

    /// The tool's name as a list can show it.
    fn name(&self) -> String {
        cut(&self.tool.replace(char::is_control, " "), ASK_NAME_BYTES).to_owned()
    }

    /// What it is to do. Somebody who cannot see all of it is told so.
    fn message(&self, digest: &str) -> String {
        let text = serde_json::to_string_pretty(&self.input).unwrap_or_default();
        let room = ASK_MESSAGE_BYTES - 200;
        if text.len() <= room {
            return text;
        }
        let shown = cut(&text, room);
        format!("{shown}\n... {} more bytes of the input are not shown; SHA-256 of all of it: {digest}", text.len() - shown.len())
    }

    /// The answer as the agent takes it. What is allowed is what was asked, to the letter.
    pub fn answer(&self, reply: &Reply) -> Value {
        match reply {
            Reply::Answered { answer, .. } if answer.answered == Answered::Approved => {
                json!({ "behavior": "allow", "updatedInput": self.input })
            }
            Reply::Answered { answer, .. } => denied(&why(answer)),
            Reply::Pending { .. } => denied(super::tools::PENDING),
            other => denied(&format!("The question could not be asked: {other:?}")),
        }
    }
}

/// A denial.
pub fn denied(message: &str) -> Value {
    json!({ "behavior": "deny", "message": message })
}

fn why(answer: &AskAnswer) -> String {
    let comment = answer.comment.as_deref().map(|comment| format!(": {comment}")).unwrap_or_default();
    match answer.answered {
        Answered::Rejected | Answered::Approved => {
            let by = if answer.by.is_empty() { String::new() } else { format!(" by {}", answer.by.join(", ")) };
            format!("A person has rejected this{by}{comment}. Do not try to get the same done in another way.")
        }
        Answered::TimedOut => {
            "Nobody answered in time. That is no rejection: go on without this, or say that it was not decided.".to_owned()
        }
        Answered::Cancelled => format!("The question was withdrawn{comment}"),
    }
}

/// The first `most` bytes, or a little less: no character is cut.
fn cut(text: &str, most: usize) -> &str {
    let end = (0..=most.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish(value: Value) -> Wish {
        Wish::parse(value.as_object().unwrap()).unwrap()
    }

    fn asked(wish: &Wish) -> Ask {
        let Verb::Ask { ask, .. } = wish.verb(1) else { panic!() };
        assert_eq!(ask.fault(), None);
        ask
    }

    #[test]
    fn a_question_is_bound_to_the_call_and_to_its_exact_input() {
        let one = asked(&wish(json!({"tool_name": "Bash", "input": {"command": "ls", "a": 1}, "tool_use_id": "t1"})));
        let same = asked(&wish(json!({"tool_name": "Bash", "input": {"a": 1, "command": "ls"}, "tool_use_id": "t1"})));
        let other = asked(&wish(json!({"tool_name": "Bash", "input": {"command": "ls /", "a": 1}, "tool_use_id": "t1"})));
        assert_eq!(one, same);
        assert!(one.key != other.key && one.tool != other.tool);
        assert_eq!(one.tool.unwrap().input_digest, sign::sha256_hex(br#"{"a":1,"command":"ls"}"#));
    }

    #[test]
    fn hostile_names_and_large_inputs_make_a_bounded_question() {
        let ask =
            asked(&wish(json!({"tool_name": format!("a\n{}", "ż".repeat(200)), "input": {"x": "ż".repeat(20_000)}, "tool_use_id": "\0"})));
        assert!(ask.message.contains("more bytes of the input are not shown"));
        for bad in [json!({}), json!({"tool_name": "x"}), json!({"tool_name": "", "input": {}}), json!({"tool_name": "x", "input": 1})] {
            assert!(Wish::parse(bad.as_object().unwrap()).is_err(), "{bad}");
        }
    }

    #[test]
    fn silence_is_told_apart_from_a_rejection() {
        let wish = wish(json!({"tool_name": "Bash", "input": {"n": 1.5}}));
        let said = |answered| {
            let answer = AskAnswer { answered, by: vec!["kim".into()], comment: Some("not on Friday".into()) };
            wish.answer(&Reply::Answered { question: 1, answer })
        };
        assert_eq!(said(Answered::Approved), json!({"behavior": "allow", "updatedInput": {"n": 1.5}}));
        let text = |value: Value| {
            assert_eq!(value["behavior"], "deny");
            value["message"].as_str().unwrap().to_owned()
        };
        assert!(text(said(Answered::Rejected)).contains("rejected this by kim: not on Friday"));
        assert!(text(said(Answered::TimedOut)).contains("no rejection"));
        assert!(text(said(Answered::Cancelled)).contains("withdrawn"));
        assert!(text(wish.answer(&Reply::Pending { question: 1 })).contains("end your turn"));
    }
}

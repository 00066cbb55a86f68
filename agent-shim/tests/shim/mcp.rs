//! The door as an MCP server: a conversation over pipes, as an agent's program leads it.

use crate::door::{inside, waiting};
use crate::server::Got;
use crate::vm::{SHIM, Vm, eventually};
use serde_json::{Value, json};
use sortie_protocol::ask::{Answered, Ask};
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

struct Agent {
    process: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    id: u64,
    /// Notifications that came between answers.
    notes: Vec<Value>,
}

impl Agent {
    /// Started, and greeted.
    fn start(vm: &Vm, attempt: &str, arguments: &[&str]) -> Self {
        let mut command = inside(vm, attempt, SHIM);
        let mut process = command.arg("mcp").args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (input, output) = (process.stdin.take(), BufReader::new(process.stdout.take().unwrap()));
        let mut agent = Self { process, input, output, id: 0, notes: Vec::new() };
        let info = json!({"name": "test", "version": "1"});
        let hello = agent.ask("initialize", &json!({"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": info}));
        assert_eq!((hello["serverInfo"]["name"].as_str(), hello["protocolVersion"].as_str()), (Some("sortie"), Some("2025-06-18")));
        agent.write(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}));
        agent
    }

    fn write(&mut self, message: &Value) {
        writeln!(self.input.as_ref().unwrap(), "{message}").unwrap();
    }

    /// Send a request; its id.
    fn send(&mut self, method: &str, params: &Value) -> u64 {
        self.id += 1;
        let id = self.id;
        self.write(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}));
        id
    }

    fn read(&mut self, id: u64) -> Value {
        loop {
            let mut line = String::new();
            assert!(self.output.read_line(&mut line).unwrap() > 0, "the server ended");
            let message: Value = serde_json::from_str(&line).unwrap();
            if message["id"] == id {
                return message;
            }
            self.notes.push(message);
        }
    }

    fn ask(&mut self, method: &str, params: &Value) -> Value {
        let id = self.send(method, params);
        self.read(id)["result"].clone()
    }

    /// The text of a tool's answer, and whether it is an error.
    fn call(&mut self, tool: &str, arguments: &Value) -> (String, bool) {
        text(&self.ask("tools/call", &json!({"name": tool, "arguments": arguments})))
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        drop(self.input.take());
        let ended = self.process.wait().unwrap();
        assert!(ended.success() || std::thread::panicking(), "{ended}");
    }
}

fn text(result: &Value) -> (String, bool) {
    let content = result["content"].as_array().unwrap_or_else(|| panic!("{result}"));
    assert_eq!(content.len(), 1, "one block of text");
    (content[0]["text"].as_str().unwrap().to_owned(), result["isError"] == true)
}

fn question(vm: &Vm, attempt: &str, number: usize) -> Got {
    let start = format!("{attempt}.ask.");
    let mut found: Vec<Got> = Vec::new();
    eventually(&format!("question {number}"), || {
        found = vm.server.got().into_iter().filter(|got| got.id.starts_with(&start)).collect();
        found.dedup_by(|a, b| a.id == b.id);
        found.sort_by_key(|got| got.callback().seq);
        found.dedup_by(|a, b| a.id == b.id);
        found.len() == number
    });
    found.pop().unwrap()
}

#[test]
fn an_agent_lists_and_calls_the_tools_of_its_job() {
    let vm = Vm::new();
    waiting(&vm, "att_mcp0000000001");
    let mut agent = Agent::start(&vm, "att_mcp0000000001", &[]);
    let tools = agent.ask("tools/list", &json!({}));
    let names: Vec<&str> = tools["tools"].as_array().unwrap().iter().map(|tool| tool["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["report_progress", "save_checkpoint", "save_artifact", "ask_person", "submit_result", "permission"]);
    assert!(tools["tools"].as_array().unwrap().iter().all(|tool| tool["inputSchema"]["type"] == "object"));
    std::fs::write(vm.file("att_mcp0000000001", "work").join("note"), "kept").unwrap();
    assert_eq!(agent.call("report_progress", &json!({"progress": {"step": 1}})), ("Done.".to_owned(), false));
    assert_eq!(agent.call("save_checkpoint", &json!({"checkpoint": "at 1"})), ("Done.".to_owned(), false));
    let (kept, _) = agent.call("save_artifact", &json!({"path": "note", "name": "notes/1"}));
    assert_eq!(serde_json::from_str::<Value>(&kept).unwrap()["name"], "notes/1");
    assert_eq!(agent.call("submit_result", &json!({"result": {"done": true}})), ("Done.".to_owned(), false));
    let (why, is_error) = agent.call("save_artifact", &json!({"path": "../credentials.json"}));
    assert!(is_error && why.contains("not below"), "{why}");
    assert!(agent.call("report_progress", &json!({})).1);
    let id = agent.send("tools/call", &json!({"name": "nothing", "arguments": {}}));
    assert!(agent.read(id)["error"]["message"].as_str().unwrap().contains("nothing"));
    drop(agent);
    std::fs::write(vm.scratch("go"), "").unwrap();
    let result = vm.posted_result("att_mcp0000000001");
    assert_eq!((result.result, result.artifacts.len()), (Some(json!({"done": true})), 1));
    assert_eq!((result.progress.unwrap().data, result.checkpoint.unwrap().data), (json!({"step": 1}), json!("at 1")));
}

#[test]
fn a_permission_is_asked_of_a_person_and_bound_to_its_input() {
    let vm = Vm::new();
    waiting(&vm, "att_mcp0000000002");
    let mut agent = Agent::start(&vm, "att_mcp0000000002", &[]);
    let cases = [(Answered::Approved, "allow", ""), (Answered::Rejected, "deny", "rejected"), (Answered::TimedOut, "deny", "in time")];
    for (number, (answered, behavior, word)) in cases.into_iter().enumerate() {
        let input = json!({"command": "git push", "n": number});
        let call = json!({"tool_name": "Bash", "input": input, "tool_use_id": format!("toolu_{number}")});
        let id = agent.send("tools/call", &json!({"name": "permission", "arguments": call}));
        let got = question(&vm, "att_mcp0000000002", number + 1);
        let ask: Ask = serde_json::from_value(got.callback().data).unwrap();
        let tool = ask.tool.unwrap();
        let canonical = format!("{{\"command\":\"git push\",\"n\":{number}}}");
        assert_eq!((tool.name.as_str(), tool.input_digest), ("Bash", crate::vm::sha256(canonical.as_bytes())));
        assert!(ask.message.contains("git push") && ask.title.contains("Bash"));
        vm.server.say(&got, answered);
        let (said, is_error) = text(&agent.read(id)["result"]);
        let said: Value = serde_json::from_str(&said).unwrap();
        assert_eq!((said["behavior"].as_str(), is_error), (Some(behavior), false));
        if answered == Answered::Approved {
            assert_eq!(said["updatedInput"], input);
        } else {
            assert!(said["message"].as_str().unwrap().contains(word), "{said}");
        }
        // The same call again, as after a lost answer, asks nobody.
        let (again, _) = agent.call("permission", &call);
        assert_eq!(serde_json::from_str::<Value>(&again).unwrap(), said);
    }
    assert_eq!(question(&vm, "att_mcp0000000002", 3).callback().kind.as_str(), "ask");
}

#[test]
fn a_question_that_nobody_answers_soon_parks_and_stays_open() {
    let vm = Vm::new();
    waiting(&vm, "att_mcp0000000003");
    let mut agent = Agent::start(&vm, "att_mcp0000000003", &["--park-after", "0s"]);
    let arguments = json!({"title": "Deploy?", "message": "Of main", "approvers": ["ops"], "timeout_minutes": 5});
    let (said, is_error) = agent.call("ask_person", &arguments);
    assert!(said.contains("pending") && said.contains("end your turn") && !is_error, "{said}");
    let permission = json!({"tool_name": "Bash", "input": {}, "tool_use_id": "toolu_1"});
    let (denied, _) = agent.call("permission", &permission);
    assert!(denied.contains("deny") && denied.contains("end your turn"), "{denied}");
    vm.server.say(&question(&vm, "att_mcp0000000003", 2), Answered::Approved);
    drop(agent);
    // Another process of the agent, later: the same call finds its answer.
    let mut agent = Agent::start(&vm, "att_mcp0000000003", &["--park-after", "1m"]);
    let (allowed, _) = agent.call("permission", &permission);
    assert_eq!(serde_json::from_str::<Value>(&allowed).unwrap(), json!({"behavior": "allow", "updatedInput": {}}));
}

#[test]
fn a_tool_that_waits_says_so_where_it_is_asked_to() {
    let vm = Vm::new();
    waiting(&vm, "att_mcp0000000004");
    let mut agent = Agent::start(&vm, "att_mcp0000000004", &[]);
    let asked = json!({"name": "ask_person", "arguments": {"title": "Deploy?"}, "_meta": {"progressToken": "p1"}});
    let id = agent.send("tools/call", &asked);
    let got = question(&vm, "att_mcp0000000004", 1);
    let mut line = String::new();
    agent.output.read_line(&mut line).unwrap();
    let note: Value = serde_json::from_str(&line).unwrap();
    assert_eq!((note["method"].as_str(), note["params"]["progressToken"].as_str()), (Some("notifications/progress"), Some("p1")));
    // The supervisor is killed while the tool waits: the agent does not notice.
    vm.kill_supervisor("att_mcp0000000004");
    vm.status("att_mcp0000000004");
    vm.server.say(&got, Answered::Rejected);
    let (said, is_error) = text(&agent.read(id)["result"]);
    assert!(said.contains("\"rejected\"") && said.contains("kim") && !is_error, "{said}");
}

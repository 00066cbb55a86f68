//! A model on loopback for real coding agents: it speaks the four protocols that they speak, says what a test tells it to say,
//! and notes what it was asked. One server serves any of them; nothing of it needs a key or a network.

mod chat;
mod gemini;
mod messages;
mod responses;
mod script;

pub use script::{Asked, Dialect, INPUT_TOKENS, OUTPUT_TOKENS, Turn};

use crate::limits::REQUEST;
use crate::service::{self, Seen};
use script::{Reply, Said, Script};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// Names that agents give to the tool that runs shell commands, and the field of the command.
const SHELLS: [(&str, &str); 6] = [
    ("Bash", "command"),
    ("exec_command", "cmd"),
    ("shell_command", "command"),
    ("run_shell_command", "command"),
    ("bash", "command"),
    ("shell", "command"),
];

/// The model. It listens until the process of the test ends.
#[derive(Clone, Debug)]
pub struct Model {
    /// Where it listens, on loopback.
    pub port: u16,
    script: Arc<Mutex<Script>>,
    aside: Arc<Mutex<Vec<String>>>,
}

impl Model {
    /// One that says this, in order; after the last, the last text or status is said for ever.
    #[must_use]
    pub fn start(turns: impl IntoIterator<Item = Turn>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let model = Self { port, script: Arc::new(Mutex::new(Script::new(turns))), aside: Arc::default() };
        let of_thread = model.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let model = of_thread.clone();
                std::thread::spawn(move || model.serve(stream));
            }
        });
        model
    }

    /// Its address with this path.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// Say this, too, when what was to be said before is said.
    pub fn then(&self, turns: impl IntoIterator<Item = Turn>) {
        self.script.lock().unwrap().add(turns);
    }

    /// The requests that took a turn so far, in order.
    #[must_use]
    pub fn asked(&self) -> Vec<Asked> {
        self.script.lock().unwrap().asked.clone()
    }

    /// Method, path and size of all other requests: titles, token counts, lists of models.
    #[must_use]
    pub fn aside(&self) -> Vec<String> {
        self.aside.lock().unwrap().clone()
    }

    /// Hosts that somebody wanted to reach through this address as a proxy; nobody gets through.
    #[must_use]
    pub fn strays(&self) -> Vec<String> {
        self.aside().iter().filter_map(|line| line.strip_prefix("CONNECT ")?.split(' ').next()).map(str::to_owned).collect()
    }

    /// One request on a connection; what is cut short counts as nothing.
    fn serve(&self, mut stream: TcpStream) {
        let _ = stream.set_read_timeout(Some(REQUEST));
        let Some(seen) = service::read(&stream) else { return };
        let Some(reply) = self.reply(&seen) else {
            // A silent model holds the line until the other side lets go, or for good.
            let _ = stream.set_read_timeout(None);
            let _ = stream.read(&mut [0; 1]);
            return;
        };
        // Agents that try again wait as long as they are told, where they are told: a test need not sit through minutes of backoff.
        let again = if reply.status >= 400 { "Retry-After-Ms: 50\r\n" } else { "" };
        let head = format!(
            "HTTP/1.1 {} As Told\r\nConnection: close\r\n{again}Content-Type: {}\r\nContent-Length: {}\r\n\r\n",
            reply.status,
            reply.content_type,
            reply.body.len()
        );
        let _ = stream.write_all((head + &reply.body).as_bytes());
    }

    /// What answers a request; nothing where the turn is to hang.
    fn reply(&self, seen: &Seen) -> Option<Reply> {
        let body: Value = serde_json::from_slice(&seen.body).unwrap_or_default();
        let path = seen.target.split('?').next().unwrap_or_default();
        let aside = |reply: Reply| {
            self.aside.lock().unwrap().push(format!("{} {path} {}", seen.method, seen.body.len()));
            Some(reply)
        };
        let Some(dialect) = dialect(path) else { return aside(Reply::json(404, &json!({ "error": "not here" }))) };
        // Every agent offers tools when it works, and none when it only wants a title or a count.
        if !has_tools(&body) || !path_of_turns(path) {
            return aside(match dialect {
                Dialect::Messages => messages::aside(path, &body),
                Dialect::Responses => responses::speak(Said::Text("a title"), 0),
                Dialect::Gemini => gemini::aside(path),
                Dialect::Chat => chat::speak(Said::Text("a title"), &body, 0),
            });
        }
        let key = ["authorization", "x-api-key", "x-goog-api-key"].iter().find_map(|name| seen.header(name)).map(str::to_owned);
        let (turn, number) = self.script.lock().unwrap().take(Asked { dialect, key, body: body.clone() });
        let id = format!("call_{}_{number}", self.port);
        let speak = |said: Said<'_>| match dialect {
            Dialect::Messages => messages::speak(said, number),
            Dialect::Responses => responses::speak(said, number),
            Dialect::Gemini => gemini::speak(said),
            Dialect::Chat => chat::speak(said, &body, number),
        };
        Some(match &turn {
            Turn::Text(text) => speak(Said::Text(text)),
            Turn::Shell(command) => {
                let (name, input) = shell(dialect, &body, command);
                speak(Said::Call(&id, name, &input))
            }
            Turn::Call(name, input) => speak(Said::Call(&id, name, input)),
            Turn::Status(status) => match dialect {
                Dialect::Messages => messages::refuse(*status),
                Dialect::Responses | Dialect::Chat => chat::refuse(*status),
                Dialect::Gemini => gemini::refuse(*status),
            },
            Turn::Hang => return None,
        })
    }
}

fn dialect(path: &str) -> Option<Dialect> {
    let known = [
        ("/v1/messages", Dialect::Messages),
        ("/v1/responses", Dialect::Responses),
        ("/v1beta/models/", Dialect::Gemini),
        ("/v1/chat/completions", Dialect::Chat),
    ];
    known.iter().find(|(prefix, _)| path.starts_with(prefix)).map(|(_, dialect)| *dialect)
}

/// Whether requests to this path are parts of a conversation.
fn path_of_turns(path: &str) -> bool {
    !path.ends_with("/count_tokens") && (!path.starts_with("/v1beta/") || path.ends_with(":streamGenerateContent"))
}

fn has_tools(body: &Value) -> bool {
    body["tools"].as_array().is_some_and(|tools| !tools.is_empty())
}

/// Name and input of the shell tool: the one that is offered, or the agent's usual one where it offers none.
fn shell(dialect: Dialect, body: &Value, command: &str) -> (&'static str, Value) {
    let offered = body["tools"].to_string();
    let usual = match dialect {
        Dialect::Messages => SHELLS[0],
        Dialect::Responses => SHELLS[1],
        Dialect::Gemini => SHELLS[3],
        Dialect::Chat => SHELLS[4],
    };
    let (name, field) = *SHELLS.iter().find(|(name, _)| offered.contains(&format!("\"name\":\"{name}\""))).unwrap_or(&usual);
    let mut input = json!({ field: command });
    if dialect != Dialect::Responses {
        input["description"] = json!("As the test says");
    }
    (name, input)
}

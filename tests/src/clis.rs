//! The real coding agents: where `tests/clis/install` puts them, and what each needs to talk to a [`Model`] and to nobody else.

use crate::model::Model;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// An agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cli {
    /// Claude Code.
    Claude,
    /// Codex.
    Codex,
    /// Gemini CLI.
    Gemini,
    /// opencode.
    Opencode,
}

/// The key that every agent is given.
pub const KEY: &str = "key-of-the-tests";

impl Cli {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Claude, Self::Codex, Self::Gemini, Self::Opencode];

    /// Its kind in flows, and the name of its program.
    #[must_use]
    pub const fn kind(self) -> &'static str {
        match self {
            Self::Claude => "claude",
            Self::Codex => "codex",
            Self::Gemini => "gemini",
            Self::Opencode => "opencode",
        }
    }
}

/// The folder with the programs.
#[must_use]
pub fn programs() -> &'static Path {
    static FOUND: OnceLock<PathBuf> = OnceLock::new();
    FOUND.get_or_init(|| {
        let target = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("target").join("clis");
        let folder = target.join("node_modules").join(".bin");
        for cli in Cli::ALL {
            assert!(folder.join(cli.kind()).is_file(), "{} is not installed in {}: run tests/install", cli.kind(), folder.display());
        }
        assert!(target.join(".installed").is_file(), "the agents in {} are not installed whole: run tests/install", target.display());
        folder
    })
}

/// A place on the host for one agent: a home of its own, configured as a user would for such an endpoint.
#[derive(Clone, Debug)]
pub struct Seat {
    /// Which agent.
    pub cli: Cli,
    /// The home.
    pub home: PathBuf,
}

impl Seat {
    /// A fresh home in this folder, with what the agent reads from files.
    #[must_use]
    pub fn new(cli: Cli, folder: &Path, model: &Model) -> Self {
        let seat = Self { cli, home: folder.join(format!("home of {}", cli.kind())) };
        std::fs::create_dir_all(&seat.home).unwrap();
        match cli {
            Cli::Claude => {}
            Cli::Codex => seat.write(".codex/config.toml", &codex(model)),
            Cli::Gemini => seat.write(".gemini/settings.json", &gemini().to_string()),
            Cli::Opencode => seat.write(".config/opencode/opencode.json", &opencode(model).to_string()),
        }
        seat
    }

    /// Write a file of the home.
    pub fn write(&self, path: &str, text: &str) {
        let path = self.home.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// The environment of its job. What is not for loopback goes to the model, which notes it and refuses.
    #[must_use]
    pub fn env(&self, model: &Model) -> Value {
        let mut env = json!({
            "HOME": self.home,
            "PATH": format!("{}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", programs().display()),
            "HTTPS_PROXY": model.url(""), "https_proxy": model.url(""), "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1",
        });
        let own = match self.cli {
            // Two tries: one retry shows that retries are understood.
            Cli::Claude => json!({ "ANTHROPIC_BASE_URL": model.url(""), "ANTHROPIC_API_KEY": KEY, "CLAUDE_CODE_MAX_RETRIES": "1" }),
            Cli::Codex => json!({ "MODEL_KEY": KEY }),
            Cli::Gemini => json!({ "GOOGLE_GEMINI_BASE_URL": model.url(""), "GEMINI_API_KEY": KEY }),
            Cli::Opencode => json!({
                "OPENCODE_DISABLE_MODELS_FETCH": "1", "OPENCODE_DISABLE_DEFAULT_PLUGINS": "1", "OPENCODE_DISABLE_LSP_DOWNLOAD": "1",
            }),
        };
        env.as_object_mut().unwrap().extend(own.as_object().unwrap().clone());
        env
    }
}

fn codex(model: &Model) -> String {
    format!(
        "model = \"test\"\nmodel_provider = \"local\"\n\n[model_providers.local]\nname = \"local\"\nbase_url = \"{}\"\nenv_key = \"MODEL_KEY\"\n\
         wire_api = \"responses\"\nrequest_max_retries = 1\nstream_max_retries = 1\n\n[features]\nplugins = false\napps = false\n",
        model.url("/v1")
    )
}

fn gemini() -> Value {
    json!({ "security": { "auth": { "selectedType": "gemini-api-key" } }, "general": { "maxAttempts": 2 } })
}

fn opencode(model: &Model) -> Value {
    let options = json!({ "baseURL": model.url("/v1"), "apiKey": KEY });
    let local = json!({ "npm": "@ai-sdk/openai-compatible", "name": "local", "options": options, "models": { "test": { "name": "test", "tool_call": true } } });
    json!({ "provider": { "local": local }, "model": "local/test", "small_model": "local/test" })
}

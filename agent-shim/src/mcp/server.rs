//! The server's side of the protocol: tools are listed and called. A call that waits says so as often as the agent's program may
//! want to hear it.

use super::tools::{self, Call};
use crate::door::{Client, Failure};
use crate::limits::MCP_ALIVE_MS;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, Implementation, ListToolsResult, PaginatedRequestParams,
    ProgressNotificationParam, ServerCapabilities, ServerConfig,
};
use rmcp::service::RequestContext;
use rmcp::{ErrorData, RoleServer, ServerHandler};
use std::time::Duration;

/// The server of one agent.
pub struct Server {
    /// The door.
    pub client: Client,
    /// How long a tool waits for people, in milliseconds.
    pub park_ms: u64,
}

impl ServerHandler for Server {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
            .with_server_info(Implementation::new("sortie", env!("CARGO_PKG_VERSION")))
            .with_instructions("This work is a job of Sortie: people wait for its result elsewhere. Report progress now and then, keep files that matter, and ask a person where a decision is not yours.")
    }

    async fn list_tools(&self, _: Option<PaginatedRequestParams>, _: RequestContext<RoleServer>) -> Result<ListToolsResult, ErrorData> {
        Ok(ListToolsResult { tools: tools::all(), ..ListToolsResult::default() })
    }

    async fn call_tool(&self, request: CallToolRequestParams, context: RequestContext<RoleServer>) -> Result<CallToolResponse, ErrorData> {
        let arguments = request.arguments.unwrap_or_default();
        let Some(call) = tools::parse(&request.name, &arguments, self.park_ms) else {
            return Err(ErrorData::invalid_params(format!("there is no tool {:?}", request.name), None));
        };
        let (text, is_error) = match call {
            Ok(call) => {
                let reply = self.wait(&call, &context).await;
                tools::told(&call, &reply)
            }
            Err(why) => (why, true),
        };
        let content = vec![ContentBlock::text(text)];
        Ok(if is_error { CallToolResult::error(content) } else { CallToolResult::success(content) }.into())
    }
}

impl Server {
    async fn wait(&self, call: &Call, context: &RequestContext<RoleServer>) -> Result<crate::door::wire::Reply, Failure> {
        let (Call::Door(verb) | Call::Permission(_, verb)) = call.clone();
        let client = self.client.clone();
        let mut waiting = tokio::task::spawn_blocking(move || client.call(&verb));
        let mut told = 0_u32;
        loop {
            match tokio::time::timeout(Duration::from_millis(MCP_ALIVE_MS), &mut waiting).await {
                Ok(Ok(reply)) => return reply,
                Ok(Err(error)) => return Err(Failure::failed(error.to_string())),
                Err(_) if context.ct.is_cancelled() => return Err(Failure::failed("the call was cancelled")),
                Err(_) => told += 1,
            }
            if let Some(token) = context.meta.get_progress_token() {
                let note = ProgressNotificationParam::new(token, f64::from(told)).with_message("waiting for a person");
                let _ = context.peer.notify_progress(note).await;
            }
        }
    }
}

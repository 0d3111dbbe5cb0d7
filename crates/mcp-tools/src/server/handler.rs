//! What the protocol asks of the server.

use futures::{
    FutureExt as _,
    future::{join_all, pending},
};
use rmcp::{
    RoleServer, ServerHandler,
    model::{
        CallToolRequestParams, CallToolResponse, CancelTaskParams, CompleteRequestParams,
        CompleteResult, ErrorData, GetPromptRequestParams, GetPromptResponse, GetTaskParams,
        GetTaskResult, Implementation, ListPromptsResult, ListResourceTemplatesResult,
        ListResourcesResult, ListToolsResult, PaginatedRequestParams, ReadResourceRequestParams,
        ReadResourceResponse, ServerCapabilities, ServerConfig, SubscribeRequestParams,
        SubscriptionFilter, Tool, UnsubscribeRequestParams, UpdateTaskParams,
    },
    service::{NotificationContext, RequestContext, SubscriptionContext},
};

use super::{INSTRUCTIONS, ROUTER_INSTRUCTIONS, Server};
use crate::{
    completion, failure, prompts, resources,
    subscriptions::{self, Changes, Listener, SUBSCRIPTIONS_MAX},
    tasks,
    toolsets::Profile,
    uris::ResourceUri,
};

impl ServerHandler for Server {
    fn get_info(&self) -> ServerConfig {
        let capabilities = ServerCapabilities::builder()
            .enable_tools()
            .enable_prompts()
            .enable_completions()
            .enable_resources()
            .enable_resources_subscribe()
            .enable_tasks();
        let capabilities = if self.can_switch() || self.services_change() {
            capabilities.enable_tool_list_changed().build()
        } else {
            capabilities.build()
        };
        let name = Implementation::new("mediafactory", env!("CARGO_PKG_VERSION"))
            .with_title("MediaFactory");
        let instructions = match self.shared.selection.profile {
            Profile::Core | Profile::Full => INSTRUCTIONS.to_owned(),
            Profile::Router => format!("{ROUTER_INSTRUCTIONS}{INSTRUCTIONS}"),
        };
        ServerConfig::new(capabilities).with_server_info(name).with_instructions(instructions)
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        self.find(name).ok().map(|definition| self.as_listed(&definition.tool))
    }

    async fn on_initialized(&self, context: NotificationContext<RoleServer>) {
        if self.services_change() {
            self.shared.listeners.spawn(self.clone().tell_of_services(context.peer));
        }
    }

    async fn list_tools(
        &self,
        _request: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        self.look_at_services().await;
        Ok(ListToolsResult::with_all_items(self.tools()))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let _under_way = self.shared.calls.token();
        let what = format!("tool `{}`", request.name);
        failure::answer_panics(&what, self.call(request, context)).await
    }

    async fn list_prompts(
        &self,
        _request: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListPromptsResult, ErrorData> {
        Ok(prompts::list())
    }

    async fn get_prompt(
        &self,
        request: GetPromptRequestParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<GetPromptResponse, ErrorData> {
        prompts::get(&request.name, &request.arguments.unwrap_or_default()).map(Into::into)
    }

    async fn complete(
        &self,
        request: CompleteRequestParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<CompleteResult, ErrorData> {
        let completing = completion::complete(&self.shared.factory, request);
        failure::answer_panics("completion/complete", completing).await
    }

    async fn list_resources(
        &self,
        request: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        let cursor = request.and_then(|request| request.cursor);
        failure::answer_panics("resources/list", resources::list(&self.shared.factory, cursor))
            .await
    }

    async fn list_resource_templates(
        &self,
        _request: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        Ok(resources::templates())
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        let reading = resources::read(&self.shared.factory, &self.shared.shelf, &request.uri);
        failure::answer_panics("resources/read", reading).await.map(ReadResourceResponse::from)
    }

    async fn subscribe(
        &self,
        request: SubscribeRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        let SubscribeRequestParams { uri, .. } = request;
        let subscribing = self.tell_session(uri, context.peer);
        failure::answer_panics("resources/subscribe", subscribing).await
    }

    async fn unsubscribe(
        &self,
        request: UnsubscribeRequestParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        self.subscriptions.remove(&request.uri);
        Ok(())
    }

    fn accepted_subscription_filter(
        &self,
        requested: &SubscriptionFilter,
    ) -> Option<SubscriptionFilter> {
        let ours = requested.resource_subscriptions.iter().flatten();
        let ours = ours.filter(|uri| ResourceUri::parse(uri).is_some());
        let ours: Vec<String> = ours.take(SUBSCRIPTIONS_MAX).cloned().collect();
        let accepted = SubscriptionFilter::builder().resource_subscriptions(ours);
        let changes = self.can_switch() || self.services_change();
        let hears_of_tools = changes && requested.tools_list_changed == Some(true);
        Some(if hears_of_tools { accepted.tools_list_changed() } else { accepted }.build())
    }

    /// Tells a client of 2026-07-28 what has changed: resources that it named, and the list of its
    /// tools.
    async fn listen(&self, context: SubscriptionContext) -> Result<(), ErrorData> {
        let factory = &self.shared.factory;
        let listener = Listener::Stream(context.sink().clone());
        let uris = context.accepted().resource_subscriptions.iter().flatten();
        let telling = join_all(uris.map(|uri| async {
            // Of what is not there, or never changes, nothing is ever told.
            if let Ok(Some(subject)) = subscriptions::subject(factory, uri).await {
                Changes::of(factory, subject).tell(uri, &listener).await;
            }
        }));
        tokio::select! {
            () = context.cancelled() => {}
            () = self.shared.ending.nobody_cancels.cancelled() => {}
            () = self.tell_of_tools(&context) => {}
            () = telling.then(|_| pending()) => {}
        }
        Ok(())
    }

    async fn get_task(
        &self,
        request: GetTaskParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<GetTaskResult, ErrorData> {
        let getting = tasks::get(&self.shared.factory, &request.task_id);
        failure::answer_panics("tasks/get", getting).await
    }

    async fn update_task(
        &self,
        request: UpdateTaskParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        let message = format!("task {} has asked for nothing", request.task_id);
        Err(ErrorData::invalid_params(message, None))
    }

    async fn cancel_task(
        &self,
        request: CancelTaskParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        let cancelling = tasks::cancel(&self.shared.factory, &request.task_id);
        failure::answer_panics("tasks/cancel", cancelling).await
    }
}

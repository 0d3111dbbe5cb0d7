//! A tool is data plus a function: what it is called, what it takes and gives, what it changes,
//! and the handler between arguments and result.

use std::{borrow::Cow, sync::Arc};

use futures::{
    FutureExt,
    future::{BoxFuture, ready},
};
use mediafactory::{Error, Factory};
use rmcp::model::{CallToolResult, ContentBlock, ErrorData, JsonObject, Tool, ToolAnnotations};
use schemars::JsonSchema;
use serde::{Serialize, de::DeserializeOwned};
use tokio_util::sync::CancellationToken;

use crate::{
    arguments, failure, progress::Reporter, schema, shelf::Shelf, switching::Session,
    tasks::TaskSlot, toolsets::Toolset,
};

/// One tool of the server.
pub(crate) struct Definition {
    /// None for the tools of the router, which stand before all toolsets.
    pub(crate) toolset: Option<Toolset>,
    pub(crate) tool: Tool,
    handler: Handler,
}

type Handler = Box<dyn Fn(Call, JsonObject) -> Running + Send + Sync>;

/// A call on its way. What the caller can act on is a failed result; an error is a defect.
pub(crate) type Running = BoxFuture<'static, Result<CallToolResult, ErrorData>>;

/// What a handler works with beside its arguments.
#[derive(Clone)]
pub(crate) struct Call {
    pub(crate) factory: Factory,
    /// Whose call it is, for fair turns between callers.
    pub(crate) caller: Arc<str>,
    /// Workflows that earlier calls answered.
    pub(crate) shelf: Arc<Shelf>,
    /// What the client has switched on, where the next call will find it again.
    pub(crate) session: Option<Arc<Session>>,
    /// Cancelled when the caller takes the call back, and when the transport ends.
    pub(crate) cancelled: CancellationToken,
    /// When the server ends, and who is still there.
    pub(crate) ending: Ending,
    /// Where a job is handed over that is to go on as a task, when the caller knows tasks.
    pub(crate) task: Option<TaskSlot>,
    /// Where progress goes, when the caller asked for it.
    pub(crate) reporter: Option<Reporter>,
}

/// How the server tells its calls that it ends.
#[derive(Clone, Default)]
pub(crate) struct Ending {
    /// The client is gone or the server closes: what is cancelled now was not taken back by
    /// anyone, and progress has no reader any more.
    pub(crate) nobody_cancels: CancellationToken,
    /// The server closes: waits end, and say so.
    pub(crate) waits_end: CancellationToken,
}

/// The name, title and description of a tool.
#[derive(Clone, Copy)]
pub(crate) struct Words {
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    pub(crate) description: &'static str,
}

/// What a tool may change, told to clients as annotations.
#[derive(Clone, Copy)]
pub(crate) enum Effect {
    /// Looks things up in this process only.
    ReadsHere,
    /// Looks things up and may ask the ComfyUI server.
    ReadsServer,
    /// Adds jobs and assets; takes nothing away.
    Adds,
    /// Has a server let go of what it loads again when it is needed.
    Frees,
    /// Stops one job for good; stopping it again changes nothing.
    Stops,
    /// Stops whatever runs, whoever it belongs to.
    StopsAnything,
    /// Changes which tools this client is offered, and nothing else.
    Switches,
    /// Whatever the tool does that is called through this one.
    Anything,
}

/// What a handler gives back: the structured result, and a short text beside it.
pub(crate) struct Answer<O> {
    text: String,
    result: O,
    more: Vec<ContentBlock>,
}

impl<O> Answer<O> {
    pub(crate) fn new(text: impl Into<String>, result: O) -> Self {
        Self { text: text.into(), result, more: Vec::new() }
    }

    /// Changes the structured result.
    pub(crate) fn map(self, change: impl FnOnce(O) -> O) -> Self {
        Self { result: change(self.result), ..self }
    }

    /// Adds a line to the text.
    pub(crate) fn with_line(mut self, line: &str) -> Self {
        self.text.push('\n');
        self.text.push_str(line);
        self
    }

    /// Adds pictures and links.
    pub(crate) fn with_blocks(mut self, more: impl IntoIterator<Item = ContentBlock>) -> Self {
        self.more.extend(more);
        self
    }
}

impl<O: Serialize> Answer<O> {
    pub(crate) fn into_result(self) -> Result<CallToolResult, ErrorData> {
        let structured = serde_json::to_value(&self.result).map_err(|defect| {
            tracing::error!(%defect, "a result cannot be written as JSON");
            ErrorData::internal_error("the result cannot be written as JSON", None)
        })?;
        let mut content = vec![ContentBlock::text(self.text)];
        content.extend(self.more);
        let mut result = CallToolResult::success(content);
        result.structured_content = Some(structured);
        Ok(result)
    }
}

impl Effect {
    fn annotations(self, title: &str) -> ToolAnnotations {
        let (read_only, destructive, idempotent, open_world) = match self {
            Self::ReadsHere => (true, false, true, false),
            Self::ReadsServer => (true, false, true, true),
            Self::Adds => (false, false, false, true),
            Self::Frees => (false, false, true, true),
            Self::Stops => (false, true, true, true),
            Self::StopsAnything | Self::Anything => (false, true, false, true),
            Self::Switches => (false, false, true, false),
        };
        ToolAnnotations::with_title(title)
            .read_only(read_only)
            .destructive(destructive)
            .idempotent(idempotent)
            .open_world(open_world)
    }
}

impl Definition {
    /// A tool whose schemas follow from the types of its handler.
    pub(crate) fn new<A, O, F>(
        toolset: impl Into<Option<Toolset>>,
        effect: Effect,
        words: Words,
        handler: impl Fn(Call, A) -> F + Send + Sync + 'static,
    ) -> Self
    where
        A: DeserializeOwned + JsonSchema,
        O: Serialize + JsonSchema,
        F: Future<Output = Result<Answer<O>, Error>> + Send + 'static,
    {
        let (tool, input) = describe::<A>(effect, words);
        let tool = tool.with_raw_output_schema(Arc::new(schema::of_result::<O>()));
        let handler: Handler = Box::new(move |call, given| {
            let started = arguments::read(&input, given).map(|arguments| handler(call, arguments));
            answered(words.name.into(), started)
        });
        Self { toolset: toolset.into(), tool, handler }
    }

    /// A tool that calls another and passes on what that one gives.
    pub(crate) fn passing_on<A>(
        effect: Effect,
        words: Words,
        handler: impl Fn(Call, A) -> Result<Running, Error> + Send + Sync + 'static,
    ) -> Self
    where
        A: DeserializeOwned + JsonSchema,
    {
        let (tool, input) = describe::<A>(effect, words);
        let handler: Handler = Box::new(move |call, given| {
            arguments::read(&input, given)
                .and_then(|arguments| handler(call, arguments))
                .unwrap_or_else(|error| ready(Ok(failed(words.name, &error))).boxed())
        });
        Self { toolset: None, tool, handler }
    }

    /// A tool that is described by data; what is given is read by its schema and handed on as it is.
    pub(crate) fn described<O, F>(
        toolset: Toolset,
        tool: Tool,
        effect: Effect,
        handler: impl Fn(Call, JsonObject) -> F + Send + Sync + 'static,
    ) -> Self
    where
        O: Serialize + JsonSchema,
        F: Future<Output = Result<Answer<O>, Error>> + Send + 'static,
    {
        let (name, input) = (tool.name.clone(), Arc::clone(&tool.input_schema));
        let title = tool.title.clone().unwrap_or_default();
        let tool = tool
            .with_annotations(effect.annotations(&title))
            .with_raw_output_schema(Arc::new(schema::of_result::<O>()));
        let handler: Handler = Box::new(move |call, given| {
            let started = arguments::read(&input, given).map(|given| handler(call, given));
            answered(name.clone(), started)
        });
        Self { toolset: Some(toolset), tool, handler }
    }

    /// Whether the tool changes nothing.
    pub(crate) fn is_read_only(&self) -> bool {
        let annotations = self.tool.annotations.as_ref();
        annotations.and_then(|annotations| annotations.read_only_hint).unwrap_or(false)
    }

    /// Runs the tool.
    pub(crate) fn run(&self, call: Call, given: JsonObject) -> Running {
        (self.handler)(call, given)
    }
}

/// The end of a handler, which may not have begun, as the result of its tool.
fn answered<O, F>(name: Cow<'static, str>, started: Result<F, Error>) -> Running
where
    O: Serialize,
    F: Future<Output = Result<Answer<O>, Error>> + Send + 'static,
{
    async move {
        let answered = match started {
            Ok(started) => started.await,
            Err(refused) => Err(refused),
        };
        match answered {
            Ok(answer) => answer.into_result(),
            Err(error) => Ok(failed(&name, &error)),
        }
    }
    .boxed()
}

fn describe<A: JsonSchema>(effect: Effect, words: Words) -> (Tool, Arc<JsonObject>) {
    let input = Arc::new(schema::of_arguments::<A>());
    let tool = Tool::new(words.name, words.description, Arc::clone(&input))
        .with_title(words.title)
        .with_annotations(effect.annotations(words.title));
    (tool, input)
}

/// The result of a tool that did not do what it was asked, which the log hears of too.
pub(crate) fn failed(tool: &str, error: &Error) -> CallToolResult {
    tracing::info!(tool, code = error.code().as_str(), error = failure::causes(error), "failed");
    failure::result_of(error)
}

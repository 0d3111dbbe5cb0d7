//! Three tools through which all others are found and called, for clients that pay for every
//! byte of a list.

use std::sync::Arc;

use mediafactory::{Error, FailureCode, Json};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    arguments::ObjectArgument,
    definition::{Answer, Call, Definition, Effect, Running, Words},
    names,
    offer::{NotOffered, Offer},
    paging, schema,
    toolsets::{Toolset, ToolsetName},
};

/// The three tools before an offer.
pub(crate) fn tools(offer: &Arc<Offer>) -> Vec<Definition> {
    let list = Words {
        name: "list_tools",
        title: "List tools",
        description: "The tools that call_tool can call, with a line on each.",
    };
    let describe = Words {
        name: "describe_tool",
        title: "Describe a tool",
        description: "What a tool does, its arguments and its result.",
    };
    let call = Words {
        name: "call_tool",
        title: "Call a tool",
        description: "Call a tool; its result comes as if it had been called itself.",
    };
    // What is called can do no more than the tools that are offered.
    let reads_only = offer.all().all(|tool| tool.is_read_only());
    let effect = if reads_only { Effect::ReadsServer } else { Effect::Anything };
    let (listing, describing, calling) = (Arc::clone(offer), Arc::clone(offer), Arc::clone(offer));
    vec![
        Definition::new(None, Effect::ReadsHere, list, move |_, arguments| {
            let listed = list_tools(&listing, &arguments);
            async { listed }
        }),
        Definition::new(None, Effect::ReadsHere, describe, move |_, arguments| {
            let described = describe_tool(&describing, &arguments);
            async { described }
        }),
        Definition::passing_on(effect, call, move |call, arguments| {
            call_tool(&calling, call, arguments)
        }),
    ]
}

#[derive(Deserialize, JsonSchema)]
struct ListTools {
    /// Only those of one set.
    toolset: Option<ToolsetName>,
    #[schemars(range(min = 1, max = 100))]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

#[derive(Serialize, JsonSchema)]
struct ToolList {
    items: Vec<ToolEntry>,
    total: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

#[derive(Serialize, JsonSchema)]
struct ToolEntry {
    name: String,
    toolset: &'static str,
    description: String,
    read_only: bool,
}

fn list_tools(offer: &Offer, arguments: &ListTools) -> Result<Answer<ToolList>, Error> {
    let wanted = arguments.toolset.map(Toolset::from);
    let is_wanted =
        |tool: &Arc<Definition>| wanted.is_none_or(|wanted| tool.toolset == Some(wanted));
    let entries = offer.all().filter(is_wanted).map(|tool| ToolEntry::new(&tool)).collect();
    let part = paging::cut(entries, arguments.limit, arguments.cursor.as_deref())?;
    let headline = format!("{} tools; {} shown", part.total, part.items.len());
    let lines = part.items.iter().map(|entry| format!("\n- {}: {}", entry.name, entry.description));
    let text: String = std::iter::once(headline).chain(lines).collect();
    let (items, total, next_cursor) = (part.items, part.total, part.next_cursor);
    Ok(Answer::new(text, ToolList { items, total, next_cursor }))
}

impl ToolEntry {
    fn new(definition: &Definition) -> Self {
        let tool = &definition.tool;
        Self {
            name: tool.name.to_string(),
            toolset: definition.toolset.map_or("", Toolset::as_str),
            description: tool.description.as_deref().unwrap_or_default().to_owned(),
            read_only: definition.is_read_only(),
        }
    }
}

#[derive(Deserialize, JsonSchema)]
struct DescribeTool {
    #[schemars(length(min = 1))]
    name: String,
}

#[derive(Serialize, JsonSchema)]
struct ToolDescription {
    /// As in a list of tools: schemas and annotations.
    #[schemars(schema_with = "schema::any_object")]
    tool: Value,
    /// Other names under which it answers.
    aliases: Vec<&'static str>,
}

fn describe_tool(
    offer: &Offer,
    arguments: &DescribeTool,
) -> Result<Answer<ToolDescription>, Error> {
    let definition = offer.find(&arguments.name).map_err(|problem| refused(&problem))?;
    let tool = &definition.tool;
    let aliases = names::all().filter(|(_, name)| *name == tool.name);
    let aliases = aliases.map(|(alias, _)| alias).collect();
    let arguments = Value::Object((*tool.input_schema).clone());
    let description = tool.description.as_deref().unwrap_or_default();
    let text = format!("{}: {description}\narguments: {arguments}", tool.name);
    // A tool is written in every list: writing it cannot fail.
    let tool = serde_json::to_value(tool).unwrap_or(Value::Null);
    Ok(Answer::new(text, ToolDescription { tool, aliases }))
}

#[derive(Deserialize, JsonSchema)]
struct CallTool {
    /// From `list_tools`.
    #[schemars(length(min = 1))]
    name: String,
    /// As `describe_tool` says.
    arguments: Option<ObjectArgument>,
}

fn call_tool(offer: &Offer, call: Call, arguments: CallTool) -> Result<Running, Error> {
    let given = match arguments.arguments {
        Some(given) => given.into_members("arguments")?,
        None => serde_json::Map::new(),
    };
    offer.start(&arguments.name, call, given).map_err(|problem| refused(&problem))
}

/// A name that cannot be called, told in the way of a tool: its caller can choose another.
fn refused(problem: &NotOffered) -> Error {
    let (code, nearest) = match problem {
        NotOffered::Unknown { nearest, .. } => {
            (FailureCode::ValidationError, nearest.as_deref().map(Json::from))
        }
        NotOffered::Absent { .. } | NotOffered::Off { .. } => (FailureCode::Forbidden, None),
    };
    let error = Error::new(code, problem.to_string()).with_hint("list_tools names the tools");
    match nearest {
        Some(nearest) => error.with_details(Json::object([("nearest", nearest)])),
        None => error,
    }
}

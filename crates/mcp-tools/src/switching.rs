//! Toolsets that a client switches on while it works. Whoever runs the server says with which ones
//! a session begins; what is denied stays denied.

use std::collections::BTreeSet;

use mediafactory::{Error, FailureCode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::{
    definition::{Answer, Call, Definition, Effect, Words},
    toolsets::{Toolset, ToolsetName},
};

/// The tool that switches a toolset on.
pub(crate) const ENABLE_TOOLSET: &str = "enable_toolset";

/// Which toolsets a session has.
pub(crate) struct Session {
    on: watch::Sender<BTreeSet<Toolset>>,
    /// Whether it is one of a pipe, which lasts as long as the client.
    is_pipe: bool,
}

impl Session {
    /// The session of a client that may speak over HTTP: it lasts if the client opened one.
    pub(crate) fn new(on: impl IntoIterator<Item = Toolset>) -> Self {
        Self { on: watch::Sender::new(on.into_iter().collect()), is_pipe: false }
    }

    /// A new session with the same toolsets as this one has.
    pub(crate) fn another(&self) -> Self {
        Self::new(self.on.borrow().iter().copied())
    }

    pub(crate) fn over_pipe(self) -> Self {
        Self { is_pipe: true, ..self }
    }

    /// Whether the next request of the client finds this session again. Since 2026-07-28 a request
    /// over HTTP stands alone; before, a client opened a session first.
    pub(crate) fn lasts(&self, is_opened: bool) -> bool {
        self.is_pipe || is_opened
    }

    /// Tools without a toolset are always on.
    pub(crate) fn is_on(&self, toolset: Option<Toolset>) -> bool {
        toolset.is_none_or(|toolset| self.on.borrow().contains(&toolset))
    }

    /// Wakes whoever waits when the tools are others than before.
    pub(crate) fn changes(&self) -> watch::Receiver<BTreeSet<Toolset>> {
        self.on.subscribe()
    }

    fn switch_on(&self, toolset: Toolset) -> bool {
        self.on.send_if_modified(|on| on.insert(toolset))
    }
}

#[derive(Deserialize, JsonSchema)]
struct EnableToolset {
    toolset: ToolsetName,
}

#[derive(Serialize, JsonSchema)]
struct Switched {
    /// Whether the list of tools is longer now.
    changed: bool,
    /// The tools of the set.
    tools: Vec<String>,
    /// Every set that is on.
    on: Vec<&'static str>,
}

/// The tool, for a server with these tools beside it.
pub(crate) fn tool(tools: &[Definition]) -> Definition {
    let words = Words {
        name: ENABLE_TOOLSET,
        title: "Switch a toolset on",
        description: "List and offer the tools of one more set for the rest of this session: \
                      discovery (models, nodes, health), workflow (check, edit, convert, compare, \
                      draw), execution (make things, follow jobs), templates, assets, models \
                      (current ones, settings, what fits).",
    };
    let named: Vec<(Option<Toolset>, String)> =
        tools.iter().map(|tool| (tool.toolset, tool.tool.name.to_string())).collect();
    Definition::new(None, Effect::Switches, words, move |call: Call, arguments: EnableToolset| {
        let toolset = Toolset::from(arguments.toolset);
        let tools = named.iter().filter(|(set, _)| *set == Some(toolset));
        let switched = enable(&call, toolset, tools.map(|(_, name)| name.clone()).collect());
        async { switched }
    })
}

fn enable(call: &Call, toolset: Toolset, tools: Vec<String>) -> Result<Answer<Switched>, Error> {
    let Some(session) = &call.session else {
        let message = format!("there is no session in which {toolset} could stay switched on");
        return Err(Error::new(FailureCode::ValidationError, message).with_hint(
            "since protocol 2026-07-28 every request over HTTP stands alone: whoever runs this \
             server can offer more with `--toolsets`",
        ));
    };
    let changed = session.switch_on(toolset);
    let on = Toolset::ALL.into_iter().filter(|toolset| session.is_on(Some(*toolset)));
    let on = on.map(Toolset::as_str).collect();
    let state = if changed { "is on now" } else { "was on already" };
    let text = format!("{toolset} {state}: {}", tools.join(", "));
    Ok(Answer::new(text, Switched { changed, tools, on }))
}

//! The tools that can be called, by name.

use std::collections::{BTreeMap, BTreeSet};

use futures::{FutureExt, future::ready};
use mediafactory::near;
use rmcp::model::{ErrorData, JsonObject};
use thiserror::Error;

use crate::{
    definition::{Call, Definition, Running, failed},
    names,
    toolsets::Toolset,
};

/// Tools by their listed names. Whoever calls one comes through here, under whatever name.
pub(crate) struct Offer {
    tools: BTreeMap<String, Definition>,
    /// Tools that there are, but not here.
    absent: BTreeSet<String>,
    why_absent: &'static str,
}

/// Why a name cannot be called.
#[derive(Debug, Error)]
pub(crate) enum NotOffered {
    #[error("there is no tool `{}`{}", .name.escape_debug(), suggestion(.nearest.as_deref()))]
    Unknown { name: String, nearest: Option<String> },
    #[error("tool `{name}` {why}")]
    Absent { name: String, why: &'static str },
    #[error("tool `{name}` is one of {toolset}, which is off; `enable_toolset` switches it on")]
    Off { name: String, toolset: Toolset },
}

impl NotOffered {
    /// A name that no list of this server has is a defect of the caller's.
    pub(crate) fn into_protocol_error(self) -> ErrorData {
        ErrorData::invalid_params(self.to_string(), None)
    }
}

fn suggestion(nearest: Option<&str>) -> String {
    nearest.map(|name| format!("; did you mean `{name}`?")).unwrap_or_default()
}

impl Offer {
    /// These tools; of those in `all` that are not among them it is said why.
    pub(crate) fn new(
        tools: Vec<Definition>,
        all: BTreeSet<String>,
        why_absent: &'static str,
    ) -> Self {
        let tools: BTreeMap<String, Definition> =
            tools.into_iter().map(|tool| (tool.tool.name.to_string(), tool)).collect();
        let absent = all.into_iter().filter(|name| !tools.contains_key(name)).collect();
        Self { tools, absent, why_absent }
    }

    /// The tools in the order of their names.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Definition> {
        self.tools.values()
    }

    pub(crate) fn names(&self) -> BTreeSet<String> {
        self.tools.keys().cloned().collect()
    }

    /// The tool that a name stands for.
    pub(crate) fn find(&self, name: &str) -> Result<&Definition, NotOffered> {
        let listed = names::listed_name(name);
        if let Some(definition) = self.tools.get(listed) {
            return Ok(definition);
        }
        if self.absent.contains(listed) {
            return Err(NotOffered::Absent { name: name.to_owned(), why: self.why_absent });
        }
        let aliases = names::all().filter(|(_, tool)| self.tools.contains_key(*tool));
        let known = self.tools.keys().map(String::as_str).chain(aliases.map(|(alias, _)| alias));
        let nearest = near::name(name, known).map(str::to_owned);
        Err(NotOffered::Unknown { name: name.to_owned(), nearest })
    }

    /// Starts the tool that a name stands for, with the argument that an alias fixes.
    pub(crate) fn start(
        &self,
        name: &str,
        call: Call,
        mut given: JsonObject,
    ) -> Result<Running, NotOffered> {
        let definition = self.find(name)?;
        Ok(match names::fix_arguments(name, &mut given) {
            Ok(()) => definition.run(call, given),
            Err(error) => ready(Ok(failed(&definition.tool.name, &error))).boxed(),
        })
    }
}

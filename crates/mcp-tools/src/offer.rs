//! The tools that can be called, by name.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use futures::{FutureExt, future::ready};
use mediafactory::near;
use rmcp::model::{ErrorData, JsonObject};
use thiserror::Error;
use tokio::sync::watch;

use crate::{
    definition::{Call, Definition, Running, failed},
    names,
    toolsets::Toolset,
};

/// Tools by their listed names. Whoever calls one comes through here, under whatever name.
pub(crate) struct Offer {
    tools: BTreeMap<String, Arc<Definition>>,
    /// The services that are tools now; they come and go.
    services: watch::Sender<Arc<Services>>,
    /// Tools that there are, but not here.
    absent: BTreeSet<String>,
    why_absent: &'static str,
}

/// Services by their names.
pub(crate) type Services = BTreeMap<String, Arc<Definition>>;

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
        let named = |tool: Definition| (tool.tool.name.to_string(), Arc::new(tool));
        let tools: BTreeMap<String, Arc<Definition>> = tools.into_iter().map(named).collect();
        let absent = all.into_iter().filter(|name| !tools.contains_key(name)).collect();
        Self { tools, services: watch::Sender::default(), absent, why_absent }
    }

    /// The tools in the order of their names, services last.
    pub(crate) fn all(&self) -> impl Iterator<Item = Arc<Definition>> {
        let services = Arc::clone(&self.services.borrow());
        let services: Vec<_> = services.values().cloned().collect();
        self.tools.values().cloned().chain(services)
    }

    pub(crate) fn names(&self) -> BTreeSet<String> {
        self.tools.keys().cloned().collect()
    }

    /// Puts these services in the place of those before, and wakes whoever waits when that changes
    /// what is listed.
    pub(crate) fn put_services(&self, services: Services) {
        self.services.send_if_modified(|current| {
            let is_as_listed = current.len() == services.len()
                && current.values().zip(services.values()).all(|(old, new)| old.tool == new.tool);
            *current = Arc::new(services);
            !is_as_listed
        });
    }

    /// Wakes whoever waits when other services are listed than before.
    pub(crate) fn service_changes(&self) -> watch::Receiver<Arc<Services>> {
        self.services.subscribe()
    }

    /// The tool that a name stands for.
    pub(crate) fn find(&self, name: &str) -> Result<Arc<Definition>, NotOffered> {
        let listed = names::listed_name(name);
        let services = Arc::clone(&self.services.borrow());
        if let Some(definition) = self.tools.get(listed).or_else(|| services.get(listed)) {
            return Ok(Arc::clone(definition));
        }
        if self.absent.contains(listed) {
            return Err(NotOffered::Absent { name: name.to_owned(), why: self.why_absent });
        }
        let aliases = names::all().filter(|(_, tool)| self.tools.contains_key(*tool));
        let known = self.tools.keys().chain(services.keys()).map(String::as_str);
        let nearest = near::name(name, known.chain(aliases.map(|(alias, _)| alias)));
        let nearest = nearest.map(str::to_owned);
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

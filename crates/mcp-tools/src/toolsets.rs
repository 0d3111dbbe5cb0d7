//! Which tools a server offers, and how it lists them.

use std::{collections::BTreeSet, fmt, str::FromStr};

use mediafactory::near;
use schemars::JsonSchema;
use serde::Deserialize;
use thiserror::Error;

use crate::{
    definition::Definition,
    names,
    switching::{self, ENABLE_TOOLSET},
};

/// A group of tools that are useful together.
///
/// ```
/// use mcp_tools::Toolset;
/// assert_eq!("assets".parse(), Ok(Toolset::Assets));
/// assert!("asets".parse::<Toolset>().unwrap_err().to_string().contains("did you mean `assets`?"));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Toolset {
    /// What the server has: models, nodes, health.
    Discovery,
    /// Checking, changing, comparing and drawing workflows.
    Workflow,
    /// Making things, and following jobs.
    Execution,
    /// Ready workflows.
    Templates,
    /// What was made.
    Assets,
    /// What models are known, how they are run, and what fits.
    Models,
}

/// The toolset that services belong to.
pub(crate) const SERVICES_TOOLSET: Toolset = Toolset::Execution;

/// How tools are listed. A list is the first thing an agent pays for.
///
/// ```
/// use mcp_tools::Profile;
/// assert_eq!("router".parse(), Ok(Profile::Router));
/// assert_eq!(Profile::default().to_string(), "core");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Profile {
    /// The tools that most sessions need, without the schemas of results. The others are switched
    /// on with `enable_toolset`, and can be called without.
    #[default]
    Core,
    /// Every tool with everything that is known of it.
    Full,
    /// Three tools through which all others are found and called.
    Router,
}

/// Which tools are offered: all of them by default, whatever is listed.
///
/// ```
/// use mcp_tools::{Selection, Toolset};
/// let selection = Selection { read_only: true, toolsets: vec![Toolset::Assets], ..Selection::default() };
/// assert!(selection.deny.is_empty());
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// How they are listed. It does not change what can be called.
    pub profile: Profile,
    /// The toolsets with which a session begins; when empty, those of the profile. A client may
    /// switch on more with `enable_toolset`, unless that is denied or the profile is the router.
    pub toolsets: Vec<Toolset>,
    /// Only tools that change nothing.
    pub read_only: bool,
    /// Only these tools; all when empty. An alias stands for its tool.
    pub allow: Vec<String>,
    /// Not these tools, whatever else is said. An alias stands for its tool.
    pub deny: Vec<String>,
}

/// A name in a selection that is no tool, toolset or profile: offering less than was meant, or more,
/// would be found out late.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("there is no {what} `{}`{}", .name.escape_debug(), suggestion(.nearest.as_deref()))]
#[non_exhaustive]
pub struct UnknownName {
    /// `tool`, `toolset` or `profile`.
    pub what: &'static str,
    /// The name as it was given.
    pub name: String,
    /// The name that is most like it.
    pub nearest: Option<String>,
}

fn suggestion(nearest: Option<&str>) -> String {
    nearest.map(|name| format!("; did you mean `{name}`?")).unwrap_or_default()
}

impl Toolset {
    /// Every toolset, in the order in which an agent meets them.
    pub const ALL: [Self; 6] = [
        Self::Discovery,
        Self::Workflow,
        Self::Execution,
        Self::Templates,
        Self::Assets,
        Self::Models,
    ];

    /// Whether a session of the profile `core` begins with it: the list has a limit.
    fn is_core(self) -> bool {
        match self {
            Self::Discovery | Self::Workflow | Self::Execution | Self::Templates | Self::Assets => {
                true
            }
            Self::Models => false,
        }
    }

    /// The name as it is given on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Discovery => "discovery",
            Self::Workflow => "workflow",
            Self::Execution => "execution",
            Self::Templates => "templates",
            Self::Assets => "assets",
            Self::Models => "models",
        }
    }
}

// As an argument: the choices stand in the schema.
#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ToolsetName {
    Discovery,
    Workflow,
    Execution,
    Templates,
    Assets,
    Models,
}

impl From<ToolsetName> for Toolset {
    fn from(name: ToolsetName) -> Self {
        match name {
            ToolsetName::Discovery => Self::Discovery,
            ToolsetName::Workflow => Self::Workflow,
            ToolsetName::Execution => Self::Execution,
            ToolsetName::Templates => Self::Templates,
            ToolsetName::Assets => Self::Assets,
            ToolsetName::Models => Self::Models,
        }
    }
}

impl fmt::Display for Toolset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Toolset {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, UnknownName> {
        let known = Self::ALL.map(Self::as_str);
        let found = Self::ALL.into_iter().find(|toolset| toolset.as_str() == text);
        found.ok_or_else(|| UnknownName::new("toolset", text, known))
    }
}

impl Profile {
    /// Every profile.
    pub const ALL: [Self; 3] = [Self::Core, Self::Full, Self::Router];

    /// The name as it is given on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Core => "core",
            Self::Full => "full",
            Self::Router => "router",
        }
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Profile {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, UnknownName> {
        let known = Self::ALL.map(Self::as_str);
        let found = Self::ALL.into_iter().find(|profile| profile.as_str() == text);
        found.ok_or_else(|| UnknownName::new("profile", text, known))
    }
}

impl UnknownName {
    fn new<'a>(what: &'static str, name: &str, known: impl IntoIterator<Item = &'a str>) -> Self {
        let nearest = near::name(name, known).map(str::to_owned);
        Self { what, name: name.to_owned(), nearest }
    }
}

impl Selection {
    /// The tools that may be offered: where a client can switch toolsets on, those of all of them.
    /// A name may also be that of a service.
    pub(crate) fn keep<'a>(
        &self,
        tools: Vec<Definition>,
        services: impl Iterator<Item = &'a str>,
    ) -> Result<Vec<Definition>, UnknownName> {
        let mut known: BTreeSet<String> =
            tools.iter().map(|definition| definition.tool.name.to_string()).collect();
        known.insert(ENABLE_TOOLSET.to_owned());
        known.extend(services.map(str::to_owned));
        let allow = resolve(&self.allow, &known)?;
        let deny = resolve(&self.deny, &known)?;
        let is_final = self.is_final();
        let is_kept = |definition: &Definition| {
            let name: &str = &definition.tool.name;
            (!is_final || definition.toolset.is_none_or(|toolset| self.begins_with(toolset)))
                && (!self.read_only || definition.is_read_only())
                && (allow.is_empty() || allow.contains(name))
                && !deny.contains(name)
        };
        let mut kept: Vec<Definition> = tools.into_iter().filter(is_kept).collect();
        let is_off = |tool: &Definition| tool.toolset.is_some_and(|set| !self.begins_with(set));
        if kept.iter().any(is_off) {
            kept.push(switching::tool(&kept));
        }
        Ok(kept)
    }

    /// Whether a service of this name may be offered. It starts a job, so it reads nothing only.
    pub(crate) fn takes_service(&self, name: &str) -> bool {
        let names = |list: &[String]| list.iter().any(|listed| listed == name);
        !self.read_only
            && (!self.is_final() || self.begins_with(SERVICES_TOOLSET))
            && (self.allow.is_empty() || names(&self.allow))
            && !names(&self.deny)
    }

    /// Whether no client can switch toolsets on.
    fn is_final(&self) -> bool {
        self.profile == Profile::Router || self.deny.iter().any(|name| name == ENABLE_TOOLSET)
    }

    /// Whether a session begins with a toolset.
    pub(crate) fn begins_with(&self, toolset: Toolset) -> bool {
        match self.profile {
            _ if self.is_limited() => self.toolsets.contains(&toolset),
            Profile::Core => toolset.is_core(),
            Profile::Full | Profile::Router => true,
        }
    }

    /// Whether whoever runs the server has chosen toolsets.
    pub(crate) fn is_limited(&self) -> bool {
        !self.toolsets.is_empty()
    }
}

fn resolve<'a>(
    given: &'a [String],
    known: &BTreeSet<String>,
) -> Result<BTreeSet<&'a str>, UnknownName> {
    let resolved = given.iter().map(|name| {
        let listed = names::listed_name(name);
        if known.contains(listed) {
            return Ok(listed);
        }
        Err(UnknownName::new("tool", name, known.iter().map(String::as_str)))
    });
    resolved.collect()
}

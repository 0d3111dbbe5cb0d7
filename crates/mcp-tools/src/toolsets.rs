//! Which tools a server offers.

use std::{collections::BTreeSet, fmt, str::FromStr};

use thiserror::Error;

use crate::{arguments::nearest, definition::Definition, names};

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
    /// Making things, and following jobs.
    Execution,
    /// Ready workflows.
    Templates,
    /// What was made.
    Assets,
}

/// Which tools are offered: all of them by default.
///
/// ```
/// use mcp_tools::{Selection, Toolset};
/// let selection = Selection { read_only: true, toolsets: vec![Toolset::Assets], ..Selection::default() };
/// assert!(selection.deny.is_empty());
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// Only these toolsets; all when empty.
    pub toolsets: Vec<Toolset>,
    /// Only tools that change nothing.
    pub read_only: bool,
    /// Only these tools; all when empty. An alias stands for its tool.
    pub allow: Vec<String>,
    /// Not these tools, whatever else is said. An alias stands for its tool.
    pub deny: Vec<String>,
}

/// A name in a selection that is no tool or toolset: offering less than was meant, or more,
/// would be found out late.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("there is no {what} `{}`{}", .name.escape_debug(), suggestion(.nearest.as_deref()))]
#[non_exhaustive]
pub struct UnknownName {
    /// `tool` or `toolset`.
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
    pub const ALL: [Self; 4] = [Self::Discovery, Self::Execution, Self::Templates, Self::Assets];

    /// The name as it is given on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Discovery => "discovery",
            Self::Execution => "execution",
            Self::Templates => "templates",
            Self::Assets => "assets",
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
        Self::ALL.into_iter().find(|toolset| toolset.as_str() == text).ok_or_else(|| {
            let known = Self::ALL.iter().map(|toolset| toolset.as_str());
            UnknownName {
                what: "toolset",
                name: text.to_owned(),
                nearest: nearest(text, known).map(str::to_owned),
            }
        })
    }
}

impl Selection {
    /// Keeps the tools that are selected.
    pub(crate) fn keep(&self, tools: Vec<Definition>) -> Result<Vec<Definition>, UnknownName> {
        let known: BTreeSet<String> =
            tools.iter().map(|definition| definition.tool.name.to_string()).collect();
        let allow = resolve(&self.allow, &known)?;
        let deny = resolve(&self.deny, &known)?;
        let is_kept = |definition: &Definition| {
            let name: &str = &definition.tool.name;
            (self.toolsets.is_empty() || self.toolsets.contains(&definition.toolset))
                && (!self.read_only || definition.is_read_only())
                && (allow.is_empty() || allow.contains(name))
                && !deny.contains(name)
        };
        Ok(tools.into_iter().filter(is_kept).collect())
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
        Err(UnknownName {
            what: "tool",
            name: name.clone(),
            nearest: nearest(name, known.iter().map(String::as_str)).map(str::to_owned),
        })
    });
    resolved.collect()
}

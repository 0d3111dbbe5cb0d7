//! The addresses of resources: `mediafactory://<kind>/<name>`.

use std::fmt;

const SCHEME: &str = "mediafactory://";

/// What stands behind the address of a job whose preview is meant.
const PREVIEW: &str = "/preview";

/// What a resource address points at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ResourceUri {
    Asset(String),
    Job(String),
    /// The picture that a running job showed last.
    JobPreview(String),
    Model(String),
    Template(String),
    /// A workflow or a drawing of one that a tool answered.
    Workflow(String),
}

impl ResourceUri {
    /// Reads an address; `None` when it is none of ours.
    pub(crate) fn parse(uri: &str) -> Option<Self> {
        let (kind, name) = uri.strip_prefix(SCHEME)?.split_once('/')?;
        let (kind, name) = match name.strip_suffix(PREVIEW) {
            Some(job) if kind == "job" => ("job preview", job),
            Some(_) | None => (kind, name),
        };
        if name.is_empty() || name.contains('/') {
            return None;
        }
        let name = name.to_owned();
        match kind {
            "job preview" => Some(Self::JobPreview(name)),
            "asset" => Some(Self::Asset(name)),
            "job" => Some(Self::Job(name)),
            "model" => Some(Self::Model(name)),
            "template" => Some(Self::Template(name)),
            "workflow" => Some(Self::Workflow(name)),
            _ => None,
        }
    }
}

impl fmt::Display for ResourceUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, name) = match self {
            Self::JobPreview(name) => return write!(f, "{SCHEME}job/{name}{PREVIEW}"),
            Self::Asset(name) => ("asset", name),
            Self::Job(name) => ("job", name),
            Self::Model(name) => ("model", name),
            Self::Template(name) => ("template", name),
            Self::Workflow(name) => ("workflow", name),
        };
        write!(f, "{SCHEME}{kind}/{name}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_as_it_was_written() {
        for uri in [
            "mediafactory://asset/a1",
            "mediafactory://job/j",
            "mediafactory://job/j/preview",
            "mediafactory://model/wan-2.2-14b",
            "mediafactory://template/t-1",
        ] {
            assert_eq!(ResourceUri::parse(uri).map(|uri| uri.to_string()).as_deref(), Some(uri));
        }
    }

    #[test]
    fn other_addresses_are_not_ours() {
        for uri in [
            "file:///etc/passwd",
            "mediafactory://asset/",
            "mediafactory://asset/a/b",
            "mediafactory://asset/a/preview",
            "mediafactory://job//preview",
            "mediafactory://node/x",
            "mediafactory:",
        ] {
            assert_eq!(ResourceUri::parse(uri), None, "{uri}");
        }
    }
}

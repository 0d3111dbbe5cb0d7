//! The parts of documents that are written from tables in the code.

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use mediafactory::config::{SETTINGS, Setting};

use crate::error::Error;

/// A part of a document between two marker lines.
struct Part {
    document: &'static str,
    begin: &'static str,
    end: &'static str,
    render: fn() -> String,
}

const PARTS: &[Part] = &[
    Part {
        document: "README.md",
        begin: "<!-- settings: written by `cargo xtask gen` -->",
        end: "<!-- end of settings -->",
        render: settings_table,
    },
    Part {
        document: "docs/tools.md",
        begin: "<!-- tools: written by `cargo xtask gen` -->",
        end: "<!-- end of tools -->",
        render: mcp_tools::reference,
    },
];

/// Brings every part up to date.
pub(crate) fn write(root: &Path) -> Result<(), Error> {
    for part in PARTS {
        let (path, now, then) = part.compare(root)?;
        if now != then {
            fs::write(&path, then).map_err(|source| Error::Write { path, source })?;
            println!("{}: written", part.document);
        }
    }
    Ok(())
}

/// Names every document with a part that is out of date.
pub(crate) fn check(root: &Path) -> Result<Vec<String>, Error> {
    let mut stale = Vec::new();
    for part in PARTS {
        let (_, now, then) = part.compare(root)?;
        if now != then {
            stale.push(format!("{}: out of date; run `cargo xtask gen`", part.document));
        }
    }
    Ok(stale)
}

impl Part {
    /// The document, as it is and as it should be.
    fn compare(&self, root: &Path) -> Result<(PathBuf, String, String), Error> {
        let path = root.join(self.document);
        let now = fs::read_to_string(&path)
            .map_err(|source| Error::Read { path: path.clone(), source })?;
        let missing = |marker| Error::Marker { path: path.clone(), marker };
        let (before, rest) = now.split_once(self.begin).ok_or_else(|| missing(self.begin))?;
        let (_, after) = rest.split_once(self.end).ok_or_else(|| missing(self.end))?;
        let then = format!("{before}{}\n\n{}\n{}{after}", self.begin, (self.render)(), self.end);
        Ok((path, now, then))
    }
}

fn settings_table() -> String {
    let mut table = String::from(
        "| setting | environment | takes | default | what it is for |\n|---|---|---|---|---|\n",
    );
    for setting in SETTINGS {
        let names: Vec<_> = setting.environment().iter().map(|name| format!("`{name}`")).collect();
        let default = match setting.default_text() {
            "" => "none".to_owned(),
            text => format!("`{text}`"),
        };
        let (key, takes, what) = (setting.key(), setting.expected(), meaning(setting));
        // Writing to a `String` cannot fail.
        let _ok =
            writeln!(table, "| `{key}` | {} | {takes} | {default} | {what} |", names.join(", "));
    }
    table
}

fn meaning(setting: &Setting) -> String {
    let secret = if setting.is_secret() { " Never shown." } else { "" };
    format!("{}{secret}", setting.description())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PART: Part = Part {
        document: "README.md",
        begin: "<begin>",
        end: "<end>",
        render: || "new\n".to_owned(),
    };

    fn root_with(text: &str) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("README.md"), text).unwrap();
        root
    }

    #[test]
    fn only_what_stands_between_the_markers_is_replaced() {
        let root = root_with("before\n<begin>\nold\n<end>\nafter\n");
        let (_, _, then) = PART.compare(root.path()).unwrap();
        assert_eq!(then, "before\n<begin>\n\nnew\n\n<end>\nafter\n");
        fs::write(root.path().join("README.md"), &then).unwrap();
        let (_, now, then) = PART.compare(root.path()).unwrap();
        assert_eq!(now, then, "writing twice changes nothing");
    }

    #[test]
    fn a_document_without_its_marker_is_an_error_that_names_it() {
        let error = PART.compare(root_with("<begin>\n").path()).unwrap_err();
        assert!(
            error.to_string().ends_with("needs one line `<end>`, in the right order"),
            "{error}"
        );
    }

    #[test]
    fn every_setting_has_its_row_of_five_cells() {
        let table = settings_table();
        assert_eq!(table.lines().count(), SETTINGS.len() + 2);
        for row in table.lines() {
            assert_eq!(row.matches('|').count(), 6, "{row}");
        }
    }
}

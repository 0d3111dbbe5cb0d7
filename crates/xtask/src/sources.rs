//! Rules that no lint knows: how long a file may be, how a lint is silenced, who has the lints.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::{error::Error, metadata::Member};

/// Longer files are split by noun.
const LINES_MAX: usize = 500;

/// Files that are longer for a reason that is said here.
const LONG_FILES: &[(&str, &str)] = &[];

/// Members with lints of their own, and why.
const OWN_LINTS: &[(&str, &str)] = &[("xtask", "a task that runs in a terminal prints")];

/// What was found.
pub(crate) struct Findings {
    pub(crate) files: usize,
    pub(crate) violations: Vec<String>,
}

/// Reads every source file of the workspace.
pub(crate) fn check(root: &Path, members: &[Member]) -> Result<Findings, Error> {
    let mut findings = Findings { files: 0, violations: Vec::new() };
    for member in members {
        let manifest = read(&member.folder.join("Cargo.toml"))?;
        let manifest: Vec<&str> = manifest.lines().collect();
        let has_lints = manifest.windows(2).any(|pair| pair == ["[lints]", "workspace = true"]);
        if !has_lints && !OWN_LINTS.iter().any(|(name, _)| *name == member.name) {
            let name = &member.name;
            findings
                .violations
                .push(format!("{name}: its manifest takes no lints from the workspace"));
        }
        if member.folder.file_name().is_none_or(|folder| *folder != *member.name) {
            let (name, folder) = (&member.name, member.folder.display());
            findings.violations.push(format!("{name}: its folder has another name: {folder}"));
        }
        for file in rust_files(&member.folder)? {
            findings.files += 1;
            let shown = file.strip_prefix(root).unwrap_or(&file).display().to_string();
            findings.violations.extend(check_file(&shown, &read(&file)?));
        }
    }
    for (name, _) in LONG_FILES {
        if !root.join(name).is_file() {
            findings
                .violations
                .push(format!("{name}: it is listed as a long file and is not there"));
        }
    }
    Ok(findings)
}

fn check_file(name: &str, text: &str) -> Vec<String> {
    let mut violations = Vec::new();
    let lines = text.lines().count();
    if lines > LINES_MAX && !LONG_FILES.iter().any(|(listed, _)| *listed == name) {
        violations.push(format!("{name}: {lines} lines; split it by noun below {LINES_MAX}"));
    }
    for (index, line) in text.lines().enumerate() {
        let attribute = line.trim_start();
        if attribute.starts_with("#[allow(") || attribute.starts_with("#![allow(") {
            violations.push(format!(
                "{name}:{}: `allow` stays when it is no longer needed; write `expect` with a reason",
                index + 1
            ));
        }
    }
    violations
}

/// Every Rust file beneath a folder, in the order of names; a crate inside is another member's.
fn rust_files(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let unreadable = |source| Error::Read { path: folder.to_owned(), source };
    let mut entries = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        entries.push(entry.map_err(unreadable)?.path());
    }
    entries.sort();
    let mut files = Vec::new();
    for path in entries {
        if path.is_dir() {
            if path.file_name().is_none_or(|name| name != "target") {
                files.extend(rust_files(&path)?);
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    Ok(files)
}

fn read(path: &Path) -> Result<String, Error> {
    fs::read_to_string(path).map_err(|source| Error::Read { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(name: &str, folder: PathBuf) -> Member {
        Member { name: name.to_owned(), folder, dependencies: Vec::new() }
    }

    #[test]
    fn what_no_lint_knows_is_found() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("crates/one");
        fs::create_dir_all(folder.join("src/deep")).unwrap();
        fs::write(folder.join("Cargo.toml"), "[package]\nname = \"two\"\n").unwrap();
        fs::write(folder.join("src/deep/long.rs"), "//\n".repeat(LINES_MAX + 1)).unwrap();
        fs::write(folder.join("src/lib.rs"), "\n    #[allow(unused)]\nfn f() {}\n").unwrap();
        let found = check(root.path(), &[member("two", folder.clone())]).unwrap();
        assert_eq!(found.files, 2);
        assert_eq!(
            found.violations,
            [
                "two: its manifest takes no lints from the workspace".to_owned(),
                format!("two: its folder has another name: {}", folder.display()),
                "crates/one/src/deep/long.rs: 501 lines; split it by noun below 500".to_owned(),
                "crates/one/src/lib.rs:2: `allow` stays when it is no longer needed; write `expect` \
                 with a reason"
                    .to_owned(),
            ]
        );
    }
}

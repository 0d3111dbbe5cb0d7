//! The programs under test, built as they are shipped.

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

/// Where one program lies.
pub(crate) fn program(name: &str) -> PathBuf {
    let path = folder().join(name).with_extension(std::env::consts::EXE_EXTENSION);
    assert!(path.is_file(), "{} was not built", path.display());
    path
}

/// The folder of the programs, which are built first: Cargo builds programs of other packages
/// for no test, and one that an earlier build left would be tested in place of today's. With
/// nothing to do it takes a moment.
fn folder() -> &'static Path {
    static FOLDER: OnceLock<Option<PathBuf>> = OnceLock::new();
    // Kept when it fails, too: the next test would only wait for the same failure.
    let folder = FOLDER.get_or_init(|| {
        let this = std::env::current_exe().unwrap();
        // <target>/<profile>/deps/e2e-<hash>
        let folder = this.ancestors().nth(2).unwrap();
        let profile = folder.file_name().unwrap().to_str().unwrap();
        is_built(folder.parent().unwrap(), profile).then(|| folder.to_owned())
    });
    folder.as_deref().expect("the programs do not build")
}

fn is_built(target: &Path, profile_folder: &str) -> bool {
    let profile = if profile_folder == "debug" { "dev" } else { profile_folder };
    let built = Command::new(env!("CARGO"))
        .args(["build", "--locked", "--quiet", "--profile", profile])
        .args(["-p", "mediafactory-stdio", "-p", "mediafactory-http", "-p", "mediafactory-cli"])
        .arg("--target-dir")
        .arg(target)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status();
    built.unwrap().success()
}

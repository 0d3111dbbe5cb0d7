//! What every program does first: find its configuration file and read it.

use std::{
    ffi::OsString,
    fs::File,
    io::{ErrorKind, Read as _},
    path::{Path, PathBuf},
};

use super::{Directories, Error, Problem, Resolved, Sources, resolve};
use crate::services;

/// Far more than every setting with comments takes, and little enough to be read whole.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// Variables of ours that set no setting: the first names the configuration file, the second tells
/// tests where recordings of a real server lie.
pub(super) const VARIABLES_BESIDE_SETTINGS: [&str; 2] =
    ["MEDIAFACTORY_CONFIG", "MEDIAFACTORY_GROUND_TRUTH"];

/// Whether a variable's name says that it is meant for us, so that a misspelling is noticed.
pub fn is_name_of_ours(name: &str) -> bool {
    ["MEDIAFACTORY_", "COMFYUI_MCP_", "COMFY_MCP_"].iter().any(|prefix| name.starts_with(prefix))
}

/// Makes the configuration of a program from its environment and the settings of its command line.
///
/// `flags` are pairs of a setting's key and its value; the key `config` names the configuration
/// file. Without it `MEDIAFACTORY_CONFIG` does, and without that `mediafactory/config.toml` in the
/// user's configuration folder is read when it is there. Where `services_file` is set, that file is
/// read too: the server and the limits that it names hold where nothing else names them.
///
/// ```
/// use mediafactory::config::load;
/// let environment = [("HOME".into(), "/nonexistent".into())];
/// let resolved = load(environment, vec![("max_concurrent_jobs".into(), "1".into())])?;
/// assert_eq!(resolved.config.max_concurrent_jobs, 1);
/// # Ok::<(), mediafactory::config::Error>(())
/// ```
///
/// # Errors
/// Everything that is wrong, at once; a file that was named and is not there is wrong too.
pub fn load(
    environment: impl IntoIterator<Item = (OsString, OsString)>,
    mut flags: Vec<(String, String)>,
) -> Result<Resolved, Error> {
    let mut problems = Vec::new();
    let environment = unicode(environment, &mut problems);
    let path_in = |name: &str| {
        let found = environment.iter().find(|(candidate, _)| candidate == name);
        found.map(|(_, value)| PathBuf::from(value)).filter(|path| !path.as_os_str().is_empty())
    };
    let directories = Directories {
        home: path_in("HOME").or_else(|| path_in("USERPROFILE")),
        data_home: path_in("XDG_DATA_HOME"),
        config_home: path_in("XDG_CONFIG_HOME"),
        working: std::env::current_dir().ok(),
    };
    let flagged = flags.extract_if(.., |(key, _)| key == "config").last();
    let flagged = flagged.map(|(_, path)| PathBuf::from(path));
    let file = match (flagged.or_else(|| path_in("MEDIAFACTORY_CONFIG")), directories.config_file())
    {
        (Some(named), _) => {
            // Relative paths in the file start from its folder, so that has to be a whole one.
            let base = directories.working.clone().unwrap_or_default();
            read(&base.join(named)).map(Some)
        }
        (None, Some(usual)) => match read(&usual) {
            Err(Problem::Unreadable { source, .. }) if source.kind() == ErrorKind::NotFound => {
                Ok(None)
            }
            read => read.map(Some),
        },
        (None, None) => Ok(None),
    };
    let file = file.unwrap_or_else(|problem| {
        problems.push(problem);
        None
    });
    // What the rest has to say is said as well, so that one more start is enough.
    let sources = Sources { file, services_file: None, environment, flags, directories };
    let resolved = resolve_with_services_file(sources);
    if problems.is_empty() {
        return resolved;
    }
    if let Err(error) = resolved {
        problems.extend(error.into_problems());
    }
    Err(Error::new(problems))
}

/// Only the other sources say where the `config.json` of services is, which then adds to them.
fn resolve_with_services_file(sources: Sources) -> Result<Resolved, Error> {
    let resolved = resolve(sources.clone())?;
    let Some(path) = resolved.config.services_file.clone() else { return Ok(resolved) };
    match services::read_text(&path) {
        Ok(text) => resolve(Sources { services_file: Some((path, text)), ..sources }),
        Err(problem) => Err(Error::new(vec![Problem::ServicesFile { path, problem }])),
    }
}

/// Foreign variables that are not Unicode are nobody's business here; ours are wrong.
fn unicode(
    environment: impl IntoIterator<Item = (OsString, OsString)>,
    problems: &mut Vec<Problem>,
) -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    for (name, value) in environment {
        let Ok(name) = name.into_string() else { continue };
        match value.into_string() {
            Ok(value) => pairs.push((name, value)),
            Err(_) if is_name_of_ours(&name) || name.starts_with("COMFYUI_") => {
                problems.push(Problem::NotUnicode { name });
            }
            Err(_) => {}
        }
    }
    pairs
}

fn read(path: &Path) -> Result<(PathBuf, String), Problem> {
    let unreadable = |source| Problem::Unreadable { path: path.to_owned(), source };
    let mut text = String::new();
    let file = File::open(path).map_err(unreadable)?;
    file.take(FILE_BYTES_MAX + 1).read_to_string(&mut text).map_err(unreadable)?;
    if u64::try_from(text.len()).is_ok_and(|bytes| bytes > FILE_BYTES_MAX) {
        return Err(Problem::TooLarge { path: path.to_owned(), bytes_max: FILE_BYTES_MAX });
    }
    Ok((path.to_owned(), text))
}

//! Laying file, environment and flags over the defaults.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use comfy_client::{Auth, Secret, ServerUrl};

use super::{
    Backend, Config, Error, Problem, SETTINGS, Setting, Source, file,
    load::is_name_of_ours,
    servers, services_file,
    settings::{Draft, Kind, simulate, unsure},
    source::{Given, Raw},
};

/// Everything a configuration is made from. The defaults of this type mean "nothing given".
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// The path and the text of the configuration file.
    pub file: Option<(PathBuf, String)>,
    /// The path and the text of the `config.json` that `services_file` names.
    pub services_file: Option<(PathBuf, Vec<u8>)>,
    /// The environment; variables that are not ours are passed over.
    pub environment: Vec<(String, String)>,
    /// What the command line sets: the key of a setting, and its value.
    pub flags: Vec<(String, String)>,
    /// Where defaults and `~` lead.
    pub directories: Directories,
}

/// The folders that defaults are made from.
///
/// ```
/// use mediafactory::config::Directories;
/// let of_ann = Directories { home: Some("/home/ann".into()), ..Directories::default() };
/// assert_eq!(of_ann.data(), Some("/home/ann/.local/share/mediafactory".into()));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Directories {
    /// The home folder.
    pub home: Option<PathBuf>,
    /// `XDG_DATA_HOME`; counts when it is absolute.
    pub data_home: Option<PathBuf>,
    /// `XDG_CONFIG_HOME`; counts when it is absolute.
    pub config_home: Option<PathBuf>,
    /// The folder that relative paths of environment and flags start from.
    pub working: Option<PathBuf>,
}

impl Directories {
    /// The default folder for data.
    pub fn data(&self) -> Option<PathBuf> {
        self.of_ours(self.data_home.as_deref(), ".local/share")
    }

    /// The configuration file that is read when none is named and this one is there.
    pub fn config_file(&self) -> Option<PathBuf> {
        Some(self.of_ours(self.config_home.as_deref(), ".config")?.join("config.toml"))
    }

    fn of_ours(&self, named: Option<&Path>, under_home: &str) -> Option<PathBuf> {
        let base = match named.filter(|path| path.is_absolute()) {
            Some(path) => path.to_owned(),
            None => self.home.as_ref()?.join(under_home),
        };
        Some(base.join("mediafactory"))
    }
}

/// A configuration with the source of everything in it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Resolved {
    /// What is in force.
    pub config: Config,
    /// Every setting in the order of [`SETTINGS`].
    pub settings: Vec<ResolvedSetting>,
    /// What is legal, but probably not meant.
    pub warnings: Vec<Warning>,
    /// The configuration file that was read.
    pub file: Option<PathBuf>,
    /// The configuration file that is read when none is named and it is there.
    pub usual_file: Option<PathBuf>,
}

impl Resolved {
    /// Whether anybody set it, be it to its default.
    ///
    /// ```
    /// use mediafactory::config::{Directories, Sources, resolve};
    /// let directories = Directories { home: Some("/home/ann".into()), ..Directories::default() };
    /// let flags = vec![("log".into(), "info".into())];
    /// let resolved = resolve(Sources { directories, flags, ..Sources::default() })?;
    /// assert!(resolved.is_set("log") && !resolved.is_set("simulate"));
    /// # Ok::<(), mediafactory::config::Error>(())
    /// ```
    pub fn is_set(&self, key: &str) -> bool {
        self.settings.iter().any(|setting| setting.key == key && setting.source != Source::Default)
    }
}

/// One setting as it is in force.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ResolvedSetting {
    /// Its key in the file.
    pub key: &'static str,
    /// Its value as it may be shown; secrets as `(set)`. `None` when it has none.
    pub value: Option<String>,
    /// Where the value comes from.
    pub source: Source,
}

/// Something legal that is probably not meant.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Warning {
    /// Two variables of one setting are set, to different values.
    Overruled {
        /// The variable that counts.
        by: String,
        /// The variable that does not.
        name: String,
    },
    /// A token for a server that is not named.
    TokenWithoutServer {
        /// Where the token comes from.
        token: Source,
    },
    /// Something in the `config.json` of services that has no effect.
    ServicesFile {
        /// Where it stands.
        place: Source,
        /// Why it has none.
        why: String,
    },
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Overruled { by, name } => {
                write!(f, "{by} and {name} are set to different values; {by} counts")
            }
            Self::ServicesFile { place, why } => write!(f, "{place} is not used: {why}"),
            Self::TokenWithoutServer { token } => {
                write!(f, "`comfyui.token` ({token}) is not used, because `comfyui.url` is not set")
            }
        }
    }
}

/// Lays the sources over the defaults: file, then environment, then flags.
///
/// # Errors
/// Everything that is wrong, at once.
pub fn resolve(sources: Sources) -> Result<Resolved, Error> {
    let mut problems = Vec::new();
    let mut warnings = Vec::new();
    let mut given = Vec::new();
    if let Some((path, text)) = &sources.file {
        let (of_file, wrong) = file::read(path, text);
        given.extend(of_file);
        problems.extend(wrong);
    }
    given.extend(from_environment(&sources.environment, &mut problems, &mut warnings));
    given.extend(from_flags(&sources.flags, &mut problems));

    let Directories { home, working, .. } = &sources.directories;
    let home = home.as_deref();
    let data_dir = sources.directories.data();
    let mut draft =
        Draft { config: Config::new(data_dir.clone().unwrap_or_default()), url: None, token: None };
    let mut in_force: Vec<(&'static str, Source)> = Vec::new();
    for Given { key, source, raw } in given {
        let Some(setting) = setting(key) else { continue };
        let base = match &source {
            Source::File { path, .. } => path.parent(),
            Source::Default
            | Source::ServicesFile { .. }
            | Source::Environment { .. }
            | Source::Flag { .. } => working.as_deref(),
        };
        let value = Value { setting, source: &source, raw: &raw, home, base };
        if let Err(problem) = value.put_into(&mut draft) {
            problems.push(problem);
        }
        in_force.retain(|(earlier, _)| *earlier != key);
        in_force.push((key, source));
    }
    if let Some((path, text)) = &sources.services_file {
        let read = services_file::read(path, text);
        warnings.extend(read.warnings);
        problems.extend(read.problems);
        for said in read.said {
            let laid = lay_beneath(said, &mut draft, &mut in_force);
            laid.map_or_else(|problem| problems.push(problem), |told| warnings.extend(told));
        }
    }
    let source_of = |key: &str| {
        let found = in_force.iter().find(|(candidate, _)| *candidate == key);
        found.map_or(Source::Default, |(_, source)| source.clone())
    };
    if data_dir.is_none() && source_of("data_dir") == Source::Default {
        problems.push(Problem::NoDefaultFolder { key: "data_dir" });
    }
    let config = finished(draft, &source_of, &mut problems, &mut warnings);
    if let Some(error) = Error::of(problems) {
        return Err(error);
    }
    let settings = SETTINGS
        .iter()
        .map(|setting| ResolvedSetting {
            key: setting.key(),
            value: (setting.show)(&config),
            source: source_of(setting.key()),
        })
        .collect();
    let file = sources.file.map(|(path, _)| path);
    let usual_file = sources.directories.config_file();
    Ok(Resolved { config, settings, warnings, file, usual_file })
}

/// Takes what a `config.json` of services says where nobody else says anything.
fn lay_beneath(
    said: services_file::Said,
    draft: &mut Draft,
    in_force: &mut Vec<(&'static str, Source)>,
) -> Result<Option<Warning>, Problem> {
    let services_file::Said { key, source, value } = said;
    // A list of servers names all there are.
    let is_ruled_by = |ruling: &str| ruling == key || (key, ruling) == ("comfyui.url", "servers");
    if let Some((ruling, by)) = in_force.iter().find(|(ruling, _)| is_ruled_by(ruling)) {
        return Ok(Some(Warning::ServicesFile {
            place: source,
            why: format!("`{ruling}` ({by}) counts"),
        }));
    }
    value.put_into(draft);
    if let (services_file::Value::Address(address), Some(setting)) = (value, setting(key)) {
        let raw = Raw::Words(address);
        let value = Value { setting, source: &source, raw: &raw, home: None, base: None };
        value.put_into(draft)?;
    }
    in_force.push((key, source));
    Ok(None)
}

/// Puts together what several settings decide: who we are to the server, and folders under folders.
fn finished(
    draft: Draft,
    source_of: &dyn Fn(&str) -> Source,
    problems: &mut Vec<Problem>,
    warnings: &mut Vec<Warning>,
) -> Config {
    let Draft { mut config, url, token } = draft;
    match (url, token) {
        (Some((_, Some(_))), Some(_)) => problems.push(Problem::TwoCredentials {
            token: source_of("comfyui.token"),
            url: source_of("comfyui.url"),
        }),
        (Some((url, in_url)), token) => {
            config.comfyui = Some(Backend { url, auth: in_url.or(token.map(Auth::Bearer)) });
        }
        (None, Some(_)) if source_of("comfyui.url") == Source::Default => {
            warnings.push(Warning::TokenWithoutServer { token: source_of("comfyui.token") });
        }
        (None, _) => {}
    }
    if let Some(twin) = config.twin_server() {
        problems.push(Problem::TwinServers { place: source_of("servers"), name: twin.to_owned() });
    }
    if source_of("output_dir") == Source::Default {
        config.output_dir = config.data_dir.join("output");
    }
    if source_of("model_cache_dir") == Source::Default {
        config.model_cache_dir = config.data_dir.join("models");
    }
    config
}

fn from_environment(
    environment: &[(String, String)],
    problems: &mut Vec<Problem>,
    warnings: &mut Vec<Warning>,
) -> Vec<Given> {
    let value_of = |name: &str| {
        environment.iter().find(|(candidate, _)| candidate == name).map(|(_, value)| value)
    };
    for (name, _) in environment.iter().filter(|(name, _)| is_name_of_ours(name)) {
        if !known_variables().any(|known| known == name) {
            let nearest = nearest(name, known_variables());
            problems.push(Problem::UnknownVariable { name: name.clone(), nearest });
        }
    }
    let mut given = Vec::new();
    for setting in SETTINGS {
        let mut set = setting
            .environment()
            .iter()
            .filter_map(|name| value_of(name).map(|value| (*name, value)));
        let Some((first, value)) = set.next() else { continue };
        for (name, _) in set.filter(|(_, other)| *other != value) {
            warnings.push(Warning::Overruled { by: first.to_owned(), name: name.to_owned() });
        }
        given.push(Given {
            key: setting.key(),
            source: Source::Environment { name: first.to_owned() },
            raw: Raw::Words(value.clone()),
        });
    }
    given
}

fn from_flags(flags: &[(String, String)], problems: &mut Vec<Problem>) -> Vec<Given> {
    let mut given = Vec::new();
    for (key, value) in flags {
        match setting(key) {
            Some(setting) => given.push(Given {
                key: setting.key(),
                source: Source::Flag { name: setting.flag() },
                raw: Raw::Words(value.clone()),
            }),
            None => problems.push(Problem::UnknownKey {
                place: Source::Flag { name: "the command line".to_owned() },
                key: key.clone(),
                nearest: nearest(key, SETTINGS.iter().map(Setting::key)),
            }),
        }
    }
    given
}

/// One given value and all that is needed to read it.
struct Value<'a> {
    setting: &'static Setting,
    source: &'a Source,
    raw: &'a Raw,
    home: Option<&'a Path>,
    base: Option<&'a Path>,
}

impl Value<'_> {
    fn put_into(&self, draft: &mut Draft) -> Result<(), Problem> {
        if self.raw.text().is_some_and(|text| text.trim().is_empty()) {
            return Err(Problem::Empty {
                place: self.source.clone(),
                key: self.setting.key(),
                expected: self.setting.expected(),
            });
        }
        match &self.setting.kind {
            Kind::Url => draft.url = Some(self.url()?),
            Kind::Secret { set } => set(draft, self.secret()?),
            Kind::Folder { set } => set(&mut draft.config, self.path(self.text()?)?),
            Kind::File { set } => set(&mut draft.config, self.path(self.text()?)?),
            Kind::Folders { set } => {
                let folders = self.list()?;
                let folders = folders.iter().map(|folder| self.path(folder));
                set(&mut draft.config, folders.collect::<Result<_, _>>()?);
            }
            Kind::Whole { minimum, maximum, set, .. } => {
                let number = match self.raw {
                    Raw::Words(words) => words.trim().parse().ok(),
                    Raw::Whole(number) => u64::try_from(*number).ok(),
                    Raw::Text(_) | Raw::List(_) | Raw::Tables(_) | Raw::Other(_) => None,
                };
                let number = number.filter(|number| (minimum..=maximum).contains(&number));
                set(&mut draft.config, number.ok_or_else(|| self.wrong())?);
            }
            Kind::Socket { set } => {
                let address = self.text()?.trim().parse().map_err(|_| self.wrong())?;
                set(&mut draft.config, address);
            }
            Kind::List { set, .. } => set(&mut draft.config, self.list()?),
            Kind::Text { set, .. } => set(&mut draft.config, self.text()?.to_owned()),
            Kind::Servers => {
                let read = servers::read(self.raw).map_err(|found| self.wrong_because(&found));
                draft.config.servers = read?;
            }
            Kind::Unsure => {
                draft.config.unsure = unsure(self.text()?).ok_or_else(|| self.wrong())?;
            }
            Kind::Simulate => {
                draft.config.simulate = simulate(self.text()?).ok_or_else(|| self.wrong())?;
            }
        }
        Ok(())
    }

    fn text(&self) -> Result<&str, Problem> {
        self.raw.text().ok_or_else(|| self.wrong())
    }

    fn url(&self) -> Result<(ServerUrl, Option<Auth>), Problem> {
        ServerUrl::parse_with_auth(self.text()?.trim()).map_err(|error| Problem::Address {
            place: self.source.clone(),
            key: self.setting.key(),
            message: error.problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "),
        })
    }

    /// A secret becomes part of a header, where other bytes than these cannot stand.
    fn secret(&self) -> Result<Secret, Problem> {
        let text = self.raw.text().ok_or_else(|| self.wrong_because("something else than text"))?;
        if text.bytes().all(|byte| byte.is_ascii_graphic()) {
            Ok(Secret::from(text))
        } else {
            Err(self.wrong_because("a value with other characters in it"))
        }
    }

    fn path(&self, text: &str) -> Result<PathBuf, Problem> {
        let path = match text.strip_prefix('~') {
            Some(rest) if rest.is_empty() || rest.starts_with('/') => {
                let home = self.home.ok_or_else(|| Problem::NoHome {
                    place: self.source.clone(),
                    key: self.setting.key(),
                })?;
                home.join(rest.trim_start_matches('/'))
            }
            Some(_) => return Err(self.wrong()),
            None => PathBuf::from(text),
        };
        Ok(self.base.map(|base| base.join(&path)).unwrap_or(path))
    }

    fn list(&self) -> Result<Vec<String>, Problem> {
        let items: Vec<String> = match self.raw {
            Raw::Words(words) => words.split(',').map(|item| item.trim().to_owned()).collect(),
            Raw::List(items) => items.clone(),
            Raw::Text(_) | Raw::Whole(_) | Raw::Tables(_) | Raw::Other(_) => {
                return Err(self.wrong());
            }
        };
        if items.iter().any(|item| item.trim().is_empty()) {
            return Err(self.wrong_because("a list with an empty member"));
        }
        Ok(items)
    }

    fn wrong(&self) -> Problem {
        self.wrong_because(&self.raw.to_string())
    }

    fn wrong_because(&self, found: &str) -> Problem {
        Problem::Wrong {
            place: self.source.clone(),
            key: self.setting.key(),
            expected: self.setting.expected(),
            found: found.to_owned(),
        }
    }
}

fn setting(key: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.key() == key)
}

fn known_variables() -> impl Iterator<Item = &'static str> {
    SETTINGS
        .iter()
        .flat_map(Setting::environment)
        .copied()
        .chain(super::load::VARIABLES_BESIDE_SETTINGS.iter().copied())
}

/// How like two names must be, from 0 to 1, for one to be offered instead of the other.
const LIKENESS_MIN: f64 = 0.6;

/// The candidate that `name` was probably meant to be.
pub(super) fn nearest<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> Option<String> {
    // What all names begin with says nothing about which of them was meant.
    let own = |name: &str| name.strip_prefix("MEDIAFACTORY_").unwrap_or(name).to_lowercase();
    candidates
        .map(|candidate| {
            (strsim::normalized_damerau_levenshtein(&own(name), &own(candidate)), candidate)
        })
        .filter(|(likeness, _)| *likeness >= LIKENESS_MIN)
        .min_by(|(a, _), (b, _)| b.total_cmp(a))
        .map(|(_, candidate)| candidate.to_owned())
}

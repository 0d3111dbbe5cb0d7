//! The workflows with placeholders in a folder.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::SystemTime,
};

use workflow_graph::placeholders::{Parameter, Placeholders};

use super::{
    Service, ServiceKind, ServiceOrigin, ServiceParameter, ServiceProblem, ServiceSet, check_name,
    configured::SERVICES_MAX, read,
};

/// Inputs of samplers whose value should differ from run to run.
const SEED_INPUTS: [&str; 2] = ["seed", "noise_seed"];

/// What tells without reading that a folder is as it was.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Sight {
    files: BTreeMap<PathBuf, (Option<SystemTime>, u64)>,
    problem: Option<String>,
}

/// Looks which files of JSON are in a folder, without those whose names begin with a dot.
pub(super) fn look(folder: &Path) -> Sight {
    match files(folder) {
        Ok(files) => Sight { files, problem: None },
        Err(error) => {
            let problem = format!("cannot be read: {error}");
            Sight { files: BTreeMap::new(), problem: Some(problem) }
        }
    }
}

fn files(folder: &Path) -> std::io::Result<BTreeMap<PathBuf, (Option<SystemTime>, u64)>> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let is_hidden =
            path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        let is_json =
            path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json"));
        if is_json && !is_hidden {
            let facts = fs::metadata(&path).ok();
            let written = facts.as_ref().and_then(|facts| facts.modified().ok());
            files.insert(path, (written, facts.map_or(0, |facts| facts.len())));
        }
    }
    Ok(files)
}

impl Sight {
    /// Why the folder itself could not be looked into.
    pub(super) fn problem(&self) -> Option<&str> {
        self.problem.as_deref()
    }
}

/// Reads what was seen in a folder. Names that are taken already stay with whoever has them.
pub(super) fn services(folder: &Path, sight: &Sight, taken: &ServiceSet) -> ServiceSet {
    let mut set = ServiceSet::default();
    let mut tell = |file: &Path, service: Option<&str>, problem| {
        let (file, service) = (file.to_owned(), service.map(str::to_owned));
        set.problems.push(ServiceProblem { file, service, problem, stops_start: false });
    };
    if let Some(problem) = &sight.problem {
        tell(folder, None, problem.clone());
    }
    // Why it cannot be is what was seen of it.
    let Ok(root) = read::Root::new(folder) else { return set };
    let mut services = Vec::new();
    for path in sight.files.keys().take(SERVICES_MAX) {
        let found = service(&root, path).and_then(|service| match taken.get(&service.name) {
            Ok(_) => Err(format!("`{}` is the name of a configured service", service.name)),
            Err(_) => Ok(service),
        });
        match found {
            Ok(service) => services.push(Arc::new(service)),
            Err(problem) => tell(path, path.file_stem().and_then(|stem| stem.to_str()), problem),
        }
    }
    let more = sight.files.len().saturating_sub(SERVICES_MAX);
    if more > 0 {
        tell(folder, None, format!("{more} files beyond {SERVICES_MAX} are not read"));
    }
    set.services = services;
    set
}

fn service(root: &read::Root, path: &Path) -> Result<Service, String> {
    let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    check_name(stem).map_err(|problem| format!("{problem}; rename the file"))?;
    let workflow_file = root.file(path)?;
    let template =
        Placeholders::find(&read::workflow(&workflow_file)?).map_err(|error| error.to_string())?;
    if template.parameters().len() == 0 {
        return Err("has no placeholders, such as {{PROMPT}} or PARAM_INT_STEPS".to_owned());
    }
    Ok(Service {
        name: stem.to_owned(),
        description: format!("Run the workflow {stem}.json of this server's services."),
        origin: ServiceOrigin::Dropped,
        workflow_file,
        parameters: template.parameters().map(parameter).collect(),
        template,
    })
}

fn parameter(parameter: &Parameter) -> ServiceParameter {
    let kind = ServiceKind::of(parameter.kind);
    let sets_seed = parameter.places.iter().all(|(_, input)| SEED_INPUTS.contains(&input.as_str()));
    let is_seed = sets_seed && matches!(kind, ServiceKind::Integer | ServiceKind::Any);
    ServiceParameter {
        // Placeholders are written in capitals, so nothing is lost.
        name: parameter.name.to_ascii_lowercase(),
        description: None,
        kind: if is_seed { ServiceKind::Seed } else { kind },
        required: parameter.required && parameter.default.is_none() && !is_seed,
        default: parameter.default.clone(),
        placeholder: parameter.name.clone(),
    }
}

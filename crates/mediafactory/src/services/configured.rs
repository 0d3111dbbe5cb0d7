//! The services that a `config.json` lists.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use workflow_graph::{
    Json,
    json::Object,
    placeholders::{Mapping, Placeholders},
};

use super::{
    Service, ServiceKind, ServiceOrigin, ServiceParameter, ServiceProblem, ServiceSet, check_name,
    read,
};
use crate::{
    error::{Error, FailureCode},
    nearest,
};

/// More than an agent can choose from.
pub(super) const SERVICES_MAX: usize = 200;

/// What an agent reads of one service before it calls any.
const DESCRIPTION_BYTES_MAX: usize = 4_000;

const SERVICE_MEMBERS: [&str; 4] = ["name", "description", "comfyui_workflow_api", "parameters"];

const PARAMETER_MEMBERS: [&str; 7] = [
    "name",
    "description",
    "comfyui_node_id",
    "comfyui_widget_name",
    "type",
    "required",
    "default",
];

/// Reads the list and holds every service against its workflow. What is wrong is among the problems,
/// all of it.
pub(super) fn services(file: &Path) -> ServiceSet {
    let mut reader = Reader::new(file);
    if let Err(problem) = reader.read() {
        reader.refuse(None, problem);
    }
    reader.set
}

/// Why a list with these problems stops the start.
pub(super) fn refusal(file: &Path, problems: &[ServiceProblem]) -> Option<Error> {
    let mut fatal = problems.iter().filter(|problem| problem.stops_start).peekable();
    fatal.peek()?;
    let told: Vec<&str> = fatal.map(|problem| problem.problem.as_str()).collect();
    let message = format!("{}: {}", file.display(), told.join("; "));
    Some(
        Error::new(FailureCode::ValidationError, message)
            .with_hint("correct the file that `services_file` names, or leave the setting out"),
    )
}

struct Reader<'a> {
    file: &'a Path,
    /// The place of every name.
    names: BTreeMap<String, usize>,
    set: ServiceSet,
}

impl<'a> Reader<'a> {
    fn new(file: &'a Path) -> Self {
        Self { file, names: BTreeMap::new(), set: ServiceSet::default() }
    }

    fn read(&mut self) -> Result<(), String> {
        let root = read::Root::new(self.file.parent().unwrap_or(Path::new(".")))?;
        let json = Json::parse(&read::text(self.file)?).map_err(|error| error.to_string())?;
        if json.as_object().is_none() {
            return Err(format!("must be an object with `services`, but is {}", json.kind()));
        }
        let listed = match json.get("services") {
            None | Some(Json::Null) => &[],
            Some(listed) => listed
                .as_array()
                .ok_or_else(|| format!("`services` must be a list, but is {}", listed.kind()))?,
        };
        if listed.len() > SERVICES_MAX {
            let many = listed.len();
            return Err(format!("`services` has {many} members, more than {SERVICES_MAX}"));
        }
        for (place, json) in listed.iter().enumerate() {
            self.take(&root, place, json);
        }
        Ok(())
    }

    /// Notes what stops the start.
    fn refuse(&mut self, service: Option<&str>, problem: String) {
        let (file, service) = (self.file.to_owned(), service.map(str::to_owned));
        self.set.problems.push(ServiceProblem { file, service, problem, stops_start: true });
    }

    fn take(&mut self, root: &read::Root, place: usize, json: &Json) {
        let name = json.get("name").and_then(Json::as_str).filter(|name| !name.is_empty());
        let at = match name {
            None => format!("services[{place}]"),
            Some(name) => format!("services[{place}] (`{}`)", name.escape_debug()),
        };
        match self.service(root, &At { service: name, text: &at }, json) {
            Ok(service) => match self.names.insert(service.name.clone(), place) {
                None => self.set.services.push(Arc::new(service)),
                Some(first) => self.refuse(
                    name,
                    format!(
                        "{at} has the name of services[{first}]; every service needs one of its own"
                    ),
                ),
            },
            Err(problem) => self.refuse(name, format!("{at}: {problem}")),
        }
    }

    fn service(&mut self, root: &read::Root, at: &At<'_>, json: &Json) -> Result<Service, String> {
        let members = object(json)?;
        self.tell_unknown(at, members, &SERVICE_MEMBERS);
        let name = text(members, "name")?;
        check_name(name)?;
        let description = description(members)?;
        let path = PathBuf::from(text(members, "comfyui_workflow_api")?);
        let workflow_file = root.file(&path)?;
        let workflow = read::workflow(&workflow_file)
            .map_err(|problem| format!("{}: {problem}", path.display()))?;
        let entries = match members.get("parameters") {
            None | Some(Json::Null) => &[],
            Some(entries) => entries
                .as_array()
                .ok_or_else(|| format!("`parameters` must be a list, but is {}", entries.kind()))?,
        };
        let mut mapping = Vec::new();
        let mut said = BTreeMap::new();
        for (place, entry) in entries.iter().enumerate() {
            let at_entry = format!("parameters[{place}]");
            let entry = object(entry).map_err(|problem| format!("{at_entry}: {problem}"))?;
            let whole = format!("{}.{at_entry}", at.text);
            self.tell_unknown(&At { text: &whole, ..*at }, entry, &PARAMETER_MEMBERS);
            let name = text(entry, "name").map_err(|problem| format!("{at_entry}: {problem}"))?;
            let read = parameter(name, entry, said.entry(name.to_owned()).or_default());
            mapping.push(read.map_err(|problem| format!("{at_entry} ({name}): {problem}"))?);
        }
        let template = Mapping::from_json(&Json::Array(mapping))
            .and_then(|mapping| mapping.on(&workflow))
            .map_err(|error| error.to_string())?;
        Ok(Service {
            name: name.to_owned(),
            description: description
                .unwrap_or_else(|| format!("Run the workflow {}.", path.display())),
            origin: ServiceOrigin::Configured,
            workflow_file,
            parameters: parameters(&template, &mut said),
            template,
        })
    }

    fn tell_unknown(&mut self, at: &At<'_>, members: &Object, known: &[&str]) {
        for (name, _) in members {
            let name: &str = name;
            if known.contains(&name) {
                continue;
            }
            let meant = nearest::name(name, known.iter().copied());
            let meant = meant.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
            let name = name.escape_debug();
            self.set.problems.push(ServiceProblem {
                file: self.file.to_owned(),
                service: at.service.map(str::to_owned),
                problem: format!("{}: `{name}` is not known and not used{meant}", at.text),
                stops_start: false,
            });
        }
    }
}

/// Where in the list something stands.
struct At<'a> {
    /// The name of the service, where it has one.
    service: Option<&'a str>,
    text: &'a str,
}

/// What the entries of one name say that a mapping does not keep.
#[derive(Default)]
struct Said {
    kind: Option<ServiceKind>,
    description: Option<String>,
}

/// An entry in the form that mappings are read from.
fn parameter(name: &str, entry: &Object, said: &mut Said) -> Result<Json, String> {
    check_name(name)?;
    let kind = match entry.get("type") {
        None | Some(Json::Null) => None,
        Some(Json::String(kind)) => Some(ServiceKind::from_name(kind).ok_or_else(|| {
            format!(
                "`{}` is no type; there are string, integer, number, boolean, image, seed and any",
                kind.escape_debug()
            )
        })?),
        Some(other) => return Err(format!("`type` must be a text, but is {}", other.kind())),
    };
    let required = match entry.get("required") {
        None | Some(Json::Null) => false,
        Some(Json::Bool(required)) => *required,
        Some(other) => {
            return Err(format!("`required` must be true or false, but is {}", other.kind()));
        }
    };
    said.kind = said.kind.or(kind);
    said.description = said.description.take().or(description(entry)?);
    let mut members = Object::new();
    for member in ["name", "comfyui_node_id", "comfyui_widget_name"] {
        members.insert(member.to_owned(), entry.get(member).cloned().unwrap_or_default());
    }
    members.insert("required".to_owned(), Json::from(required));
    if let Some(kind) = kind {
        let word = match kind {
            ServiceKind::Text | ServiceKind::File => ServiceKind::Text,
            ServiceKind::Integer | ServiceKind::Seed => ServiceKind::Integer,
            ServiceKind::Number | ServiceKind::Flag | ServiceKind::Any => kind,
        };
        members.insert("type".to_owned(), Json::from(word.as_str()));
    }
    if let Some(default) = entry.get("default").filter(|default| !default.is_null()) {
        members.insert("default".to_owned(), default.clone());
    }
    Ok(Json::Object(members))
}

fn parameters(template: &Placeholders, said: &mut BTreeMap<String, Said>) -> Vec<ServiceParameter> {
    let parameters = template.parameters().map(|parameter| {
        let Said { kind, description } = said.remove(&parameter.name).unwrap_or_default();
        ServiceParameter {
            name: parameter.name.clone(),
            description,
            kind: kind.unwrap_or(ServiceKind::of(parameter.kind)),
            required: parameter.required,
            default: parameter.default.clone(),
            placeholder: parameter.name.clone(),
        }
    });
    parameters.collect()
}

fn object(json: &Json) -> Result<&Object, String> {
    json.as_object().ok_or_else(|| format!("must be an object, but is {}", json.kind()))
}

fn text<'a>(members: &'a Object, name: &str) -> Result<&'a str, String> {
    let text = members.get(name).and_then(Json::as_str).filter(|text| !text.is_empty());
    text.ok_or_else(|| format!("needs `{name}` as a text"))
}

fn description(members: &Object) -> Result<Option<String>, String> {
    match members.get("description") {
        None | Some(Json::Null) => Ok(None),
        Some(Json::String(text)) if text.len() > DESCRIPTION_BYTES_MAX => {
            Err(format!("`description` has more than {DESCRIPTION_BYTES_MAX} bytes"))
        }
        Some(Json::String(text)) if text.trim().is_empty() => Ok(None),
        Some(Json::String(text)) => Ok(Some(text.trim().to_owned())),
        Some(other) => Err(format!("`description` must be a text, but is {}", other.kind())),
    }
}

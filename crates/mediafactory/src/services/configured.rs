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

use super::{Service, ServiceKind, ServiceOrigin, ServiceParameter, ServiceSet, check_name, read};
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

/// Reads the list and holds every service against its workflow. An error names all that is wrong.
pub(super) fn services(file: &Path) -> Result<ServiceSet, Error> {
    let refused = |problems: Vec<String>| {
        let at = file.display();
        let message = match problems.as_slice() {
            [only] => format!("{at}: {only}"),
            problems => format!("{at}: {}", problems.join("; ")),
        };
        Error::new(FailureCode::ValidationError, message)
            .with_hint("correct the file that `services_file` names, or leave the setting out")
    };
    let mut reader = Reader::open(file).map_err(|problem| refused(vec![problem]))?;
    let json = reader.json().map_err(|problem| refused(vec![problem]))?;
    let listed = match json.get("services") {
        None | Some(Json::Null) => &[],
        Some(listed) => listed.as_array().ok_or_else(|| {
            refused(vec![format!("`services` must be a list, but is {}", listed.kind())])
        })?,
    };
    if listed.len() > SERVICES_MAX {
        let many = listed.len();
        return Err(refused(vec![format!(
            "`services` has {many} members, more than {SERVICES_MAX}"
        )]));
    }
    for (place, json) in listed.iter().enumerate() {
        reader.take(place, json);
    }
    let Reader { set, problems, .. } = reader;
    if problems.is_empty() { Ok(set) } else { Err(refused(problems)) }
}

struct Reader<'a> {
    file: &'a Path,
    root: read::Root,
    /// The place of every name.
    names: BTreeMap<String, usize>,
    set: ServiceSet,
    problems: Vec<String>,
}

impl<'a> Reader<'a> {
    fn open(file: &'a Path) -> Result<Self, String> {
        let root = read::Root::new(file.parent().unwrap_or(Path::new(".")))?;
        let (names, set) = (BTreeMap::new(), ServiceSet::default());
        Ok(Self { file, root, names, set, problems: Vec::new() })
    }

    fn json(&self) -> Result<Json, String> {
        let json = Json::parse(&read::text(self.file)?).map_err(|error| error.to_string())?;
        match json.as_object() {
            Some(_) => Ok(json),
            None => Err(format!("must be an object with `services`, but is {}", json.kind())),
        }
    }

    fn take(&mut self, place: usize, json: &Json) {
        let name = json.get("name").and_then(Json::as_str).unwrap_or_default();
        let at = match name {
            "" => format!("services[{place}]"),
            name => format!("services[{place}] (`{}`)", name.escape_debug()),
        };
        match self.service(&at, json) {
            Ok(service) => match self.names.insert(service.name.clone(), place) {
                None => self.set.services.push(Arc::new(service)),
                Some(first) => self.problems.push(format!(
                    "{at} has the name of services[{first}]; every service needs one of its own"
                )),
            },
            Err(problem) => self.problems.push(format!("{at}: {problem}")),
        }
    }

    fn service(&mut self, at: &str, json: &Json) -> Result<Service, String> {
        let members = object(json)?;
        self.tell_unknown(at, members, &SERVICE_MEMBERS);
        let name = text(members, "name")?;
        check_name(name)?;
        let description = description(members)?;
        let path = PathBuf::from(text(members, "comfyui_workflow_api")?);
        let workflow_file = self.root.file(&path)?;
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
            self.tell_unknown(&format!("{at}.{at_entry}"), entry, &PARAMETER_MEMBERS);
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

    fn tell_unknown(&mut self, at: &str, members: &Object, known: &[&str]) {
        let file = self.file.display();
        let unknown = members.keys().filter(|name| !known.contains(&name.as_str()));
        self.set.problems.extend(unknown.map(|name| {
            let meant = nearest::name(name, known.iter().copied());
            let meant = meant.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
            format!("{file}: {at}: `{}` is not known and not used{meant}", name.escape_debug())
        }));
    }
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

//! Which model files of a template the server has.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use workflow_graph::Json;

use crate::{
    error::{Error, FailureCode},
    failure,
    models::known_file,
    nearest,
    servers::Server,
    templates::{MODEL_PARAMETER, Parameter, ParameterKind, Template, TemplateModel},
};

/// The server's model files, asked for once a folder.
pub(super) struct Installed<'a> {
    pub(super) server: &'a Server,
    folders: HashMap<String, Vec<String>>,
}

impl<'a> Installed<'a> {
    pub(super) fn new(server: &'a Server) -> Self {
        Self { server, folders: HashMap::new() }
    }

    pub(super) async fn files(&mut self, folder: &str) -> Result<&Vec<String>, Error> {
        if !self.folders.contains_key(folder) {
            let files = self.server.client.models(folder).await.map_err(failure::client)?;
            self.folders.insert(folder.to_owned(), files.unwrap_or_default());
        }
        self.folders.get(folder).ok_or_else(|| failure::argument(format!("no folder `{folder}`")))
    }

    /// The model files that the template would load and the server does not have. A file that
    /// the caller named stands in for the template's own.
    pub(super) async fn missing(
        &mut self,
        template: &Template,
        given: &BTreeMap<String, Json>,
    ) -> Result<Vec<TemplateModel>, Error> {
        let mut missing = Vec::new();
        for model in &template.models {
            let mut model = model.clone();
            if let Some(name) = named_instead(template, &model, given) {
                model.file = name.to_owned();
                model.url.clear();
            }
            if !self.files(&model.folder).await?.contains(&model.file) {
                missing.push(model);
            }
        }
        Ok(missing)
    }

    pub(super) async fn require(
        &mut self,
        template: &Template,
        given: &BTreeMap<String, Json>,
    ) -> Result<(), Error> {
        let missing = self.missing(template, given).await?;
        let Some(first) = missing.first() else { return Ok(()) };
        let files = self.files(&first.folder).await?;
        let hint = nearest::hint("files there", &first.file, files.iter().map(String::as_str));
        let names: Vec<String> =
            missing.iter().map(|model| format!("{}/{}", model.folder, model.file)).collect();
        let details = missing.iter().map(|model| {
            let bytes = known_file(&model.file).and_then(model_registry::ModelFile::bytes);
            let members = [
                ("folder", Json::from(model.folder.as_str())),
                ("file", Json::from(model.file.as_str())),
                ("url", Json::from(model.url.as_str())),
            ];
            let sized = bytes.map(|bytes| ("size_bytes", Json::from(bytes)));
            Json::object(members.into_iter().chain(sized))
        });
        let message = format!(
            "the server lacks what template `{}` loads: {}",
            template.name,
            names.join(", ")
        );
        Err(Error::new(FailureCode::ModelsMissing, message)
            .with_details(Json::object([("missing", Json::Array(details.collect()))]))
            .with_hint(format!(
                "put the files into the server's `models` folder{}; in {}: {hint}",
                naming_instead(template, &missing),
                first.folder
            )))
    }
}

/// The folder of the files that the template takes as its model.
pub(super) fn model_folder(template: &Template) -> Option<&str> {
    template.parameter(MODEL_PARAMETER)?.folder.as_deref()
}

/// The parameter that names the file which this model is loaded from.
fn naming<'a>(template: &'a Template, model: &TemplateModel) -> Option<&'a Parameter> {
    template.parameters.iter().find(|parameter| {
        parameter.kind == ParameterKind::Model
            && parameter
                .targets
                .iter()
                .any(|target| target.node == model.node && target.input == model.input)
    })
}

/// The file that the caller names for the input which this model is loaded by.
fn named_instead<'a>(
    template: &Template,
    model: &TemplateModel,
    given: &'a BTreeMap<String, Json>,
) -> Option<&'a str> {
    given.get(&naming(template, model)?.name)?.as_str()
}

/// The other way out than a download, where the template has one for a missing file.
fn naming_instead(template: &Template, missing: &[TemplateModel]) -> String {
    let parameters: BTreeSet<_> = missing
        .iter()
        .filter_map(|model| Some(format!("`{}`", naming(template, model)?.name)))
        .collect();
    match parameters.into_iter().collect::<Vec<_>>().as_slice() {
        [] => String::new(),
        [only] => format!(", or name another file with {only}"),
        several => format!(", or name other files with {}", several.join(" and ")),
    }
}

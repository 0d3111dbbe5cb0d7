//! Which template makes what is asked, with which of the server's model files.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use workflow_graph::Json;

use crate::{
    error::{Error, FailureCode},
    factory::Factory,
    failure, nearest,
    requests::GenerateRequest,
    servers::Server,
    templates::{MODEL_PARAMETER, Parameter, ParameterKind, Template, TemplateModel},
};

/// What `generate` makes when no template is named: a template of this task is picked.
const TASK: &str = "text-to-image";

/// The parameter of a template that says what is made.
const PROMPT_PARAMETER: &str = "prompt";

/// A template with the values to fill it with, and what was chosen for the caller.
pub(crate) struct Choice {
    pub(crate) template: Template,
    pub(crate) given: BTreeMap<String, Json>,
    pub(crate) notes: Vec<String>,
}

impl Factory {
    /// What the first server can make that can make it.
    pub(crate) async fn choose_for_one_of(
        &self,
        servers: &[&Server],
        request: &GenerateRequest,
    ) -> Result<Choice, Error> {
        let mut refusal = None;
        for server in servers {
            match self.choose(server, request).await {
                Ok(choice) => return Ok(choice),
                Err(error) => refusal = refusal.or(Some(error)),
            }
        }
        Err(refusal.unwrap_or_else(|| failure::argument("there is no server to choose for")))
    }

    async fn choose(&self, server: &Server, request: &GenerateRequest) -> Result<Choice, Error> {
        let mut given = request.parameters.clone();
        let asked = request.template.as_deref().map(|name| self.templates().get(name));
        let template = asked.transpose()?;
        let takes_prompt =
            template.is_none_or(|template| template.parameter(PROMPT_PARAMETER).is_some());
        // Who names a template that takes no words, as one that only enlarges, has none to give.
        let has_no_words = !takes_prompt && request.prompt.is_empty();
        let named = [
            (PROMPT_PARAMETER, (!has_no_words).then_some(&request.prompt)),
            ("negative_prompt", request.negative_prompt.as_ref()),
            (MODEL_PARAMETER, request.model.as_ref()),
        ];
        for (name, value) in named {
            let Some(value) = value else { continue };
            if given.insert(name.to_owned(), Json::from(value.as_str())).is_some() {
                return Err(failure::argument(format!("`{name}` is given twice")));
            }
        }
        let mut installed = Installed { server, folders: HashMap::new() };
        if let Some(template) = template {
            installed.require(template, &given).await?;
            return Ok(Choice { template: template.clone(), given, notes: Vec::new() });
        }
        match given.get(MODEL_PARAMETER).and_then(Json::as_str).map(str::to_owned) {
            Some(model) => self.choose_for_model(&mut installed, given, &model).await,
            None => self.choose_by_models(&mut installed, given).await,
        }
    }

    /// The templates that can do what is asked with what is given, in the order in which they are
    /// tried. One that needs a picture, or anything else that was not given, is not among them.
    /// Where some take all that is given, only those are: who names a LoRA wants it used.
    fn candidates(&self, given: &BTreeMap<String, Json>) -> Vec<&Template> {
        let given = || given.iter().filter(|(_, value)| !value.is_null());
        let is_given = |parameter: &Parameter| given().any(|(name, _)| *name == parameter.name);
        let takes_all =
            |template: &&Template| given().all(|(name, _)| template.parameter(name).is_some());
        let templates = self.templates().all().iter();
        let able: Vec<&Template> = templates
            .filter(|template| template.task == TASK && template.required().all(is_given))
            .collect();
        if able.iter().any(takes_all) { able.into_iter().filter(takes_all).collect() } else { able }
    }

    /// The first template that loads a file of this name from a folder that has it.
    async fn choose_for_model(
        &self,
        installed: &mut Installed<'_>,
        given: BTreeMap<String, Json>,
        model: &str,
    ) -> Result<Choice, Error> {
        let mut fitting = Vec::new();
        let mut known = BTreeSet::new();
        for template in self.candidates(&given) {
            let Some(folder) = model_folder(template) else { continue };
            let files = installed.files(folder).await?;
            if files.iter().any(|file| file == model) {
                fitting.push(template);
            }
            known.extend(files.iter().cloned());
        }
        let by_default = fitting
            .iter()
            .find(|template| template.models.iter().any(|default| default.file == model));
        if by_default.is_none() && !fitting.is_empty() {
            self.refuse_other_tasks(model)?;
        }
        let Some(template) = by_default.or(fitting.first()) else {
            let files = || known.iter().map(String::as_str);
            return Err(Error::new(
                FailureCode::ModelsMissing,
                format!("the server has no model file `{model}`"),
            )
            .with_details(Json::object([(
                "nearest",
                failure::list(nearest::names(model, files(), 5)),
            )]))
            .with_hint(nearest::hint("model files", model, files())));
        };
        let notes = match by_default {
            Some(_) => vec![format!("used template {}, whose model this is", template.name)],
            None => vec![format!(
                "used template {}, the first that loads files of that folder; name another one \
                 with `template` if the model is of another family",
                template.name
            )],
        };
        installed.require(template, &given).await?;
        Ok(Choice { template: (*template).clone(), given, notes })
    }

    /// Refuses a model that is known to be made for something else: it would run, and the picture
    /// would be spoilt.
    fn refuse_other_tasks(&self, model: &str) -> Result<(), Error> {
        let loads = |template: &&Template| template.models.iter().any(|file| file.file == model);
        let others: Vec<String> = self
            .templates()
            .all()
            .iter()
            .filter(loads)
            .map(|template| format!("{} ({})", template.name, template.task))
            .collect();
        if others.is_empty() {
            return Ok(());
        }
        let message = format!(
            "the model `{model}` is not for {TASK} from what is given, but for {}",
            others.join(", ")
        );
        Err(failure::argument(message)
            .with_hint("name that template with `template`, and give what it requires"))
    }

    /// The first template whose models are all there; failing that, the first checkpoint
    /// template with a checkpoint that is there.
    async fn choose_by_models(
        &self,
        installed: &mut Installed<'_>,
        mut given: BTreeMap<String, Json>,
    ) -> Result<Choice, Error> {
        let templates = self.candidates(&given);
        for template in &templates {
            if installed.missing(template, &given).await?.is_empty() {
                let note = format!(
                    "used template {}, the first whose models the server has",
                    template.name
                );
                return Ok(Choice { template: (*template).clone(), given, notes: vec![note] });
            }
        }
        for template in templates.iter().filter(|template| template.models.len() == 1) {
            let Some(folder) = model_folder(template) else { continue };
            let files = installed.files(folder).await?;
            let Some(file) = files.first() else { continue };
            let note = format!(
                "the server has the models of no template; used template {} with {file}, the first \
                 of {} files in {folder}",
                template.name,
                files.len()
            );
            given.insert(MODEL_PARAMETER.to_owned(), Json::from(file.as_str()));
            return Ok(Choice { template: (*template).clone(), given, notes: vec![note] });
        }
        match templates.first() {
            Some(first) => {
                installed.require(first, &given).await?;
                Err(Error::new(
                    FailureCode::ModelsMissing,
                    "the server has the models of no template",
                ))
            }
            None => Err(Error::new(FailureCode::TemplateNotFound, "there are no templates")),
        }
    }
}

/// The server's model files, asked for once a folder.
struct Installed<'a> {
    server: &'a Server,
    folders: HashMap<String, Vec<String>>,
}

impl Installed<'_> {
    async fn files(&mut self, folder: &str) -> Result<&Vec<String>, Error> {
        if !self.folders.contains_key(folder) {
            let files = self.server.client.models(folder).await.map_err(failure::client)?;
            self.folders.insert(folder.to_owned(), files.unwrap_or_default());
        }
        self.folders.get(folder).ok_or_else(|| failure::argument(format!("no folder `{folder}`")))
    }

    /// The model files that the template would load and the server does not have. A file that
    /// the caller named stands in for the template's own.
    async fn missing(
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

    async fn require(
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
            Json::object([
                ("folder", Json::from(model.folder.as_str())),
                ("file", Json::from(model.file.as_str())),
                ("url", Json::from(model.url.as_str())),
            ])
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

fn model_folder(template: &Template) -> Option<&str> {
    template.parameter(MODEL_PARAMETER)?.folder.as_deref()
}

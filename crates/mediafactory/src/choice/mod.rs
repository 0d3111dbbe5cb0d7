//! Which template makes what is asked, with which of the server's model files.

mod installed;
mod named;
mod recommended;

use std::collections::{BTreeMap, BTreeSet};

use model_registry::Task;
use workflow_graph::Json;

use self::installed::Installed;
use crate::{
    error::{Error, FailureCode},
    factory::Factory,
    failure,
    gallery::GallerySource,
    models, nearest,
    requests::GenerateRequest,
    servers::Server,
    start::random_seed,
    templates::{FilledTemplate, MODEL_PARAMETER, Parameter, Template},
};

/// What `generate` makes where neither a template nor a task is named.
const TASK: Task = Task::TextToImage;

/// The parameter of a template that says what is made.
const PROMPT_PARAMETER: &str = "prompt";

/// A template with its parameters set, and what was chosen for the caller.
pub(crate) struct Choice {
    pub(crate) template: String,
    pub(crate) filled: FilledTemplate,
    pub(crate) notes: Vec<String>,
}

/// What shall be made where no template is named.
struct Wanted<'a> {
    task: Task,
    /// Whether the caller named the task.
    is_task_named: bool,
    prompt: &'a str,
    given: &'a BTreeMap<String, Json>,
}

/// A template that was picked, and why.
struct Picked<'t> {
    template: &'t Template,
    /// The file to load instead of the template's own.
    model: Option<String>,
    notes: Vec<String>,
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
        let task = request.task.as_deref().map(models::task_named).transpose()?;
        if let Some(id) = &request.template {
            return self.fill_named(server, id, task, request).await;
        }
        let mut given = values(request, false)?;
        let model = match given.remove(MODEL_PARAMETER) {
            None | Some(Json::Null) => None,
            Some(Json::String(model)) => Some(model),
            Some(_) => return Err(failure::argument("`model` is not text")),
        };
        let wanted = Wanted {
            task: task.unwrap_or(TASK),
            is_task_named: task.is_some(),
            prompt: &request.prompt,
            given: &given,
        };
        let candidates = self.candidates(&wanted)?;
        let mut installed = Installed::new(server);
        let picked = match &model {
            Some(model) => self.pick_named(&mut installed, &wanted, &candidates, model).await?,
            None => self.pick_of_all(&mut installed, &wanted, &candidates).await?,
        };
        let Picked { template, model, notes } = picked;
        given.extend(model.map(|file| (MODEL_PARAMETER.to_owned(), Json::from(file))));
        let filled = template.fill(&given, random_seed()?)?;
        Ok(Choice { template: template.name.clone(), filled, notes })
    }

    /// A template of ours by its name, or one that the server offers by its id.
    async fn fill_named(
        &self,
        server: &Server,
        id: &str,
        task: Option<Task>,
        request: &GenerateRequest,
    ) -> Result<Choice, Error> {
        let offered = match GallerySource::of_id(id) {
            GallerySource::Own => None,
            GallerySource::Server | GallerySource::Blueprint | GallerySource::Pack => {
                Some(self.gallery_template_of(server, id).await?)
            }
        };
        let template = match &offered {
            Some(offered) => &offered.template,
            None => self.templates().get(id)?,
        };
        if let Some(task) = task.filter(|task| task.as_str() != template.task) {
            let message = format!("template `{id}` is not for {task}, but for {}", template.task);
            return Err(failure::argument(message).with_hint("leave `task` or `template` out"));
        }
        let given = values(request, template.parameter(PROMPT_PARAMETER).is_some())?;
        let filled = match &offered {
            Some(offered) => {
                let filled = offered.fill(&given, random_seed()?)?;
                offered.needs.require(id, &filled.workflow)?;
                filled
            }
            None => {
                Installed::new(server).require(template, &given).await?;
                template.fill(&given, random_seed()?)?
            }
        };
        Ok(Choice { template: template.name.clone(), filled, notes: Vec::new() })
    }

    /// The templates that can do what is asked with what is given, in the order in which they are
    /// tried. One that needs a picture, or anything else that was not given, is not among them.
    /// Where some take all that is given, only those are: who names a LoRA wants it used.
    fn candidates(&self, wanted: &Wanted<'_>) -> Result<Vec<&Template>, Error> {
        let of_task: Vec<&Template> = self
            .templates()
            .all()
            .iter()
            .filter(|template| template.task == wanted.task.as_str())
            .collect();
        if of_task.is_empty() {
            return Err(self.nothing_for(wanted.task));
        }
        let able: Vec<&Template> =
            of_task.iter().copied().filter(|template| wanted.lacks(template).is_empty()).collect();
        let takes_all: Vec<&Template> =
            able.iter().copied().filter(|template| wanted.suits(template)).collect();
        if takes_all.is_empty() {
            self.refuse_another_task(wanted)?;
        }
        if able.is_empty() {
            return Err(wanted.incomplete(&of_task));
        }
        Ok(if takes_all.is_empty() { able } else { takes_all })
    }

    /// Refuses what no template of the task takes and some of other tasks do, as a picture.
    fn refuse_another_task(&self, wanted: &Wanted<'_>) -> Result<(), Error> {
        let fitting =
            |template: &&Template| wanted.lacks(template).is_empty() && wanted.suits(template);
        let tasks: BTreeSet<&str> =
            self.templates().all().iter().filter(fitting).map(|other| &*other.task).collect();
        if wanted.is_task_named || tasks.is_empty() {
            return Ok(());
        }
        let names = wanted.names().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        let tasks = tasks.into_iter().collect::<Vec<_>>().join(", ");
        let message = format!("no template for {} takes {names} together", wanted.task);
        Err(failure::argument(message)
            .with_hint(format!("give the `task`: there are templates that do for {tasks}")))
    }

    fn nothing_for(&self, task: Task) -> Error {
        let tasks: BTreeSet<&str> =
            self.templates().all().iter().map(|template| &*template.task).collect();
        let hint = nearest::hint("tasks with templates", task.as_str(), tasks.iter().copied());
        Error::new(FailureCode::TemplateNotFound, format!("there is no template for {task}"))
            .with_details(Json::object([("tasks", failure::list(tasks))]))
            .with_hint(hint)
    }
}

impl Wanted<'_> {
    /// The names of what is given.
    fn names(&self) -> impl Iterator<Item = &str> {
        self.given.iter().filter(|(_, value)| !value.is_null()).map(|(name, _)| &**name)
    }

    /// Whether the template takes all that is given.
    fn suits(&self, template: &Template) -> bool {
        self.names().all(|name| template.parameter(name).is_some())
    }

    /// What the template needs and is not given.
    fn lacks<'t>(&self, template: &'t Template) -> Vec<&'t Parameter> {
        let is_given = |parameter: &&Parameter| self.names().any(|name| name == parameter.name);
        template.required().filter(|parameter| !is_given(parameter)).collect()
    }

    /// None of these templates has all that it needs.
    fn incomplete(&self, templates: &[&Template]) -> Error {
        let lacking = templates.iter().map(|template| (self.lacks(template), template));
        let Some((lacking, template)) = lacking.min_by_key(|(lacking, _)| lacking.len()) else {
            return failure::argument(format!("there is no template for {}", self.task));
        };
        let names: Vec<String> = lacking.iter().map(|what| format!("`{}`", what.name)).collect();
        let told: Vec<String> =
            lacking.iter().map(|what| format!("`{}`: {}", what.name, what.description)).collect();
        let message = format!("{} needs {}, which is not given", self.task, names.join(" and "));
        failure::argument(message).with_hint(format!(
            "template `{}` takes {}",
            template.name,
            told.join("; ")
        ))
    }
}

/// All that is given by name. Who asks for something that may take no words, as one that only
/// enlarges, may have none to give.
fn values(request: &GenerateRequest, takes_prompt: bool) -> Result<BTreeMap<String, Json>, Error> {
    let has_no_words = !takes_prompt && request.prompt.is_empty();
    let named = [
        (PROMPT_PARAMETER, (!has_no_words).then_some(&request.prompt)),
        ("negative_prompt", request.negative_prompt.as_ref()),
        (MODEL_PARAMETER, request.model.as_ref()),
    ];
    let mut given = request.parameters.clone();
    for (name, value) in named {
        let Some(value) = value else { continue };
        if given.insert(name.to_owned(), Json::from(value.as_str())).is_some() {
            return Err(failure::argument(format!("`{name}` is given twice")));
        }
    }
    Ok(given)
}

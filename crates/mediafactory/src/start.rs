//! From a request to a recorded job.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use batch::{JobId, JobQuery, JobRecord, JobStore, StartError, State};
use jiff::Timestamp;
use uuid::Uuid;
use workflow_graph::{Json, Workflow};

use crate::{
    error::{Error, FailureCode, Retry},
    factory::Factory,
    failure, nearest,
    prepare::foresee,
    requests::{GenerateRequest, Placing, RunWorkflow, StartedJob},
    servers::Server,
    templates::{FilledTemplate, ParameterKind, Template, TemplateModel},
};

/// The parameter of a template that names its main model file.
const MODEL_PARAMETER: &str = "model";

/// Seeds that we choose stay below 2^53, so that a client whose numbers are doubles can give
/// them back exactly.
const RANDOM_SEED_BITS: u32 = 53;

/// What a job says whose server is our simulator.
const SIMULATED_NOTE: &str =
    "the server is comfy-sim: where a model would run, the picture is drawn, not generated";

/// A template with the values to fill it with, and what was chosen for the caller.
struct Choice {
    template: Template,
    given: BTreeMap<String, Json>,
    notes: Vec<String>,
}

impl Factory {
    /// Makes a picture from words: picks a template where none is named, sets its parameters and
    /// starts the job. When this answers, the job is recorded and survives a crash.
    pub async fn start_generate(&self, request: GenerateRequest) -> Result<StartedJob, Error> {
        let servers = self.reachable(self.placed(request.placing.backend.as_deref())?).await?;
        let choice = self.choose_for_one_of(&servers, &request).await?;
        let filled = choice.template.fill(&choice.given, random_seed()?)?;
        let foreseen = foresee(&servers, &filled.workflow, None).await?;
        let notes = choice.notes.into_iter().chain(foreseen.notes).collect();
        let reuse = request.placing.reuse;
        let record = JobRecord {
            servers: foreseen.servers,
            parameters: filled.parameters.clone(),
            seed: filled.seed,
            template: Some(choice.template.name.clone()),
            model: filled.model.clone(),
            tool: "generate".to_owned(),
            notes,
            running_time_max: Some(request.timeout.unwrap_or(self.parts.config.job_timeout)),
            ..record(&filled.workflow, request.placing)
        };
        self.start(record, reuse).await
    }

    /// Runs a workflow of either format: one in UI format is converted as the front end does. What
    /// the server would refuse is refused here, with what would have worked. When this answers, the
    /// job is recorded and survives a crash.
    pub async fn start_workflow(&self, run: RunWorkflow) -> Result<StartedJob, Error> {
        let ready = self.prepare(run).await?;
        let reuse = ready.placing.reuse;
        let record = JobRecord {
            servers: ready.foreseen.servers,
            ui_workflow: ready.ui_workflow,
            targets: ready.targets,
            seed: only_seed(&ready.workflow),
            tool: "execute_workflow".to_owned(),
            notes: ready.foreseen.notes,
            running_time_max: Some(ready.timeout.unwrap_or(self.parts.config.job_timeout)),
            ..record(&ready.workflow, ready.placing)
        };
        self.start(record, reuse).await
    }

    /// A template with its parameters set, without running it.
    pub fn workflow_from_template(
        &self,
        name: &str,
        parameters: &BTreeMap<String, Json>,
    ) -> Result<FilledTemplate, Error> {
        self.templates().get(name)?.fill(parameters, random_seed()?)
    }

    pub(crate) async fn start(
        &self,
        mut record: JobRecord,
        reuse: bool,
    ) -> Result<StartedJob, Error> {
        if reuse && let Some(earlier) = self.same_work(&record).await? {
            return Ok(earlier);
        }
        if self.may_be_simulated(&record.servers).await? {
            record.notes.push(SIMULATED_NOTE.to_owned());
        }
        let started = StartedJob {
            job: record.id,
            template: record.template.clone(),
            model: record.model.clone(),
            seed: record.seed,
            parameters: record.parameters.clone(),
            notes: record.notes.clone(),
            is_reused: false,
        };
        self.parts.engine.start(record).await.map_err(not_started)?;
        Ok(started)
    }

    /// An earlier job with the same workflow on one of the same servers, whose results are here.
    async fn same_work(&self, record: &JobRecord) -> Result<Option<StartedJob>, Error> {
        let query = JobQuery {
            states: vec![State::Succeeded],
            workflow_digest: Some(record.workflow_digest.clone()),
            ..JobQuery::default()
        };
        let page = JobStore::list(&self.parts.store, &query).await;
        let page = page.map_err(|error| failure::storage("the jobs cannot be read", error))?;
        for job in page.jobs {
            let is_there =
                job.server().is_some_and(|at| record.servers.iter().any(|url| url == at));
            let is_same = job.record.targets == record.targets;
            if !(is_there && is_same) || self.assets_of(&job.record.id).await?.is_empty() {
                continue;
            }
            let made_at = job.record.created_at;
            let note =
                format!("this very workflow ran before, at {made_at}: nothing was run again");
            return Ok(Some(StartedJob {
                job: job.record.id,
                template: job.record.template,
                model: job.record.model,
                seed: job.record.seed,
                parameters: job.record.parameters,
                notes: vec![note],
                is_reused: true,
            }));
        }
        Ok(None)
    }

    async fn may_be_simulated(&self, urls: &[String]) -> Result<bool, Error> {
        for server in self.parts.servers.iter().filter(|server| urls.contains(&server.url())) {
            let connection = self.parts.engine.connection(&server.url());
            if server.is_simulated(connection).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// What the first server can make that can make it.
    async fn choose_for_one_of(
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
        let named = [
            ("prompt", Some(&request.prompt)),
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
        if let Some(name) = &request.template {
            let template = self.templates().get(name)?.clone();
            installed.require(&template, &given).await?;
            return Ok(Choice { template, given, notes: Vec::new() });
        }
        match given.get(MODEL_PARAMETER).and_then(Json::as_str).map(str::to_owned) {
            Some(model) => self.choose_for_model(&mut installed, given, &model).await,
            None => self.choose_by_models(&mut installed, given).await,
        }
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
        for template in self.templates().all() {
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

    /// The first template whose models are all there; failing that, the first checkpoint
    /// template with a checkpoint that is there.
    async fn choose_by_models(
        &self,
        installed: &mut Installed<'_>,
        mut given: BTreeMap<String, Json>,
    ) -> Result<Choice, Error> {
        let templates = self.templates().all();
        for template in templates {
            if installed.missing(template, &given).await?.is_empty() {
                let note = format!(
                    "used template {}, the first whose models the server has",
                    template.name
                );
                return Ok(Choice { template: template.clone(), given, notes: vec![note] });
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
            return Ok(Choice { template: template.clone(), given, notes: vec![note] });
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
                "put the files into the server's `models` folder, or name another file with \
                 `model`; in {}: {hint}",
                first.folder
            )))
    }
}

/// The file that the caller names for the input which this model is loaded by.
fn named_instead<'a>(
    template: &Template,
    model: &TemplateModel,
    given: &'a BTreeMap<String, Json>,
) -> Option<&'a str> {
    let parameter = template.parameters.iter().find(|parameter| {
        parameter.kind == ParameterKind::Model
            && parameter
                .targets
                .iter()
                .any(|target| target.node == model.node && target.input == model.input)
    })?;
    given.get(&parameter.name)?.as_str()
}

pub(crate) fn record(workflow: &Workflow, placing: Placing) -> JobRecord {
    let id = JobId::from(Uuid::now_v7());
    JobRecord {
        workflow_digest: workflow.digest().to_string(),
        shape_digest: workflow.shape_digest().to_string(),
        caller: placing.caller,
        priority: placing.priority,
        ..JobRecord::new(id, Timestamp::now(), workflow.to_json())
    }
}

fn model_folder(template: &Template) -> Option<&str> {
    template.parameter(MODEL_PARAMETER)?.folder.as_deref()
}

/// The seed of a workflow that has one alone; of several, none is the workflow's.
pub(crate) fn only_seed(workflow: &Workflow) -> Option<u64> {
    let mut seeds = workflow.nodes().flat_map(|(_, node)| {
        ["seed", "noise_seed"].into_iter().filter_map(|name| node.input(name)?.to_json().as_u64())
    });
    let first = seeds.next();
    if seeds.next().is_some() { None } else { first }
}

pub(crate) fn random_seed() -> Result<u64, Error> {
    let random = getrandom::u64().map_err(|error| {
        Error::new(FailureCode::StorageFailed, "this machine gives no random numbers")
            .with_source(error)
    })?;
    Ok(random >> (u64::BITS - RANDOM_SEED_BITS))
}

fn not_started(error: StartError) -> Error {
    match error {
        StartError::TooMany { .. } => Error::new(FailureCode::LimitExceeded, error.to_string())
            .with_hint("wait until some have ended, or cancel them")
            .with_retry(Retry::Safe),
        StartError::ShuttingDown => {
            Error::new(FailureCode::Forbidden, error.to_string()).with_retry(Retry::Safe)
        }
        StartError::Workflow(source) => failure::argument(source.to_string()).with_source(source),
        error @ (StartError::Store(_) | _) => failure::storage("the job was not recorded", error),
    }
}

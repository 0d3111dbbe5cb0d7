//! One ready workflow of the gallery: converted, described, and filled in.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

use workflow_graph::{
    Json, Workflow,
    json::Object,
    roles::{self, Roles},
    ui::UiWorkflow,
};

use super::{
    entry::{GalleryEntry, GallerySource, Listed, Place},
    needs::{Asked, Declared, KnownModel, Needs, is_at},
    parameters,
    served::Offer,
};
use crate::{
    error::{Error, FailureCode},
    factory::Factory,
    failure, models, nearest,
    servers::Server,
    start::random_seed,
    templates::{FilledTemplate, Parameter, ParameterKind, Template, TemplateModel},
    workflows::{self, ConversionNote, Rulebook},
};

/// How old the node classes may be that a workflow is held against: model files come at any time.
const CLASSES_AGE_MAX: Duration = Duration::from_secs(30);

/// How many near ids the details of an error have.
const NEAREST_MAX: usize = 5;

/// A ready workflow as one server would run it.
#[derive(Clone, Debug)]
pub struct GalleryTemplate {
    /// What the list says of it.
    pub entry: Arc<GalleryEntry>,
    /// It in API format with its parameters. Those of a server's workflow were found by role.
    pub template: Template,
    /// What the conversion could not carry over.
    pub findings: Vec<ConversionNote>,
    /// What the server lacks to run it.
    pub needs: Needs,
    rulebook: Rulebook,
}

/// A ready workflow with its parameters set.
#[derive(Clone, Debug, PartialEq)]
pub struct GalleryFilled {
    /// The workflow that can be run, and what was set.
    pub filled: FilledTemplate,
    /// What the server lacks to run it.
    pub needs: Needs,
}

impl Factory {
    /// A ready workflow by its id: fetched, converted for the server, its inputs found, and held
    /// against what the server has. The server is the first one that the word stands for, or of
    /// all.
    pub async fn gallery_template(
        &self,
        id: &str,
        backend: Option<&str>,
    ) -> Result<GalleryTemplate, Error> {
        self.gallery_template_of(self.asked(backend)?, id).await
    }

    pub(crate) async fn gallery_template_of(
        &self,
        server: &Server,
        id: &str,
    ) -> Result<GalleryTemplate, Error> {
        if GallerySource::of_id(id) == GallerySource::Own {
            let template = self.templates().get(id)?.clone();
            let entry = Listed::own(&template).entry;
            let rulebook = server.rulebook_within(CLASSES_AGE_MAX).await?;
            return GalleryTemplate::own(entry, template, rulebook, &|file| self.known_model(file));
        }
        let offer = server.offer(self.parts.engine.connection(&server.url())).await;
        let listed = offer.find(id).ok_or_else(|| no_such(id, &offer))?;
        let saved = fetch(server, listed).await?;
        let rulebook = server.rulebook_within(CLASSES_AGE_MAX).await?;
        let entry = Arc::clone(&listed.entry);
        GalleryTemplate::served(entry, saved, rulebook, &|file| self.known_model(file))
    }

    /// A ready workflow by its id with its parameters set, without running it. What the server
    /// would refuse of the given values is refused here, with what would have worked.
    pub async fn fill_gallery_template(
        &self,
        id: &str,
        parameters: &BTreeMap<String, Json>,
        backend: Option<&str>,
    ) -> Result<GalleryFilled, Error> {
        let found = self.gallery_template(id, backend).await?;
        let filled = found.fill(parameters, random_seed()?)?;
        Ok(GalleryFilled { filled, needs: found.needs })
    }

    /// What the registry or else our own templates know of a model file.
    fn known_model(&self, file: &str) -> Option<KnownModel> {
        if let Some(known) = models::known_file(file) {
            let url = Some(known.url.clone()).filter(|url| !url.is_empty());
            let size_bytes = known.bytes();
            return Some(KnownModel { folder: known.folder.clone(), url, size_bytes });
        }
        let mut models = self.templates().all().iter().flat_map(|template| &template.models);
        let model = models.find(|model| model.file == file)?;
        let (folder, url) = (model.folder.clone(), Some(model.url.clone()));
        Some(KnownModel { folder, url, size_bytes: None })
    }
}

fn no_such(id: &str, offer: &Offer) -> Error {
    let source = GallerySource::of_id(id);
    if let Some(lack) = offer.lack(source) {
        return lack;
    }
    let served = offer.listed.iter().map(|listed| listed.entry.id.as_str());
    let ids: Vec<&str> = served.filter(|known| GallerySource::of_id(known) == source).collect();
    let near = nearest::names(id, ids.iter().copied(), NEAREST_MAX);
    let message = format!("the server offers no {} `{id}`", source.noun());
    Error::new(FailureCode::TemplateNotFound, message)
        .with_details(Json::object([("nearest", failure::list(near))]))
        .with_hint(nearest::hint("ids", id, ids.iter().copied()))
}

async fn fetch(server: &Server, listed: &Listed) -> Result<Json, Error> {
    let client = &server.client;
    let fetched = match &listed.place {
        Place::Own => Ok(None),
        Place::Template { name } => client.gallery_template(name).await,
        Place::Blueprint { id } => {
            client.blueprint(id).await.map(|found| found.map(|found| found.workflow))
        }
        Place::Pack { pack, name } => client.pack_example(pack, name).await,
    };
    fetched.map_err(failure::client)?.ok_or_else(|| {
        let (id, noun) = (&listed.entry.id, listed.entry.source.noun());
        let message = format!("the server lists the {noun} `{id}` and does not have its workflow");
        Error::new(FailureCode::TemplateNotFound, message)
            .with_hint("look at the server's log; its package of templates may be incomplete")
    })
}

impl GalleryTemplate {
    /// Whether the server would run it.
    pub fn is_runnable(&self) -> bool {
        self.needs.is_runnable()
    }

    /// Sets parameters; `random_seed` is used where it has a seed and none is given. Every wrong
    /// parameter is named in the error, not only the first.
    pub fn fill(
        &self,
        given: &BTreeMap<String, Json>,
        random_seed: u64,
    ) -> Result<FilledTemplate, Error> {
        let mut chosen = given.clone();
        if let Some((name, seed)) = self.small_seed(given, random_seed) {
            chosen.insert(name, seed);
        }
        let mut filled = self.template.fill(&chosen, random_seed)?;
        self.refuse_what_the_server_would(given, &filled)?;
        // Of several seeds, the first is the one that says where the result came from.
        filled.seed = filled.parameters.get(SEED).and_then(Json::as_u64);
        Ok(filled)
    }

    /// A random seed for an input that takes few of them.
    fn small_seed(
        &self,
        given: &BTreeMap<String, Json>,
        random_seed: u64,
    ) -> Option<(String, Json)> {
        let is_given = given.get(SEED).is_some_and(|seed| !seed.is_null());
        let seed = self.template.parameter(SEED).filter(|_| !is_given)?;
        if seed.kind != ParameterKind::Integer {
            return None;
        }
        let bound = |bound: Option<f64>| Json::from(bound?).as_u64();
        let least = bound(seed.minimum).unwrap_or(0);
        let count = bound(seed.maximum)?.checked_sub(least)?.checked_add(1)?;
        let drawn = least.checked_add(random_seed.checked_rem(count)?)?;
        Some((SEED.to_owned(), Json::from(drawn)))
    }

    /// The values that were given, by the server's own rules: model files, and numbers of which
    /// only some are possible.
    fn refuse_what_the_server_would(
        &self,
        given: &BTreeMap<String, Json>,
        filled: &FilledTemplate,
    ) -> Result<(), Error> {
        let verdict = self.rulebook.validate(&filled.workflow.to_json());
        let mut problems = Vec::new();
        for name in given.keys() {
            let Some(parameter) = self.template.parameter(name) else { continue };
            let objections = verdict.errors.iter().filter(|error| {
                !error.alternative && parameter.targets.iter().any(|target| is_at(error, target))
            });
            problems.extend(objections.map(|error| format!("`{name}`: {}", error.sentence())));
        }
        if problems.is_empty() {
            return Ok(());
        }
        let message = format!("template `{}`: {}", self.entry.id, problems.join("; "));
        Err(failure::argument(message)
            .with_details(verdict.to_json())
            .with_hint("the details hold what the server would take, nearest first"))
    }

    fn own(
        entry: Arc<GalleryEntry>,
        template: Template,
        rulebook: Rulebook,
        known: &(dyn Fn(&str) -> Option<KnownModel> + Sync),
    ) -> Result<Self, Error> {
        let inspection = rulebook.inspect(&template.workflow().to_json())?;
        let asked = Asked {
            rulebook: &rulebook,
            workflow: template.workflow(),
            roles: &roles::of(template.workflow()),
            findings: &[],
            parameters: &template.parameters,
            declared: &[],
            size_bytes: None,
            known,
        };
        let needs = Needs::of(&asked, inspection);
        Ok(Self { entry, template, findings: Vec::new(), needs, rulebook })
    }

    fn served(
        entry: Arc<GalleryEntry>,
        saved: Json,
        rulebook: Rulebook,
        known: &(dyn Fn(&str) -> Option<KnownModel> + Sync),
    ) -> Result<Self, Error> {
        let of_entry = |error: Error| {
            let message = format!("`{}` is no workflow that can be used: {error}", entry.id);
            Error::new(error.code(), message).with_source(error)
        };
        let read = Read::of(saved, &rulebook).map_err(of_entry)?;
        let workflow = workflows::api(&read.workflow).map_err(of_entry)?;
        let found = roles::of(&workflow);
        let parameters = parameters::of(&workflow, &found, rulebook.catalog(), &read.declared);
        let inspection = rulebook.inspect(&read.workflow).map_err(of_entry)?;
        let asked = Asked {
            rulebook: &rulebook,
            workflow: &workflow,
            roles: &found,
            findings: &read.findings,
            parameters: &parameters,
            declared: &read.declared,
            size_bytes: entry.size_bytes,
            known,
        };
        let needs = Needs::of(&asked, inspection);
        let models = models(&found, &parameters, &read.declared);
        let template = described(&entry, workflow, parameters, models);
        Ok(Self { entry, template, findings: read.findings, needs, rulebook })
    }
}

/// The parameter that says where chance starts.
const SEED: &str = "seed";

/// A served workflow in API format.
struct Read {
    workflow: Json,
    findings: Vec<ConversionNote>,
    declared: Vec<Declared>,
}

impl Read {
    /// Packs save their examples in either format.
    fn of(saved: Json, rulebook: &Rulebook) -> Result<Self, Error> {
        let found = workflows::recognize(saved)?;
        let Some(ui) = found.ui else {
            let workflow = found.api.unwrap_or_default();
            return Ok(Self { workflow, findings: Vec::new(), declared: Vec::new() });
        };
        let saved = UiWorkflow::from_json(ui)
            .map_err(|error| failure::argument(error.to_string()).with_source(error))?;
        let declared = Declared::of(&saved);
        let converted = rulebook.convert(saved.into_json())?;
        if converted.workflow.as_object().is_some_and(Object::is_empty) {
            return Err(failure::argument("it has no nodes that run"));
        }
        Ok(Self { workflow: converted.workflow, findings: converted.findings, declared })
    }
}

/// The model files that the workflow loads, as far as their folders are known.
fn models(found: &Roles, parameters: &[Parameter], declared: &[Declared]) -> Vec<TemplateModel> {
    let folders: HashMap<_, _> = parameters
        .iter()
        .filter_map(|parameter| Some((parameter, parameter.folder.as_deref()?)))
        .flat_map(|(parameter, folder)| {
            parameter.targets.iter().map(move |target| ((&target.node, &*target.input), folder))
        })
        .collect();
    let loaded = found.models().filter_map(|found| {
        let folder = folders.get(&(&found.node, &*found.input))?;
        let file = found.value.as_str()?;
        let url = declared.iter().find(|model| model.is(file)).and_then(|model| model.url.clone());
        Some(TemplateModel {
            folder: (*folder).to_owned(),
            file: file.to_owned(),
            url: url.unwrap_or_default(),
            node: found.node.clone(),
            input: found.input.clone(),
        })
    });
    loaded.collect()
}

fn described(
    entry: &GalleryEntry,
    workflow: Workflow,
    parameters: Vec<Parameter>,
    models: Vec<TemplateModel>,
) -> Template {
    Template {
        name: entry.id.clone(),
        title: entry.title.clone(),
        description: entry.description.clone(),
        task: entry.task.clone().unwrap_or_default(),
        family: None,
        variant: None,
        tags: entry.tags.clone(),
        minimum_version: entry.minimum_version.clone().unwrap_or_default(),
        generate_order: u32::MAX,
        models,
        parameters,
        workflow,
    }
}

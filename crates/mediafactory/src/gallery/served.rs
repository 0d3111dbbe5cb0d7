//! What one server offers, kept for a while.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use comfy_client::{BlueprintEntry, GalleryIndex, PackExamples};
use tokio::{sync::Mutex, time::Instant};

use super::entry::{GallerySource, Listed, Place};
use crate::{
    error::{Error, FailureCode},
    failure,
    servers::Server,
};

/// How long the lists are kept of a server whose socket stands: they change with a restart, which
/// cuts the socket.
const WATCHED_FOR: Duration = Duration::from_mins(5);

/// How long they are kept otherwise: another server may have been started at the same address.
const UNWATCHED_FOR: Duration = Duration::from_secs(30);

/// The lists of one server.
#[derive(Debug, Default)]
pub(crate) struct GalleryCache {
    // Held over the requests on purpose: whoever comes meanwhile shall not ask again.
    latest: Mutex<Option<Arc<Offer>>>,
}

/// Everything that a server offers.
#[derive(Debug)]
pub(super) struct Offer {
    at: Instant,
    connection: Option<u64>,
    pub(super) listed: Vec<Listed>,
    lacks: Vec<(GallerySource, Lack)>,
    /// What was left out of the lists, in sentences.
    pub(super) notes: Vec<String>,
    backend: String,
}

/// Why there is nothing of a source.
#[derive(Debug)]
enum Lack {
    /// The server has no such route.
    Absent,
    Failed(Arc<comfy_client::Error>),
}

impl Server {
    /// What the server offers, asked again after a while and after every new `connection` of the
    /// engine to it. What could not be read is not kept.
    pub(super) async fn offer(&self, connection: Option<u64>) -> Arc<Offer> {
        let mut latest = self.gallery.latest.lock().await;
        if let Some(offer) = latest.as_ref().filter(|offer| offer.is_current(connection)) {
            return Arc::clone(offer);
        }
        let offer = Arc::new(self.ask_for_offer(connection).await);
        *latest = offer.is_whole().then(|| Arc::clone(&offer));
        offer
    }

    async fn ask_for_offer(&self, connection: Option<u64>) -> Offer {
        let client = &self.client;
        let (index, tasks, blueprints, packs) = tokio::join!(
            client.gallery(),
            client.gallery_tasks(),
            client.blueprints(),
            client.pack_examples()
        );
        let mut offer = Offer {
            at: Instant::now(),
            connection,
            listed: Vec::new(),
            lacks: Vec::new(),
            notes: Vec::new(),
            backend: self.name.clone(),
        };
        // The tasks only add a word to each template.
        let tasks = tasks.ok().flatten().unwrap_or_default();
        if let Some(index) = offer.read(GallerySource::Server, index) {
            offer.add_templates(index, &tasks.into_iter().collect());
        }
        if let Some(blueprints) = offer.read(GallerySource::Blueprint, blueprints) {
            offer.add_blueprints(blueprints);
        }
        if let Some(packs) = offer.read(GallerySource::Pack, packs) {
            offer.add_packs(packs);
        }
        offer
    }
}

impl Offer {
    fn is_current(&self, connection: Option<u64>) -> bool {
        let kept_for = if connection.is_some() { WATCHED_FOR } else { UNWATCHED_FOR };
        self.connection == connection && self.at.elapsed() < kept_for
    }

    fn is_whole(&self) -> bool {
        self.lacks.iter().all(|(_, lack)| matches!(lack, Lack::Absent))
    }

    /// Why there is nothing of a source, when there is not.
    pub(super) fn lack(&self, source: GallerySource) -> Option<Error> {
        let (_, lack) = self.lacks.iter().find(|(lacking, _)| *lacking == source)?;
        Some(match lack {
            Lack::Failed(error) => failure::client(Arc::clone(error)),
            Lack::Absent => {
                let (backend, route) = (&self.backend, route(source));
                let message = format!(
                    "the server `{backend}` offers no {}: it has no {route}",
                    plural(source)
                );
                Error::new(FailureCode::TemplateNotFound, message).with_hint(
                    "newer versions of ComfyUI have it, templates with the package \
                     comfyui-workflow-templates; our own templates need neither",
                )
            }
        })
    }

    /// What there is nothing of, and why, in sentences.
    pub(super) fn lacking(&self) -> Vec<String> {
        let mut told: Vec<String> = Vec::new();
        for (source, _) in &self.lacks {
            let sentence = self.lack(*source).map(|error| error.to_string());
            told.extend(sentence.filter(|sentence| !told.contains(sentence)));
        }
        told
    }

    fn read<T>(
        &mut self,
        source: GallerySource,
        answer: Result<Option<T>, comfy_client::Error>,
    ) -> Option<T> {
        let lack = match answer {
            Ok(Some(read)) => return Some(read),
            Ok(None) => Lack::Absent,
            Err(error) => Lack::Failed(Arc::new(error)),
        };
        self.lacks.push((source, lack));
        None
    }

    fn add_templates(&mut self, index: GalleryIndex, tasks: &HashMap<String, String>) {
        let GalleryIndex { categories, unreadable, beyond_limit } = index;
        for mut category in categories {
            for item in std::mem::take(&mut category.items) {
                let task = tasks.get(&item.name).map(String::as_str);
                self.listed.push(Listed::template(&category, item, task, &self.backend));
            }
        }
        let backend = &self.backend;
        let left_out = [
            (unreadable, "cannot be read and are left out"),
            (beyond_limit, "are beyond what is listed of one server"),
        ];
        let left_out = left_out.into_iter().filter(|(count, _)| *count > 0);
        let told = left_out
            .map(|(count, why)| format!("{count} entries of the index of `{backend}` {why}"));
        self.notes.extend(told);
    }

    fn add_blueprints(&mut self, mut blueprints: Vec<BlueprintEntry>) {
        blueprints.sort_by(|one, other| (&one.name, &one.id).cmp(&(&other.name, &other.id)));
        let mut names = HashSet::new();
        for blueprint in blueprints {
            let is_second = !names.insert(blueprint.name.clone());
            self.listed.push(Listed::blueprint(blueprint, is_second, &self.backend));
        }
    }

    fn add_packs(&mut self, packs: Vec<PackExamples>) {
        for PackExamples { pack, names } in packs {
            // A pack may keep one name in several of its folders; the server serves one of them.
            let mut seen = HashSet::new();
            for name in names.into_iter().filter(|name| seen.insert(name.clone())) {
                self.listed.push(Listed::example(&pack, name, &self.backend));
            }
        }
    }

    /// The entry of an id. A blueprint can also be named by the server's own id for it.
    pub(super) fn find(&self, id: &str) -> Option<&Listed> {
        let blueprint = id.strip_prefix("blueprint:");
        self.listed.iter().find(|listed| listed.entry.id == id).or_else(|| {
            self.listed.iter().find(|listed| match &listed.place {
                Place::Blueprint { id } => Some(id.as_str()) == blueprint,
                Place::Own | Place::Template { .. } | Place::Pack { .. } => false,
            })
        })
    }
}

fn plural(source: GallerySource) -> &'static str {
    match source {
        GallerySource::Own | GallerySource::Server => "templates",
        GallerySource::Blueprint => "blueprints",
        GallerySource::Pack => "examples of packs",
    }
}

fn route(source: GallerySource) -> &'static str {
    match source {
        GallerySource::Own | GallerySource::Server => "/templates/index.json",
        GallerySource::Blueprint => "/global_subgraphs",
        GallerySource::Pack => "/workflow_templates",
    }
}

//! Listing what there is.

use std::sync::Arc;

use super::entry::{GalleryEntry, GallerySource, Listed};
use crate::{error::Error, factory::Factory, failure, nearest};

/// Which ready workflows to list. Everything that is given must hold.
///
/// ```
/// use mediafactory::{GalleryFilter, GallerySource};
/// let video = GalleryFilter { query: Some("video".to_owned()), ..GalleryFilter::default() };
/// assert_eq!(video.source, None, "all sources");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GalleryFilter {
    /// Only those of one source.
    pub source: Option<GallerySource>,
    /// Only those with all of these words in name, title, description, tags, models, task or
    /// category; those with them in name or title come first.
    pub query: Option<String>,
    /// Only those of one category of a server, however it is capitalized.
    pub category: Option<String>,
    /// Only those of one task, such as `text-to-image`.
    pub task: Option<String>,
    /// The server whose workflows are listed: the first one that the word stands for, or of all.
    pub backend: Option<String>,
}

/// Ready workflows, our own first, then those of a server in its order.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use mediafactory::{Factory, GalleryFilter, GallerySource, config::Config};
/// let folder = tempfile::tempdir()?;
/// let factory = Factory::open(Config::new(folder.path())).await?;
/// let own = GalleryFilter { source: Some(GallerySource::Own), ..GalleryFilter::default() };
/// assert_eq!(factory.gallery(&own).await?.entries[0].id, "sdxl_txt2img");
/// # factory.shutdown().await;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GalleryList {
    /// All that the filter lets through.
    pub entries: Vec<Arc<GalleryEntry>>,
    /// What is not listed and why, in sentences: a server that offers nothing or does not answer.
    pub notes: Vec<String>,
}

impl Factory {
    /// What there is to make something of: our own templates and what a server offers itself. The
    /// server's lists are kept for some minutes. Where one source alone is asked for and cannot be
    /// read, that is an error; otherwise a note.
    pub async fn gallery(&self, filter: &GalleryFilter) -> Result<GalleryList, Error> {
        let is_wanted = |source| filter.source.is_none_or(|wanted| wanted == source);
        let own = is_wanted(GallerySource::Own);
        let own = own.then(|| self.templates().all().iter().map(Listed::own)).into_iter().flatten();
        let own: Vec<Listed> = own.collect();
        if filter.source == Some(GallerySource::Own) {
            return Ok(GalleryList { entries: chosen(&own, filter)?, notes: Vec::new() });
        }
        let server = self.asked(filter.backend.as_deref())?;
        let offer = server.offer(self.parts.engine.connection(&server.url())).await;
        if let Some(lack) = filter.source.and_then(|source| offer.lack(source)) {
            return Err(lack);
        }
        let offered = offer.listed.iter().filter(|listed| is_wanted(listed.entry.source));
        let entries = chosen(own.iter().chain(offered), filter)?;
        let lacking = if filter.source.is_none() { offer.lacking() } else { Vec::new() };
        let left_out = is_wanted(GallerySource::Server).then_some(&offer.notes);
        let notes = lacking.into_iter().chain(left_out.into_iter().flatten().cloned()).collect();
        Ok(GalleryList { entries, notes })
    }
}

fn chosen<'a>(
    all: impl IntoIterator<Item = &'a Listed> + Clone,
    filter: &GalleryFilter,
) -> Result<Vec<Arc<GalleryEntry>>, Error> {
    let category = filter.category.as_deref().map(|category| known(category, all.clone()));
    let category = category.transpose()?;
    let query = filter.query.as_deref().unwrap_or_default();
    let words: Vec<String> = query.split_whitespace().map(str::to_lowercase).collect();
    let is_meant = |entry: &GalleryEntry| {
        let is_of_category = category.is_none() || entry.category.as_deref() == category;
        let is_of_task = filter.task.is_none() || entry.task == filter.task;
        is_of_category && is_of_task
    };
    let ranked = all.into_iter().filter(|listed| is_meant(&listed.entry));
    let ranked = ranked.filter_map(|listed| Some((listed.rank(&words)?, &listed.entry)));
    let mut ranked: Vec<_> = ranked.collect();
    ranked.sort_by_key(|(rank, _)| *rank);
    Ok(ranked.into_iter().map(|(_, entry)| Arc::clone(entry)).collect())
}

/// The category as it is spelled, or which there are.
fn known<'a>(category: &str, all: impl IntoIterator<Item = &'a Listed>) -> Result<&'a str, Error> {
    let mut categories: Vec<&str> = Vec::new();
    for listed in all {
        match listed.entry.category.as_deref() {
            Some(known) if known.eq_ignore_ascii_case(category) => return Ok(known),
            Some(known) if !categories.contains(&known) => categories.push(known),
            Some(_) | None => {}
        }
    }
    let hint = nearest::hint("categories", category, categories.iter().copied());
    let details = workflow_graph::Json::object([("categories", failure::list(categories))]);
    Err(failure::argument(format!("there is no category `{category}`"))
        .with_hint(hint)
        .with_details(details))
}

//! The templates that a server offers, beside ours.

use clap::{Args, ValueEnum};
use mediafactory::{
    Factory, GalleryEntry, GalleryFilter, GallerySource, GalleryTemplate, MissingModel,
};

use crate::{failure::Failure, output, server::Workplace, startup};

/// Which templates are listed.
#[derive(Clone, Debug, Args)]
pub(crate) struct List {
    /// Where they come from: this program, or what a server offers itself
    #[arg(long, value_enum, default_value_t = Source::Own)]
    source: Source,
    /// Only those with all of these words
    #[arg(long, value_name = "WORDS")]
    query: Option<String>,
    /// Only those of one category of the server
    #[arg(long, value_name = "NAME")]
    category: Option<String>,
    /// Only those of one task, such as text-to-image
    #[arg(long, value_name = "TASK")]
    task: Option<String>,
    /// The ComfyUI server to ask, by its name or a tag; the first one when not given
    #[arg(long, value_name = "NAME")]
    backend: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Source {
    Own,
    Server,
    Blueprint,
    Pack,
    All,
}

impl List {
    fn filter(&self) -> GalleryFilter {
        GalleryFilter {
            source: match self.source {
                Source::Own => Some(GallerySource::Own),
                Source::Server => Some(GallerySource::Server),
                Source::Blueprint => Some(GallerySource::Blueprint),
                Source::Pack => Some(GallerySource::Pack),
                Source::All => None,
            },
            query: self.query.clone(),
            category: self.category.clone(),
            task: self.task.clone(),
            backend: self.backend.clone(),
        }
    }

    /// Whether nothing but our own templates is asked for, all of them.
    pub(crate) fn is_of_all_own(&self) -> bool {
        let Self { source, query, category, task, backend } = self;
        let is_narrowed = [query, category, task, backend].iter().any(|word| word.is_some());
        *source == Source::Own && !is_narrowed
    }
}

/// Whether a template is a server's.
pub(crate) fn is_served(name: &str) -> bool {
    GallerySource::of_id(name) != GallerySource::Own
}

/// One line for each template.
pub(crate) async fn list(list: &List, settings: Vec<(String, String)>) -> Result<String, Failure> {
    let workplace = Workplace::for_looking(&startup::configure(settings)?).await?;
    let told = listed(&workplace.factory, &list.filter()).await;
    workplace.close(told).await
}

async fn listed(factory: &Factory, filter: &GalleryFilter) -> Result<String, Failure> {
    let list = factory.gallery(filter).await?;
    for note in &list.notes {
        output::note(note);
    }
    if list.entries.is_empty() {
        output::note("no template is like that");
    }
    let rows: Vec<[String; 4]> = list.entries.iter().map(|entry| row(entry)).collect();
    Ok(output::aligned(&rows))
}

fn row(entry: &GalleryEntry) -> [String; 4] {
    let told = entry.task.clone().or_else(|| entry.category.clone()).unwrap_or_default();
    let size = entry.size_bytes.filter(|bytes| *bytes > 0).map(gigabytes).unwrap_or_default();
    [entry.id.clone(), told, size, entry.title.clone()]
}

/// A template as one server would run it.
pub(crate) async fn fetch(
    name: &str,
    backend: Option<&str>,
    settings: Vec<(String, String)>,
) -> Result<GalleryTemplate, Failure> {
    let workplace = Workplace::for_looking(&startup::configure(settings)?).await?;
    let found = workplace.factory.gallery_template(name, backend).await;
    workplace.close(found.map_err(Failure::from)).await
}

/// What the server lacks to run it, line by line.
pub(crate) fn needs(found: &GalleryTemplate) -> String {
    let needs = &found.needs;
    let nodes = needs.nodes.iter().map(|node| {
        let pack = node.pack.as_deref().map(|pack| format!(", of {pack}")).unwrap_or_default();
        format!("  node class {}{pack}", node.class_type)
    });
    let models = needs.models.iter().map(missing);
    let problems = needs.problems.iter().map(|problem| format!("  {problem}"));
    let lacking: Vec<String> = nodes.chain(models).chain(problems).collect();
    let services = needs.services.join(", ");
    let paid = (!services.is_empty()).then(|| format!("\ncalls paid services: {services}"));
    if lacking.is_empty() {
        return format!("the server would run it{}", paid.unwrap_or_default());
    }
    let lacking = lacking.join("\n");
    format!("the server would not run it as it is; it lacks\n{lacking}{}", paid.unwrap_or_default())
}

fn missing(model: &MissingModel) -> String {
    let folder = model.folder.as_deref().unwrap_or("?");
    let size = model.size_bytes.map(|bytes| format!(", {}", gigabytes(bytes))).unwrap_or_default();
    let url = model.url.as_deref().map(|url| format!(", from {url}")).unwrap_or_default();
    format!("  model {folder}/{}{size}{url}", model.file)
}

/// A size in 10⁹ bytes with one digit after the point.
fn gigabytes(bytes: u64) -> String {
    const TENTH: u64 = 100_000_000;
    let tenths = bytes.saturating_add(TENTH / 2) / TENTH;
    format!("{}.{} GB", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    #[test]
    fn sizes_are_rounded() {
        let sizes = [0, 49_999_999, 50_000_000, 6_938_078_334, u64::MAX].map(super::gigabytes);
        assert_eq!(sizes, ["0.0 GB", "0.0 GB", "0.1 GB", "6.9 GB", "18446744073.7 GB"]);
    }
}

//! Finding models by words: those that are known and the files that servers have.

use model_registry::Registry;
use workflow_graph::Json;

use super::{Family, inventory::base_name, registry};
use crate::{error::Error, factory::Factory, failure};

/// How many words of a query count.
const WORDS_MAX: usize = 16;

/// What a search found.
///
/// ```
/// # fn of(hits: &mediafactory::models::ModelHits) {
/// assert!(hits.items.iter().all(|hit| hit.model.is_some() || hit.file.is_some()));
/// # }
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct ModelHits {
    /// The best first.
    pub items: Vec<ModelHit>,
    /// What could not be searched.
    pub notes: Vec<String>,
}

/// A model, or a file that a server has.
///
/// ```
/// # fn of(hit: &mediafactory::models::ModelHit) {
/// println!("{:?} {:?} on {:?}", hit.model, hit.file, hit.backends);
/// # }
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct ModelHit {
    /// The model, by name. A file of none that is known has none.
    pub model: Option<String>,
    /// The model for people, or the file.
    pub title: String,
    /// What in it has the words, such as `name`, `alias`, `file` or `task`.
    pub by: &'static str,
    /// The file, with its folder.
    pub file: Option<(String, String)>,
    /// The servers that have the file, by name.
    pub backends: Vec<String>,
    rank: u32,
}

impl Factory {
    /// Models whose name, aliases, title, tasks or files have all words of the query, and the files
    /// of the servers that `backend` stands for, or of all, whose names have them.
    pub async fn search_models(
        &self,
        query: &str,
        backend: Option<&str>,
    ) -> Result<ModelHits, Error> {
        let words: Vec<String> = query
            .split_whitespace()
            .take(WORDS_MAX)
            .map(plain)
            .filter(|word| !word.is_empty())
            .collect();
        if words.is_empty() {
            return Err(failure::argument("the query must have at least one word"));
        }
        let registry = registry()?;
        let mut hits = ModelHits { items: Vec::new(), notes: Vec::new() };
        hits.items.extend(registry.families().filter_map(|family| of_family(family, &words)));
        for server in self.placed(backend)? {
            match server.inventory().await {
                Ok(files) => {
                    for (folder, file) in
                        files.all().filter(|(_, file)| has_all(&file.name, &words))
                    {
                        hits.add_file(registry, folder, &file.name, &server.name);
                    }
                }
                Err(error) => {
                    let note = format!("the files of {} were not searched: {error}", server.name);
                    hits.notes.push(note);
                }
            }
        }
        hits.items.sort_by(|one, other| (one.rank, &one.title).cmp(&(other.rank, &other.title)));
        Ok(hits)
    }
}

impl ModelHits {
    fn add_file(&mut self, registry: &Registry, folder: &str, name: &str, server: &str) {
        let is_same = |hit: &&mut ModelHit| {
            hit.file.as_ref().is_some_and(|(in_folder, known)| in_folder == folder && known == name)
        };
        if let Some(hit) = self.items.iter_mut().find(is_same) {
            hit.backends.push(server.to_owned());
            return;
        }
        // Of a file that several use it is not said whose it is, nor of one that only looks like theirs.
        let mut users = registry.users(base_name(name));
        let model = users.next().filter(|_| users.next().is_none());
        let model = model.map(|family| family.name.clone());
        self.items.push(ModelHit {
            model,
            title: name.to_owned(),
            by: "installed file",
            file: Some((folder.to_owned(), name.to_owned())),
            backends: vec![server.to_owned()],
            rank: RANK_OF_INSTALLED,
        });
    }
}

const RANK_OF_INSTALLED: u32 = 4;

fn of_family(family: &Family, words: &[String]) -> Option<ModelHit> {
    let has_words = |text: &str| has_all(text, words);
    let tasks = || family.variants.iter().flat_map(|variant| &variant.tasks);
    let asked = words.concat();
    let (rank, by) = if plain(&family.name) == asked {
        (0, "name")
    } else if family.aliases.iter().any(|alias| plain(alias) == asked) {
        (1, "alias")
    } else if has_words(&family.name) || has_words(&family.title) {
        (2, "name")
    } else if family.aliases.iter().any(|alias| has_words(alias)) {
        (3, "alias")
    } else if family.files.iter().any(|file| has_words(&file.name)) {
        (5, "file")
    } else if tasks().any(|task| has_words(task.as_str())) {
        (6, "task")
    } else {
        return None;
    };
    Some(ModelHit {
        model: Some(family.name.clone()),
        title: family.title.clone(),
        by,
        file: None,
        backends: Vec::new(),
        rank,
    })
}

fn has_all(text: &str, words: &[String]) -> bool {
    let text = plain(text);
    words.iter().all(|word| text.contains(word.as_str()))
}

/// Without case and separators, as names are compared elsewhere.
fn plain(text: &str) -> String {
    text.chars().filter(|letter| letter.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

impl ModelHit {
    /// `{model?, title, by, folder?, file?, backends?}`.
    pub fn to_json(&self) -> Json {
        let model = self.model.as_deref().map(|model| ("model", Json::from(model)));
        let said = [("title", Json::from(self.title.as_str())), ("by", Json::from(self.by))];
        let file = self.file.iter().flat_map(|(folder, file)| {
            [("folder", Json::from(folder.as_str())), ("file", Json::from(file.as_str()))]
        });
        let backends = failure::list(self.backends.iter().map(String::as_str));
        let backends = (!self.backends.is_empty()).then_some(("backends", backends));
        Json::object(model.into_iter().chain(said).chain(file).chain(backends))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_very_name_comes_before_parts_and_tasks() {
        let wan = registry().unwrap().family("wan-2.2-14b").unwrap();
        let rank = |query: &str| {
            let words: Vec<String> = query.split(' ').map(plain).collect();
            of_family(wan, &words).map(|hit| (hit.rank, hit.by))
        };
        assert_eq!(rank("Wan 2.2 14B"), Some((0, "name")));
        assert_eq!(rank("14b wan"), Some((2, "name")));
        assert_eq!(rank("umt5"), Some((5, "file")));
        assert_eq!(rank("text to video"), Some((6, "task")));
        assert_eq!(rank("flux"), None);
    }
}

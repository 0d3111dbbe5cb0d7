//! What node classes the server has: looking one up, and searching all of them.

use std::{sync::Arc, time::Duration};

use tokio::{sync::Mutex, time::Instant};
use workflow_graph::{Json, json::Object};

use crate::{
    error::{Error, FailureCode},
    factory::Factory,
    failure, nearest,
    requests::{NodeMatch, Page},
    servers::Server,
    workflows::{Rulebook, Rules},
};

/// How long the list of all classes is kept. Classes change with a restart of the server, model
/// files at any time; single classes are asked for afresh each time.
const CACHE_TIME: Duration = Duration::from_mins(5);

/// How many matches a search gives at most.
const MATCHES_MAX: u32 = 100;

/// The server's answer to `/object_info`, which has megabytes, and what is made of it.
#[derive(Debug, Default)]
pub(crate) struct NodeCache {
    // Held over the request on purpose: two callers shall not fetch megabytes twice.
    latest: Mutex<Option<Fetched>>,
}

#[derive(Debug)]
struct Fetched {
    at: Instant,
    definitions: Arc<Json>,
    /// Made when a workflow is first held against it: searches do not need it.
    rulebook: Option<Rulebook>,
}

impl Factory {
    /// The definition of one node class, as the server gives it: the first one that the word
    /// stands for, or of all.
    pub async fn node_info(&self, class: &str, backend: Option<&str>) -> Result<Json, Error> {
        let server = self.asked(backend)?;
        let info = server.client.object_info_of(class).await.map_err(failure::client)?;
        if let Some(info) = info {
            return Ok(info);
        }
        let all = server.object_info().await?;
        let names = || {
            all.as_object()
                .into_iter()
                .flat_map(|all| all.keys().map(workflow_graph::json::Name::as_str))
        };
        let near = nearest::names(class, names(), 5);
        let hint = match near.first() {
            Some(near) => format!("did you mean `{near}`?"),
            None => "no class has a name like it; search_nodes finds classes by words".to_owned(),
        };
        let details = Json::object([("nearest", failure::list(near))]);
        Err(Error::new(
            FailureCode::NodesMissing,
            format!("the server has no node class `{class}`"),
        )
        .with_details(details)
        .with_hint(hint))
    }

    /// Node classes whose class, name, category or types have all words of `query`, best first:
    /// those of the first server that `backend` stands for, or of all.
    pub async fn search_nodes(
        &self,
        query: &str,
        limit: u32,
        backend: Option<&str>,
    ) -> Result<Page<NodeMatch>, Error> {
        let words: Vec<String> = query.split_whitespace().map(str::to_lowercase).collect();
        if words.is_empty() {
            return Err(failure::argument("the query must have at least one word"));
        }
        let all = self.asked(backend)?.object_info().await?;
        let classes = all.as_object().into_iter().flatten();
        let mut found: Vec<(u32, NodeMatch)> = classes
            .filter_map(|(class, definition)| {
                let node = describe(class, definition);
                Some((rank(&node, &words)?, node))
            })
            .collect();
        found.sort_by(|(rank, node), (other_rank, other)| {
            (rank, &node.class_type).cmp(&(other_rank, &other.class_type))
        });
        let total = u64::try_from(found.len()).unwrap_or(u64::MAX);
        let most = usize::try_from(limit.clamp(1, MATCHES_MAX)).unwrap_or(usize::MAX);
        let items = found.into_iter().map(|(_, node)| node).take(most).collect();
        Ok(Page { items, total, next_cursor: None })
    }

    /// What workflows are held against: the first server's node classes and the rules of its
    /// version, at most five minutes old.
    pub async fn rulebook(&self) -> Result<Rulebook, Error> {
        self.asked(None)?.rulebook().await
    }
}

impl Server {
    /// What workflows are held against, at most five minutes old.
    pub(crate) async fn rulebook(&self) -> Result<Rulebook, Error> {
        self.rulebook_within(CACHE_TIME).await
    }

    /// The rulebook as it is now: a model file may have come since the last one was read.
    pub(crate) async fn fresh_rulebook(&self) -> Result<Rulebook, Error> {
        self.rulebook_within(Duration::ZERO).await
    }

    /// The rulebook, at most so old.
    pub(crate) async fn rulebook_within(&self, age_max: Duration) -> Result<Rulebook, Error> {
        let mut latest = self.nodes.latest.lock().await;
        let fetched = self.fetched(&mut latest, age_max).await?;
        if let Some(rulebook) = &fetched.rulebook {
            return Ok(rulebook.clone());
        }
        let client = &self.client;
        let stats = client.system_stats().await.map_err(failure::client)?;
        let replacements = client.node_replacements().await.map_err(failure::client)?;
        let rules = Rules::of_version(stats.comfyui_version.as_deref().unwrap_or_default());
        let rulebook = Rulebook::new(Json::clone(&fetched.definitions), replacements, rules)?;
        fetched.rulebook = Some(rulebook.clone());
        Ok(rulebook)
    }

    async fn object_info(&self) -> Result<Arc<Json>, Error> {
        let mut latest = self.nodes.latest.lock().await;
        let fetched = self.fetched(&mut latest, CACHE_TIME).await?;
        Ok(Arc::clone(&fetched.definitions))
    }

    async fn fetched<'a>(
        &self,
        latest: &'a mut Option<Fetched>,
        age_max: Duration,
    ) -> Result<&'a mut Fetched, Error> {
        let kept = latest.take().filter(|fetched| fetched.at.elapsed() < age_max);
        let fetched = match kept {
            Some(fetched) => fetched,
            None => {
                let answer = self.client.object_info().await.map_err(failure::client)?;
                Fetched { at: Instant::now(), definitions: Arc::new(answer), rulebook: None }
            }
        };
        Ok(latest.insert(fetched))
    }
}

fn describe(class: &str, definition: &Json) -> NodeMatch {
    let text = |name| definition.get(name).and_then(Json::as_str).unwrap_or_default();
    let display_name = Some(text("display_name")).filter(|name| !name.is_empty());
    let mut inputs = Vec::new();
    for group in ["required", "optional"] {
        let specs = definition.at(&["input", group]).and_then(Json::as_object);
        for spec in specs.into_iter().flat_map(Object::values) {
            let name = type_name(spec.as_array().and_then(|spec| spec.first()));
            if !inputs.contains(&name) {
                inputs.push(name);
            }
        }
    }
    let outputs = definition.get("output").and_then(Json::as_array).unwrap_or_default();
    NodeMatch {
        class_type: class.to_owned(),
        display_name: display_name.unwrap_or(class).to_owned(),
        category: text("category").to_owned(),
        inputs,
        outputs: outputs.iter().map(|output| type_name(Some(output))).collect(),
    }
}

/// A list where a type stands is a combo in its old spelling.
fn type_name(spec: Option<&Json>) -> String {
    spec.and_then(Json::as_str).unwrap_or("COMBO").to_owned()
}

/// How well a class fits, lower is better; `None` where a word is missing.
fn rank(node: &NodeMatch, words: &[String]) -> Option<u32> {
    let class = node.class_type.to_lowercase();
    let name = node.display_name.to_lowercase();
    let category = node.category.to_lowercase();
    let has_type = |word: &String| {
        node.inputs.iter().chain(&node.outputs).any(|name| name.to_lowercase() == *word)
    };
    words
        .iter()
        .map(|word| match word {
            word if class == *word || name == *word => Some(0),
            word if class.starts_with(word.as_str()) || name.starts_with(word.as_str()) => Some(1),
            word if class.contains(word.as_str()) || name.contains(word.as_str()) => Some(2),
            word if category.contains(word.as_str()) => Some(3),
            word if has_type(word) => Some(4),
            _ => None,
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exact_names_come_before_parts_and_categories() {
        let definition = Json::parse(
            br#"{"input": {"required": {"model": ["MODEL"], "sampler_name": [["euler"], {}]},
                           "optional": {"other": ["MODEL"]}},
                 "output": ["LATENT", ["a", "b"]], "display_name": null, "category": "sampling"}"#,
        );
        let node = describe("KSampler", &definition.unwrap());
        assert_eq!((&*node.display_name, &*node.category), ("KSampler", "sampling"));
        assert_eq!(node.inputs, ["MODEL", "COMBO"]);
        assert_eq!(node.outputs, ["LATENT", "COMBO"]);
        let rank =
            |query: &str| rank(&node, &query.split(' ').map(str::to_owned).collect::<Vec<_>>());
        assert_eq!(
            [rank("ksampler"), rank("ksam"), rank("sampl"), rank("sampling"), rank("latent")],
            [Some(0), Some(1), Some(2), Some(3), Some(4)]
        );
        assert_eq!((rank("ksampler video"), rank("ksam latent")), (None, Some(5)));
    }
}

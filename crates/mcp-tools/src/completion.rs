//! What completes an argument of a prompt or of an address: names that there are now.

use mediafactory::{AssetFilter, Error, Factory, JobFilter, Json, models};
use rmcp::model::{CompleteRequestParams, CompleteResult, CompletionInfo, ErrorData, Reference};

use crate::prompts::{self, Kind};

/// How many of the newest assets and jobs are looked at.
const RECENT: u32 = 100;

/// What a client may choose from, those that begin like what was typed first. A server that does
/// not answer completes nothing, and that is no failure of typing.
pub(crate) async fn complete(
    factory: &Factory,
    request: CompleteRequestParams,
) -> Result<CompleteResult, ErrorData> {
    let name = &request.argument.name;
    let kind = match &request.r#ref {
        Reference::Prompt(prompt) => prompts::argument(&prompt.name, name)?.kind,
        Reference::Resource(resource) => of_address(&resource.uri, name)?,
        // Clients of later protocols may refer to more.
        _ => Kind::Words,
    };
    let known = known(factory, kind).await.unwrap_or_else(|error| {
        tracing::info!(%error, "nothing completes this");
        Vec::new()
    });
    let found = matching(known, &request.argument.value);
    let total = u32::try_from(found.len()).ok();
    let has_more = found.len() > CompletionInfo::MAX_VALUES;
    let shown = found.into_iter().take(CompletionInfo::MAX_VALUES).collect();
    let completion = CompletionInfo::with_pagination(shown, total, has_more);
    completion.map(CompleteResult::new).map_err(|problem| ErrorData::internal_error(problem, None))
}

/// The addresses that have something to complete, with the name of it.
const ADDRESSES: [(&str, &str, Kind); 5] = [
    ("mediafactory://asset/{id}", "id", Kind::Asset),
    ("mediafactory://job/{id}", "id", Kind::Job),
    ("mediafactory://job/{id}/preview", "id", Kind::Job),
    ("mediafactory://model/{family}", "family", Kind::Model),
    ("mediafactory://template/{name}", "name", Kind::Template),
];

fn of_address(uri: &str, argument: &str) -> Result<Kind, ErrorData> {
    let addresses = ADDRESSES.iter().map(|(address, ..)| *address);
    let found = ADDRESSES.iter().find(|(address, ..)| *address == uri);
    let (_, name, kind) = found.ok_or_else(|| prompts::unknown("address", uri, addresses))?;
    if *name != argument {
        return Err(prompts::unknown("argument", argument, std::iter::once(*name)));
    }
    Ok(*kind)
}

/// Names, each with further words that it is found by.
async fn known(factory: &Factory, kind: Kind) -> Result<Vec<(String, String)>, Error> {
    let alone = |name: String| (name, String::new());
    Ok(match kind {
        Kind::Words => Vec::new(),
        Kind::Model => models_and_files(factory).await?,
        Kind::Sampler => samplers(factory).await?.into_iter().map(alone).collect(),
        Kind::Template => {
            let all = factory.templates().all().iter();
            all.map(|template| (template.name.clone(), template.title.clone())).collect()
        }
        Kind::Asset => {
            let filter = AssetFilter { limit: Some(RECENT), ..AssetFilter::default() };
            let assets = factory.assets(filter).await?.items.into_iter();
            assets.map(|asset| (asset.id.to_string(), asset.file_name)).collect()
        }
        Kind::Job => {
            let filter = JobFilter { limit: Some(RECENT), ..JobFilter::default() };
            let jobs = factory.jobs(filter).await?.items.into_iter();
            jobs.map(|job| alone(job.job.to_string())).collect()
        }
    })
}

/// The models that are known, then the files that servers have and that are of one of them or not.
async fn models_and_files(factory: &Factory) -> Result<Vec<(String, String)>, Error> {
    let families = models::registry()?.families();
    let mut all: Vec<(String, String)> =
        families.map(|family| (family.name.clone(), family.title.clone())).collect();
    for kind in ["checkpoints", "diffusion_models"] {
        match factory.models(kind, None).await {
            Ok(list) => all.extend(list.files.into_iter().map(|file| (file, String::new()))),
            Err(error) => tracing::info!(%error, "the files of the server do not complete this"),
        }
    }
    Ok(all)
}

async fn samplers(factory: &Factory) -> Result<Vec<String>, Error> {
    let sampler = factory.node_info("KSampler", None).await?;
    let input = sampler.at(&["input", "required", "sampler_name"]).and_then(Json::as_array);
    let first = input.and_then(|input| input.first());
    // The newer spelling has its choices among the options.
    let options = || input.and_then(|input| input.get(1)?.get("options")?.as_array());
    let choices = first.and_then(Json::as_array).or_else(options).unwrap_or_default();
    Ok(choices.iter().filter_map(|choice| Some(choice.as_str()?.to_owned())).collect())
}

/// Names that begin like what was typed, then those that have it somewhere. Case does not count.
fn matching(known: Vec<(String, String)>, typed: &str) -> Vec<String> {
    let typed = typed.trim().to_lowercase();
    let rank = |(name, words): &(String, String)| {
        let (name, words) = (name.to_lowercase(), words.to_lowercase());
        if name.starts_with(&typed) {
            Some(0)
        } else {
            (name.contains(&typed) || words.contains(&typed)).then_some(1)
        }
    };
    let mut found: Vec<(u8, String)> =
        known.into_iter().filter_map(|one| Some((rank(&one)?, one.0))).collect();
    found.sort_by_key(|(rank, _)| *rank);
    found.into_iter().map(|(_, name)| name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beginnings_come_first_and_order_stays() {
        let known = ["sd1.5", "flux1-dev", "tiny-flux", "flux2-dev"];
        let known =
            || known.iter().map(|name| ((*name).to_owned(), "By Them".to_owned())).collect();
        assert_eq!(matching(known(), "FLUX"), ["flux1-dev", "flux2-dev", "tiny-flux"]);
        assert_eq!(matching(known(), "them").len(), 4);
        assert_eq!(matching(known(), "").len(), 4);
    }
}

//! Reading the list of further servers: as tables in the file, or as `NAME=URL` anywhere.

use std::{collections::BTreeSet, path::PathBuf};

use comfy_client::{Auth, Secret, ServerUrl};

use super::{Backend, NamedServer, source::Raw};

/// What the setting takes, for people.
pub(super) const EXPECTED: &str = "a list of NAME=URL, or tables [[servers]] with `name`, `url` \
    and, where wanted, `token`, `weight`, `tags`, `max_concurrent_jobs`, `gpu_id`, \
    `models_dir`";

/// The members of a table, for whoever misspells one.
const MEMBERS: [&str; 8] =
    ["name", "url", "token", "weight", "tags", "max_concurrent_jobs", "gpu_id", "models_dir"];

/// As many jobs at one server as the general setting allows.
const IN_FLIGHT_MAX: u32 = 64;

/// The word by which callers leave the choice to us.
const RESERVED: &str = "auto";

/// Reads one list of servers; otherwise what is wrong with it, in words.
pub(super) fn read(raw: &Raw) -> Result<Vec<NamedServer>, String> {
    let servers: Vec<NamedServer> = match raw {
        Raw::Words(words) => words.split(',').map(from_text).collect::<Result<_, _>>()?,
        Raw::List(items) => items.iter().map(|item| from_text(item)).collect::<Result<_, _>>()?,
        Raw::Tables(tables) => {
            tables.iter().map(|table| from_table(table)).collect::<Result<_, _>>()?
        }
        Raw::Text(_) | Raw::Whole(_) | Raw::Other(_) => return Err(raw.to_string()),
    };
    let mut names = BTreeSet::new();
    for server in &servers {
        if !names.insert(&server.name) {
            return Err(format!("two servers with the name `{}`", server.name));
        }
    }
    Ok(servers)
}

fn from_text(text: &str) -> Result<NamedServer, String> {
    let (name, url) = text.split_once('=').ok_or_else(|| format!("{text:?} without a name"))?;
    named(name.trim(), url.trim(), None)
}

fn from_table(table: &[(String, Raw)]) -> Result<NamedServer, String> {
    let member = |wanted: &str| table.iter().find(|(name, _)| name == wanted).map(|(_, raw)| raw);
    let text = |wanted: &str| match member(wanted) {
        Some(Raw::Text(text)) => Ok(Some(text.as_str())),
        None => Ok(None),
        Some(_) => Err(format!("a server whose `{wanted}` is not text")),
    };
    if let Some((unknown, _)) = table.iter().find(|(name, _)| !MEMBERS.contains(&&**name)) {
        return Err(format!("a server with a member `{unknown}`"));
    }
    let name = text("name")?.ok_or("a server without `name`")?;
    let url = text("url")?.ok_or_else(|| format!("server `{name}` without `url`"))?;
    let mut server = named(name, url, text("token")?)?;
    if let Some(raw) = member("weight") {
        server.weight = weight(raw).ok_or_else(|| format!("server `{name}` with weight {raw}"))?;
    }
    if let Some(raw) = member("tags") {
        let Raw::List(tags) = raw else {
            return Err(format!("server `{name}` with `tags` that are no list of texts"));
        };
        server.tags.clone_from(tags);
    }
    let whole = |wanted: &str, most: u32| match member(wanted) {
        None => Ok(None),
        Some(raw) => match raw {
            Raw::Whole(number) => u32::try_from(*number).ok().filter(|number| *number <= most),
            Raw::Words(_) | Raw::Text(_) | Raw::List(_) | Raw::Tables(_) | Raw::Other(_) => None,
        }
        .map(Some)
        .ok_or_else(|| format!("server `{name}` with `{wanted}` = {raw}")),
    };
    server.in_flight_max = whole("max_concurrent_jobs", IN_FLIGHT_MAX)?;
    server.gpu_id = whole("gpu_id", u32::MAX)?;
    server.models_dir = text("models_dir")?.map(PathBuf::from);
    Ok(server)
}

fn named(name: &str, url: &str, token: Option<&str>) -> Result<NamedServer, String> {
    if name.is_empty() || name == RESERVED {
        return Err(format!("a server with the name {name:?}"));
    }
    let (url, in_url) = ServerUrl::parse_with_auth(url).map_err(|error| {
        let problems: Vec<_> = error.problems.iter().map(ToString::to_string).collect();
        format!("server `{name}` with an unusable address: {}", problems.join("; "))
    })?;
    let token = match token {
        Some(token) if !token.bytes().all(|byte| byte.is_ascii_graphic()) || token.is_empty() => {
            return Err(format!("server `{name}` with a token that no header can hold"));
        }
        Some(_) if in_url.is_some() => {
            return Err(format!("server `{name}` with a token and a password in its address"));
        }
        Some(token) => Some(Auth::Bearer(Secret::from(token))),
        None => in_url,
    };
    let server = NamedServer::new(name, url);
    Ok(NamedServer { backend: Backend { auth: token, ..server.backend }, ..server })
}

/// A number above zero; the file may write it with or without a fraction.
fn weight(raw: &Raw) -> Option<f64> {
    let number: f64 = match raw {
        Raw::Whole(number) => u32::try_from(*number).ok().map(f64::from),
        Raw::Other(text) => text.parse().ok(),
        Raw::Words(_) | Raw::Text(_) | Raw::List(_) | Raw::Tables(_) => None,
    }?;
    (number > 0.0 && number.is_finite()).then_some(number)
}

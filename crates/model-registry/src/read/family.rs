//! The file of a family.

use std::collections::HashMap;

use super::{
    Document,
    table::{At, Table},
    undefined,
    variant::{self, variant},
};
use crate::{
    error::{Error, Place},
    family::{Family, Geometry, Licence, Memory, ModelFile},
    names::Runs,
    resolve::Pattern,
    variant::Variant,
};

const FAMILY: &[&str] = &[
    "name",
    "title",
    "makes",
    "runs",
    "aliases",
    "patterns",
    "note",
    "prompt",
    "styles",
    "meets",
    "licence",
    "freshness",
    "memory",
    "geometry",
    "files",
    "variants",
];
const LICENCE: &[&str] = &["name", "commercial"];
const FRESHNESS: &[&str] = &["released_by", "superseded_by"];
const MEMORY: &[&str] = &["class", "factor", "vae", "references", "packed"];
const GEOMETRY: &[&str] = &["channels", "spatial", "temporal"];
const FILE: &[&str] = &["name", "folder", "url", "other_urls", "sha256", "gigabytes"];

/// The word that says that a licence is not known.
const UNKNOWN: &str = "unknown";

/// A family with where its names stand, so that others with the same can be refused.
pub(crate) struct ReadFamily {
    pub(crate) family: Family,
    /// The name and the aliases.
    pub(crate) names: Vec<(String, Place)>,
    /// Where the family that took its place is named.
    pub(crate) superseded_by: Place,
}

/// Reads the file of one family and holds what it says of itself together.
pub(crate) fn family(document: &Document<'_>) -> Result<ReadFamily, Error> {
    let parsed = document.parse()?;
    let table = Table::whole(document, &parsed, FAMILY)?;
    let name: String = table.required("name")?;
    if document.file != format!("{name}.toml") {
        return Err(table.refuse("name", &name, "it is the name of the file without `.toml`"));
    }
    let aliases: Vec<(String, At)> = table.placed_list("aliases")?;
    let mut names = vec![(name.clone(), table.place("name"))];
    names.extend(aliases.iter().map(|(alias, at)| (alias.clone(), table.place_of(at))));
    let freshness = table.table("freshness", FRESHNESS)?;
    let superseded = freshness
        .as_ref()
        .map_or_else(|| table.place("freshness"), |freshness| freshness.place("superseded_by"));
    let (released_by, superseded_by) = match &freshness {
        Some(freshness) => (freshness.figure("released_by")?, freshness.figure("superseded_by")?),
        None => (None, None),
    };
    let runs = table.word("runs")?;
    let files = files(&table)?;
    if runs == Runs::Api && !files.is_empty() {
        return Err(table.refuse("runs", &runs, "there are files, which a service has not"));
    }
    let family = Family {
        title: table.required("title")?,
        makes: table.word("makes")?,
        runs,
        aliases: aliases.into_iter().map(|(alias, _)| alias).collect(),
        patterns: patterns(&table)?,
        note: table.optional("note")?,
        prompt: table.figure("prompt")?,
        styles: table.word_figures("styles")?,
        meets: table.word_figures("meets")?,
        licence: licence(&table)?,
        released_by,
        superseded_by,
        memory: memory(&table)?,
        geometry: geometry(&table)?,
        variants: variants(&table, &files)?,
        files,
        name,
    };
    Ok(ReadFamily { family, names, superseded_by: superseded })
}

fn patterns(table: &Table<'_>) -> Result<Vec<Pattern>, Error> {
    let texts = table.placed_list::<String>("patterns")?.into_iter();
    texts
        .map(|(text, at)| {
            Pattern::new(&text).ok_or_else(|| Error::WrongValue {
                place: table.place_of(&at),
                value: text,
                reason: "a pattern is in small letters and has more in it than `*`".to_owned(),
            })
        })
        .collect()
}

fn licence(table: &Table<'_>) -> Result<Licence, Error> {
    let Some(licence) = table.table("licence", LICENCE)? else {
        return Err(Error::MissingKey { place: table.place("licence") });
    };
    let name: String = licence.required("name")?;
    let commercial = licence.optional("commercial")?;
    if name != UNKNOWN {
        return Ok(Licence::Known { name, commercial, source: licence.source()? });
    }
    match commercial {
        None => Ok(Licence::Unknown),
        Some(_) => {
            Err(licence.refuse("commercial", &true, "nobody knows it of a licence that is unknown"))
        }
    }
}

fn memory(table: &Table<'_>) -> Result<Option<Memory>, Error> {
    let Some(memory) = table.table("memory", MEMORY)? else { return Ok(None) };
    let factor = memory.figure::<f64>("factor")?;
    if let Some(factor) = &factor
        && factor.value <= 0.0
    {
        return Err(memory.refuse("factor", &factor.value, "it is above 0"));
    }
    Ok(Some(Memory {
        class: memory.required("class")?,
        factor,
        vae: memory.word_figure("vae")?,
        references: memory.figure("references")?,
        packed: memory.figure("packed")?,
    }))
}

fn geometry(table: &Table<'_>) -> Result<Option<Geometry>, Error> {
    let Some(geometry) = table.table("geometry", GEOMETRY)? else { return Ok(None) };
    for key in GEOMETRY {
        if geometry.optional::<u32>(key)? == Some(0) {
            return Err(geometry.refuse(key, &0, "it is above 0"));
        }
    }
    Ok(Some(Geometry {
        channels: geometry.required("channels")?,
        spatial: geometry.optional("spatial")?,
        temporal: geometry.optional("temporal")?,
        source: geometry.source()?,
    }))
}

fn files(table: &Table<'_>) -> Result<Vec<ModelFile>, Error> {
    let mut seen: HashMap<String, At> = HashMap::new();
    let mut files = Vec::new();
    for file in table.tables("files", FILE)? {
        let name: String = file.required("name")?;
        if let Some(first) = seen.insert(name.clone(), file.at("name")) {
            let (first, second) = (file.place_of(&first), file.place("name"));
            return Err(Error::Duplicate { name, first, second });
        }
        let sha256: Option<String> = file.optional("sha256")?;
        if let Some(hash) = &sha256
            && !is_sha256(hash)
        {
            return Err(file.refuse("sha256", hash, "it is 64 small hexadecimal digits"));
        }
        let url: String = file.required("url")?;
        if !url.starts_with("https://") {
            return Err(file.refuse("url", &url, "it begins with https://"));
        }
        files.push(ModelFile {
            name,
            folder: file.required("folder")?,
            url,
            other_urls: file.list("other_urls")?,
            sha256,
            gigabytes: file.figure("gigabytes")?,
            source: file.source()?,
        });
    }
    Ok(files)
}

fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn variants(table: &Table<'_>, files: &[ModelFile]) -> Result<Vec<Variant>, Error> {
    let mut seen: HashMap<String, At> = HashMap::new();
    let mut variants = Vec::new();
    for read in table.tables("variants", variant::KEYS)? {
        let variant = variant(&read)?;
        check_files(&read, &variant, files)?;
        if let Some(first) = seen.insert(variant.name.clone(), read.at("name")) {
            let (first, second) = (read.place_of(&first), read.place("name"));
            return Err(Error::Duplicate { name: variant.name, first, second });
        }
        variants.push(variant);
    }
    if variants.is_empty() {
        return Err(Error::MissingKey { place: table.place("variants") });
    }
    Ok(variants)
}

/// Every file that a variant names is one of the family's.
fn check_files(read: &Table<'_>, variant: &Variant, files: &[ModelFile]) -> Result<(), Error> {
    let known = || files.iter().map(|file| file.name.as_str());
    let loaded = variant.loads.iter().flat_map(|load| &load.files);
    let named = loaded
        .map(|file| ("loads", file))
        .chain(variant.loras.iter().map(|lora| ("loras", &lora.file)))
        .chain(variant.optional.iter().map(|file| ("optional", file)));
    for (key, file) in named.filter(|(_, file)| *file != variant::NO_VAE) {
        if !known().any(|name| name == file) {
            return Err(undefined(read.place(key), "file", file, known()));
        }
    }
    Ok(())
}

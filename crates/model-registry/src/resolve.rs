//! Which family is meant by a name, a file or a template.

use std::collections::HashMap;

use indexmap::IndexMap;
use workflow_graph::near;

use crate::{family::Family, registry::Registry, variant::Variant};

/// How many near misses are told.
const NEAR_AT_MOST: usize = 5;

/// How the files of a family are called: small letters, and `*` for any run of characters.
///
/// ```
/// use model_registry::Pattern;
/// let pattern = Pattern::new("wan2.2_*_14b*").unwrap();
/// assert!(pattern.matches("wan2.2_i2v_high_noise_14B_Q4_K_M.gguf"));
/// assert!(!pattern.matches("wan2.1_i2v_480p_14B_fp16.safetensors"));
/// assert!(Pattern::new("*").is_none());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern(String);

impl Pattern {
    /// Reads a pattern. `None` for capital letters, which nothing would match, and for a pattern
    /// that would match everything.
    pub fn new(text: &str) -> Option<Self> {
        let is_pattern = text.chars().any(|letter| letter != '*')
            && !text.chars().any(|letter| letter.is_ascii_uppercase());
        is_pattern.then(|| Self(text.to_owned()))
    }

    /// The pattern as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a file is called so. Case does not count.
    pub fn matches(&self, file: &str) -> bool {
        self.matches_lower(&file.to_ascii_lowercase())
    }

    fn matches_lower(&self, file: &str) -> bool {
        let mut parts = self.0.split('*');
        let Some(mut rest) = parts.next().and_then(|first| file.strip_prefix(first)) else {
            return false;
        };
        let parts: Vec<&str> = parts.collect();
        let Some((last, between)) = parts.split_last() else { return rest.is_empty() };
        for part in between {
            let Some((_, after)) = rest.split_once(part) else { return false };
            rest = after;
        }
        rest.ends_with(last)
    }
}

/// What a name stands for.
///
/// ```
/// use model_registry::{How, Registry, Resolution};
/// # let texts = include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/texts.rs"));
/// let registry = Registry::load(texts)?;
/// let Resolution::Found(found) = registry.resolve("FOX one") else { panic!() };
/// assert_eq!((found.family.name.as_str(), found.how), ("fox-1", How::Alias));
/// let unknown = registry.resolve("fox-vidio");
/// assert_eq!(unknown, Resolution::Unknown { near: vec!["fox-video"] });
/// # Ok::<(), model_registry::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Resolution<'r> {
    /// One family.
    Found(Found<'r>),
    /// A file that several families use, such as a text encoder.
    Shared {
        /// All of them.
        families: Vec<&'r Family>,
    },
    /// Nothing that is known.
    Unknown {
        /// Names and files that may have been meant, the most probable first.
        near: Vec<&'r str>,
    },
}

/// The family that a name stands for.
///
/// ```
/// use model_registry::{Registry, Resolution};
/// # let texts = include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/texts.rs"));
/// let registry = Registry::load(texts)?;
/// let Resolution::Found(found) = registry.resolve("models/fox_1_bf16.safetensors") else { panic!() };
/// assert_eq!(found.variants[0].name, "t2i");
/// # Ok::<(), model_registry::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Found<'r> {
    /// The family.
    pub family: &'r Family,
    /// The variants that are meant: all of them, unless the name or the file says which.
    pub variants: Vec<&'r Variant>,
    /// How it was found.
    pub how: How,
}

/// How a family was found, the surest first.
///
/// ```
/// assert!(model_registry::How::Name < model_registry::How::Pattern);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum How {
    /// By its name, alone or with a variant: `wan-2.2-14b/i2v`.
    Name,
    /// By another of its names. Case and separators make no difference.
    Alias,
    /// By an official template.
    Template,
    /// By one of its files.
    File,
    /// By how its files are called: another packing or a copy under another name.
    Pattern,
}

/// Names and files of all families, for look-ups. Numbers are places in the registry.
#[derive(Clone, Debug)]
pub(crate) struct Index {
    names: HashMap<String, usize>,
    templates: HashMap<String, (usize, usize)>,
    files: HashMap<String, Vec<usize>>,
}

impl Index {
    pub(crate) fn of(families: &IndexMap<String, Family>) -> Self {
        let mut index =
            Self { names: HashMap::new(), templates: HashMap::new(), files: HashMap::new() };
        for (at, family) in families.values().enumerate() {
            for name in family.aliases.iter().chain([&family.name]) {
                index.names.insert(folded(name), at);
            }
            for (variant_at, variant) in family.variants.iter().enumerate() {
                index.templates.entry(variant.template.clone()).or_insert((at, variant_at));
            }
            for file in &family.files {
                index.files.entry(file.name.to_ascii_lowercase()).or_default().push(at);
            }
        }
        index
    }
}

impl Registry {
    /// What is meant by a name, a file name with or without folders, or a template.
    ///
    /// A file that one family uses stands for it and the variants that use it; one that several
    /// use stands for the family whose diffusion models are called so, if there is one. A name
    /// that is only near to a known one stands for nothing: what was meant is offered instead.
    pub fn resolve(&self, asked: &str) -> Resolution<'_> {
        let asked = asked.trim();
        self.known(asked).unwrap_or_else(|| Resolution::Unknown { near: self.near(asked) })
    }

    /// The same for whoever does not ask what else may have been meant, which takes long to find:
    /// `None` where that would be offered.
    ///
    /// ```
    /// use model_registry::{Registry, Resolution};
    /// # let texts = include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/texts.rs"));
    /// let registry = Registry::load(texts)?;
    /// assert!(matches!(registry.known("fox-1"), Some(Resolution::Found(_))));
    /// assert_eq!(registry.known("fox-vidio"), None);
    /// # Ok::<(), model_registry::Error>(())
    /// ```
    pub fn known(&self, asked: &str) -> Option<Resolution<'_>> {
        self.by_name(asked)
            .or_else(|| self.by_template(asked))
            .or_else(|| self.by_file(file_name(asked)))
            .or_else(|| self.by_pattern(file_name(asked)))
    }

    /// The families that use a file, by its name without folders.
    pub fn users(&self, file: &str) -> impl Iterator<Item = &Family> {
        let places = self.index.files.get(&file_name(file).to_ascii_lowercase());
        places.into_iter().flatten().filter_map(|at| self.family_at(*at))
    }

    fn by_name(&self, asked: &str) -> Option<Resolution<'_>> {
        let (name, variant) = match asked.split_once('/') {
            Some((name, variant)) => (name, Some(variant)),
            None => (asked, None),
        };
        let family = self.family_at(*self.index.names.get(&folded(name))?)?;
        let variants = match variant {
            Some(variant) => vec![family.variant(variant)?],
            None => family.variants.iter().collect(),
        };
        let how = if name == family.name { How::Name } else { How::Alias };
        Some(Resolution::Found(Found { family, variants, how }))
    }

    fn by_template(&self, asked: &str) -> Option<Resolution<'_>> {
        let (family, variant) = self.index.templates.get(asked)?;
        let family = self.family_at(*family)?;
        let variants = vec![family.variants.get(*variant)?];
        Some(Resolution::Found(Found { family, variants, how: How::Template }))
    }

    fn by_file(&self, file: &str) -> Option<Resolution<'_>> {
        let families: Vec<_> = self.users(file).collect();
        let owner = match families.as_slice() {
            [] => return None,
            [only] => Some(*only),
            _ => {
                self.owner(file).filter(|owner| families.iter().any(|user| user.name == owner.name))
            }
        };
        let Some(family) = owner else { return Some(Resolution::Shared { families }) };
        let uses = |variant: &&Variant| variant.files().any(|used| used.eq_ignore_ascii_case(file));
        let variants = family.variants.iter().filter(uses).collect();
        Some(Resolution::Found(Found { family, variants, how: How::File }))
    }

    fn by_pattern(&self, file: &str) -> Option<Resolution<'_>> {
        let family = self.owner(file)?;
        let variants = family.variants.iter().collect();
        Some(Resolution::Found(Found { family, variants, how: How::Pattern }))
    }

    /// The family whose diffusion models are called so; of several, the one that says most.
    fn owner(&self, file: &str) -> Option<&Family> {
        let file = file.to_ascii_lowercase();
        let patterns = self.families().flat_map(|family| {
            family.patterns.iter().map(move |pattern| (pattern.as_str().len(), pattern, family))
        });
        let matching = patterns.filter(|(_, pattern, _)| pattern.matches_lower(&file));
        matching.max_by_key(|(length, _, _)| *length).map(|(_, _, family)| family)
    }

    fn near(&self, asked: &str) -> Vec<&str> {
        let names = self
            .families()
            .flat_map(|family| family.aliases.iter().chain([&family.name]).map(String::as_str));
        let found = near::names(asked, names, NEAR_AT_MOST);
        if !found.is_empty() {
            return found;
        }
        let files = self.families().flat_map(|family| &family.files);
        let mut files: Vec<&str> = files.map(|file| file.name.as_str()).collect();
        files.sort_unstable();
        files.dedup();
        near::names(asked, files, NEAR_AT_MOST)
    }
}

/// A name without case and separators: names that differ only in these are the same.
pub(crate) fn folded(name: &str) -> String {
    name.chars().filter(|letter| letter.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// The last part of a path, whichever system wrote it.
pub(crate) fn file_name(path: &str) -> &str {
    path.rsplit(['/', '\\']).next().unwrap_or(path)
}

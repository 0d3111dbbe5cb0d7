//! The file of the words that tell what a sentence asks for.

use std::collections::HashMap;

use super::{
    Document,
    table::{At, Table},
    undefined,
};
use crate::{
    error::Error,
    recommend::{Counts, Cue, Draft, Phrase, Rule},
};

const LEXICON: &[&str] =
    &["classes", "bounds", "negations", "openers", "closers", "turns", "signals", "cues", "rules"];
const CUE: &[&str] = &["phrases", "signals", "tasks", "style", "needs", "weight", "counts", "acts"];
const RULE: &[&str] = &["when", "unless", "task", "weight"];

/// Reads the file and holds what it says of itself together.
pub(crate) fn lexicon(document: &Document<'_>) -> Result<Draft, Error> {
    let parsed = document.parse()?;
    let table = Table::whole(document, &parsed, LEXICON)?;
    let mut draft = Draft {
        bounds: table.list("bounds")?,
        negations: table.list("negations")?,
        openers: table.list("openers")?,
        closers: table.list("closers")?,
        turns: table.list("turns")?,
        signals: table.list("signals")?,
        ..Draft::default()
    };
    if let Some(classes) = table.open_table("classes")? {
        for name in classes.keys() {
            draft.classes.insert(name.to_owned(), classes.list(name)?);
        }
    }
    let mut seen: HashMap<String, At> = HashMap::new();
    for cue in table.tables("cues", CUE)? {
        draft.cues.push((phrases(&cue, &draft, &mut seen)?, read_cue(&cue, &draft.signals)?));
    }
    for rule in table.tables("rules", RULE)? {
        draft.rules.push(Rule {
            when: signals(&rule, "when", &draft.signals)?,
            unless: signals(&rule, "unless", &draft.signals)?,
            task: rule.word("task")?,
            weight: rule.required("weight")?,
        });
    }
    Ok(draft)
}

fn read_cue(cue: &Table<'_>, known: &[String]) -> Result<Cue, Error> {
    Ok(Cue {
        signals: signals(cue, "signals", known)?,
        tasks: cue.words("tasks")?,
        style: cue.optional_word("style")?,
        needs: cue.words("needs")?,
        weight: cue.optional("weight")?.unwrap_or(1.0),
        counts: counts(cue)?,
        acts: cue.optional("acts")?.unwrap_or_default(),
    })
}

/// The phrases of a cue. Each stands once in the file, or the second would never count.
fn phrases(
    cue: &Table<'_>,
    draft: &Draft,
    seen: &mut HashMap<String, At>,
) -> Result<Vec<Phrase>, Error> {
    let mut phrases = Vec::new();
    for (text, at) in cue.placed_list::<String>("phrases")? {
        let phrase = Phrase::new(&text).map_err(|reason| Error::WrongValue {
            place: cue.place_of(&at),
            value: text.clone(),
            reason: reason.to_owned(),
        })?;
        if let Some(class) = phrase.classes().find(|class| !draft.classes.contains_key(*class)) {
            let known = draft.classes.keys().map(String::as_str);
            return Err(undefined(cue.place_of(&at), "class", class, known));
        }
        if let Some(first) = seen.get(&phrase.to_string()) {
            let (first, second) = (cue.place_of(first), cue.place_of(&at));
            return Err(Error::Duplicate { name: text, first, second });
        }
        seen.insert(phrase.to_string(), at);
        phrases.push(phrase);
    }
    if phrases.is_empty() {
        return Err(Error::MissingKey { place: cue.place("phrases") });
    }
    Ok(phrases)
}

fn counts(cue: &Table<'_>) -> Result<Counts, Error> {
    match cue.optional::<String>("counts")?.as_deref() {
        None | Some("everywhere") => Ok(Counts::Everywhere),
        Some("unless-shown") => Ok(Counts::UnlessShown),
        Some("as-thing") => Ok(Counts::AsThing),
        Some("first") => Ok(Counts::First),
        Some(other) => {
            let other = other.to_owned();
            let reason = "it is `everywhere`, `unless-shown`, `as-thing` or `first`";
            Err(cue.refuse("counts", &other, reason))
        }
    }
}

/// The places of signals that a key names.
fn signals(table: &Table<'_>, key: &str, known: &[String]) -> Result<Vec<usize>, Error> {
    let asked = table.placed_list::<String>(key)?.into_iter();
    asked
        .map(|(name, at)| {
            known.iter().position(|signal| *signal == name).ok_or_else(|| {
                let signals = known.iter().map(String::as_str);
                undefined(table.place_of(&at), "signal", &name, signals)
            })
        })
        .collect()
}

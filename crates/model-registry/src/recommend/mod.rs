//! What to take for a wish: reading the sentence, and choosing the model.

mod answer;
mod ask;
mod choose;
mod lexicon;
mod patterns;
mod points;
mod quantity;
mod slips;
mod tokens;
mod understand;
mod weigh;
mod words;

pub use self::{
    answer::{Choice, MemoryFit, MissingFile, Reason, Recommended, Term},
    ask::{AskError, gigabytes, tasks_of},
    choose::{History, MemoryNeed, Request, Surroundings},
    lexicon::Lexicon,
    understand::{Candidate, Evidence, Understanding},
    words::{Need, Priority, Style},
};
pub(crate) use self::{
    lexicon::{Counts, Cue, Draft, Rule},
    patterns::Pattern as Phrase,
};

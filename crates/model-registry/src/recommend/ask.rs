//! What can be wrong with a question.

use workflow_graph::near;

use super::{
    quantity::bytes,
    words::{Need, Priority, Style},
};
use crate::names::{Medium, Task};

/// How many near choices are told.
const NEAR_AT_MOST: usize = 5;

/// Why a question has no answer, and what would have one.
///
/// ```
/// use model_registry::Task;
/// let error = Task::named("txt-to-video").unwrap_err();
/// assert!(error.to_string().starts_with("there is no task `txt-to-video`; did you mean `text-to-video`"));
/// ```
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum AskError {
    /// A word from a closed list that is not in it.
    #[error("there is no {kind} `{asked}`; {}", choices(near, *is_near))]
    Unknown {
        /// What it should be: `task`, `category`, `priority`, `style` or `need`.
        kind: &'static str,
        /// The word.
        asked: String,
        /// The words that were probably meant; all where none is near.
        near: Vec<&'static str>,
        /// Whether these are near, or just all there are.
        is_near: bool,
    },
    /// A number of gigabytes that no machine has.
    #[error(
        "there is no memory of {gigabytes} GB; give what is free, from 0 to 1048576 gigabytes, or \
         leave it out"
    )]
    Memory {
        /// The number.
        gigabytes: f64,
    },
    /// A text that is too long to be a wish.
    #[error("a description of {bytes} bytes is not read; say in at most {most} what is to be made")]
    TooLong {
        /// How long it is.
        bytes: usize,
        /// How long it may be.
        most: usize,
    },
    /// A sentence that does not say what is to be made.
    #[error("it is not clear what is to be made{}", candidates_told(candidates))]
    Unclear {
        /// What it may be, the most probable first. Empty where nothing speaks for anything.
        candidates: Vec<Task>,
    },
    /// A task for which no model may be taken.
    #[error("no model that may be taken is known for {task}{}", services_told(at_services))]
    NoModel {
        /// The task.
        task: Task,
        /// The models that could do it at a paid service, which was not allowed.
        at_services: Vec<String>,
    },
}

fn choices(words: &[&str], is_near: bool) -> String {
    if is_near {
        format!("did you mean {}?", listed(words, " or "))
    } else {
        format!("there are {}", listed(words, ", "))
    }
}

fn candidates_told(candidates: &[Task]) -> String {
    if candidates.is_empty() {
        return "; name it (a picture, a video, music, speech, a sound, a 3D model) or give the task"
            .to_owned();
    }
    let names: Vec<&str> = candidates.iter().map(|task| task.as_str()).collect();
    format!(": perhaps {}; give the task", listed(&names, " or "))
}

fn services_told(names: &[String]) -> String {
    if names.is_empty() {
        return String::new();
    }
    format!("; at paid services, which have to be allowed, there are {}", names.join(", "))
}

fn listed(words: &[&str], between: &str) -> String {
    let words: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    words.join(between)
}

/// A number of gigabytes (2³⁰ bytes, as cards are sold) as bytes.
///
/// # Errors
///
/// [`AskError::Memory`] for what is negative, no number or more than any machine has.
///
/// ```
/// assert_eq!(model_registry::gigabytes(8.0), Ok(8 << 30));
/// assert!(model_registry::gigabytes(-1.0).is_err() && model_registry::gigabytes(f64::NAN).is_err());
/// ```
pub fn gigabytes(number: f64) -> Result<u64, AskError> {
    bytes(number).ok_or(AskError::Memory { gigabytes: number })
}

/// The tasks of a category: those that make `image`, `video`, `audio` or `3d`, or the one task of
/// that name.
///
/// # Errors
///
/// [`AskError::Unknown`] with the nearest categories and tasks.
///
/// ```
/// use model_registry::{Task, tasks_of};
/// assert_eq!(tasks_of("lip-sync"), Ok(vec![Task::LipSync]));
/// assert!(tasks_of("video")?.contains(&Task::VideoUpscale));
/// # Ok::<(), model_registry::AskError>(())
/// ```
pub fn tasks_of(category: &str) -> Result<Vec<Task>, AskError> {
    let category = category.trim();
    if let Some(medium) = Medium::from_word(category) {
        return Ok(Task::ALL.iter().copied().filter(|task| task.makes() == medium).collect());
    }
    if let Some(task) = Task::from_word(category) {
        return Ok(vec![task]);
    }
    let media = Medium::ALL.iter().map(|medium| medium.as_str());
    Err(unknown("category", category, media.chain(Task::ALL.iter().map(|task| task.as_str()))))
}

fn unknown(
    kind: &'static str,
    asked: &str,
    known: impl Iterator<Item = &'static str> + Clone,
) -> AskError {
    let near = near::names(asked, known.clone(), NEAR_AT_MOST);
    let is_near = !near.is_empty();
    let near = if is_near { near } else { known.collect() };
    AskError::Unknown { kind, asked: asked.to_owned(), near, is_near }
}

/// Words that callers give.
macro_rules! named {
    ($($name:ident is $kind:literal,)+) => {$(
        impl $name {
            /// What a caller's word means, or which words are near.
            ///
            /// # Errors
            ///
            /// [`AskError::Unknown`] with the nearest words, or all where none is near.
            pub fn named(word: &str) -> Result<Self, AskError> {
                let known = Self::ALL.iter().map(|known| known.as_str());
                Self::from_word(word.trim()).ok_or_else(|| unknown($kind, word.trim(), known))
            }
        }
    )+};
}

named! {
    Task is "task",
    Priority is "priority",
    Style is "style",
    Need is "need",
}

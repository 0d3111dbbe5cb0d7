//! What words say of a wish: read from data.

use indexmap::IndexMap;

use super::{
    patterns::{Pattern, Patterns, words},
    slips::Vocabulary,
    words::{Need, Style},
};
use crate::{
    error::Error,
    names::Task,
    read::{self, Document},
};

/// The words that tell what a sentence asks for, and the rules that weigh them.
///
/// They stand in data (`recommendation/words.toml`, described in `docs/formats.md`), not in code.
///
/// ```
/// use model_registry::Lexicon;
/// let text = "
/// [[cues]]
/// phrases = ['video']
/// tasks = ['text-to-video']
/// weight = 2
/// ";
/// let lexicon = Lexicon::load("words.toml", text)?;
/// let understood = lexicon.understand("A video, please!").unwrap();
/// assert_eq!(understood.task.map(|task| task.as_str()), Some("text-to-video"));
/// # Ok::<(), model_registry::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Lexicon {
    pub(super) patterns: Patterns,
    /// Phrases that count only at the beginning, and do not keep others from being found there.
    pub(super) openings: Patterns,
    pub(super) vocabulary: Vocabulary,
    pub(super) cues: Vec<Cue>,
    pub(super) rules: Vec<Rule>,
    pub(super) negations: Vec<String>,
    pub(super) openers: Vec<String>,
    pub(super) closers: Vec<String>,
    pub(super) turns: Vec<String>,
    pub(super) signals: Vec<String>,
}

/// What the data file says, before it is made ready for use.
#[derive(Clone, Debug, Default)]
pub(crate) struct Draft {
    pub(crate) classes: IndexMap<String, Vec<String>>,
    pub(crate) bounds: Vec<String>,
    pub(crate) negations: Vec<String>,
    pub(crate) openers: Vec<String>,
    pub(crate) closers: Vec<String>,
    pub(crate) turns: Vec<String>,
    pub(crate) signals: Vec<String>,
    pub(crate) cues: Vec<(Vec<Pattern>, Cue)>,
    pub(crate) rules: Vec<Rule>,
}

/// What a phrase says.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cue {
    /// Facts that rules ask for, by place in the list of signals.
    pub(crate) signals: Vec<usize>,
    pub(crate) tasks: Vec<Task>,
    pub(crate) style: Option<Style>,
    pub(crate) needs: Vec<Need>,
    pub(crate) weight: f64,
    pub(crate) counts: Counts,
    /// Whether it does something to what is given: things behind it are not asked for.
    pub(crate) acts: bool,
}

/// Where a cue counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Counts {
    /// Wherever it stands.
    #[default]
    Everywhere,
    /// Not within what is shown.
    UnlessShown,
    /// As the head of what is asked for, and not within what that shows: it names a thing.
    AsThing,
    /// Only at the beginning, where it keeps no other cue from being found.
    First,
}

/// What facts say together.
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    pub(crate) when: Vec<usize>,
    pub(crate) unless: Vec<usize>,
    pub(crate) task: Task,
    pub(crate) weight: f64,
}

/// The fact that what is asked for lasts some time, which numbers say.
pub(super) const LASTS: &str = "lasts";

/// The fact that a picture comes with the request, which no word has to say.
pub(super) const REFERENCE: &str = "has-picture";

impl Lexicon {
    /// Reads the data: the name of the file, for messages, and its text.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong, with file, line and key.
    ///
    /// ```
    /// use model_registry::Lexicon;
    /// let error = Lexicon::load("words.toml", "[[cues]]\nphrases = ['<vidoe>']").unwrap_err();
    /// assert_eq!(
    ///     error.to_string(),
    ///     "words.toml:2: `cues[0].phrases[0]` names the class `vidoe`, which does not exist"
    /// );
    /// ```
    pub fn load(file: &str, text: &str) -> Result<Self, Error> {
        let draft = read::lexicon(&Document::new(file, text, &IndexMap::new()))?;
        let classes = draft.classes.iter().map(|(name, words)| (name.as_str(), words.as_slice()));
        let mut patterns = Patterns::new(classes, &draft.bounds);
        let mut openings = patterns.clone();
        let mut vocabulary = Vocabulary::default();
        for member in draft.classes.values().flatten() {
            words(member).for_each(|word| vocabulary.add(&word));
        }
        let mut cues = Vec::new();
        for (at, (phrases, cue)) in draft.cues.into_iter().enumerate() {
            for phrase in &phrases {
                phrase.words().for_each(|word| vocabulary.add(word));
                if cue.counts == Counts::First { &mut openings } else { &mut patterns }
                    .add(phrase, at);
            }
            cues.push(cue);
        }
        let plain = |list: Vec<String>| list.iter().flat_map(|entry| words(entry)).collect();
        Ok(Self {
            patterns,
            openings,
            vocabulary,
            cues,
            rules: draft.rules,
            negations: plain(draft.negations),
            openers: plain(draft.openers),
            closers: plain(draft.closers),
            turns: plain(draft.turns),
            signals: draft.signals,
        })
    }
}

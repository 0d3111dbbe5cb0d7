//! What a sentence asks for.

use std::{cmp::Ordering, ops::Range};

use super::{
    ask::AskError,
    lexicon::{Counts, Cue, LASTS, Lexicon, REFERENCE},
    patterns::Piece,
    quantity::{Measure, quantities},
    tokens::{Break, Token, tokens},
    words::{Need, Style},
};
use crate::names::{Medium, Task};

/// Longer texts are no wishes: a sentence is read whole or not at all.
const BYTES_AT_MOST: usize = 8_000;

/// How many words a negation reaches: `not a black and white photo`.
const NEGATION_REACH: usize = 3;

/// From how many points on a task is understood. One weak word is not enough.
const POINTS_AT_LEAST: f64 = 1.0;

/// From how many points on it is as clear as it gets.
const POINTS_CLEAR: f64 = 2.0;

/// By how many points the first has to be ahead of the second to be as clear as it gets.
const LEAD_CLEAR: f64 = 2.0;

/// What a sentence asks for, with the words that say so.
///
/// ```
/// use model_registry::{Lexicon, Style, Task};
/// # let text = include_str!("../../../../recommendation/words.toml");
/// let lexicon = Lexicon::load("words.toml", text).unwrap();
/// let understood = lexicon.understand("anime portrait of a knight, 8 GB card")?;
/// assert_eq!(understood.task, Some(Task::TextToImage));
/// assert_eq!(understood.style.unwrap().value, Style::Anime);
/// assert_eq!(understood.memory_bytes, Some(8 << 30));
/// # Ok::<(), model_registry::AskError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Understanding {
    /// What is to be done; none where the sentence does not say, or says several things alike.
    pub task: Option<Task>,
    /// What it may be, with points and words, the most probable first.
    pub candidates: Vec<Candidate>,
    /// How it shall look.
    pub style: Option<Evidence<Style>>,
    /// What it has to meet, in the order of [`Need::ALL`].
    pub needs: Vec<Evidence<Need>>,
    /// The memory that the sentence names, in bytes; of several, the least.
    pub memory_bytes: Option<u64>,
    /// How clear the task is, from 0 to 1.
    pub clarity: f64,
}

/// A task that a sentence may ask for.
///
/// ```
/// use model_registry::{Lexicon, Task};
/// # let text = include_str!("../../../../recommendation/words.toml");
/// let lexicon = Lexicon::load("words.toml", text).unwrap();
/// let best = lexicon.understand("upscale this photo")?.candidates.remove(0);
/// assert_eq!(best.task, Task::ImageUpscale);
/// assert_eq!(best.words, ["upscale this photo"]);
/// # Ok::<(), model_registry::AskError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Candidate {
    /// The task.
    pub task: Task,
    /// What the words that speak for it weigh, by the rules in the data.
    pub points: f64,
    /// The words that speak for it, as they stand in the sentence.
    pub words: Vec<String>,
}

/// Something that a sentence says, with the words that say it.
///
/// ```
/// use model_registry::{Lexicon, Need};
/// # let text = include_str!("../../../../recommendation/words.toml");
/// let lexicon = Lexicon::load("words.toml", text).unwrap();
/// let understood = lexicon.understand("a quick logo for my shop")?;
/// let needs: Vec<_> = understood.needs.iter().map(|need| need.value).collect();
/// assert!(needs.contains(&Need::Fast));
/// # Ok::<(), model_registry::AskError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Evidence<T> {
    /// What is said.
    pub value: T,
    /// The words that say it, as they stand in the sentence.
    pub words: Vec<String>,
}

impl Understanding {
    /// What a caller says who names the task itself.
    ///
    /// ```
    /// use model_registry::{Task, Understanding};
    /// assert_eq!(Understanding::of_task(Task::Inpaint).task, Some(Task::Inpaint));
    /// ```
    pub fn of_task(task: Task) -> Self {
        Self {
            task: Some(task),
            candidates: Vec::new(),
            style: None,
            needs: Vec::new(),
            memory_bytes: None,
            clarity: 1.0,
        }
    }

    /// Whether the sentence says that this has to be met.
    pub fn asks_for(&self, need: Need) -> bool {
        self.needs.iter().any(|said| said.value == need)
    }
}

impl Lexicon {
    /// Reads a sentence that comes without a picture.
    ///
    /// # Errors
    ///
    /// [`AskError::TooLong`] for more than 8,000 bytes.
    pub fn understand(&self, sentence: &str) -> Result<Understanding, AskError> {
        self.read(sentence, false)
    }

    /// Reads a sentence that comes with a picture to work on: `make it move` is a wish for a video
    /// that begins with it.
    ///
    /// # Errors
    ///
    /// As [`Lexicon::understand`].
    pub fn understand_with_picture(&self, sentence: &str) -> Result<Understanding, AskError> {
        self.read(sentence, true)
    }

    fn read(&self, sentence: &str, has_picture: bool) -> Result<Understanding, AskError> {
        if sentence.len() > BYTES_AT_MOST {
            return Err(AskError::TooLong { bytes: sentence.len(), most: BYTES_AT_MOST });
        }
        let tokens = tokens(sentence);
        let found = Reading::new(self, &tokens).found;
        let quantities = quantities(&tokens);
        let lasts =
            quantities.iter().any(|quantity| matches!(quantity.measure, Measure::Duration(_)));
        let given = [(has_picture, REFERENCE), (lasts, LASTS)];
        let given = given
            .into_iter()
            .filter(|(is, _)| *is)
            .filter_map(|(_, name)| self.signals.iter().position(|signal| signal == name));
        let candidates = self.candidates(sentence, &found, &given.collect::<Vec<_>>());
        let (task, clarity) = decide(&candidates);
        let medium = task.map(Task::makes);
        let memory = quantities.iter().filter_map(|quantity| match quantity.measure {
            Measure::Memory(bytes) => Some(bytes),
            Measure::Duration(_) | Measure::Deadline(_) | Measure::Side(_) => None,
        });
        let by_numbers = quantities.iter().flat_map(|quantity| {
            let measure = quantity.measure;
            let said = [
                (measure.is_little_memory(), Need::Small),
                (measure.is_soon(), Need::Fast),
                (measure.is_long(), Need::Long),
                (measure.is_large(), Need::LargeSize),
            ];
            said.into_iter().filter(|(is, _)| *is).map(|(_, need)| (need, quantity.at.clone()))
        });
        let by_words =
            found.iter().flat_map(|hit| hit.cue.needs.iter().map(|need| (*need, hit.at.clone())));
        let quoted = tokens.iter().filter(|token| token.quoted && medium == Some(Medium::Image));
        let by_quotes = quoted.map(|token| (Need::Text, token.at.clone()));
        let said: Vec<(Need, Range<usize>)> = by_words.chain(by_numbers).chain(by_quotes).collect();
        let needs = Need::ALL.iter().filter(|need| need.applies_to(task)).filter_map(|need| {
            let spans = said.iter().filter(|(other, _)| other == need);
            let words = texts(sentence, spans.map(|(_, at)| at));
            (!words.is_empty()).then_some(Evidence { value: *need, words })
        });
        Ok(Understanding {
            task,
            style: style(sentence, &found).filter(|_| task.is_none_or(Style::applies_to)),
            needs: needs.collect(),
            memory_bytes: memory.min(),
            clarity,
            candidates,
        })
    }

    /// All tasks that something speaks for.
    /// The signals in `given` hold without a word.
    fn candidates(&self, sentence: &str, found: &[Hit<'_>], given: &[usize]) -> Vec<Candidate> {
        let spans = |signal: usize| {
            let said = found.iter().filter(move |hit| hit.signals().contains(&signal));
            said.map(|hit| &hit.at)
        };
        let holds = |signal: &usize| given.contains(signal) || spans(*signal).next().is_some();
        let mut candidates: Vec<Candidate> = Vec::new();
        for task in Task::ALL {
            let cues: Vec<&Hit<'_>> =
                found.iter().filter(|hit| hit.tasks().contains(task)).collect();
            let rules = self.rules.iter().filter(|rule| {
                rule.task == *task && rule.when.iter().all(holds) && !rule.unless.iter().any(holds)
            });
            let rules: Vec<_> = rules.collect();
            let points = cues.iter().map(|hit| hit.cue.weight).sum::<f64>()
                + rules.iter().map(|rule| rule.weight).sum::<f64>();
            if points <= 0.0 {
                continue;
            }
            let by_rules = rules.iter().flat_map(|rule| rule.when.iter()).flat_map(|at| spans(*at));
            let words = texts(sentence, cues.iter().map(|hit| &hit.at).chain(by_rules));
            candidates.push(Candidate { task: *task, points, words });
        }
        candidates.sort_by(|one, other| descending(one.points, other.points));
        candidates
    }
}

fn descending(one: f64, other: f64) -> Ordering {
    other.total_cmp(&one)
}

/// The task, where one is ahead of all others, and how clear it is.
fn decide(candidates: &[Candidate]) -> (Option<Task>, f64) {
    let points = |at: usize| candidates.get(at).map_or(0.0, |candidate| candidate.points);
    let lead = points(0) - points(1);
    let clarity = (points(0) / POINTS_CLEAR).min(1.0) * (lead / LEAD_CLEAR).clamp(0.0, 1.0);
    let is_understood = points(0) >= POINTS_AT_LEAST && lead > 0.0;
    let task = candidates.first().filter(|_| is_understood).map(|candidate| candidate.task);
    (task, if task.is_some() { clarity } else { 0.0 })
}

/// The style that weighs most; of equals, the one that is said first.
fn style(sentence: &str, found: &[Hit<'_>]) -> Option<Evidence<Style>> {
    let points = |style: Style| -> f64 {
        let said = found.iter().filter(|hit| hit.cue.style == Some(style));
        said.map(|hit| hit.cue.weight).sum()
    };
    let mut best: Option<(Style, f64)> = None;
    for style in found.iter().filter_map(|hit| hit.cue.style) {
        if best.is_none_or(|(_, most)| points(style) > most) {
            best = Some((style, points(style)));
        }
    }
    let (value, _) = best?;
    let spans = found.iter().filter(|hit| hit.cue.style == Some(value)).map(|hit| &hit.at);
    Some(Evidence { value, words: texts(sentence, spans) })
}

/// The texts at these places, in the order of the sentence and each once.
fn texts<'s>(sentence: &str, spans: impl Iterator<Item = &'s Range<usize>>) -> Vec<String> {
    let mut spans: Vec<&Range<usize>> = spans.collect();
    spans.sort_by_key(|span| (span.start, span.end));
    spans.dedup();
    spans.into_iter().filter_map(|span| sentence.get(span.clone())).map(str::to_owned).collect()
}

/// A cue that was found and counts.
struct Hit<'l> {
    cue: &'l Cue,
    /// Where its words stand in the sentence.
    at: Range<usize>,
    /// Behind which word it ends.
    end: usize,
    /// Whether it only says how something looks that was named before.
    only_looks: bool,
}

impl Hit<'_> {
    fn signals(&self) -> &[usize] {
        if self.only_looks { &[] } else { &self.cue.signals }
    }

    fn tasks(&self) -> &[Task] {
        if self.only_looks { &[] } else { &self.cue.tasks }
    }
}

/// One walk through a sentence.
struct Reading<'l> {
    lexicon: &'l Lexicon,
    found: Vec<Hit<'l>>,
    /// Whether the head of what is asked for was named: what follows can be what it shows.
    head_named: bool,
    /// Whether the words are about what is shown.
    shown: bool,
    /// Whether the words are about what is done to something that is given.
    acting: bool,
}

impl<'l> Reading<'l> {
    fn new(lexicon: &'l Lexicon, tokens: &[Token]) -> Self {
        let found = Vec::new();
        let mut reading = Self { lexicon, found, head_named: false, shown: false, acting: false };
        let words: Vec<(&Token, Vec<Piece>)> =
            tokens.iter().map(|token| (token, lexicon.pieces(&token.word))).collect();
        reading.begin(&words);
        let mut at = 0;
        while let Some((token, _)) = words.get(at) {
            reading.cross(token);
            let rest = words.get(at..).unwrap_or_default();
            let Some((length, cue)) = lexicon.patterns.longest(rest) else {
                at += 1;
                continue;
            };
            let end = at + length;
            let last = tokens.get(end - 1).map_or(token.at.end, |last| last.at.end);
            if let Some(cue) = lexicon.cues.get(cue)
                && !lexicon.is_negated(tokens, at)
            {
                let at_text = token.at.start..last;
                reading.take(Hit { cue, at: at_text, end, only_looks: false }, at, tokens);
            }
            at = end;
        }
        reading
    }

    /// Takes the cue that counts only at the beginning.
    fn begin(&mut self, words: &[(&Token, Vec<Piece>)]) {
        let opening = self.lexicon.openings.longest(words);
        let found = opening.and_then(|(length, cue)| {
            let range = words.first()?.0.at.start..words.get(length - 1)?.0.at.end;
            Some((self.lexicon.cues.get(cue)?, range))
        });
        if let Some((cue, at)) = found {
            self.found.push(Hit { cue, at, end: 0, only_looks: false });
        }
    }

    /// Notes what a break or a word does to what is shown.
    fn cross(&mut self, token: &Token) {
        match token.before {
            Break::Stop => (self.head_named, self.shown, self.acting) = (false, false, false),
            Break::Pause => self.shown = false,
            Break::None => {}
        }
        if self.acting && self.lexicon.turns.contains(&token.word) {
            (self.acting, self.head_named) = (false, true);
        }
        if self.lexicon.closers.contains(&token.word) {
            (self.shown, self.acting) = (false, false);
        } else if self.head_named && self.lexicon.openers.contains(&token.word) {
            self.shown = true;
        }
    }

    fn take(&mut self, hit: Hit<'l>, start: usize, tokens: &[Token]) {
        let is_thing = hit.cue.counts == Counts::AsThing;
        let is_out = match hit.cue.counts {
            Counts::Everywhere | Counts::First => false,
            Counts::UnlessShown => self.shown,
            Counts::AsThing => self.shown || self.acting,
        };
        if is_out {
            return;
        }
        self.acting |= hit.cue.acts;
        if !is_thing {
            self.found.push(hit);
            return;
        }
        // Of things side by side the last is the head: a movie poster is a poster.
        let is_adjoined = tokens.get(start).is_some_and(|token| token.before == Break::None);
        if is_adjoined
            && self
                .found
                .last()
                .is_some_and(|last| last.cue.counts == Counts::AsThing && last.end == start)
        {
            self.found.pop();
            self.head_named = false;
        }
        // Behind the head, a thing only says how it looks: `a portrait, oil painting`.
        let only_looks = self.head_named;
        if !only_looks || hit.cue.style.is_some() {
            self.head_named = true;
            self.found.push(Hit { only_looks, ..hit });
        }
    }
}

impl Lexicon {
    /// What a word can be; where no cue knows it, what the word can be that was meant.
    fn pieces(&self, word: &str) -> Vec<Piece> {
        match self.vocabulary.meant(word) {
            Some(meant) => self.patterns.pieces(meant),
            None => self.patterns.pieces(word),
        }
    }

    /// Whether one of the words before says that it is not wanted.
    fn is_negated(&self, tokens: &[Token], at: usize) -> bool {
        for back in 0..NEGATION_REACH {
            let is_apart = |token: &Token| token.before != Break::None;
            if at <= back || tokens.get(at - back).is_none_or(is_apart) {
                return false;
            }
            if tokens.get(at - back - 1).is_some_and(|token| self.negations.contains(&token.word)) {
                return true;
            }
        }
        false
    }
}

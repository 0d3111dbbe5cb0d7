//! Which name was meant: for messages that say what would have worked, and for corrections.
//!
//! ```
//! use workflow_graph::near;
//! let classes = ["KSampler", "VAEDecode", "OpenAIChatNode"];
//! assert_eq!(near::name("DecodeVAE", classes), Some("VAEDecode"));
//! assert_eq!(near::name("NoSuchNode", classes), None);
//! ```
//!
//! Names are alike by the letters that must change to make one of the other, or by the words that
//! both have, whichever says more. Case, separators, folders and endings of files do not count.
//! What is not alike is not offered: a wrong offer costs more than none.

/// How alike a name must be to be offered. Measured with the 887 classes of a server
/// (`tests/it/near.rs`): names as people misspell them are at least 0.69 like those they mean, and
/// names of other packs and of nothing at most 0.66 like any.
const LIKENESS_MIN: f64 = 0.68;

/// Sharing all words in another order says a little less than sharing all letters.
const WORDS_WEIGHT: f64 = 0.95;

/// How alike two words must be to count as the same.
const WORD_LIKENESS_MIN: f64 = 0.7;

/// From how many letters on a word stands for those that begin with it, as `Adv` for `Advanced`.
const STEM_LETTERS_MIN: usize = 3;

/// What such a word counts.
const STEM_LIKENESS: f64 = 0.9;

/// From how many letters on a name stands for those that begin with it, as `sdxl` for a template.
const BEGINNING_LETTERS_MIN: usize = 4;

/// What such a name counts: any other relation counts more.
const BEGINNING_LIKENESS: f64 = 0.7;

/// The same word by word or but for separators.
const SAME_LETTERS: f64 = 0.96;

/// Only the beginning of a longer name is compared: the cost is that of the square.
const LETTERS_COMPARED_MAX: usize = 128;

/// The name that was most probably meant, when one is like enough; the first of several.
pub fn name<'n>(wrong: &str, known: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    names(wrong, known, 1).into_iter().next()
}

/// The names that may have been meant, the most probable first.
///
/// ```
/// use workflow_graph::near;
/// let files = ["sdxl/base_v1.safetensors", "refiner.safetensors", "base_v2.safetensors"];
/// let found = near::names("Base_v1.ckpt", files, 5);
/// assert_eq!(found, ["sdxl/base_v1.safetensors", "base_v2.safetensors"]);
/// ```
pub fn names<'n>(
    wrong: &str,
    known: impl IntoIterator<Item = &'n str>,
    at_most: usize,
) -> Vec<&'n str> {
    let known: Vec<&str> = known.into_iter().collect();
    let places = places(wrong, known.iter().copied(), at_most);
    places.into_iter().filter_map(|at| known.get(at).copied()).collect()
}

/// The places of the names that may have been meant, the most probable first.
pub(crate) fn places<'n>(
    wrong: &str,
    known: impl Iterator<Item = &'n str>,
    at_most: usize,
) -> Vec<usize> {
    let wrong = Spelling::of(wrong);
    let score = |(at, name): (usize, &str)| {
        let name = Spelling::of(name);
        let likeness = wrong.likeness(&name);
        // Of equals, such as one file in several folders, the one that is spelled more alike.
        (likeness >= LIKENESS_MIN).then(|| (likeness, name.whole_likeness(&wrong), at))
    };
    let mut alike: Vec<_> = known.enumerate().filter_map(score).collect();
    alike.sort_by(|one, other| other.0.total_cmp(&one.0).then(other.1.total_cmp(&one.1)));
    alike.into_iter().take(at_most).map(|(_, _, at)| at).collect()
}

/// The one candidate that is more like a text than all others, and at least so much: for
/// corrections, which want to be sure. Here only letters count, the first ones most.
pub(crate) fn only<'c, T>(
    wrong: &str,
    candidates: impl IntoIterator<Item = &'c T>,
    text: impl Fn(&T) -> String,
    at_least: f64,
) -> Option<&'c T> {
    let folded = fold(wrong);
    let mut best: Option<(f64, &T)> = None;
    let mut tied = false;
    for candidate in candidates {
        let likeness = strict_likeness(&folded, &fold(&text(candidate)));
        match best {
            Some((before, _)) if likeness < before => {}
            Some((before, _)) if likeness <= before => tied = true,
            _ => {
                best = Some((likeness, candidate));
                tied = false;
            }
        }
    }
    best.filter(|(likeness, _)| *likeness >= at_least && !tied).map(|(_, candidate)| candidate)
}

/// A name in the forms in which it is compared.
struct Spelling {
    folded: String,
    /// The letters and digits of its file name without the ending.
    letters: String,
    /// The words of the same.
    words: Vec<String>,
}

impl Spelling {
    fn of(name: &str) -> Self {
        let words = words(stem(file(name)));
        let letters = words.iter().flat_map(|word| word.chars()).take(LETTERS_COMPARED_MAX);
        Self { folded: fold(name), letters: letters.collect(), words }
    }

    fn likeness(&self, other: &Self) -> f64 {
        let exact = exact_likeness(&self.folded, &other.folded);
        if exact > 0.0 {
            return exact;
        }
        if self.letters == other.letters {
            return if self.letters.is_empty() { 0.0 } else { SAME_LETTERS };
        }
        let is_beginning =
            self.letters.len() >= BEGINNING_LETTERS_MIN && other.letters.starts_with(&self.letters);
        let by_words = words_likeness(&self.words, &other.words) * WORDS_WEIGHT;
        let by_letters = letters_likeness(&self.letters, &other.letters, LIKENESS_MIN);
        by_letters.max(by_words).max(if is_beginning { BEGINNING_LIKENESS } else { 0.0 })
    }

    /// Folders and endings included.
    fn whole_likeness(&self, other: &Self) -> f64 {
        let beginning = |text: &str| text.chars().take(LETTERS_COMPARED_MAX).collect::<String>();
        letters_likeness(&beginning(&self.folded), &beginning(&other.folded), 0.0)
    }
}

/// The share of letters that agree; none when it cannot be `at_least` so much.
fn letters_likeness(one: &str, other: &str, at_least: f64) -> f64 {
    let (shorter, longer) = (one.len().min(other.len()), one.len().max(other.len()));
    let may_agree = u32::try_from(shorter).map_or(0.0, f64::from);
    if may_agree < at_least * u32::try_from(longer).map_or(0.0, f64::from) {
        return 0.0;
    }
    strsim::normalized_damerau_levenshtein(one, other)
}

/// The share of letters that stand in words of both, each word with the one most like it.
fn words_likeness(one: &[String], other: &[String]) -> f64 {
    let letters = |words: &[String]| words.iter().map(String::len).sum::<usize>();
    let share = |count: usize| u32::try_from(count).map_or(0.0, f64::from);
    let mut left: Vec<&str> = other.iter().map(String::as_str).collect();
    let mut shared = 0.0;
    for word in one {
        let alike = left.iter().enumerate().map(|(at, other)| (word_likeness(word, other), at));
        let best = alike.filter(|(likeness, _)| *likeness > 0.0).max_by(|a, b| a.0.total_cmp(&b.0));
        let Some((likeness, at)) = best else { continue };
        shared += likeness * share(word.len() + left.swap_remove(at).len());
    }
    let all = share(letters(one) + letters(other));
    if all > 0.0 { shared / all } else { 0.0 }
}

fn word_likeness(one: &str, other: &str) -> f64 {
    if one == other {
        return 1.0;
    }
    let is_stem = one.len().min(other.len()) >= STEM_LETTERS_MIN
        && (one.starts_with(other) || other.starts_with(one));
    if is_stem {
        return STEM_LIKENESS;
    }
    let likeness = letters_likeness(one, other, WORD_LIKENESS_MIN);
    if likeness >= WORD_LIKENESS_MIN { likeness } else { 0.0 }
}

/// The words of a name in lower case: they end at separators and begin at capitals.
fn words(name: &str) -> Vec<String> {
    let letters: Vec<char> = name.chars().take(LETTERS_COMPARED_MAX).collect();
    let mut words: Vec<String> = Vec::new();
    let mut word = String::new();
    for (at, letter) in letters.iter().enumerate() {
        let before = at.checked_sub(1).and_then(|at| letters.get(at));
        let begins = letter.is_uppercase()
            && before.is_some_and(|before| {
                let after_is_small = letters.get(at + 1).is_some_and(|after| after.is_lowercase());
                !before.is_uppercase() || after_is_small
            });
        if begins || !letter.is_alphanumeric() {
            words.extend((!word.is_empty()).then(|| std::mem::take(&mut word)));
        }
        if letter.is_alphanumeric() {
            word.extend(letter.to_lowercase());
        }
    }
    words.extend((!word.is_empty()).then_some(word));
    words
}

/// Lower case, and one kind of slash: files are named on two systems.
fn fold(text: &str) -> String {
    text.to_lowercase().replace('\\', "/")
}

/// Names that only share letters come after those that are related exactly.
const SPELLING_WEIGHT: f64 = 0.94;

fn strict_likeness(one: &str, other: &str) -> f64 {
    let exact = exact_likeness(one, other);
    if exact > 0.0 { exact } else { strsim::jaro_winkler(one, other) * SPELLING_WEIGHT }
}

/// The relations of names that say more than shared letters: the same but for case, for the
/// folder, or for the ending.
fn exact_likeness(one: &str, other: &str) -> f64 {
    let any_stem = |name| file(name).rsplit_once('.').map_or(file(name), |(stem, _)| stem);
    if one == other {
        1.0
    } else if !file(one).is_empty() && file(one) == file(other) {
        0.98
    } else if !any_stem(one).is_empty() && any_stem(one) == any_stem(other) {
        0.97
    } else {
        0.0
    }
}

fn file(path: &str) -> &str {
    path.rsplit(['/', '\\']).next().unwrap_or(path)
}

/// A file's name without its ending. What follows a point is one when it begins with a letter:
/// `v1.5` has none.
fn stem(file: &str) -> &str {
    let ending = |ending: &str| {
        ending.starts_with(|first: char| first.is_ascii_alphabetic())
            && ending.bytes().all(|byte| byte.is_ascii_alphanumeric())
    };
    match file.rsplit_once('.') {
        Some((stem, end)) if !stem.is_empty() && ending(end) => stem,
        _ => file,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(wrong: &str, known: &[&str], expected: &[&str]) {
        assert_eq!(names(wrong, known.iter().copied(), 3), expected, "{wrong}");
    }

    #[test]
    fn words_begin_at_capitals_and_end_at_separators() {
        assert_eq!(words("CLIPTextEncode"), ["clip", "text", "encode"]);
        assert_eq!(words("VHS_VideoCombine 2"), ["vhs", "video", "combine", "2"]);
        assert_eq!(words("__"), [""; 0]);
        assert_eq!(words("ÉtéΣ"), ["été", "σ"]);
    }

    #[test]
    fn files_are_told_by_their_names_and_not_by_their_endings() {
        let files = ["a/flux1-dev.safetensors", "sd_xl_base_1.0.safetensors", "vae.pt"];
        check("flux1_dev.gguf", &files, &["a/flux1-dev.safetensors"]);
        check("SDXL_base_1.0.ckpt", &files, &["sd_xl_base_1.0.safetensors"]);
        check("b\\VAE.pt", &files, &["vae.pt"]);
        check("mine.safetensors", &files, &[]);
        check(".safetensors", &files, &[]);
    }

    #[test]
    fn choices_are_found_in_spite_of_a_slip() {
        let samplers = ["euler", "euler_ancestral", "heun", "dpmpp_2m", "ddim", "res_multistep"];
        check("eular", &samplers, &["euler"]);
        check("Euler a", &samplers, &["euler", "euler_ancestral"]);
        check("henu", &samplers, &["heun"]);
        check("dpm++ 2m", &samplers, &["dpmpp_2m"]);
        check("res_m", &samplers, &["res_multistep"]);
        check("karras", &samplers, &[]);
        check("", &samplers, &[]);
    }

    #[test]
    fn no_text_is_too_long() {
        let long = "x".repeat(1 << 20);
        assert_eq!(name(&long, ["xy", &long]), Some(&*long));
        assert_eq!(name(&long, [&*"y".repeat(1 << 20)]), None);
    }

    #[test]
    fn a_correction_is_the_only_one_that_could_be_meant() {
        let files = ["fox_1.png".to_owned(), "fox_2.png".to_owned()];
        let best = |wrong| only(wrong, &files, Clone::clone, 0.88).map(String::as_str);
        assert_eq!(best("FOX_1.png"), Some("fox_1.png"));
        assert_eq!(best("fox_3.png"), None);
    }
}

//! How many labelled sentences are understood as a careful reader understands them.

use std::{collections::BTreeSet, fs, path::Path};

use model_registry::{Need, Style, Task, Understanding};

use super::lexicon;

/// How many sentences of a file are understood.
#[derive(Debug, Default)]
struct Accuracy {
    sentences: usize,
    task: usize,
    style: usize,
    needs: usize,
    /// Needs that are found of those that are there, and that are there of those that are found.
    needs_found: usize,
    needs_told: usize,
    needs_both: usize,
    wrong: Vec<String>,
}

impl Accuracy {
    fn of(file: &str) -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(file);
        let text = fs::read_to_string(path).unwrap();
        let lexicon = lexicon();
        let mut accuracy = Self::default();
        for (number, line) in text.lines().enumerate().filter(|(_, line)| !is_header(line)) {
            let parts: Vec<&str> = line.split('\t').map(str::trim).collect();
            let [sentence, task, style, needs] = parts[..] else {
                panic!("{file}:{}: not four parts: {line}", number + 1)
            };
            let place = format!("{file}:{}", number + 1);
            check_labels(&place, task, style, needs);
            let understood = lexicon.understand(sentence).unwrap();
            let found_task = understood.task.map_or("unclear", Task::as_str);
            let found_style = understood.style.as_ref().map_or("-", |style| style.value.as_str());
            let found: BTreeSet<&str> =
                understood.needs.iter().map(|need| need.value.as_str()).collect();
            let told: BTreeSet<&str> =
                needs.split(',').map(str::trim).filter(|need| *need != "-").collect();
            accuracy.sentences += 1;
            accuracy.task += usize::from(found_task == task);
            accuracy.style += usize::from(found_style == style);
            accuracy.needs += usize::from(found == told);
            accuracy.needs_found += found.len();
            accuracy.needs_told += told.len();
            accuracy.needs_both += found.intersection(&told).count();
            if (found_task, found_style) != (task, style) || found != told {
                let found: Vec<&str> = found.into_iter().collect();
                accuracy.wrong.push(format!(
                    "{place}: {sentence}\n    told  {task} {style} {needs}\n    found {found_task} {found_style} {}\n    {}",
                    found.join(","),
                    told_candidates(&understood)
                ));
            }
        }
        accuracy
    }

    fn share(part: usize, whole: usize) -> f64 {
        let count = |number: usize| f64::from(u32::try_from(number).unwrap());
        if whole == 0 { 1.0 } else { count(part) / count(whole) }
    }

    fn task_share(&self) -> f64 {
        Self::share(self.task, self.sentences)
    }

    fn summary(&self) -> String {
        let percent = |part, whole| format!("{:.1} %", 100.0 * Self::share(part, whole));
        format!(
            "{} sentences: task {}, style {}, all needs {} (precision {}, recall {})",
            self.sentences,
            percent(self.task, self.sentences),
            percent(self.style, self.sentences),
            percent(self.needs, self.sentences),
            percent(self.needs_both, self.needs_found),
            percent(self.needs_both, self.needs_told),
        )
    }
}

fn told_candidates(understood: &Understanding) -> String {
    let candidates = understood.candidates.iter().map(|candidate| {
        format!("{} {} by {}", candidate.task, candidate.points, candidate.words.join(" / "))
    });
    candidates.collect::<Vec<_>>().join("; ")
}

fn is_header(line: &str) -> bool {
    line.trim().is_empty() || line.starts_with('#') || line.starts_with("sentence\t")
}

#[track_caller]
fn check_labels(place: &str, task: &str, style: &str, needs: &str) {
    assert!(task == "unclear" || Task::from_word(task).is_some(), "{place}: {task}");
    assert!(style == "-" || Style::from_word(style).is_some(), "{place}: {style}");
    for need in needs.split(',').map(str::trim).filter(|need| *need != "-") {
        assert!(Need::from_word(need).is_some(), "{place}: {need}");
    }
}

#[test]
fn accuracy_on_sentences_that_the_rules_were_made_with() {
    let accuracy = Accuracy::of("sentences_tuning.tsv");
    eprintln!("{}\n{}", accuracy.summary(), accuracy.wrong.join("\n"));
    assert!(accuracy.sentences >= 110);
    assert!(accuracy.task_share() >= 0.95, "{}", accuracy.summary());
}

#[test]
fn every_task_has_sentences_that_the_rules_were_made_with() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/sentences_tuning.tsv");
    let text = fs::read_to_string(path).unwrap();
    let told: BTreeSet<&str> = text.lines().filter_map(|line| line.split('\t').nth(1)).collect();
    for task in Task::ALL {
        assert!(told.contains(task.as_str()), "{task}");
    }
}

/// These sentences are another author's, and no rule was made or changed to fit them.
#[test]
fn accuracy_on_held_out_sentences() {
    let accuracy = Accuracy::of("sentences_held_out.tsv");
    eprintln!("{}", accuracy.summary());
    assert!(accuracy.task_share() >= HELD_OUT_FLOOR, "{}", accuracy.summary());
}

/// Below the first measurement: 86.9 % of 130.
const HELD_OUT_FLOOR: f64 = 0.85;

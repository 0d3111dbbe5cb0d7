//! What is recommended, on the repository's data.

use model_registry::{
    AskError, Family, History, MemoryFit, MemoryNeed, Need, Priority, Registry, Request, Runs,
    Surroundings, Task, Term, Understanding, Variant, gigabytes, tasks_of,
};

use super::lexicon;
use crate::registry;

const GIGABYTE: u64 = 1 << 30;

/// A stand-in for what a model takes: its files, a bit more to have all of it, and a third of them
/// to run at all.
fn by_files(_: &Family, variant: &Variant) -> Option<MemoryNeed> {
    let is_local = variant.nodes.is_empty();
    let files = variant.download_bytes.unwrap_or(10 * GIGABYTE);
    is_local.then_some(MemoryNeed {
        fits_fully_bytes: files + files / 10,
        runs_at_all_bytes: files / 3,
    })
}

fn nothing(_: &Family, _: &Variant) -> Option<MemoryNeed> {
    None
}

fn no_jobs(_: &Family, _: &Variant) -> Option<History> {
    None
}

fn here(free_bytes: Option<u64>) -> Surroundings<'static> {
    Surroundings { free_bytes, installed: None, memory: &by_files, history: &no_jobs }
}

/// The whole answer to a sentence as text.
fn told(registry: &Registry, sentence: &str, here: &Surroundings<'_>) -> String {
    let wish = lexicon().understand(sentence).unwrap();
    match registry.recommend(&Request::new(&wish), here) {
        Ok(answer) => format!("{sentence}\n{answer}"),
        Err(error) => format!("{sentence}\n{error}\n"),
    }
}

#[test]
fn whole_recommendations() {
    let registry = registry();
    let told =
        |sentence: &str, free_bytes: Option<u64>| told(&registry, sentence, &here(free_bytes));
    let texts = [
        told("portrait, 8 GB", None),
        told("anime catgirl, fast", Some(24 * GIGABYTE)),
        told("a poster that says \"OPEN\", to sell in my shop", Some(24 * GIGABYTE)),
        told("animate this photo, with sound", None),
        told("calm lo-fi beat without vocals", Some(4 * GIGABYTE)),
        told("turn this photo of a chair into a 3D model", Some(GIGABYTE)),
        told("read this article aloud", None),
        told("make something nice", None),
    ];
    insta::assert_snapshot!(texts.join("\n"));
}

#[test]
fn a_portrait_on_8_gb_fits_in_8_gb() {
    let registry = registry();
    let wish = lexicon().understand("portrait, 8 GB").unwrap();
    let answer = registry.recommend(&Request::new(&wish), &here(Some(24 * GIGABYTE))).unwrap();
    assert!(matches!(answer.best.fit, MemoryFit::Fully | MemoryFit::Partly));
    assert!(answer.best.memory.unwrap().runs_at_all_bytes <= 8 * GIGABYTE);
}

#[test]
fn where_nothing_fits_it_is_said_and_nobody_is_sure() {
    let wish = Understanding::of_task(Task::TextToImage);
    let registry = registry();
    let answer = registry.recommend(&Request::new(&wish), &here(Some(1 << 20))).unwrap();
    assert_eq!(answer.best.fit, MemoryFit::Not);
    assert!(answer.confidence <= 0.3, "{}", answer.confidence);
    assert!(answer.notes.iter().any(|note| note.contains("no model is known to run in")));
}

#[test]
fn unknown_memory_is_told_and_never_made_up() {
    let registry = registry();
    let wish = Understanding::of_task(Task::TextToImage);
    let here = Surroundings { memory: &nothing, ..here(Some(8 * GIGABYTE)) };
    let answer = registry.recommend(&Request::new(&wish), &here).unwrap();
    let best = &answer.best;
    assert_eq!((best.fit, best.memory, best.missing.clone()), (MemoryFit::Unknown, None, None));
    assert_eq!((best.estimated_seconds(), best.download_bytes), (None, None));
    let memory = best.reasons.iter().find(|reason| reason.term == Term::Memory).unwrap();
    assert_eq!(memory.text, "whether it fits into 8.0 GB is not known");
}

#[test]
fn what_is_installed_wins_where_it_is_near() {
    let registry = registry();
    let wish = Understanding::of_task(Task::TextToImage);
    let request = Request::new(&wish);
    let unknown = Surroundings::unknown();
    let first = registry.recommend(&request, &unknown).unwrap();
    let second = &first.alternatives[0];
    assert!(first.best.points - second.points < 8.0, "near");
    let of_second = |file: &model_registry::ModelFile| {
        second.family.files.iter().any(|own| own.name == file.name)
    };
    let here = Surroundings { installed: Some(&of_second), ..unknown };
    let answer = registry.recommend(&request, &here).unwrap();
    assert_eq!(answer.best.name(), second.name());
    assert_eq!(answer.best.missing.as_deref(), Some(&[][..]));
    let other = answer.alternatives.iter().find(|other| other.name() == first.best.name()).unwrap();
    let missing = other.missing.as_ref().unwrap();
    let sizes: Option<u64> = missing.iter().map(|file| file.bytes).sum();
    assert!(!missing.is_empty());
    assert_eq!(other.download_bytes, sizes.or(other.variant.download_bytes), "or the index's sum");
}

#[test]
fn past_ratings_shift_the_choice_and_their_number_is_shown() {
    let registry = registry();
    let wish = Understanding::of_task(Task::TextToImage);
    let request = Request { alternatives_at_most: usize::MAX, ..Request::new(&wish) };
    let unknown = Surroundings::unknown();
    let first = registry.recommend(&request, &unknown).unwrap();
    let bad = first.best.family.name.clone();
    let with_ratings = |ratings: u64| {
        let rated = |family: &Family, _: &Variant| {
            let history = History {
                jobs: ratings,
                median_seconds: Some(7.0),
                ratings,
                mean_rating: Some(1.2),
            };
            (family.name == bad).then_some(history)
        };
        let here = Surroundings { history: &rated, ..unknown };
        let answer = registry.recommend(&request, &here).unwrap();
        let mut all = std::iter::once(&answer.best).chain(&answer.alternatives);
        let rated = all.find(|choice| choice.family.name == bad).unwrap();
        let rating = rated.reasons.iter().find(|reason| reason.term == Term::Rating).unwrap();
        (answer.best.family.name.clone(), rating.clone())
    };
    let (_, one) = with_ratings(1);
    assert_eq!(one.text, "rated 1.2 of 5 here (1 rating)");
    let (best, forty) = with_ratings(40);
    assert_eq!(forty.text, "rated 1.2 of 5 here (40 ratings)");
    assert!(forty.points < 4.0 * one.points && one.points < 0.0, "{one:?} {forty:?}");
    assert_ne!(best, bad, "forty count much");
}

#[test]
fn the_time_is_that_of_past_jobs() {
    let registry = registry();
    let wish = Understanding::of_task(Task::TextToImage);
    let jobs = |_: &Family, _: &Variant| {
        Some(History { jobs: 3, median_seconds: Some(11.5), ..History::default() })
    };
    let here = Surroundings { history: &jobs, ..Surroundings::unknown() };
    let answer = registry.recommend(&Request::new(&wish), &here).unwrap();
    assert_eq!(answer.best.estimated_seconds(), Some(11.5));
    assert!(answer.to_string().contains("jobs here took 12 s (3 jobs)"), "{answer}");
}

#[test]
fn speed_takes_fewer_passes_than_quality() {
    let registry = registry();
    let wish = Understanding::of_task(Task::TextToImage);
    let passes = |priority: Priority| {
        let request = Request { priority, ..Request::new(&wish) };
        let answer = registry.recommend(&request, &Surroundings::unknown()).unwrap();
        let work = answer.best.reasons.iter().find(|reason| reason.term == Term::Work).unwrap();
        let passes: u32 = work.text.split(' ').next().unwrap().parse().unwrap();
        passes
    };
    assert!(passes(Priority::Speed) <= passes(Priority::Balanced));
    assert!(passes(Priority::Speed) < passes(Priority::Quality));
}

#[test]
fn services_cost_money_and_have_to_be_allowed() {
    let registry = registry();
    let wish = Understanding::of_task(Task::TextToSpeech);
    let request = Request::new(&wish);
    let error = registry.recommend(&request, &Surroundings::unknown()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "no model that may be taken is known for text-to-speech; at paid services, which have to be \
         allowed, there are ElevenLabs, Fish Audio, HeyGen"
    );
    let request = Request { services_allowed: true, ..request };
    let answer = registry.recommend(&request, &Surroundings::unknown()).unwrap();
    assert_eq!((answer.best.family.runs, answer.best.fit), (Runs::Api, MemoryFit::Elsewhere));
}

#[test]
fn what_may_not_be_sold_is_not_taken_for_sale() {
    let registry = registry();
    for task in [Task::TextToImage, Task::ImageEdit, Task::TextToVideo] {
        let wish = Understanding::of_task(task);
        let request = Request { commercial: true, ..Request::new(&wish) };
        let answer = registry.recommend(&request, &Surroundings::unknown()).unwrap();
        let licence = &answer.best.family.licence;
        let forbids =
            matches!(licence, model_registry::Licence::Known { commercial: Some(false), .. });
        assert!(!forbids, "{task}: {licence:?}");
    }
}

#[test]
fn a_wrong_question_is_refused_with_what_would_work() {
    let told = |error: AskError| error.to_string();
    let texts = [
        told(Task::named("txt-to-image").unwrap_err()),
        told(Task::named("qqq").unwrap_err()),
        told(tasks_of("vidoe").unwrap_err()),
        told(Priority::named("fast").unwrap_err()),
        told(Need::named("txet").unwrap_err()),
        told(gigabytes(-1.0).unwrap_err()),
        told(gigabytes(f64::NAN).unwrap_err()),
        told(gigabytes(f64::INFINITY).unwrap_err()),
        told(lexicon().understand(&"a".repeat(9_000)).unwrap_err()),
    ];
    insta::assert_snapshot!(texts.join("\n"));
}

#[test]
fn a_picture_that_comes_along_changes_what_is_meant() {
    let lexicon = lexicon();
    let task = |sentence: &str, with_picture: bool| {
        let understood = if with_picture {
            lexicon.understand_with_picture(sentence)
        } else {
            lexicon.understand(sentence)
        };
        understood.unwrap().task
    };
    assert_eq!(task("make it move", true), Some(Task::ImageToVideo));
    assert_eq!(task("a video of a dog", false), Some(Task::TextToVideo));
    assert_eq!(task("a video of a dog", true), Some(Task::ImageToVideo));
    assert_eq!(task("add a hat", true), Some(Task::ImageEdit));
    assert_eq!(task("a 3D model", true), Some(Task::ImageTo3d));
}

#[test]
fn more_memory_never_makes_the_best_worse() {
    let registry = registry();
    for task in Task::ALL {
        let wish = Understanding::of_task(*task);
        let request = Request { services_allowed: true, ..Request::new(&wish) };
        let mut last = f64::NEG_INFINITY;
        for gigabytes in [0, 1, 2, 4, 6, 8, 12, 16, 24, 32, 48, 80, 141] {
            let free = here(Some(gigabytes * GIGABYTE));
            let points = registry.recommend(&request, &free).unwrap().best.points;
            assert!(points >= last, "{task} with {gigabytes} GB: {points} after {last}");
            last = points;
        }
    }
}

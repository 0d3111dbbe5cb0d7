//! Wrong words are refused with file, line and key.

use model_registry::Lexicon;

#[test]
fn every_fault_has_its_place() {
    let faults = [
        "signals = 'has-picture'",
        "singals = []",
        "[[cues]]",
        "[[cues]]\nphrases = ['_']",
        "[[cues]]\nphrases = ['a? b? c? d? e? f']",
        "[classes]\nmine = ['my']\n[[cues]]\nphrases = ['<mime> dog']",
        "signals = ['has-dog']\n[[cues]]\nphrases = ['dog']\nsignals = ['has-dgo']",
        "[[cues]]\nphrases = ['dog', 'two-dogs', 'two dog']",
        "[[cues]]\nphrases = ['dog']\ntasks = ['text-to-imag']",
        "[[cues]]\nphrases = ['dog']\nstyle = 'cute'",
        "[[cues]]\nphrases = ['dog']\nneeds = ['txet']",
        "[[cues]]\nphrases = ['dog']\ncounts = 'thing'",
        "[[cues]]\nphrases = ['dog']\nweight = 'much'",
        "[[rules]]\nwhen = []\nweight = 1",
        "[[rules]]\nwhen = ['has-dog']\ntask = 'inpaint'\nweight = 1",
    ];
    let told: Vec<String> = faults
        .iter()
        .map(|text| match Lexicon::load("words.toml", text) {
            Ok(_) => format!("{text}\n    is taken"),
            Err(error) => format!("{text}\n    {error}"),
        })
        .collect();
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn no_words_at_all_understand_nothing() {
    let lexicon = Lexicon::load("words.toml", "").unwrap();
    assert_eq!(lexicon.understand("a photo of a dog").unwrap().task, None);
}

#[test]
fn the_example_of_the_format_is_right() {
    let formats = include_str!("../../../../../docs/formats.md");
    let (_, chapter) = formats.split_once("## Words of a wish").unwrap();
    let (_, example) = chapter.split_once("```toml\n").unwrap();
    let (example, _) = example.split_once("```").unwrap();
    let lexicon = Lexicon::load("words.toml", example).unwrap_or_else(|error| panic!("{error}"));
    let task = |sentence: &str| lexicon.understand(sentence).unwrap().task;
    assert_eq!(task("restyle the drawing"), None);
    assert_eq!(task("restyle my drawing"), Some(model_registry::Task::ImageEdit));
}

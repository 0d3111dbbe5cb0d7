//! One page for each template, written from its data and the registry of models.

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use mediafactory::{Parameter, ParameterKind, Template, TemplateModel, Templates};
use model_registry::{Family, Licence, Registry};
use serde_json::{Map, Value, json};

use crate::error::Error;

/// What stands in the examples where the workflow has no prompt of its own.
const PROMPT: &str = "a red fox in the snow";

/// Brings every page up to date.
pub(crate) fn write(root: &Path) -> Result<(), Error> {
    for page in pages(root)? {
        if page.now.as_ref() != Some(&page.then) {
            let path = root.join(&page.document);
            fs::write(&path, page.then).map_err(|source| Error::Write { path, source })?;
            println!("{}: written", page.document);
        }
    }
    Ok(())
}

/// Names every page that is missing or out of date.
pub(crate) fn check(root: &Path) -> Result<Vec<String>, Error> {
    let stale = pages(root)?.into_iter().filter(|page| page.now.as_ref() != Some(&page.then));
    Ok(stale.map(|page| format!("{}: out of date; run `cargo xtask gen`", page.document)).collect())
}

/// A page as it is and as it should be.
struct Page {
    document: String,
    now: Option<String>,
    then: String,
}

fn pages(root: &Path) -> Result<Vec<Page>, Error> {
    let registry = registry(&root.join("model-registry"))?;
    let templates = Templates::own().map_err(|source| Error::Templates { source })?;
    let page = |template: &Template| {
        let document = format!("templates/{}/README.md", template.name);
        // A page that cannot be read is written anew, like one that is not there.
        let now = fs::read_to_string(root.join(&document)).ok();
        let family = template.family.as_deref().and_then(|name| registry.family(name));
        Ok(Page { document, now, then: render(template, family)? })
    };
    templates.all().iter().map(page).collect()
}

fn registry(folder: &Path) -> Result<Registry, Error> {
    let unreadable = |path: &Path, source| Error::Read { path: path.to_owned(), source };
    let mut paths: Vec<PathBuf> = Vec::new();
    for entry in fs::read_dir(folder).map_err(|source| unreadable(folder, source))? {
        paths.push(entry.map_err(|source| unreadable(folder, source))?.path());
    }
    paths.sort();
    let mut texts = Vec::new();
    for path in paths {
        let text = fs::read_to_string(&path).map_err(|source| unreadable(&path, source))?;
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        texts.push((name, text));
    }
    Registry::load(texts.iter().map(|(name, text)| (name.as_str(), text.as_str())))
        .map_err(|source| Error::Registry { source: Box::new(source) })
}

/// The sections of a page, from what it is to how it is run.
fn render(template: &Template, family: Option<&Family>) -> Result<String, Error> {
    let sections = [
        head(template),
        facts(template, family)?,
        files(template, family),
        parameters(template),
        running(template),
    ];
    Ok(sections.join("\n"))
}

fn head(template: &Template) -> String {
    format!(
        "<!-- Written by `cargo xtask gen` from template.toml and the registry of models. -->\n\n\
         # {}\n\n{}\n",
        template.title, template.description
    )
}

fn facts(template: &Template, family: Option<&Family>) -> Result<String, Error> {
    let memory = template.memory().map_err(|source| Error::Templates { source })?;
    let model = match (family, &template.variant) {
        (Some(family), Some(variant)) => format!("{}, variant `{variant}`", link(family)),
        (Some(family), None) => link(family),
        (None, _) => "any of its kind".to_owned(),
    };
    Ok(table(
        ["", ""],
        [
            ["name".to_owned(), code(&template.name)],
            ["task".to_owned(), template.task.clone()],
            ["model".to_owned(), model],
            ["licence of the model".to_owned(), licence(family)],
            ["ComfyUI".to_owned(), format!("{} or newer", template.minimum_version)],
            ["memory of an NVIDIA card, computed".to_owned(), memory.summary()],
        ],
    ))
}

fn link(family: &Family) -> String {
    format!("[{}](../../model-registry/{}.toml)", family.title, family.name)
}

fn licence(family: Option<&Family>) -> String {
    let Some(Licence::Known { name, commercial, source }) = family.map(|family| &family.licence)
    else {
        return "unknown".to_owned();
    };
    let use_of_it = match commercial {
        Some(true) => ", allows commercial use",
        Some(false) => ", does not allow commercial use",
        None => "",
    };
    format!("{name}{use_of_it} (source: {})", source.text())
}

fn files(template: &Template, family: Option<&Family>) -> String {
    let row = |model: &TemplateModel| {
        let size = family.and_then(|family| family.file(&model.file)?.gigabytes.as_ref());
        let size = size.map_or("unknown".to_owned(), |size| format!("{} GB", size.value));
        let named = |parameter: &&Parameter| {
            parameter.kind == ParameterKind::Model
                && parameter
                    .targets
                    .iter()
                    .any(|to| to.node == model.node && to.input == model.input)
        };
        let instead = template.parameters.iter().find(named);
        let instead = instead.map(|parameter| code(&parameter.name)).unwrap_or_default();
        let url = format!("<{}>", model.url);
        [code(&model.folder), code(&model.file), size, url, instead]
    };
    let rows = template.models.iter().map(row);
    let columns = ["folder in `models`", "file", "size", "from", "another is named with"];
    format!("## Files it loads\n\n{}", table(columns, rows))
}

fn parameters(template: &Template) -> String {
    let row = |parameter: &Parameter| {
        let default = match (&parameter.default, parameter.required) {
            (Some(default), _) if default.as_str() == Some("") => "empty".to_owned(),
            (Some(default), _) => {
                code(&default.as_str().map_or_else(|| default.to_string(), str::to_owned))
            }
            (None, true) => "must be given".to_owned(),
            (None, false) => "random".to_owned(),
        };
        let kind = parameter.kind.as_str().to_owned();
        [code(&parameter.name), kind, default, parameter.takes(), parameter.description.clone()]
    };
    let rows = template.parameters.iter().map(row);
    let columns = ["name", "kind", "default", "takes", "what it is"];
    format!("## Parameters\n\n{}", table(columns, rows))
}

fn running(template: &Template) -> String {
    let prompt = template.parameter("prompt").map_or("", |parameter| written(template, parameter));
    let others = template.required().filter(|parameter| parameter.name != "prompt");
    let others: Vec<(&str, String)> =
        others.map(|parameter| (&*parameter.name, example(template, parameter))).collect();
    let mut command = format!("mediafactory generate --template {}", template.name);
    for (name, value) in &others {
        // Writing to a `String` cannot fail.
        let _ok = write!(command, " --param {name}={}", quoted(value));
    }
    let _ok = write!(command, " {}", shell_text(prompt));
    let mut arguments = Map::from_iter([
        ("template".to_owned(), Value::from(template.name.as_str())),
        ("prompt".to_owned(), Value::from(prompt)),
    ]);
    if !others.is_empty() {
        let values = others.iter().map(|(name, value)| ((*name).to_owned(), Value::from(&**value)));
        arguments.insert("parameters".to_owned(), Value::Object(values.collect()));
    }
    let call = json!({"name": "generate", "arguments": arguments});
    let brought = template.required().filter(|parameter| parameter.kind.is_file());
    let brought: Vec<String> = brought.map(|parameter| code(&parameter.name)).collect();
    let note = match brought.as_slice() {
        [] => String::new(),
        names => format!(
            "{} must be in the server's `input` folder before.\n\n",
            listed(&names.iter().map(|name| format!("the file of {name}")).collect::<Vec<_>>())
        ),
    };
    format!("## How to run it\n\n{note}```sh\n{command}\n```\n\n```json\n{call}\n```\n")
}

/// The text that the workflow has for the prompt, or else an example.
fn written<'a>(template: &'a Template, parameter: &Parameter) -> &'a str {
    in_workflow(template, parameter).filter(|text| !text.is_empty()).unwrap_or(PROMPT)
}

/// A value for what must be given: a file with a name that tells which it is, or what the workflow
/// has.
fn example(template: &Template, parameter: &Parameter) -> String {
    match parameter.kind {
        ParameterKind::Image => format!("{}.png", parameter.name),
        ParameterKind::Audio => format!("{}.wav", parameter.name),
        ParameterKind::Video => format!("{}.mp4", parameter.name),
        _ => in_workflow(template, parameter).unwrap_or_default().to_owned(),
    }
}

fn in_workflow<'a>(template: &'a Template, parameter: &Parameter) -> Option<&'a str> {
    template.value(parameter.targets.first()?)?.as_str()
}

fn listed(names: &[String]) -> String {
    let text = names.join(" and ");
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

fn code(text: &str) -> String {
    format!("`{text}`")
}

/// A word of a command line, in quotes where a shell would take it apart.
fn quoted(text: &str) -> String {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "._-/".contains(letter);
    if !text.is_empty() && text.chars().all(is_plain) { text.to_owned() } else { shell_text(text) }
}

fn shell_text(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

fn table<const CELLS: usize>(
    columns: [&str; CELLS],
    rows: impl IntoIterator<Item = [String; CELLS]>,
) -> String {
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let cell = |text: String| text.replace('|', r"\|").replace('\n', " ");
    let mut text = line(&columns.map(str::to_owned));
    text.push('|');
    text.push_str(&"---|".repeat(CELLS));
    text.push('\n');
    rows.into_iter().for_each(|row| text.push_str(&line(&row.map(cell))));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn template(name: &str) -> Template {
        Templates::own().unwrap().get(name).unwrap().clone()
    }

    fn root() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
    }

    #[test]
    fn a_page_says_what_is_known_and_what_is_not() {
        let registry = registry(&root().join("model-registry")).unwrap();
        let of = |name: &str| {
            let template = template(name);
            render(&template, template.family.as_deref().and_then(|family| registry.family(family)))
                .unwrap()
        };
        let turbo = of("z_image_turbo_txt2img");
        assert!(turbo.contains("[Z-Image"), "{turbo}");
        assert!(
            turbo.contains("| `text_encoders` | `qwen_3_4b.safetensors` | 8.05 GB |"),
            "{turbo}"
        );
        assert!(
            turbo.contains("| `steps` | integer | `8` | 1 to 10000 | Sampling steps |"),
            "{turbo}"
        );
        let upscale = of("upscale_image");
        assert!(upscale.contains("| licence of the model | unknown |"), "{upscale}");
        assert!(
            upscale.contains("--template upscale_image --param image=image.png ''\n"),
            "{upscale}"
        );
    }

    #[test]
    fn every_row_of_a_page_has_the_cells_of_its_table() {
        for template in Templates::own().unwrap().all() {
            let page = render(template, None).unwrap();
            let mut columns = None;
            for line in page.lines() {
                let cells = line.replace(r"\|", "").matches('|').count();
                let expected = *columns.get_or_insert(cells);
                assert!(!line.starts_with('|') || cells == expected, "{line}");
                columns = line.starts_with('|').then_some(expected);
            }
        }
    }

    #[test]
    fn a_shell_reads_a_prompt_as_one_word() {
        assert_eq!(quoted("a.png"), "a.png");
        assert_eq!(quoted("it's <b>"), r"'it'\''s <b>'");
        assert_eq!(quoted(""), "''");
    }

    #[test]
    fn every_page_is_in_step() {
        assert_eq!(check(&root()).unwrap(), Vec::<String>::new());
    }
}

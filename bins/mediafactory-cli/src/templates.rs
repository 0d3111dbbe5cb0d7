//! `mediafactory templates`: the ready workflows.

use std::process::ExitCode;

use clap::Subcommand;
use mediafactory::{Parameter, Template, Templates};

use crate::{failure::Failure, gallery, output};

#[derive(Debug, Subcommand)]
pub(crate) enum TemplatesTask {
    /// One line for each: our own, or those of a server
    List(gallery::List),
    /// One of them, with its models and parameters
    Show {
        /// Its name, as listed
        name: String,
        /// Tell whether this ComfyUI server would run it, by its name or a tag
        #[arg(long, value_name = "NAME")]
        backend: Option<String>,
        /// Print its workflow in API format instead
        #[arg(long)]
        workflow: bool,
    },
}

/// Our own templates need no configuration, so a broken one does not stand in their way.
pub(crate) async fn perform(
    task: &TemplatesTask,
    settings: Vec<(String, String)>,
) -> Result<ExitCode, Failure> {
    let templates = Templates::own()?;
    let text = match task {
        TemplatesTask::List(wanted) if wanted.is_of_all_own() => list(templates.all()),
        TemplatesTask::List(wanted) => gallery::list(wanted, settings).await?,
        TemplatesTask::Show { name, backend, workflow }
            if gallery::is_served(name) || backend.is_some() =>
        {
            let found = gallery::fetch(name, backend.as_deref(), settings).await?;
            if *workflow {
                found.template.workflow().to_json().to_string()
            } else {
                format!("{}\n{}", shown(&found.template)?, gallery::needs(&found))
            }
        }
        TemplatesTask::Show { name, workflow: false, .. } => shown(templates.get(name)?)?,
        TemplatesTask::Show { name, workflow: true, .. } => {
            templates.get(name)?.workflow().to_json().to_string()
        }
    };
    output::result(&text)?;
    Ok(ExitCode::SUCCESS)
}

fn list(templates: &[Template]) -> String {
    let rows: Vec<_> = templates
        .iter()
        .map(|template| [template.name.clone(), template.task.clone(), template.title.clone()])
        .collect();
    output::aligned(&rows)
}

fn shown(template: &Template) -> Result<String, Failure> {
    let models: Vec<_> = template
        .models
        .iter()
        .map(|model| [format!("  {}/{}", model.folder, model.file), model.url.clone()])
        .collect();
    let parameters: Vec<_> = template.parameters.iter().map(row).collect();
    let model = match (&template.family, &template.variant) {
        (Some(family), Some(variant)) => format!("family {family}, variant {variant}\n"),
        (Some(family), None) => format!("family {family}\n"),
        (None, _) => String::new(),
    };
    let section = |name: &str, lines: String| {
        if lines.is_empty() { lines } else { format!("{name}\n{lines}") }
    };
    let sections = [
        format!("{}\n{}\n", template.title, template.description),
        format!(
            "{model}{}\nmemory of an NVIDIA card: {}\n",
            facts(template),
            template.memory()?.summary()
        ),
        section("models", output::aligned(&models)),
        section("parameters", output::aligned(&parameters)),
    ];
    let sections = sections.iter().filter(|section| !section.trim().is_empty());
    Ok(sections.map(String::as_str).collect::<Vec<_>>().join("\n"))
}

/// What it is for and on what it runs, as far as that is known: servers do not say all of it.
fn facts(template: &Template) -> String {
    let task = (!template.task.is_empty()).then(|| format!("task {}", template.task));
    let version = &template.minimum_version;
    let version = (!version.is_empty()).then(|| format!("needs ComfyUI {version} or newer"));
    task.into_iter().chain(version).collect::<Vec<_>>().join(", ")
}

fn row(parameter: &Parameter) -> [String; 5] {
    let default = match (&parameter.default, parameter.required) {
        (Some(default), _) => format!("default {default}"),
        (None, true) => "must be given".to_owned(),
        (None, false) => String::new(),
    };
    let name = format!("  {}", parameter.name);
    let (kind, takes) = (parameter.kind.as_str().to_owned(), parameter.takes());
    [name, kind, default, takes, parameter.description.clone()]
}

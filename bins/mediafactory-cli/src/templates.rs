//! `mediafactory templates`: the ready workflows.

use std::process::ExitCode;

use clap::Subcommand;
use mediafactory::{Parameter, Template, Templates};

use crate::{failure::Failure, output};

#[derive(Debug, Subcommand)]
pub(crate) enum TemplatesTask {
    /// All of them, one line each
    List,
    /// One of them, with its models and parameters
    Show {
        /// Its name
        name: String,
        /// Print its workflow in API format instead
        #[arg(long)]
        workflow: bool,
    },
}

pub(crate) fn perform(task: &TemplatesTask) -> Result<ExitCode, Failure> {
    let templates = Templates::own()?;
    let text = match task {
        TemplatesTask::List => list(templates.all()),
        TemplatesTask::Show { name, workflow: false } => shown(templates.get(name)?)?,
        TemplatesTask::Show { name, workflow: true } => {
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
    Ok(format!(
        "{}\n{}\n\n{model}task {}, needs ComfyUI {} or newer\nmemory of an NVIDIA card: {}\n\n\
         models\n{}\nparameters\n{}",
        template.title,
        template.description,
        template.task,
        template.minimum_version,
        template.memory()?.summary(),
        output::aligned(&models),
        output::aligned(&parameters)
    ))
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

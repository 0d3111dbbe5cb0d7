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
        TemplatesTask::Show { name, workflow: false } => shown(templates.get(name)?),
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

fn shown(template: &Template) -> String {
    let models: Vec<_> = template
        .models
        .iter()
        .map(|model| [format!("  {}/{}", model.folder, model.file), model.url.clone()])
        .collect();
    let parameters: Vec<_> = template.parameters.iter().map(row).collect();
    format!(
        "{}\n{}\n\nmodels\n{}\nparameters\n{}",
        template.title,
        template.description,
        output::aligned(&models),
        output::aligned(&parameters)
    )
}

fn row(parameter: &Parameter) -> [String; 4] {
    let default = match (&parameter.default, parameter.required) {
        (Some(default), _) => format!("default {default}"),
        (None, true) => "must be given".to_owned(),
        (None, false) => String::new(),
    };
    let name = format!("  {}", parameter.name);
    [name, parameter.kind.as_str().to_owned(), default, parameter.description.clone()]
}

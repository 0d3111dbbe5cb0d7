//! Other names under which tools answer. They are not listed; a call to one is a call to the
//! tool it stands for, so whatever holds for that tool holds for them.

use mediafactory::{Error, FailureCode};
use rmcp::model::JsonObject;

/// A name that is not listed, the tool it stands for, and the argument that it fixes.
struct Alias {
    name: &'static str,
    tool: &'static str,
    fixed: Option<(&'static str, &'static str)>,
}

const fn alias(name: &'static str, tool: &'static str) -> Alias {
    Alias { name, tool, fixed: None }
}

const fn models_of(name: &'static str, kind: &'static str) -> Alias {
    Alias { name, tool: "list_models", fixed: Some(("kind", kind)) }
}

const fn drawn_in(name: &'static str, format: &'static str) -> Alias {
    Alias { name, tool: "visualize_workflow", fixed: Some(("format", format)) }
}

const ALIASES: [Alias; 17] = [
    alias("generate_image", "generate"),
    alias("execute_workflow_with_progress", "execute_workflow"),
    alias("query_job_status", "get_workflow_status"),
    alias("get_job", "get_workflow_status"),
    alias("view_image", "view_output"),
    alias("list_templates", "list_workflow_templates"),
    alias("get_workflow_template", "get_template"),
    alias("get_model_constraints", "get_model_settings"),
    alias("comfyui_status", "comfyui_health_check"),
    alias("health_check", "comfyui_health_check"),
    models_of("list_checkpoints", "checkpoints"),
    models_of("list_unets", "diffusion_models"),
    models_of("list_loras", "loras"),
    models_of("list_vaes", "vae"),
    models_of("list_controlnets", "controlnet"),
    drawn_in("workflow_to_mermaid", "mermaid"),
    drawn_in("workflow_to_graphviz", "graphviz"),
];

/// The listed name that a name stands for; itself when it is no alias.
pub(crate) fn listed_name(name: &str) -> &str {
    ALIASES.iter().find(|alias| alias.name == name).map_or(name, |alias| alias.tool)
}

/// Adds the argument that an alias fixes. A caller that gives it too is told, not overruled.
pub(crate) fn fix_arguments(name: &str, arguments: &mut JsonObject) -> Result<(), Error> {
    let alias = ALIASES.iter().find(|alias| alias.name == name);
    let Some(Alias { tool, fixed: Some((argument, value)), .. }) = alias else { return Ok(()) };
    if arguments.contains_key(*argument) {
        return Err(Error::new(
            FailureCode::ValidationError,
            format!("`{name}` takes no `{argument}`: it is always {value}"),
        )
        .with_hint(format!("call {tool} for another {argument}")));
    }
    arguments.insert((*argument).to_owned(), (*value).into());
    Ok(())
}

/// Every alias with the tool it stands for, for tests and documents.
pub(crate) fn all() -> impl Iterator<Item = (&'static str, &'static str)> {
    ALIASES.iter().map(|alias| (alias.name, alias.tool))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_alias_brings_the_argument_it_fixes() {
        assert_eq!(listed_name("list_loras"), "list_models");
        let mut arguments = JsonObject::new();
        fix_arguments("list_loras", &mut arguments).expect("nothing is given twice");
        assert_eq!(arguments.get("kind"), Some(&json!("loras")));

        let error = fix_arguments("list_vaes", &mut arguments).expect_err("kind is given");
        assert_eq!(error.to_string(), "`list_vaes` takes no `kind`: it is always vae");
    }

    #[test]
    fn other_names_are_left_alone() {
        assert_eq!(listed_name("generate"), "generate");
        assert_eq!(listed_name("nothing"), "nothing");
        let mut arguments = JsonObject::new();
        fix_arguments("generate_image", &mut arguments).expect("nothing is fixed");
        assert!(arguments.is_empty());
    }
}

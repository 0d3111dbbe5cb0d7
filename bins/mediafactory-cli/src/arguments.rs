//! The command line. Every setting is a flag, made from the table of settings.

use std::ffi::OsString;

use clap::{
    Arg, ArgMatches, Command, CommandFactory as _, FromArgMatches as _, Parser, Subcommand,
};
use mediafactory::config::{SETTINGS, Setting};

use crate::{
    config::ConfigTask, doctor::Doctor, generate::Generate, jobs::JobsTask, logs::Logs,
    models::Models, run::Run, services::ServicesTask, sim::Simulator, templates::TemplatesTask,
    workflow::WorkflowTask,
};

/// What was asked for.
#[derive(Debug)]
pub(crate) struct Arguments {
    pub(crate) task: Task,
    /// Keys of settings with their values, as `config::load` takes them.
    pub(crate) settings: Vec<(String, String)>,
}

/// Make pictures with ComfyUI, and know afterwards how they came to be.
#[derive(Debug, Parser)]
#[command(name = "mediafactory", version, arg_required_else_help = true)]
struct CommandLine {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Task {
    /// Make a picture from words
    Generate(Generate),
    /// Run a workflow, in API format or as ComfyUI saves it
    Run(Run),
    /// Check, correct, convert, edit, compare or draw workflows
    #[command(subcommand)]
    Workflow(WorkflowTask),
    /// List the configured services, or run one
    #[command(subcommand)]
    Services(ServicesTask),
    /// List, show, watch or cancel jobs, whichever process runs them
    #[command(subcommand)]
    Jobs(JobsTask),
    /// Say what models there are, how they are run and what fits; or list what the server has
    Models(Models),
    /// Show what a server writes to its log, or follow it
    Logs(Logs),
    /// List the ready workflows, or show one
    #[command(subcommand)]
    Templates(TemplatesTask),
    /// Look whether everything that a job needs is there
    Doctor(Doctor),
    /// Show the configuration
    #[command(subcommand)]
    Config(ConfigTask),
    /// Run the built-in simulator of a ComfyUI server
    Sim(Simulator),
}

impl Arguments {
    pub(crate) fn parse(words: impl IntoIterator<Item = OsString>) -> Result<Self, clap::Error> {
        let matches = with_settings(CommandLine::command()).try_get_matches_from(words)?;
        let settings = given_settings(&matches);
        let CommandLine { task } = CommandLine::from_arg_matches(&matches)?;
        Ok(Self { task, settings })
    }
}

/// The settings that make sense here: those of the HTTP server do not, and a secret on a command
/// line can be read by every process of the machine.
fn flags() -> impl Iterator<Item = &'static Setting> {
    SETTINGS.iter().filter(|setting| !setting.is_secret() && !setting.key().starts_with("http."))
}

fn with_settings(command: Command) -> Command {
    let file = Arg::new("config")
        .long("config")
        .value_name("FILE")
        .help("The configuration file [default: mediafactory/config.toml in ~/.config]");
    let settings = flags().map(|setting| {
        let flag = setting.flag();
        let arg = Arg::new(setting.key())
            .long(flag.trim_start_matches("--").to_owned())
            .value_name("VALUE")
            .help(format!("{} [{}]", setting.description(), setting.environment().join(", ")));
        if setting.key() == "output_dir" { arg.visible_alias("output") } else { arg }
    });
    std::iter::once(file).chain(settings).fold(command, |command, arg| {
        command.arg(arg.global(true).hide_short_help(true).help_heading("Settings"))
    })
}

fn given_settings(matches: &ArgMatches) -> Vec<(String, String)> {
    std::iter::once("config")
        .chain(flags().map(Setting::key))
        .filter_map(|key| Some((key.to_owned(), matches.get_one::<String>(key)?.clone())))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &[&str]) -> Result<Arguments, clap::Error> {
        Arguments::parse(words.iter().map(OsString::from))
    }

    #[test]
    fn the_command_line_holds_together() {
        with_settings(CommandLine::command()).debug_assert();
    }

    #[test]
    fn settings_stand_before_or_after_the_task() {
        for words in [
            ["mediafactory", "--log", "info", "doctor"],
            ["mediafactory", "doctor", "--log", "info"],
        ] {
            let settings = parse(&words).unwrap().settings;
            assert_eq!(settings, [("log".to_owned(), "info".to_owned())]);
        }
    }

    #[test]
    fn secrets_are_no_flags() {
        assert!(parse(&["mediafactory", "doctor", "--comfyui-token", "x"]).is_err());
    }
}

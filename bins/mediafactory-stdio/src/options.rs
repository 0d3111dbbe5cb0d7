//! The command line of both servers. Every option beside the selection of tools is a setting of
//! the configuration; secrets are not taken here, where every process could read them.

use clap::Args;
use mcp_tools::{Profile, Selection, Toolset};

// Both servers have these. Not a doc comment, which would become the servers' description.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Read this configuration file
    #[arg(long, value_name = "FILE")]
    config: Option<String>,
    /// Address of the ComfyUI server
    #[arg(long, value_name = "URL")]
    comfyui_url: Option<String>,
    /// Folder of the database and of what was made
    #[arg(long, value_name = "FOLDER")]
    data_dir: Option<String>,
    /// Folder where finished files also stand under readable names
    #[arg(long, value_name = "FOLDER")]
    output_dir: Option<String>,
    /// Use the built-in simulator: never, fallback or always
    #[arg(long, value_name = "WHEN", num_args = 0..=1, default_missing_value = "always")]
    simulate: Option<String>,
    /// Which log lines are written to standard error, such as info
    #[arg(long, value_name = "FILTER")]
    log: Option<String>,
    /// How tools are listed: core, full (with the schemas of results) or router (three tools
    /// through which all others are called)
    #[arg(long, value_name = "NAME", default_value_t)]
    profile: Profile,
    /// Begin with only these toolsets: discovery, workflow, execution, templates, assets, models. The
    /// client can switch on the others, unless `enable_toolset` is denied
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    toolsets: Vec<Toolset>,
    /// Offer only tools that change nothing
    #[arg(long)]
    read_only: bool,
    /// Offer only these tools
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    allow_tools: Vec<String>,
    /// Do not offer these tools
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    deny_tools: Vec<String>,
}

impl Options {
    /// The settings that were given, by their keys.
    pub(crate) fn settings(&self) -> Vec<(String, String)> {
        let given = [
            ("config", &self.config),
            ("comfyui.url", &self.comfyui_url),
            ("data_dir", &self.data_dir),
            ("output_dir", &self.output_dir),
            ("simulate", &self.simulate),
            ("log", &self.log),
        ];
        let given = given.into_iter().filter_map(|(key, value)| Some((key, value.as_ref()?)));
        given.map(|(key, value)| (key.to_owned(), value.clone())).collect()
    }

    /// Which tools are offered.
    pub(crate) fn selection(&self) -> Selection {
        Selection {
            profile: self.profile,
            toolsets: self.toolsets.clone(),
            read_only: self.read_only,
            allow: self.allow_tools.clone(),
            deny: self.deny_tools.clone(),
        }
    }
}

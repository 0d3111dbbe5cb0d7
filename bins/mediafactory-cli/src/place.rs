//! Where a job goes, as the command line says it.

use clap::Args;
use mediafactory::Placing;

/// Whose jobs the command line starts, for fair turns between callers.
const CALLER: &str = "command line";

#[derive(Debug, Args)]
pub(crate) struct Place {
    /// The ComfyUI server: its name, a tag, the number of its GPU, or `auto`
    #[arg(long, value_name = "NAME")]
    backend: Option<String>,
    /// How urgent it is among the jobs that wait here; the highest number comes first
    #[arg(long, value_name = "NUMBER", default_value_t = 0, allow_negative_numbers = true)]
    priority: i32,
    /// Take the results of an earlier job that ran the very same workflow, where there is one
    #[arg(long)]
    reuse: bool,
}

impl Place {
    pub(crate) fn into_placing(self) -> Placing {
        Placing {
            backend: self.backend,
            priority: self.priority,
            caller: CALLER.to_owned(),
            reuse: self.reuse,
        }
    }
}

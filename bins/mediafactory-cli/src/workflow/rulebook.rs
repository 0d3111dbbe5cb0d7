//! The node classes and rules that workflows are held against.

use std::path::PathBuf;

use clap::Args;
use mediafactory::workflows::{Rulebook, Rules};

use crate::{failure::Failure, input, server::Workplace, startup};

#[derive(Debug, Args)]
pub(crate) struct Definitions {
    /// The node classes, as a server answers on `/object_info`; the server is asked without it
    #[arg(long, value_name = "FILE")]
    object_info: Option<PathBuf>,
    /// Whose rules count, with --object-info: those of ComfyUI 0.33 or of 0.8
    #[arg(long, value_name = "VERSION", value_parser = rules, requires = "object_info")]
    profile: Option<Rules>,
}

impl Definitions {
    pub(super) async fn rulebook(
        &self,
        settings: Vec<(String, String)>,
    ) -> Result<Rulebook, Failure> {
        if let Some(path) = &self.object_info {
            let bytes = input::definitions(path).await?;
            return Ok(Rulebook::from_bytes(&bytes, self.profile.unwrap_or_default())?);
        }
        let workplace = Workplace::for_looking(&startup::configure(settings)?).await?;
        let rulebook = workplace.factory.rulebook().await.map_err(Failure::from);
        workplace.close(rulebook).await
    }
}

fn rules(version: &str) -> Result<Rules, String> {
    match version {
        "0.8" => Ok(Rules::V0_8),
        "0.33" => Ok(Rules::V0_33),
        _ => Err("the rules are those of 0.8 or of 0.33".to_owned()),
    }
}

//! `cargo xtask conformance`: recorded traffic of a real ComfyUI, replayed against a server.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use comfy_sim::{Sim, SimOptions};
use conformance::{Recording, Server, replay};

use crate::error::Error;

/// A step long enough that a prompt is still at work when the requests after it arrive.
const STEP_TIME: Duration = Duration::from_millis(40);

/// What to play, and against what.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Conformance {
    url: Option<String>,
    scenario: Option<String>,
    recordings: Option<PathBuf>,
}

impl Conformance {
    /// Reads the words after `conformance`; nothing when they are not understood.
    pub(crate) fn from_arguments(mut words: &[&str]) -> Option<Self> {
        let mut asked = Self::default();
        while let [option, value, rest @ ..] = words {
            match *option {
                "--url" => asked.url = Some((*value).to_owned()),
                "--scenario" => asked.scenario = Some((*value).to_owned()),
                "--recordings" => asked.recordings = Some(PathBuf::from(value)),
                _ => return None,
            }
            words = rest;
        }
        words.is_empty().then_some(asked)
    }

    /// Prints a line for each scenario and gives the ones that failed.
    pub(crate) fn run(&self) -> Result<Vec<String>, Error> {
        let folder = self.recordings.clone().or_else(ground_truth).ok_or(Error::NoRecordings)?;
        let recordings = self.chosen(&folder)?;
        let runtime = tokio::runtime::Runtime::new()
            .map_err(|source| Error::Command { command: "the async runtime", source })?;
        runtime.block_on(async {
            let Some(url) = &self.url else {
                let options = SimOptions { step_time: STEP_TIME, ..SimOptions::default() };
                let sim =
                    Sim::start(options).await.map_err(|source| Error::Simulator { source })?;
                println!("no --url was given: playing against a comfy-sim at {}", sim.url());
                let failed = play(&sim.url(), &recordings).await;
                sim.stop().await;
                return failed;
            };
            play(url, &recordings).await
        })
    }

    fn chosen(&self, folder: &Path) -> Result<Vec<Recording>, Error> {
        let all = Recording::all(folder)
            .map_err(|source| Error::Conformance { source: Box::new(source) })?;
        let Some(wanted) = &self.scenario else { return Ok(all) };
        let have = all.iter().map(Recording::name).collect::<Vec<_>>().join(", ");
        let chosen: Vec<_> =
            all.into_iter().filter(|recording| recording.name() == wanted).collect();
        if chosen.is_empty() {
            return Err(Error::NoScenario { wanted: wanted.clone(), have });
        }
        Ok(chosen)
    }
}

async fn play(url: &str, recordings: &[Recording]) -> Result<Vec<String>, Error> {
    let server =
        Server::at(url).map_err(|source| Error::Conformance { source: Box::new(source) })?;
    let mut failed = Vec::new();
    for recording in recordings {
        let began = Instant::now();
        let result = replay(&server, recording).await;
        let seconds = began.elapsed().as_secs_f64();
        let name = recording.name();
        match result {
            Ok(()) => println!("ok      {name} ({seconds:.1} s)"),
            Err(error) => {
                println!("FAILED  {name} ({seconds:.1} s): {error}");
                let mut beneath = std::error::Error::source(&error);
                while let Some(source) = beneath {
                    println!("  because: {source}");
                    beneath = source.source();
                }
                failed.push(format!("scenario {name} failed"));
            }
        }
    }
    println!("{} of {} scenarios passed", recordings.len() - failed.len(), recordings.len());
    Ok(failed)
}

fn ground_truth() -> Option<PathBuf> {
    #[expect(
        clippy::disallowed_methods,
        reason = "ground truth is named by an environment variable"
    )]
    let folder = std::env::var_os("MEDIAFACTORY_GROUND_TRUTH")?;
    Some(Path::new(&folder).join("comfyui/recordings"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_after_the_task_are_options_with_values() {
        let asked =
            Conformance::from_arguments(&["--url", "http://x", "--scenario", "text_output"]);
        let wanted = Conformance {
            url: Some("http://x".to_owned()),
            scenario: Some("text_output".to_owned()),
            recordings: None,
        };
        assert_eq!(asked, Some(wanted));
        assert_eq!(Conformance::from_arguments(&[]), Some(Conformance::default()));
        assert_eq!(Conformance::from_arguments(&["--url"]), None);
        assert_eq!(Conformance::from_arguments(&["--uri", "x"]), None);
    }
}

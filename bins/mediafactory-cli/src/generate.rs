//! `mediafactory generate`: a picture, or whatever else is asked for, from words.

use std::{collections::BTreeMap, process::ExitCode, time::Duration};

use clap::{Args, value_parser};
use mediafactory::{GenerateRequest, Json, config::Resolved};

use crate::{failure::Failure, input, output, place::Place, report, server::Workplace};

/// A week, as in the configuration.
pub(crate) const TIMEOUT_SECONDS_MAX: u64 = 7 * 24 * 3600;

#[derive(Debug, Args)]
pub(crate) struct Generate {
    /// What it shows, or empty where no words are taken; `-` reads it from stdin
    #[arg(value_name = "PROMPT")]
    prompt: String,
    /// What it should not show
    #[arg(long, value_name = "TEXT", visible_alias = "negative-prompt")]
    negative: Option<String>,
    /// What to do, such as text-to-video; a picture from words when not given
    #[arg(long)]
    task: Option<String>,
    /// The template to use; without one, that of the model that is recommended of those there
    #[arg(long, value_name = "NAME")]
    template: Option<String>,
    /// The model: its file as the server lists it, or its name
    #[arg(long, value_name = "MODEL")]
    model: Option<String>,
    /// The seed; a random one when not given
    #[arg(long)]
    seed: Option<u64>,
    /// The width in pixels
    #[arg(long, value_name = "PIXELS")]
    width: Option<u64>,
    /// The height in pixels
    #[arg(long, value_name = "PIXELS")]
    height: Option<u64>,
    /// How many sampling steps
    #[arg(long)]
    steps: Option<u64>,
    /// How closely the prompt is followed
    #[arg(long, value_name = "SCALE")]
    cfg: Option<f64>,
    /// Any other parameter of the template; may be repeated
    #[arg(long = "param", value_name = "NAME=VALUE", value_parser = name_and_value)]
    parameters: Vec<(String, String)>,
    /// How long it may take
    #[arg(long, value_name = "SECONDS", value_parser = value_parser!(u64).range(1..=TIMEOUT_SECONDS_MAX))]
    timeout: Option<u64>,
    #[command(flatten)]
    place: Place,
    /// Print one JSON object instead of lines
    #[arg(long)]
    json: bool,
}

pub(crate) async fn perform(task: Generate, resolved: &Resolved) -> Result<ExitCode, Failure> {
    let json = task.json;
    let request = task.into_request().await?;
    let workplace = Workplace::for_making(resolved).await?;
    let made = make(&workplace, request).await;
    let told = match made {
        Ok(report) => report::tell(&workplace, report, json).await,
        Err(failure) => Err(failure),
    };
    workplace.close(told).await
}

async fn make(
    workplace: &Workplace,
    request: GenerateRequest,
) -> Result<mediafactory::JobReport, Failure> {
    let started = workplace.factory.start_generate(request).await?;
    for note in &started.notes {
        output::note(&format!("note: {note}"));
    }
    crate::follow::to_the_end(&workplace.factory, &started.job).await
}

impl Generate {
    async fn into_request(self) -> Result<GenerateRequest, Failure> {
        let named = [
            ("seed", self.seed.map(Json::from)),
            ("width", self.width.map(Json::from)),
            ("height", self.height.map(Json::from)),
            ("steps", self.steps.map(Json::from)),
            ("cfg", self.cfg.map(Json::from)),
        ];
        let named = named.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
        // Templates read numbers from text too, so the kind need not be guessed here.
        let others = self.parameters.into_iter().map(|(name, value)| (name, Json::from(value)));
        let mut parameters = BTreeMap::new();
        for (name, value) in named.chain(others) {
            if parameters.insert(name.clone(), value).is_some() {
                return Err(Failure::usage(format!("the parameter `{name}` is given twice")));
            }
        }
        Ok(GenerateRequest {
            prompt: input::prompt(self.prompt).await?,
            negative_prompt: self.negative,
            task: self.task,
            template: self.template,
            model: self.model,
            parameters,
            timeout: self.timeout.map(Duration::from_secs),
            placing: self.place.into_placing(),
        })
    }
}

/// Splits what is written as one word.
pub(crate) fn name_and_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() => {
            Ok((name.trim().to_owned(), value.to_owned()))
        }
        _ => Err("write it as NAME=VALUE, such as sampler=euler".to_owned()),
    }
}

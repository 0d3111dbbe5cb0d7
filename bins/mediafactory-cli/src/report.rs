//! What came out of a job, for people and for programs.

use std::process::ExitCode;

use mediafactory::{Asset, Factory, JobReport, Json};

use crate::{failure::Failure, output, server::Workplace};

/// Writes what a job made, or gives back why it made nothing.
pub(crate) async fn tell(
    workplace: &Workplace,
    report: JobReport,
    as_json: bool,
) -> Result<ExitCode, Failure> {
    let report = Factory::require_success(report)?;
    let simulated = workplace.is_simulated(report.backend.as_deref()).await;
    let factory = &workplace.factory;
    if as_json {
        let simulated = [("simulated", Json::from(simulated))];
        let members = members(factory, &report).into_iter().chain(simulated);
        output::result(&Json::object(members).to_string())?;
    } else {
        let mut rows = rows(factory, &report);
        if simulated {
            rows.push(["simulated".to_owned(), "yes: drawn, not generated".to_owned()]);
        }
        if report.assets.is_empty() {
            rows.push(["files".to_owned(), "none: the workflow saved nothing".to_owned()]);
        }
        output::result(&output::aligned(&rows))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// A job in lines of a name and a value.
pub(crate) fn rows(factory: &Factory, report: &JobReport) -> Vec<[String; 2]> {
    let mut rows = Vec::new();
    let mut row = |name: &str, value: Option<String>| {
        rows.extend(value.map(|value| [name.to_owned(), value]));
    };
    for asset in &report.assets {
        let name = if asset.media_type.starts_with("image/") { "picture" } else { "file" };
        row(name, Some(factory.asset_path(asset).display().to_string()));
        row("asset", Some(asset.id.to_string()));
    }
    row("job", Some(report.job.to_string()));
    row("seed", report.seed.map(|seed| seed.to_string()));
    row("template", report.template.clone());
    row("model", report.model.clone());
    row("server", report.server.clone());
    row("time", seconds(report).map(|seconds| format!("{seconds:.1} s")));
    rows
}

/// A job as the members of an object.
pub(crate) fn members(factory: &Factory, report: &JobReport) -> Vec<(&'static str, Json)> {
    let text = |text: &Option<String>| text.as_deref().map_or(Json::Null, Json::from);
    let notes = report.notes.iter().map(|note| Json::from(note.as_str())).collect();
    vec![
        ("job", Json::from(report.job.to_string())),
        ("state", Json::from(report.state.as_str())),
        ("server", text(&report.server)),
        ("backend", text(&report.backend)),
        ("template", text(&report.template)),
        ("model", text(&report.model)),
        ("seed", report.seed.map_or(Json::Null, Json::from)),
        ("parameters", report.parameters.clone()),
        ("seconds", seconds(report).map_or(Json::Null, Json::from)),
        (
            "assets",
            report.assets.iter().map(|asset| asset_json(factory, asset)).collect::<Vec<_>>().into(),
        ),
        ("notes", Json::Array(notes)),
    ]
}

fn asset_json(factory: &Factory, asset: &Asset) -> Json {
    let number = |number: Option<u32>| number.map_or(Json::Null, |number| u64::from(number).into());
    Json::object([
        ("id", Json::from(asset.id.to_string())),
        ("path", Json::from(factory.asset_path(asset).display().to_string())),
        ("file_name", Json::from(asset.file_name.as_str())),
        ("media_type", Json::from(asset.media_type.as_str())),
        ("size_bytes", Json::from(asset.size_bytes)),
        ("width", number(asset.width)),
        ("height", number(asset.height)),
        ("node", Json::from(asset.origin.node.as_str())),
    ])
}

/// From being recorded to the end, waiting included: what the caller waited for.
fn seconds(report: &JobReport) -> Option<f64> {
    Some(report.finished_at?.duration_since(report.created_at).as_secs_f64())
}

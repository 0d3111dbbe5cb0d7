//! Scenarios that were recorded from a real ComfyUI 0.33.0, played against the simulation.

use std::path::PathBuf;
use std::time::Duration;

use comfy_sim::{Sim, SimOptions};
use conformance::{Recording, Server, replay};

/// The folder of the recordings, or nothing where they are not at hand.
fn recordings() -> Option<PathBuf> {
    #[expect(
        clippy::disallowed_methods,
        reason = "ground truth is named by an environment variable"
    )]
    let truth = std::env::var_os("MEDIAFACTORY_GROUND_TRUTH");
    if truth.is_none() {
        eprintln!("skipped: recorded scenarios need MEDIAFACTORY_GROUND_TRUTH");
    }
    Some(PathBuf::from(truth?).join("comfyui/recordings"))
}

async fn check(name: &str) {
    let Some(folder) = recordings() else { return };
    let recording = Recording::read(&folder.join(name).with_extension("jsonl")).unwrap();
    // Long enough that a prompt is still at work when the requests after it arrive.
    let options = SimOptions { step_time: Duration::from_millis(60), ..SimOptions::default() };
    let sim = Sim::start(options).await.unwrap();
    let server = Server::at(&sim.url()).unwrap();
    if let Err(error) = replay(&server, &recording).await {
        panic!("{name}: {error}");
    }
    sim.stop().await;
}

macro_rules! scenarios {
    ($($name:ident),* $(,)?) => {
        const PLAYED: &[&str] = &[$(stringify!($name)),*];

        $(
            #[tokio::test]
            async fn $name() {
                check(stringify!($name)).await;
            }
        )*
    };
}

scenarios! {
    accepted_with_node_errors,
    batch_of_three_images,
    cancel_via_jobs_api,
    client_chosen_prompt_id,
    execution_error,
    execution_error_model_file,
    front_and_number_priority,
    interrupted_while_sampling,
    metadata_endpoints,
    no_client_id_broadcast,
    partial_execution_targets,
    queue_delete_and_clear,
    reconnect_same_client_id,
    rejected_prompts,
    second_socket_same_client_id,
    text_output,
    two_outputs_save_and_preview,
    txt2img_all_cached,
    txt2img_partly_cached,
    txt2img_with_previews,
    uploads_and_views,
    video_audio_and_animation_outputs,
}

#[test]
fn every_recording_is_played() {
    let Some(folder) = recordings() else { return };
    let recorded = Recording::all(&folder).unwrap();
    let names: Vec<&str> = recorded.iter().map(Recording::name).collect();
    assert_eq!(names, PLAYED);
}

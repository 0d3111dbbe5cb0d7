//! Samplers: steps that take time, progress, and previews.

use std::sync::Arc;

use image::RgbImage;
use serde_json::json;
use tokio::task::spawn_blocking;
use tokio::time::Instant;

use crate::catalog::NodeClass;
use crate::execute::nodes::{self, Exception, Produced, picture};
use crate::execute::run::{Halt, Run};
use crate::execute::values::{Inputs, NodeValue, Simulated, input, plain};
use crate::fault::Moment;
use crate::hub;

/// The longest side of a preview, in pixels. The real server's limit is 512; its previews are an eighth of the
/// picture, and so are these.
const PREVIEW_SIDE_MAX: u32 = 512;

/// The steps of a sampler whose schedule does not say how many it has.
const STEPS_UNKNOWN: u32 = 20;

const JPEG: u32 = 1;
const PNG: u32 = 2;

impl Run<'_> {
    /// Takes the steps of a sampler, each with its progress.
    pub(super) async fn sample(
        &mut self,
        id: &str,
        class_type: &str,
        class: NodeClass<'_>,
        inputs: &Inputs,
    ) -> Result<Produced, Halt> {
        let produced = nodes::simulated(class, inputs);
        let latent = produced.outputs.first().and_then(NodeValue::as_simulated);
        let latent = latent.cloned().unwrap_or_default();
        let steps = steps_of(class_type, inputs, &latent);
        let with_previews = self.wants_previews();
        let mut last_told: Option<Instant> = None;
        for step in 1..=steps {
            tokio::select! {
                () = tokio::time::sleep(self.server.options.step_time) => {}
                () = self.server.interrupted() => {}
                () = self.abandon.cancelled() => return Err(Halt::Abandoned),
            }
            if self.server.take_interrupt() {
                return Err(Halt::Interrupted);
            }
            let is_due = last_told
                .is_none_or(|last| last.elapsed() >= self.server.options.progress_interval);
            if with_previews {
                let latent = Arc::clone(&latent);
                let preview = spawn_blocking(move || jpeg_preview(&latent, step, steps)).await;
                self.step(id, step, steps, preview.ok().flatten().map(|image| (JPEG, image)));
            } else if is_due || step == steps {
                self.step(id, step, steps, None);
                last_told = Some(Instant::now());
            }
            self.at(Moment::AtStep(step)).await?;
        }
        Ok(produced)
    }

    /// What `SaveImageWebsocket` does: every picture is sent as a preview, and nothing is saved.
    pub(super) async fn send_pictures(
        &mut self,
        id: &str,
        inputs: &Inputs,
    ) -> Result<Produced, Halt> {
        let Some(NodeValue::Image(images)) = input(inputs, "images") else {
            return Err(Halt::Raised(Exception::missing_input("images")));
        };
        let total = u32::try_from(images.len()).unwrap_or(u32::MAX);
        for step in 1..=total {
            let images = Arc::clone(images);
            let index = usize::try_from(step.saturating_sub(1)).unwrap_or(usize::MAX);
            let encoded = spawn_blocking(move || {
                images.get(index).and_then(|image| encode(image, image::ImageFormat::Png))
            })
            .await;
            self.step(id, step, total, encoded.ok().flatten().map(|image| (PNG, image)));
        }
        Ok(Produced::default())
    }

    /// Tells one step in the order of the real server: the state, the preview with ids, the step, the bare preview.
    fn step(&mut self, id: &str, value: u32, max: u32, preview: Option<(u32, Vec<u8>)>) {
        self.progress.advance(id, value, max);
        self.tell_progress();
        let takes_metadata =
            self.client().is_some_and(|client| self.server.hub.takes_preview_metadata(client));
        let prompt_id = self.item.prompt_id.clone();
        if let (Some((format, image)), Some(client), true) =
            (&preview, self.client(), takes_metadata)
        {
            let image_type = if *format == PNG { "image/png" } else { "image/jpeg" };
            let metadata = json!({
                "node_id": id,
                "prompt_id": prompt_id,
                "display_node_id": id,
                "parent_node_id": null,
                "real_node_id": id,
                "image_type": image_type,
            });
            self.server
                .hub
                .send_bytes_to(client, hub::preview_frame_with_metadata(&metadata, image));
        }
        self.tell_or_broadcast(
            "progress",
            &json!({"value": value, "max": max, "prompt_id": prompt_id, "node": id}),
        );
        if let (Some((format, image)), false) = (preview, takes_metadata) {
            let frame = hub::preview_frame(format, &image);
            match self.client() {
                Some(client) => self.server.hub.send_bytes_to(client, frame),
                None => self.server.hub.send_bytes_to_all(&frame),
            }
        }
    }

    fn wants_previews(&self) -> bool {
        match self.item.extra_data.get("preview_method").and_then(|method| method.as_str()) {
            Some("auto" | "latent2rgb" | "taesd") => true,
            Some("none") => false,
            _ => self.server.options.previews,
        }
    }
}

fn steps_of(class_type: &str, inputs: &Inputs, latent: &Simulated) -> u32 {
    let number = |name: &str| {
        plain(inputs, name)
            .and_then(serde_json::Value::as_u64)
            .and_then(|number| u32::try_from(number).ok())
    };
    let steps = latent.steps.unwrap_or(STEPS_UNKNOWN);
    if class_type != "KSamplerAdvanced" {
        return steps;
    }
    let end = number("end_at_step").unwrap_or(steps).min(steps);
    end.saturating_sub(number("start_at_step").unwrap_or(0))
}

/// The picture to be, an eighth of its size, under noise that thins out from step to step.
fn jpeg_preview(latent: &Simulated, step: u32, steps: u32) -> Option<Vec<u8>> {
    let (width, height) = latent.size.unwrap_or(picture::SIZE_UNKNOWN);
    let side = |length: u32| (length / 8).clamp(16, PREVIEW_SIDE_MAX);
    let mut preview = picture::draw(&latent.text, latent.seed, 0, (side(width), side(height)));
    picture::add_noise(
        &mut preview,
        latent.seed.unwrap_or_default().wrapping_add(step.into()),
        steps.saturating_sub(step),
        steps,
    );
    jpeg(&preview)
}

pub(super) fn jpeg(image: &RgbImage) -> Option<Vec<u8>> {
    encode(image, image::ImageFormat::Jpeg)
}

fn encode(image: &RgbImage, format: image::ImageFormat) -> Option<Vec<u8>> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    match image.write_to(&mut bytes, format) {
        Ok(()) => Some(bytes.into_inner()),
        Err(error) => {
            tracing::warn!(%error, "a preview could not be encoded");
            None
        }
    }
}

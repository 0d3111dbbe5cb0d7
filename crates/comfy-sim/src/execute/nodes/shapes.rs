//! Nodes of 3D models: shapes are carried as notes, and what is saved is a placeholder that says so.

use std::path::Path;
use std::sync::Arc;

use image::{GrayImage, Luma, RgbImage, imageops};
use serde_json::{Value, json};

use super::files::{SavePlace, metadata, with_tokens};
use super::images::{check_size, images, masks, of, whole};
use super::resizing::resized;
use super::{Context, Exception, Produced, picture};
use crate::execute::values::{Inputs, NodeValue, Simulated, input, plain};
use crate::folders::Root;
use crate::{glb_file, python, splat_file};

/// The type of a mesh, and that of a file of gaussians.
const MESH: &str = "MESH";
const SPLAT_FILE: &str = "FILE_3D_SPLAT_ANY";

/// The picture on each side of the cube that stands for a mesh.
const SIDE_PIXELS: (u32, u32) = (256, 256);

/// The picture that stands for a splat: as few gaussians as can be read.
const BOARD_PIXELS: (u32, u32) = (128, 64);

/// The sides of pictures for `TripoSplat` are multiples of this, and at least that.
const SPLAT_STRIDE: u32 = 16;

pub(super) fn decode_voxels(inputs: &Inputs, _: &Context) -> Result<Produced, Exception> {
    carried(inputs, "samples", "VOXEL")
}

pub(super) fn mesh_of_voxels(inputs: &Inputs, _: &Context) -> Result<Produced, Exception> {
    carried(inputs, "voxel", MESH)
}

pub(super) fn decode_splat(inputs: &Inputs, _: &Context) -> Result<Produced, Exception> {
    carried(inputs, "samples", "SPLAT")
}

pub(super) fn file_of_splat(inputs: &Inputs, _: &Context) -> Result<Produced, Exception> {
    match plain(inputs, "format").and_then(Value::as_str) {
        None | Some("ply") => carried(inputs, "splat", SPLAT_FILE),
        Some(format) => Err(refused("SplatToFile3D", format)),
    }
}

/// The note of an input under another type. Its seed stays that of the sampler: the one of a decoder only places
/// points.
fn carried(inputs: &Inputs, name: &str, kind: &str) -> Result<Produced, Exception> {
    let note = input(inputs, name).ok_or_else(|| Exception::missing_input(name))?;
    let note = note.as_simulated().ok_or_else(|| refused(kind, &shown(note)))?;
    let note = Simulated { kind: kind.to_owned(), ..note.as_ref().clone() };
    Ok(Produced::of(NodeValue::Simulated(Arc::new(note))))
}

/// Writes a cube for each mesh of a batch, and a board for a splat, of which the real node takes the first as well.
pub(super) fn save(inputs: &Inputs, context: &Context) -> Result<Produced, Exception> {
    let value = input(inputs, "mesh").ok_or_else(|| Exception::missing_input("mesh"))?;
    let (extension, files) = match value.as_simulated() {
        Some(note) if note.kind == MESH => ("glb", cubes(note, context)?),
        Some(note) if note.kind == SPLAT_FILE => {
            ("ply", vec![splat_file::board(&drawn(note, 0, BOARD_PIXELS))])
        }
        _ => return Err(refused("SaveGLB", &shown(value))),
    };
    let prefix =
        plain(inputs, "filename_prefix").map_or_else(|| "3d/ComfyUI".to_owned(), python::str);
    let place = SavePlace::find(&context.folders, Root::Output, &with_tokens(&prefix, (0, 0)))?;
    let mut items = Vec::new();
    for (number, bytes) in (place.counter..).zip(files) {
        let name = format!("{}_{number:05}_.{extension}", place.stem);
        write(&place.folder.join(&name), &bytes)?;
        items.push(
            json!({"filename": name, "subfolder": place.subfolder, "type": Root::Output.name()}),
        );
    }
    Ok(Produced { outputs: Vec::new(), ui: Some(json!({"3d": items})) })
}

fn cubes(note: &Simulated, context: &Context) -> Result<Vec<Vec<u8>>, Exception> {
    let count = note.batch.unwrap_or(1);
    let (width, height) = SIDE_PIXELS;
    check_size(width, height, count.into())?;
    let extras = metadata(context);
    (0..count)
        .map(|index| glb_file::cube(&drawn(note, index, SIDE_PIXELS), &extras))
        .collect::<Result<_, _>>()
        .map_err(|error| Exception::new("RuntimeError", error.to_string()))
}

fn drawn(note: &Simulated, index: u32, size: (u32, u32)) -> RgbImage {
    picture::draw(&note.text, note.seed, index, size)
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), Exception> {
    std::fs::write(path, bytes)
        .map_err(|error| Exception::new("OSError", format!("{error}: '{}'", path.display())))
}

/// Keeps everything, white as the real node marks the thing in front: without the model nothing tells it apart.
pub(super) fn remove_background(inputs: &Inputs, _: &Context) -> Result<Produced, Exception> {
    let white = |picture: &RgbImage| {
        GrayImage::from_pixel(picture.width(), picture.height(), Luma([u8::MAX]))
    };
    let masks = images(inputs, "image")?.iter().map(white).collect();
    Ok(Produced::of(NodeValue::Mask(Arc::new(masks))))
}

/// Centres the whole picture in a black square and marks it: what a mask keeps is not cut out.
pub(super) fn prepare_for_splat(inputs: &Inputs, _: &Context) -> Result<Produced, Exception> {
    let batch = images(inputs, "image")?;
    let masks = masks(inputs, "mask")?;
    if masks.iter().any(|mask| mask.pixels().all(|pixel| pixel.0 == [0])) {
        let text = "TripoSplatPreprocessImage: mask is empty (no foreground pixels).";
        return Err(Exception::new("ValueError", text));
    }
    let size = (whole(inputs, "size")? / SPLAT_STRIDE).max(1) * SPLAT_STRIDE;
    check_size(size, size, u64::try_from(batch.len()).unwrap_or(u64::MAX))?;
    Ok(of(batch.iter().map(|picture| centred(picture, size)).collect()))
}

/// The longer side of the picture takes five sixths of the square, as that of the thing does on a real server.
fn centred(picture: &RgbImage, size: u32) -> RgbImage {
    let longer = u64::from(picture.width().max(picture.height()).max(1));
    let scaled = |length: u32| {
        let scaled = u64::from(length) * u64::from(size) * 5 / (longer * 6);
        u32::try_from(scaled).unwrap_or(size).max(1)
    };
    let (width, height) = (scaled(picture.width()), scaled(picture.height()));
    let inner = resized(picture, (width, height), "lanczos", "disabled");
    let mut square = RgbImage::new(size, size);
    let (left, top) = ((size - width) / 2, (size - height) / 2);
    imageops::replace(&mut square, &inner, left.into(), top.into());
    picture::stamp(&mut square, "SIMULATED CUTOUT - comfy-sim");
    square
}

fn shown(value: &NodeValue) -> String {
    python::str(&value.shown())
}

fn refused(class: &str, what: &str) -> Exception {
    Exception::new(
        "NotImplementedError",
        format!("comfy-sim does not execute {class} with {what}; use a real ComfyUI"),
    )
}

//! Binary glTF 2.0 files of a cube, the only shape that is made here; each side shows a picture.

use std::io::Cursor;

use image::{ImageError, ImageFormat, RgbImage};
use serde_json::{Map, Value, json};

use crate::png_file::Texts;

/// What every part of the file that has a name is called.
const NAME: &str = "SIMULATED - a placeholder of comfy-sim";

/// What the program that wrote the file is called.
const GENERATOR: &str = "comfy-sim (a placeholder: no model ran)";

/// Half of an edge, in metres.
const HALF: f32 = 0.5;

/// For each side the direction that it faces, that of its picture to the right, and that up.
const SIDES: [[[f32; 3]; 3]; 6] = [
    [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]],
    [[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]],
    [[0.0, 0.0, -1.0], [-1.0, 0.0, 0.0], [0.0, 1.0, 0.0]],
    [[-1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, 1.0, 0.0]],
    [[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, -1.0]],
    [[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]],
];

/// The corners of a side, right and up, and where each lies in the picture, whose rows go down.
const CORNERS: [([f32; 2], [f32; 2]); 4] = [
    ([-1.0, -1.0], [0.0, 1.0]),
    ([1.0, -1.0], [1.0, 1.0]),
    ([1.0, 1.0], [1.0, 0.0]),
    ([-1.0, 1.0], [0.0, 0.0]),
];

/// Two triangles of the corners of a side, counterclockwise.
const TRIANGLES: [u16; 6] = [0, 1, 2, 0, 2, 3];

/// The codes of glTF for the types of numbers.
const UNSIGNED_SHORT: u16 = 5123;
const FLOAT: u16 = 5126;

/// The file of a cube with `picture` on each side; `extras` are kept as the real server keeps the prompt.
pub(crate) fn cube(picture: &RgbImage, extras: &Texts) -> Result<Vec<u8>, ImageError> {
    let mut data = Data::default();
    let vertices = Vertices::of_cube();
    data.add(&floats(&vertices.positions));
    data.add(&floats(&vertices.normals));
    data.add(&floats(&vertices.places));
    data.add(&vertices.indices.iter().flat_map(|index| index.to_le_bytes()).collect::<Vec<_>>());
    let mut png = Cursor::new(Vec::new());
    picture.write_to(&mut png, ImageFormat::Png)?;
    data.add(png.get_ref());
    let scene = description(&data, &vertices, extras);
    Ok(file_of(scene.to_string().into_bytes(), data.bytes))
}

/// The numbers of the cube. A corner stands there three times, as each of its sides has a picture of its own.
#[derive(Debug, Default)]
struct Vertices {
    positions: Vec<f32>,
    normals: Vec<f32>,
    places: Vec<f32>,
    indices: Vec<u16>,
}

impl Vertices {
    fn of_cube() -> Self {
        let mut vertices = Self::default();
        for (first, [front, right, up]) in (0..).step_by(CORNERS.len()).zip(SIDES) {
            for ([along, above], place) in CORNERS {
                let axes = front.into_iter().zip(right).zip(up);
                let position =
                    axes.map(|((front, right), up)| HALF * (front + along * right + above * up));
                vertices.positions.extend(position);
                vertices.normals.extend(front);
                vertices.places.extend(place);
            }
            vertices.indices.extend(TRIANGLES.map(|corner: u16| first + corner));
        }
        vertices
    }
}

/// The binary part, with the place of what was added to it.
#[derive(Debug, Default)]
struct Data {
    bytes: Vec<u8>,
    views: Vec<Value>,
}

impl Data {
    fn add(&mut self, bytes: &[u8]) {
        pad(&mut self.bytes, 0);
        self.views.push(json!({
            "buffer": 0, "byteOffset": self.bytes.len(), "byteLength": bytes.len(),
        }));
        self.bytes.extend(bytes);
    }
}

fn floats(numbers: &[f32]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
}

fn description(data: &Data, vertices: &Vertices, extras: &Texts) -> Value {
    let count = SIDES.len() * CORNERS.len();
    let accessor = |view: u8, kind: &str| json!({"bufferView": view, "componentType": FLOAT, "count": count, "type": kind});
    let mut positions = accessor(0, "VEC3");
    if let Some(positions) = positions.as_object_mut() {
        positions.insert("min".to_owned(), json!([-HALF, -HALF, -HALF]));
        positions.insert("max".to_owned(), json!([HALF, HALF, HALF]));
    }
    let extras: Map<String, Value> =
        extras.iter().map(|(key, text)| (key.clone(), json!(text))).collect();
    json!({
        "asset": {"version": "2.0", "generator": GENERATOR, "extras": extras},
        "scene": 0,
        "scenes": [{"name": NAME, "nodes": [0]}],
        "nodes": [{"name": NAME, "mesh": 0}],
        "meshes": [{"name": NAME, "primitives": [{
            "attributes": {"POSITION": 0, "NORMAL": 1, "TEXCOORD_0": 2}, "indices": 3, "material": 0,
        }]}],
        "materials": [{"name": NAME, "pbrMetallicRoughness": {
            "baseColorTexture": {"index": 0}, "metallicFactor": 0.0, "roughnessFactor": 1.0,
        }}],
        "textures": [{"source": 0}],
        "images": [{"name": NAME, "bufferView": 4, "mimeType": "image/png"}],
        "accessors": [positions, accessor(1, "VEC3"), accessor(2, "VEC2"), {
            "bufferView": 3, "componentType": UNSIGNED_SHORT, "count": vertices.indices.len(), "type": "SCALAR",
        }],
        "bufferViews": data.views,
        "buffers": [{"byteLength": data.bytes.len()}],
    })
}

/// Header and both chunks. Lengths are those of a picture and a prompt, far below four gigabytes.
fn file_of(mut scene: Vec<u8>, mut data: Vec<u8>) -> Vec<u8> {
    pad(&mut scene, b' ');
    pad(&mut data, 0);
    let chunks: Vec<u8> = [(scene, b"JSON"), (data, b"BIN\0")]
        .into_iter()
        .flat_map(|(chunk, kind)| {
            length(chunk.len()).into_iter().chain(*kind).chain(chunk).collect::<Vec<u8>>()
        })
        .collect();
    let header = [*b"glTF", 2_u32.to_le_bytes(), length(chunks.len() + 12)].concat();
    [header, chunks].concat()
}

fn length(bytes: usize) -> [u8; 4] {
    u32::try_from(bytes).unwrap_or(u32::MAX).to_le_bytes()
}

/// Everything begins at a multiple of four bytes.
fn pad(bytes: &mut Vec<u8>, with: u8) {
    bytes.resize(bytes.len().next_multiple_of(4), with);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(file: &[u8], at: usize) -> usize {
        usize::try_from(u32::from_le_bytes(file[at..at + 4].try_into().unwrap())).unwrap()
    }

    fn parts(file: &[u8]) -> (Value, &[u8]) {
        assert_eq!((&file[..4], number(file, 4), number(file, 8)), (&b"glTF"[..], 2, file.len()));
        let json_end = 20 + number(file, 12);
        assert_eq!(&file[16..20], b"JSON");
        assert_eq!(&file[json_end + 4..json_end + 8], b"BIN\0");
        assert_eq!(json_end + 8 + number(file, json_end), file.len());
        assert_eq!((json_end % 4, file.len() % 4), (0, 0));
        (serde_json::from_slice(&file[20..json_end]).unwrap(), &file[json_end + 8..])
    }

    fn example() -> Vec<u8> {
        let extras = vec![("prompt".to_owned(), "{\"1\": \"ä\"}".to_owned())];
        cube(&RgbImage::new(5, 3), &extras).unwrap()
    }

    #[test]
    fn the_file_says_in_every_name_that_it_is_a_placeholder() {
        let file = example();
        let (scene, _) = parts(&file);
        assert!(scene["asset"]["generator"].as_str().unwrap().contains("no model ran"));
        assert_eq!(scene["asset"]["extras"]["prompt"], "{\"1\": \"ä\"}");
        for part in ["scenes", "nodes", "meshes", "materials", "images"] {
            assert_eq!(scene[part][0]["name"], NAME, "{part}");
        }
        assert_eq!(file, example());
    }

    #[test]
    fn every_view_lies_in_the_data_and_is_as_long_as_what_reads_it() {
        let file = example();
        let (scene, data) = parts(&file);
        let whole = |value: &Value| usize::try_from(value.as_u64().unwrap()).unwrap();
        let views = scene["bufferViews"].as_array().unwrap();
        for view in views {
            assert_eq!(whole(&view["byteOffset"]) % 4, 0);
            assert!(whole(&view["byteOffset"]) + whole(&view["byteLength"]) <= data.len());
        }
        for accessor in scene["accessors"].as_array().unwrap() {
            let each = match accessor["type"].as_str().unwrap() {
                "VEC3" => 12,
                "VEC2" => 8,
                _ => 2,
            };
            let view = &views[whole(&accessor["bufferView"])];
            assert_eq!(whole(&view["byteLength"]), whole(&accessor["count"]) * each);
        }
        let start = whole(&views[4]["byteOffset"]);
        let png = &data[start..start + whole(&views[4]["byteLength"])];
        assert_eq!(image::load_from_memory(png).unwrap().to_rgb8().dimensions(), (5, 3));
    }

    #[test]
    fn triangles_are_of_known_corners_and_face_outwards() {
        let vertices = Vertices::of_cube();
        let corner = |index: u16| -> [f32; 3] {
            let at = usize::from(index) * 3;
            vertices.positions[at..at + 3].try_into().unwrap()
        };
        assert!(vertices.positions.iter().all(|number| number.abs() <= HALF));
        assert_eq!(vertices.indices.len(), 36);
        for triangle in vertices.indices.chunks(3) {
            let [a, b, c] = [corner(triangle[0]), corner(triangle[1]), corner(triangle[2])];
            let edge = |to: [f32; 3]| [to[0] - a[0], to[1] - a[1], to[2] - a[2]];
            let ([px, py, pz], [qx, qy, qz]) = (edge(b), edge(c));
            let cross = [py * qz - pz * qy, pz * qx - px * qz, px * qy - py * qx];
            let outwards: f32 = cross.iter().zip(a).map(|(cross, at)| cross * at).sum();
            assert!(outwards > 0.0, "{triangle:?}");
        }
    }
}

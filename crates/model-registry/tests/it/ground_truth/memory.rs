//! What is computed equals the test vectors of `models/facts.md`.

use std::fs;

use model_registry::memory::{Activations, Device, LatentShape, References, Report};

use super::folder;

/// How far a computed amount may be from the vector: the two percent.
const TOLERANCE: f64 = 0.02;
const VECTORS: usize = 16;

/// A row of the table: what it is, the latent, the factor and the MiB it comes to.
struct Vector {
    case: String,
    latent: LatentShape,
    factor: f64,
    minimum: f64,
    preferred: f64,
}

fn vectors(text: &str) -> Vec<Vector> {
    let (_, table) = text.split_once("| case | latent shape |").unwrap();
    let rows = table.lines().skip(2).take_while(|line| line.starts_with('|'));
    rows.map(|row| {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [case, shape, rest @ ..] = cells.as_slice() else { panic!("{row}") };
        let shape: Vec<u64> = shape
            .trim_matches(['[', ']'])
            .split(',')
            .map(|side| side.trim().parse().unwrap())
            .collect();
        let [batch, channels, places @ ..] = shape.as_slice() else { panic!("{row}") };
        let numbers: Vec<f64> = rest.iter().map(|cell| cell.parse().unwrap()).collect();
        let [factor, minimum, preferred] = numbers[..] else { panic!("{row}") };
        let latent = LatentShape::new(*batch, *channels, places);
        Vector { case: (*case).to_owned(), latent, factor, minimum, preferred }
    })
    .collect()
}

#[test]
fn the_vectors_hold() {
    let Some(folder) = folder() else { return };
    let text = fs::read_to_string(folder.join("models/facts.md")).unwrap();
    let report = Report {
        vram_total: 25_757_220_864.0,
        vram_free: 25e9,
        ..Report::new("linux", "cuda", "cuda:0 NVIDIA GeForce RTX 4090 : cudaMallocAsync")
    };
    let device = Device::new(&report, &["main.py"]).unwrap();
    let vectors = vectors(&text);
    assert_eq!(vectors.len(), VECTORS);
    for vector in vectors {
        let Vector { case, latent, factor, .. } = vector;
        let found = Activations::of_sampling(&latent, References::default(), factor, &device);
        for (found, expected) in
            [(found.minimum, vector.minimum), (found.preferred, vector.preferred)]
        {
            let found = f64::from(u32::try_from(found >> 10).unwrap()) / 1024.0;
            let off = (found / expected - 1.0).abs();
            assert!(off < TOLERANCE, "{case}: {found} MiB, not {expected}");
        }
    }
}

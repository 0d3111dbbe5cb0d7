//! PLY files of 3D Gaussian Splatting: a picture as an upright board of gaussians, the only scene that is made here.

use image::RgbImage;

/// The numbers of each gaussian, in the order and by the names of 3D Gaussian Splatting.
const PROPERTIES: [&str; 17] = [
    "x", "y", "z", "nx", "ny", "nz", "f_dc_0", "f_dc_1", "f_dc_2", "opacity", "scale_0", "scale_1",
    "scale_2", "rot_0", "rot_1", "rot_2", "rot_3",
];

/// What an editor shows at the head of the file.
const COMMENT: &str = "SIMULATED - a placeholder of comfy-sim: no model ran, the gaussians show a picture that says so";

/// The basis of spherical harmonics of degree zero, by which a color is divided.
const HARMONIC: f32 = 0.282_094_8;

/// Nearly opaque; files hold the number whose logistic function is the opacity.
const OPACITY: f32 = 5.0;

/// The width of the board.
const WIDTH: f32 = 1.0;

/// The file of a board that shows `picture`, one gaussian for each of its pixels. The second axis points down, as it
/// does in such files, unlike in glTF.
pub(crate) fn board(picture: &RgbImage) -> Vec<u8> {
    let (width, height) = picture.dimensions();
    let properties = PROPERTIES
        .map(|name| {
            format!(
                "property float {name}
"
            )
        })
        .concat();
    let header = format!(
        "ply\nformat binary_little_endian 1.0\ncomment {COMMENT}\nelement vertex {}\n{properties}end_header\n",
        u64::from(width) * u64::from(height),
    );
    let step = WIDTH / number(width.max(1));
    let mut file = header.into_bytes();
    for (x, y, pixel) in picture.enumerate_pixels() {
        let right = (number(x) + 0.5) * step - WIDTH / 2.0;
        let down = (number(y) + 0.5 - number(height) / 2.0) * step;
        let gaussian = gaussian([right, down, 0.0], pixel.0, step);
        file.extend(gaussian.into_iter().flat_map(f32::to_le_bytes));
    }
    file
}

/// A ball whose radius is half the distance to the next, so that the board has no holes and stays sharp.
fn gaussian([x, y, z]: [f32; 3], color: [u8; 3], step: f32) -> [f32; PROPERTIES.len()] {
    let [red, green, blue] = color.map(|channel| (f32::from(channel) / 255.0 - 0.5) / HARMONIC);
    let scale = (step / 2.0).ln();
    [x, y, z, 0.0, 0.0, 0.0, red, green, blue, OPACITY, scale, scale, scale, 1.0, 0.0, 0.0, 0.0]
}

#[expect(
    clippy::as_conversions,
    clippy::cast_precision_loss,
    reason = "lengths in pixels are far below 2^24"
)]
fn number(pixels: u32) -> f32 {
    pixels as f32
}

#[cfg(test)]
mod tests {
    use image::Rgb;

    use super::*;

    #[test]
    fn the_header_counts_what_follows_and_says_that_it_is_a_placeholder() {
        let file = board(&RgbImage::new(4, 3));
        let end = file.windows(11).position(|part| part == b"end_header\n").unwrap() + 11;
        let header = std::str::from_utf8(&file[..end]).unwrap();
        let lines: Vec<&str> = header.lines().collect();
        assert_eq!(lines[..2], ["ply", "format binary_little_endian 1.0"]);
        assert!(lines[2].starts_with("comment ") && lines[2].contains("no model ran"));
        assert_eq!(lines[3], "element vertex 12");
        let properties = lines.iter().filter(|line| line.starts_with("property float ")).count();
        assert_eq!(file.len() - end, 12 * properties * 4);
    }

    #[test]
    fn the_picture_stands_upright_around_the_middle() {
        let mut picture = RgbImage::from_pixel(2, 2, Rgb([0, 0, 0]));
        picture.put_pixel(1, 0, Rgb([255, 255, 255]));
        let file = board(&picture);
        let numbers: Vec<f32> = file[file.len() - 4 * 17 * 4..]
            .chunks(4)
            .map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap()))
            .collect();
        let white = &numbers[17..34];
        assert_eq!(white[..3], [0.25, -0.25, 0.0]);
        assert!((white[6] * HARMONIC + 0.5 - 1.0).abs() < 1e-6);
        assert_eq!(numbers[..3], [-0.25, -0.25, 0.0]);
    }
}

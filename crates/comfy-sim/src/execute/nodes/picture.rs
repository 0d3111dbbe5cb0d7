//! The placeholder that stands where a diffusion model's picture would be, and says so on its face.

use std::f32::consts::TAU;

use image::{Rgb, RgbImage};

use super::font;

/// The size of a picture whose latent does not say how large it is.
pub(crate) const SIZE_UNKNOWN: (u32, u32) = (512, 512);

/// How many lines of the prompt are written.
const PROMPT_LINES_MAX: usize = 3;

/// How many discs of color are drawn.
const DISCS: u32 = 5;

/// Draws the placeholder. The same arguments always give the same pixels.
pub(crate) fn draw(text: &str, seed: Option<u64>, index: u32, size: (u32, u32)) -> RgbImage {
    let mut numbers = Numbers::new(text, seed.unwrap_or_default(), index);
    let mut image = background(&mut numbers, size);
    for _ in 0..DISCS {
        add_disc(&mut image, &mut numbers);
    }
    write_on(&mut image, text, seed);
    image
}

/// Covers a picture with noise: all of it at `left == all`, nothing at zero.
pub(crate) fn add_noise(image: &mut RgbImage, seed: u64, left: u32, all: u32) {
    let mut numbers = Numbers { state: seed };
    let share = fraction(left, all.max(1));
    for pixel in image.pixels_mut() {
        let noise = numbers.next_fraction() * 255.0;
        for channel in &mut pixel.0 {
            *channel = byte(f32::from(*channel) * (1.0 - share) + noise * share);
        }
    }
}

/// Writes a mark of one line into the corner of a picture that is not what it seems.
pub(super) fn stamp(image: &mut RgbImage, text: &str) {
    let scale = scale_for(image.width());
    band(image, 0, (font::LINE + 2) * scale);
    font::draw_line(image, text, (scale, 2 * scale), scale, Rgb([255, 255, 255]));
}

/// A number between 0 and 255 as a channel of a pixel; what is outside is cut off.
#[expect(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the conversion saturates, which is what a channel wants"
)]
pub(super) fn byte(value: f32) -> u8 {
    value.round() as u8
}

#[expect(
    clippy::as_conversions,
    clippy::cast_precision_loss,
    reason = "lengths in pixels are far below 2^24"
)]
fn fraction(part: u32, whole: u32) -> f32 {
    part as f32 / whole as f32
}

/// `SplitMix64`: small, and the same everywhere.
struct Numbers {
    state: u64,
}

impl Numbers {
    fn new(text: &str, seed: u64, index: u32) -> Self {
        let fnv = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        let hash = text
            .bytes()
            .chain(seed.to_le_bytes())
            .chain(index.to_le_bytes())
            .fold(0xcbf2_9ce4_8422_2325, fnv);
        Self { state: hash }
    }

    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.state ^ (self.state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Between 0 and 1.
    fn next_fraction(&mut self) -> f32 {
        let number = u16::try_from(self.next() >> 48).unwrap_or(u16::MAX);
        f32::from(number) / f32::from(u16::MAX)
    }

    /// A color of this brightness, of any hue.
    fn next_color(&mut self, brightness: f32) -> [f32; 3] {
        let hue = self.next_fraction() * TAU;
        [0.0, TAU / 3.0, TAU * 2.0 / 3.0]
            .map(|phase| brightness * (0.55 + 0.45 * (hue + phase).cos()))
    }
}

/// A gradient between two colors, in any direction.
fn background(numbers: &mut Numbers, (width, height): (u32, u32)) -> RgbImage {
    let (from, to) = (numbers.next_color(120.0), numbers.next_color(230.0));
    let angle = numbers.next_fraction() * TAU;
    let (along, down) = (angle.cos(), angle.sin());
    RgbImage::from_fn(width, height, |x, y| {
        let place = (fraction(x, width) - 0.5) * along + (fraction(y, height) - 0.5) * down;
        let share = (place + 0.7) / 1.4;
        mix(from, to, share)
    })
}

fn mix(from: [f32; 3], to: [f32; 3], share: f32) -> Rgb<u8> {
    let [red, green, blue] = from;
    let [to_red, to_green, to_blue] = to;
    Rgb([(red, to_red), (green, to_green), (blue, to_blue)]
        .map(|(from, to)| byte(from + (to - from) * share)))
}

/// A soft disc, half transparent.
fn add_disc(image: &mut RgbImage, numbers: &mut Numbers) {
    let (width, height) = image.dimensions();
    let (center_x, center_y) = (numbers.next_fraction(), numbers.next_fraction());
    let radius = 0.08 + 0.25 * numbers.next_fraction();
    let color = numbers.next_color(255.0);
    let aspect = fraction(height, width.max(1));
    for (x, y, pixel) in image.enumerate_pixels_mut() {
        let across = fraction(x, width) - center_x;
        let down = (fraction(y, height) - center_y) * aspect;
        let distance = across.hypot(down) / radius;
        if distance < 1.0 {
            let share = 0.6 * (1.0 - distance * distance);
            *pixel = mix(pixel.0.map(f32::from), color, share);
        }
    }
}

fn scale_for(width: u32) -> u32 {
    (width / 160).max(1)
}

/// Writes what the picture is into a dark band at its foot.
fn write_on(image: &mut RgbImage, text: &str, seed: Option<u64>) {
    let (width, height) = image.dimensions();
    let scale = scale_for(width);
    let letters_max =
        usize::try_from((width / (font::ADVANCE * scale)).max(1)).unwrap_or(usize::MAX);
    let seed = seed.map_or_else(|| "none".to_owned(), |seed| seed.to_string());
    let mut lines = wrapped("SIMULATED - comfy-sim", letters_max);
    let mut prompt = wrapped(text, letters_max);
    if prompt.len() > PROMPT_LINES_MAX {
        prompt.truncate(PROMPT_LINES_MAX);
        if let Some(last) = prompt.last_mut() {
            *last = last.chars().take(letters_max.saturating_sub(3)).chain("...".chars()).collect();
        }
    }
    lines.extend(prompt);
    lines.extend(wrapped(&format!("seed {seed}, {width}x{height}"), letters_max));
    let count = u32::try_from(lines.len()).unwrap_or(u32::MAX);
    let top = height.saturating_sub((count * font::LINE + 2) * scale);
    band(image, top, height);
    for (index, line) in (0_u32..).zip(&lines) {
        let color = if index == 0 { Rgb([255, 220, 80]) } else { Rgb([255, 255, 255]) };
        font::draw_line(image, line, (scale, top + (index * font::LINE + 2) * scale), scale, color);
    }
}

/// Darkens the rows from `top` to `bottom`.
fn band(image: &mut RgbImage, top: u32, bottom: u32) {
    for (_, y, pixel) in image.enumerate_pixels_mut() {
        if (top..bottom).contains(&y) {
            pixel.0 = pixel.0.map(|channel| channel / 4);
        }
    }
}

/// Breaks text at spaces, and words that are too long anywhere.
fn wrapped(text: &str, letters_max: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        let letters: Vec<char> = word.chars().collect();
        for part in letters.chunks(letters_max) {
            let part: String = part.iter().collect();
            match lines.last_mut() {
                Some(line) if line.chars().count() + 1 + part.chars().count() <= letters_max => {
                    line.push(' ');
                    line.push_str(&part);
                }
                _ => lines.push(part),
            }
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_prompt_and_seed_give_the_same_picture() {
        let picture = |text: &str, seed| draw(text, Some(seed), 0, (96, 64)).into_raw();
        assert_eq!(picture("a fox", 7), picture("a fox", 7));
        assert_ne!(picture("a fox", 7), picture("a fox", 8));
        assert_ne!(picture("a fox", 7), picture("a dog", 7));
        assert_ne!(draw("a fox", Some(7), 1, (96, 64)).into_raw(), picture("a fox", 7));
    }

    #[test]
    fn the_first_line_is_written_in_its_own_color() {
        let picture = draw("a fox", Some(7), 0, (320, 240));
        assert!(picture.pixels().filter(|pixel| pixel.0 == [255, 220, 80]).count() > 200);
    }

    #[test]
    fn text_is_broken_at_spaces_and_long_words_anywhere() {
        assert_eq!(wrapped("a red fox", 5), ["a red", "fox"]);
        assert_eq!(wrapped("abcdefg", 3), ["abc", "def", "g"]);
    }

    #[test]
    fn the_smallest_pictures_can_be_drawn() {
        for size in [(1, 1), (16, 1), (1, 16)] {
            assert_eq!(draw("a fox", None, 0, size).dimensions(), size);
        }
    }
}

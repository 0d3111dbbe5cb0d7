//! A font of three by five dots, for the words that a simulated picture carries on its face.

use image::{Rgb, RgbImage};

/// Dots per glyph and the gap to the next one.
pub(super) const ADVANCE: u32 = 4;
/// Dots per line, with the gap to the next one.
pub(super) const LINE: u32 = 7;

/// Draws one line of text, each dot a square of `scale` pixels. What leaves the picture is cut off.
pub(super) fn draw_line(
    image: &mut RgbImage,
    text: &str,
    at: (u32, u32),
    scale: u32,
    color: Rgb<u8>,
) {
    for (index, letter) in (0_u32..).zip(text.chars()) {
        let rows = glyph(letter);
        for row in 0..5 {
            for column in 0..3 {
                // Each octal digit is a row of three dots, the top row first.
                let is_set = rows >> ((4 - row) * 3 + (2 - column)) & 1 == 1;
                if is_set {
                    let x = at.0 + (index * ADVANCE + column) * scale;
                    fill(image, (x, at.1 + row * scale), scale, color);
                }
            }
        }
    }
}

fn fill(image: &mut RgbImage, at: (u32, u32), side: u32, color: Rgb<u8>) {
    for y in at.1..at.1.saturating_add(side) {
        for x in at.0..at.0.saturating_add(side) {
            if let Some(pixel) = image.get_pixel_mut_checked(x, y) {
                *pixel = color;
            }
        }
    }
}

/// The dots of a letter, one octal digit a row. Small letters look like capitals; what is unknown is a box.
fn glyph(letter: char) -> u32 {
    match letter.to_ascii_uppercase() {
        ' ' => 0,
        'A' => 0o25755,
        'B' => 0o65656,
        'C' => 0o34443,
        'D' => 0o65556,
        'E' => 0o74647,
        'F' => 0o74644,
        'G' => 0o34553,
        'H' => 0o55755,
        'I' => 0o72227,
        'J' => 0o11152,
        'K' => 0o55655,
        'L' => 0o44447,
        'M' => 0o57755,
        'N' => 0o65555,
        'O' => 0o25552,
        'P' => 0o65644,
        'Q' => 0o25563,
        'R' => 0o65655,
        'S' => 0o34216,
        'T' => 0o72222,
        'U' => 0o55557,
        'V' => 0o55552,
        'W' => 0o55775,
        'X' => 0o55255,
        'Y' => 0o55222,
        'Z' => 0o71247,
        '0' => 0o75557,
        '1' => 0o26227,
        '2' => 0o71747,
        '3' => 0o71717,
        '4' => 0o55711,
        '5' => 0o74717,
        '6' => 0o74757,
        '7' => 0o71122,
        '8' => 0o75757,
        '9' => 0o75717,
        '.' => 0o00002,
        ',' => 0o00024,
        ':' => 0o02020,
        ';' => 0o02024,
        '-' => 0o00700,
        '+' => 0o02720,
        '_' => 0o00007,
        '=' => 0o07070,
        '\'' => 0o22000,
        '"' => 0o55000,
        '!' => 0o22202,
        '?' => 0o71202,
        '(' => 0o12221,
        ')' => 0o42224,
        '[' => 0o64446,
        ']' => 0o31113,
        '<' => 0o12421,
        '>' => 0o42124,
        '/' => 0o11244,
        '\\' => 0o44211,
        '#' => 0o57575,
        '%' => 0o51245,
        '*' => 0o52725,
        '&' => 0o25253,
        '|' => 0o22222,
        _ => 0o77777,
    }
}

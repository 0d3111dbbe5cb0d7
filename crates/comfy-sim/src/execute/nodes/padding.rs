//! Room around a picture, and the mask of that room.

use std::sync::Arc;

use image::{GrayImage, Luma, Rgb, RgbImage, imageops};

use super::images::{Batch, check_size, first_size, images, whole};
use super::picture::byte;
use super::{Context, Exception, Produced};
use crate::execute::values::{Inputs, NodeValue};

/// Half of what a channel can have, cut off as the real server does where it saves a picture.
const GRAY: Rgb<u8> = Rgb([127; 3]);

/// How many pixels are added on each side.
#[derive(Clone, Copy)]
struct Room {
    left: u32,
    top: u32,
    right: u32,
    bottom: u32,
}

impl Room {
    fn of(inputs: &Inputs) -> Result<Self, Exception> {
        Ok(Self {
            left: whole(inputs, "left")?,
            top: whole(inputs, "top")?,
            right: whole(inputs, "right")?,
            bottom: whole(inputs, "bottom")?,
        })
    }

    fn around(self, (width, height): (u32, u32)) -> (u32, u32) {
        let wide = width.saturating_add(self.left).saturating_add(self.right);
        (wide, height.saturating_add(self.top).saturating_add(self.bottom))
    }

    /// How far a place in the picture is from the nearest side that has room beside it.
    fn distance(self, (x, y): (u32, u32), (width, height): (u32, u32)) -> Option<u32> {
        let sides = [
            (self.left, x),
            (self.top, y),
            (self.right, width.saturating_sub(x)),
            (self.bottom, height.saturating_sub(y)),
        ];
        sides.into_iter().filter(|(room, _)| *room > 0).map(|(_, distance)| distance).min()
    }
}

/// `ImagePadForOutpaint`: gray around the pictures, and a mask that is white there and fades out
/// into the picture.
pub(super) fn for_outpainting(inputs: &Inputs, _: &Context) -> Result<Produced, Exception> {
    let batch = images(inputs, "image")?;
    let (size, room) = (first_size(&batch), Room::of(inputs)?);
    let outer = room.around(size);
    check_size(outer.0, outer.1, u64::try_from(batch.len()).unwrap_or(u64::MAX))?;
    let mask = mask(size, room, whole(inputs, "feathering")?);
    let outputs =
        vec![NodeValue::Image(padded(&batch, room, outer)), NodeValue::Mask(Arc::new(vec![mask]))];
    Ok(Produced { outputs, ui: None })
}

fn padded(batch: &Batch, room: Room, (width, height): (u32, u32)) -> Batch {
    let one = |inner: &RgbImage| {
        let mut outer = RgbImage::from_pixel(width, height, GRAY);
        imageops::replace(&mut outer, inner, room.left.into(), room.top.into());
        outer
    };
    Arc::new(batch.iter().map(one).collect())
}

fn mask(size: (u32, u32), room: Room, feathering: u32) -> GrayImage {
    // Where the fades of two sides would meet there is none.
    let fades = feathering > 0 && size.0.min(size.1) > feathering.saturating_mul(2);
    let (width, height) = room.around(size);
    GrayImage::from_fn(width, height, |x, y| {
        let place = x.checked_sub(room.left).zip(y.checked_sub(room.top));
        let Some(place) = place.filter(|(x, y)| *x < size.0 && *y < size.1) else {
            return Luma([u8::MAX]);
        };
        let near = room.distance(place, size).filter(|near| fades && *near < feathering);
        Luma([near.map_or(0, |near| faded(near, feathering))])
    })
}

#[expect(
    clippy::as_conversions,
    clippy::cast_precision_loss,
    reason = "lengths in pixels are far below 2^24"
)]
fn faded(near: u32, feathering: u32) -> u8 {
    let share = feathering.saturating_sub(near) as f32 / feathering as f32;
    byte(share * share * 255.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: (u32, u32) = (20, 10);

    const ON_THE_LEFT: Room = Room { left: 8, top: 0, right: 0, bottom: 0 };

    #[test]
    fn the_mask_is_white_around_the_picture_and_fades_out_only_into_that_side() {
        let mask = mask(SIZE, ON_THE_LEFT, 4);
        let row = |y: u32| (0..28).map(|x| mask.get_pixel(x, y).0[0]).collect::<Vec<_>>();
        assert_eq!(row(5)[..14], [[255; 8].as_slice(), &[255, 143, 64, 16, 0, 0]].concat());
        assert_eq!(row(0), row(9), "nothing was added above and below");
        assert_eq!(row(0)[27], 0);
    }

    #[test]
    fn fades_that_would_meet_are_left_out() {
        let mask = mask(SIZE, ON_THE_LEFT, 5);
        assert_eq!((mask.get_pixel(7, 5).0, mask.get_pixel(8, 5).0), ([255], [0]));
    }

    #[test]
    fn what_is_added_is_gray() {
        let inner: Batch = Arc::new(vec![RgbImage::new(SIZE.0, SIZE.1)]);
        let outer = padded(&inner, ON_THE_LEFT, ON_THE_LEFT.around(SIZE));
        assert_eq!(first_size(&outer), (28, 10));
        assert_eq!((outer[0].get_pixel(7, 0).0, outer[0].get_pixel(8, 0).0), ([127; 3], [0; 3]));
    }
}

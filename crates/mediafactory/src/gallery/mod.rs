//! Ready workflows from everywhere: our own templates, and what a server offers itself.
//!
//! A server offers templates, blueprints of subgraphs and the examples of packs of custom nodes,
//! all as the front end saves them. They are listed beside ours, and converted for that very
//! server when one is asked for: its inputs are found by what they are for, bounded by what the
//! server's node classes say, and what the server lacks to run it is named.

mod bounds;
mod entry;
mod listing;
mod needs;
mod parameters;
mod served;
mod template;

pub(crate) use self::served::GalleryCache;

#[cfg(test)]
mod tests;
pub use self::{
    entry::{GalleryEntry, GallerySource},
    listing::{GalleryFilter, GalleryList},
    needs::{MissingModel, Needs},
    template::{GalleryFilled, GalleryTemplate},
};

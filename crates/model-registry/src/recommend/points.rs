//! What speaks for a model and against it, in points. All weights stand here, with their reasons.
//!
//! They are set by hand: the official index's word weighs most, because its editors saw the results;
//! whatever can be had at once is worth a step or two on their scale; what cannot be done (too little
//! memory, a licence that forbids it) outweighs everything together.

use super::words::Priority;
use crate::names::{Age, Recommendation};

/// What the index's recommendation is worth. Its steps are not even: the first two are few.
pub(super) fn rank(recommendation: Option<Recommendation>) -> f64 {
    match recommendation {
        Some(Recommendation::Highly) => 30.0,
        Some(Recommendation::Top) => 26.0,
        Some(Recommendation::High) => 22.0,
        Some(Recommendation::Medium) => 14.0,
        Some(Recommendation::Low) => 7.0,
        Some(Recommendation::Not) | None => 0.0,
    }
}

/// How much more the index's word counts where quality is what matters.
pub(super) const RANK_FOR_QUALITY: f64 = 1.3;

/// For each tenfold of uses of the official template: many have tried it, and it works.
pub(super) const USES_TENFOLD: f64 = 1.5;

/// Young templates have had less time to be used.
pub(super) fn age(age: Option<Age>) -> f64 {
    match age {
        Some(Age::New) => 3.0,
        Some(Age::Recent) => 2.0,
        Some(Age::Current) => 1.0,
        Some(Age::Established) | None => 0.0,
    }
}

/// Another family has taken its place and does the task as well.
pub(super) const SUPERSEDED: f64 = -20.0;

/// It fits into the free memory whole. Otherwise parts are moved in and out, which takes time.
pub(super) const FITS_FULLY: f64 = 10.0;

/// It does not fit whole where little memory is asked for or there: who says `8 GB` wants what fits
/// into it, however good a larger model that waits for its parts at each step.
pub(super) const SPILLS_WHERE_SMALL: f64 = -60.0;

/// Up to how much memory is little.
pub(super) const SMALL_BYTES: u64 = 12 << 30;

/// What it takes is not known while what is free is: it may not run.
pub(super) const MEMORY_UNKNOWN: f64 = -15.0;

/// Beyond any sum of other terms: it cannot be done, or must not be.
pub(super) const IMPOSSIBLE: f64 = -200.0;

/// All files are there. It is worth less than the step from a high recommendation to a medium one and
/// a style that fits, so that it decides between models that are near.
pub(super) const INSTALLED: f64 = 8.0;

/// It costs money for each run.
pub(super) const AT_A_SERVICE: f64 = -10.0;

/// Commercial use was asked for, and nobody knows whether the licence allows it.
pub(super) const LICENCE_UNKNOWN: f64 = -8.0;

/// It is made for the style that is asked for: more than the index's word, which is about everything.
pub(super) const STYLE_FITS: f64 = 32.0;

/// It is made for other styles than the one that is asked for.
pub(super) const STYLE_OTHER: f64 = -20.0;

/// It is made for some styles, and none is asked for: it gives everything that look.
pub(super) const STYLE_SPECIAL: f64 = -15.0;

/// It meets a need that is asked for, and the data says so.
pub(super) const MEETS: f64 = 10.0;

/// For each halving of the passes through the model, or of the time of past jobs.
pub(super) fn halving(priority: Priority) -> f64 {
    match priority {
        Priority::Speed => 6.0,
        Priority::Balanced => 1.5,
        // More passes are a little more care, within limits that the index's word outweighs.
        Priority::Quality => -1.0,
    }
}

/// What is neither slow nor fast: 20 steps without guidance.
pub(super) const PASSES_USUAL: f64 = 20.0;

/// Beyond so many halvings or doublings, more make no difference.
pub(super) const HALVINGS_AT_MOST: f64 = 3.0;

/// Little memory was asked for and no number named: for each halving of the files.
pub(super) const SMALLER_FILES: f64 = 5.0;

/// Files that are neither small nor large.
pub(super) const FILES_USUAL_BYTES: f64 = 16e9;

/// Ratings go from 1 to 5. Before there are any, a model is taken to be in the middle.
pub(super) const RATING_MIDDLE: f64 = 3.0;

/// As many ratings as the assumption counts: one enthusiast is not a verdict.
pub(super) const RATINGS_ASSUMED: f64 = 5.0;

/// For each point of the rating above the middle.
pub(super) const RATING_POINT: f64 = 6.0;

/// As many past jobs as the assumption counts that a model takes as long as others.
pub(super) const JOBS_ASSUMED: f64 = 3.0;

/// By how many points the first model has to be ahead of the second to be as sure as it gets: about
/// what one good reason is worth.
pub(super) const LEAD_CLEAR: f64 = 15.0;

/// What is left of the confidence where two models are alike: the task is right, and either will do.
pub(super) const CONFIDENCE_OF_A_TIE: f64 = 0.5;

/// What is left of the confidence where memory is asked for and the model's use of it is not known.
pub(super) const CONFIDENCE_OF_UNKNOWN_MEMORY: f64 = 0.7;

/// What is left of the confidence where nothing fits.
pub(super) const CONFIDENCE_OF_NO_FIT: f64 = 0.3;

/// For how many halvings below the usual a number is counted, within the limits; doublings are
/// negative.
pub(super) fn halvings(number: f64, usual: f64) -> f64 {
    let halvings = (usual / number.max(f64::MIN_POSITIVE)).log2();
    halvings.clamp(-HALVINGS_AT_MOST, HALVINGS_AT_MOST)
}

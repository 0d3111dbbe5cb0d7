//! The nearest names, for errors that say what would have worked.

/// How unlike a name may be and still be meant: the share of letters that agree.
const SIMILARITY_MIN: f64 = 0.7;

/// How many names a hint lists.
const NAMES_LISTED_MAX: usize = 12;

/// The known name that was most probably meant.
pub(crate) fn name<'a>(wrong: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let folded = wrong.to_lowercase();
    known
        .map(|name| (strsim::jaro_winkler(&folded, &name.to_lowercase()), name))
        .filter(|(similarity, _)| *similarity >= SIMILARITY_MIN)
        .max_by(|one, other| one.0.total_cmp(&other.0))
        .map(|(_, name)| name)
}

/// The nearest few names, best first.
pub(crate) fn names<'a>(
    wrong: &str,
    known: impl Iterator<Item = &'a str>,
    at_most: usize,
) -> Vec<&'a str> {
    let folded = wrong.to_lowercase();
    let mut found: Vec<(f64, &str)> = known
        .map(|name| (strsim::jaro_winkler(&folded, &name.to_lowercase()), name))
        .filter(|(similarity, _)| *similarity >= SIMILARITY_MIN)
        .collect();
    found.sort_by(|one, other| other.0.total_cmp(&one.0));
    found.into_iter().take(at_most).map(|(_, name)| name).collect()
}

/// A sentence that offers the nearest name, or else the names there are.
pub(crate) fn hint<'a>(
    what: &str,
    wrong: &str,
    known: impl Iterator<Item = &'a str> + Clone,
) -> String {
    if let Some(near) = name(wrong, known.clone()) {
        return format!("did you mean `{near}`?");
    }
    let count = known.clone().count();
    let listed: Vec<&str> = known.take(NAMES_LISTED_MAX).collect();
    match (count, count.saturating_sub(NAMES_LISTED_MAX)) {
        (0, _) => format!("there are no {what}"),
        (_, 0) => format!("the {what} are {}", listed.join(", ")),
        (_, more) => format!("the {what} are {} and {more} more", listed.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_nearest_name_is_offered_or_else_the_names_there_are() {
        let known = || ["euler", "heun", "ddim"].into_iter();
        assert_eq!(super::hint("samplers", "Eular", known()), "did you mean `euler`?");
        assert_eq!(super::hint("samplers", "zzz", known()), "the samplers are euler, heun, ddim");
        assert_eq!(super::hint("samplers", "x", [].into_iter()), "there are no samplers");
        assert_eq!(super::names("eule", known(), 2), ["euler"]);
    }
}

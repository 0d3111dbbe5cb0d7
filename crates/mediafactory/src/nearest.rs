//! The nearest names, for errors that say what would have worked.

pub(crate) use workflow_graph::near::{name, names};

/// How many names a hint lists.
const NAMES_LISTED_MAX: usize = 12;

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

//! Examples that packs of custom nodes bring.

use workflow_graph::Json;

use super::{ENTRIES_MAX, is_file_name};

/// The example workflows of one pack.
///
/// ```
/// let pack = comfy_client::PackExamples { pack: "blur-nodes".to_owned(), ..Default::default() };
/// assert!(pack.names.is_empty());
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PackExamples {
    /// The folder of the pack.
    pub pack: String,
    /// The names of the files without `.json`.
    pub names: Vec<String>,
}

/// All packs with the examples that can be asked for; `None` where the answer is no object.
pub(super) fn examples(json: &Json) -> Option<Vec<PackExamples>> {
    let mut room = ENTRIES_MAX;
    let packs = json.as_object()?.iter().filter(|(pack, _)| is_file_name(pack.as_str()));
    let read = packs.map(|(pack, listed)| {
        let listed = listed.as_array().unwrap_or_default().iter().filter_map(Json::as_str);
        let names = listed.filter(|name| is_file_name(name)).take(room).map(str::to_owned);
        let names: Vec<String> = names.collect();
        room = room.saturating_sub(names.len());
        PackExamples { pack: pack.as_str().to_owned(), names }
    });
    Some(read.filter(|pack| !pack.names.is_empty()).collect())
}

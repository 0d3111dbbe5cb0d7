//! What a node put out: files, texts and whatever else it reported.

use workflow_graph::{Json, NodeId, json::Object};

use crate::files::FileRef;

/// Everything one node reported for display: the same in an `executed` event and in the history.
///
/// ```
/// use comfy_client::{NodeOutput, OutputItem};
/// use workflow_graph::Json;
///
/// let json = Json::parse(
///     br#"{"images": [{"filename": "v_1_.mp4", "subfolder": "video", "type": "output"}], "animated": [true]}"#,
/// )?;
/// let output = NodeOutput::from_json("3".parse()?, &json);
/// let files: Vec<String> = output.files().map(|file| file.to_string()).collect();
/// assert_eq!(files, ["video/v_1_.mp4 [output]"]);
/// assert_eq!(output.items.len(), 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct NodeOutput {
    /// The node; it may be one that another node made at run time.
    pub node: NodeId,
    /// What it reported, in order.
    pub items: Vec<OutputItem>,
}

/// One thing that a node reported. `key` is where it stood: `images`, `audio`, `3d`, `gifs`,
/// `text` and so on. It does not tell the media type: videos stand under `images`.
///
/// ```
/// use comfy_client::{NodeOutput, OutputItem};
/// use workflow_graph::Json;
/// let output = NodeOutput::from_json("1".parse()?, &Json::parse(br#"{"text": ["hello"]}"#)?);
/// assert_eq!(
///     output.items,
///     [OutputItem::Text { key: "text".to_owned(), text: "hello".to_owned() }]
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub enum OutputItem {
    /// A file on the server.
    File {
        /// Where it stood.
        key: String,
        /// The file.
        file: FileRef,
        /// Members besides name, folder and type, such as `format` and `frame_rate`.
        extra: Object,
    },
    /// A text.
    Text {
        /// Where it stood.
        key: String,
        /// The text.
        text: String,
    },
    /// Anything else: flags such as `animated`, camera positions, `null`.
    Other {
        /// Where it stood.
        key: String,
        /// The value.
        value: Json,
    },
}

impl NodeOutput {
    /// Reads the output of one node. Any JSON will do: what is no file and no text is kept as it
    /// is.
    pub fn from_json(node: NodeId, json: &Json) -> Self {
        let members = json.as_object().into_iter().flatten();
        let items = members.flat_map(|(key, value)| {
            let items = value.as_array().unwrap_or(std::slice::from_ref(value));
            items.iter().map(|item| OutputItem::read(key, item))
        });
        Self { node, items: items.collect() }
    }

    /// The files among it.
    pub fn files(&self) -> impl Iterator<Item = &FileRef> {
        self.items.iter().filter_map(|item| match item {
            OutputItem::File { file, .. } => Some(file),
            OutputItem::Text { .. } | OutputItem::Other { .. } => None,
        })
    }
}

impl OutputItem {
    fn read(key: &str, value: &Json) -> Self {
        let key = key.to_owned();
        if let (Json::Object(members), Some(file)) = (value, FileRef::from_json(value)) {
            let is_extra = |name: &str| !matches!(name, "filename" | "subfolder" | "type");
            let extra = members.iter().filter(|(name, _)| is_extra(name));
            let extra = extra.map(|(name, value)| (name.clone(), value.clone())).collect();
            return Self::File { key, file, extra };
        }
        if let Json::String(text) = value {
            return Self::Text { key, text: text.to_string() };
        }
        Self::Other { key, value: value.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_outputs_are_kept_and_none_is_lost() {
        let json = Json::parse(
            br#"{"images": [null, "x", {"filename": "a.png", "type": "temp", "id": 7}], "flag": true, "result": ["m.glb", null]}"#,
        );
        let output = NodeOutput::from_json("1".parse().unwrap(), &json.unwrap());
        assert_eq!(output.items.len(), 6);
        assert!(matches!(&output.items[2], OutputItem::File { extra, .. } if extra.len() == 1));
        assert!(matches!(&output.items[3], OutputItem::Other { value: Json::Bool(true), .. }));
        let nothing = NodeOutput::from_json("1".parse().unwrap(), &Json::Null);
        assert_eq!(nothing.items, []);
    }
}

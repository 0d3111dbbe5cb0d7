//! What a person should know of a conversion.

use thiserror::Error;

/// Something in a saved workflow that the conversion could not carry over as it stands, or that
/// only the front end can settle. Nodes are named as in the prompt: `12:3` is node 3 in the
/// subgraph instance 12.
///
/// ```
/// use workflow_graph::convert::Finding;
/// let finding = Finding::UnknownClass {
///     node: "7".to_owned(), class: "VHS_VideoCombine".to_owned(), pack: Some("comfyui-videohelpersuite".to_owned()) };
/// assert_eq!(finding.to_string(),
///     "node 7 has class `VHS_VideoCombine`, which the server does not have; it comes from comfyui-videohelpersuite");
/// assert!(finding.blocks());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Finding {
    /// The server has no such class. The node is in the prompt with its links, its title and
    /// the values that the file names; values known only by position are left out.
    #[error("node {node} has class `{class}`, which the server does not have{}", origin(pack.as_deref()))]
    UnknownClass {
        /// The node.
        node: String,
        /// Its class.
        class: String,
        /// The pack of custom nodes that has it, when the file says so.
        pack: Option<String>,
    },
    /// An input names a link that its graph does not have; the input is left unlinked.
    #[error("input `{input}` of node {node} is linked by link {link}, which does not exist")]
    DanglingLink {
        /// The node.
        node: String,
        /// The input.
        input: String,
        /// The number of the link.
        link: i64,
    },
    /// A link comes from a slot that its node does not have; the input is left unlinked.
    #[error(
        "input `{input}` of node {node} is linked to output {slot} of node {from}, which has {have}"
    )]
    NoSuchOutput {
        /// The node.
        node: String,
        /// The input.
        input: String,
        /// The node the link comes from.
        from: String,
        /// The slot asked for, from 0.
        slot: usize,
        /// How many outputs there are.
        have: usize,
    },
    /// Nodes that only pass values on are linked in a circle; the input is left unlinked.
    #[error("the links to input `{input}` of node {node} go in a circle")]
    CircularLinks {
        /// The node.
        node: String,
        /// The input.
        input: String,
    },
    /// A subgraph contains itself; the inner instance is left out.
    #[error("node {node} is an instance of the subgraph {subgraph} that it is part of")]
    RecursiveSubgraph {
        /// The instance.
        node: String,
        /// The name of the subgraph.
        subgraph: String,
    },
    /// A getter names what no setter in its graph sets; the input is left unlinked.
    #[error("node {node} gets `{name}`, which no node sets")]
    NothingSet {
        /// The getter.
        node: String,
        /// The name it asks for.
        name: String,
    },
    /// A setting of an older subgraph instance leads to no widget inside, so its value has no
    /// place to go; the widget inside keeps its own value.
    #[error("node {node} shows widget `{widget}` of inner node {inner}, which {reason}")]
    LostPromotion {
        /// The instance.
        node: String,
        /// The node inside.
        inner: String,
        /// The widget.
        widget: String,
        /// Why it leads nowhere.
        reason: &'static str,
    },
    /// The front end would make this value at the moment of sending: a picture of a 3D scene, of
    /// a camera, a recording. What is sent instead is empty.
    #[error(
        "input `{input}` of node {node} ({class}) is made by the front end when it sends: {what}"
    )]
    MadeWhenSent {
        /// The node.
        node: String,
        /// Its class.
        class: String,
        /// The input.
        input: String,
        /// What it would be.
        what: &'static str,
    },
    /// A prompt has `{a|b}`, where the front end takes one at random; the first was taken.
    #[error(
        "input `{input}` of node {node} has {choices} random choices; the first of each was taken"
    )]
    RandomChoice {
        /// The node.
        node: String,
        /// The input.
        input: String,
        /// How many.
        choices: usize,
    },
    /// A file name has `%date:…%`, which the front end fills with the time of sending.
    #[error(
        "input `{input}` of node {node} has `{pattern}`, which the front end fills with the time of sending"
    )]
    DateLeft {
        /// The node.
        node: String,
        /// The input.
        input: String,
        /// The pattern as it is written.
        pattern: String,
    },
    /// Entries that are neither nodes nor links were passed over.
    #[error("{count} entries of {graph} are neither nodes nor links and were passed over")]
    Unreadable {
        /// The graph: the name of a subgraph, or `the workflow`.
        graph: String,
        /// How many.
        count: usize,
    },
    /// Subgraphs within subgraphs make more nodes than are converted; the rest is left out.
    #[error("the workflow has more than {limit} nodes; the rest was left out")]
    TooManyNodes {
        /// How many are converted.
        limit: usize,
    },
}

impl Finding {
    /// Whether a server will refuse the prompt or run something else than was drawn.
    pub fn blocks(&self) -> bool {
        match self {
            Self::UnknownClass { .. }
            | Self::DanglingLink { .. }
            | Self::NoSuchOutput { .. }
            | Self::CircularLinks { .. }
            | Self::RecursiveSubgraph { .. }
            | Self::NothingSet { .. }
            | Self::MadeWhenSent { .. }
            | Self::TooManyNodes { .. } => true,
            Self::LostPromotion { .. }
            | Self::RandomChoice { .. }
            | Self::DateLeft { .. }
            | Self::Unreadable { .. } => false,
        }
    }
}

fn origin(pack: Option<&str>) -> String {
    pack.map_or_else(String::new, |pack| format!("; it comes from {pack}"))
}

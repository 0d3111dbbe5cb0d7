//! Packs a `node_facts` JSON file into the form that comfy-sim carries: minified and deflated.
//!
//! ```text
//! cargo run -p comfy-sim --example pack_node_facts -- node_facts-0.33.0.json crates/comfy-sim/data/node_facts.json.deflate
//! ```

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let (Some(from), Some(to)) = (arguments.next(), arguments.next()) else {
        return complain("usage: pack_node_facts NODE_FACTS.json OUT.json.deflate");
    };
    match pack(&from, &to) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => complain(&format!("cannot pack {}: {error}", from.display())),
    }
}

fn pack(from: &PathBuf, to: &PathBuf) -> std::io::Result<()> {
    let facts: serde_json::Value = serde_json::from_slice(&std::fs::read(from)?)?;
    let mut packer = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
    serde_json::to_writer(&mut packer, &facts)?;
    std::fs::write(to, packer.finish()?)
}

fn complain(text: &str) -> ExitCode {
    let mut out = std::io::stderr().lock();
    match writeln!(out, "{text}") {
        Ok(()) | Err(_) => ExitCode::FAILURE,
    }
}

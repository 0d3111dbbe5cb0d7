//! Draws an API workflow, or the difference of two: `draw mermaid|dot|svg|html FILE [FILE]`.
#![expect(clippy::print_stdout, reason = "it is a program that prints")]

use workflow_graph::{Json, Workflow, diff, draw::Picture};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let read = |file: &String| -> Result<Workflow, Box<dyn std::error::Error>> {
        Ok(Workflow::from_json(&Json::parse(&std::fs::read(file)?)?)?)
    };
    let (format, name, picture) = match arguments.as_slice() {
        [format, file] => (format, file, Picture::of(&read(file)?)),
        [format, before, after] => {
            let (before, later) = (read(before)?, read(after)?);
            (format, after, Picture::of_diff(&diff::between(&before, &later)))
        }
        _ => return Err("draw mermaid|dot|svg|html FILE [FILE]".into()),
    };
    let drawing = match format.as_str() {
        "mermaid" => picture.to_mermaid(),
        "dot" => picture.to_dot(),
        "svg" => picture.to_svg(),
        "html" => picture.to_html(name),
        other => return Err(format!("`{other}` is no format; mermaid, dot, svg, html are").into()),
    };
    println!("{drawing}");
    Ok(())
}

//! Any bytes as JSON: what is read is written so that it is read again, and nothing that a
//! stricter reader takes is refused.
#![no_main]

use fuzz::json_target;
use workflow_graph::Json;

json_target!(|input| {
    let read = Json::parse(input);
    let strict = serde_json::from_slice::<serde_json::Value>(input);
    if strict.is_ok() {
        assert!(read.is_ok(), "refused: {read:?}");
    }
    let json = read.ok()?;
    let text = json.to_string();
    let again = Json::parse(text.as_bytes()).expect("what was written");
    assert_eq!(again, json);
    assert_eq!(again.to_string(), text);
    let serde = json.to_serde();
    // Python reads `-0` as the integer 0, as we do; `serde_json` as a fraction.
    if let Ok(strict) = strict
        && !text.contains("-0")
    {
        assert_eq!(serde, strict);
    }
    let back = Json::from(serde);
    Json::parse(back.to_string().as_bytes()).expect("what came back");
    Some(())
});

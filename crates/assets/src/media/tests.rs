use proptest::prelude::*;

use super::{HEAD_BYTES, UNKNOWN, picture_size, sniff};

#[track_caller]
fn check(head: &[u8], file_name: &str, expected: &str) {
    assert_eq!(sniff(head, file_name), expected, "{file_name}");
}

#[test]
fn marks_decide_whatever_the_name_says() {
    let marked: [(&[u8], &str); 24] = [
        (b"\x89PNG\r\n\x1a\n", "image/png"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"RIFF\x10\x00\x00\x00WEBPVP8 ", "image/webp"),
        (b"GIF89a", "image/gif"),
        (b"\0\0\0\x20ftypavif", "image/avif"),
        (b"\0\0\0\x20ftypisom", "video/mp4"),
        (b"\0\0\0\x20ftypmp42", "video/mp4"),
        (b"\0\0\0\x14ftypqt  ", "video/quicktime"),
        (b"\0\0\0\x20ftypM4A ", "audio/mp4"),
        (b"\x1a\x45\xdf\xa3\x9f\x42\x86\x81\x01\x42\x82\x84webm", "video/webm"),
        (b"\x1a\x45\xdf\xa3\x9f\x42\x86\x81\x01\x42\x82\x88matroska", "video/x-matroska"),
        (b"RIFF\x10\x00\x00\x00WAVEfmt ", "audio/wav"),
        (b"fLaC\0\0\0\x22", "audio/flac"),
        (b"ID3\x04\0", "audio/mpeg"),
        (b"\xff\xfb\x90\x64", "audio/mpeg"),
        (b"\xff\xf3\x90\x64", "audio/mpeg"),
        (b"OggS\0\x02", "audio/ogg"),
        (b"glTF\x02\0\0\0", "model/gltf-binary"),
        (b"ply\nformat binary_little_endian 1.0\n", "model/ply"),
        (b"ply\r\nformat ascii 1.0\r\n", "model/ply"),
        (b"%PDF-1.7", "application/pdf"),
        (b"PK\x03\x04", "application/zip"),
        // Almost the sync word of MPEG audio: a byte order mark of UTF-16, and AAC.
        (b"\xff\xfeh\0i\0", UNKNOWN),
        (b"\xff\xf1\x50\x80", UNKNOWN),
    ];
    for (head, expected) in marked {
        check(head, "a.html", expected);
    }
}

#[test]
fn text_is_told_apart_by_its_name() {
    check(b"\xef\xbb\xbf {\"a\": NaN}", "A.JSON", "application/json");
    check(b"{\"a\": 1}", "a.txt", "text/plain");
    check(b"hello", "a.json", "text/plain");
    check(b"1\n00:00:00,000 --> 00:00:01,000\nhi", "a.srt", "application/x-subrip");
    check(b"a,b\n", "a.csv", "text/csv");
}

#[test]
fn an_svg_is_told_by_its_first_element_alone() {
    let prolog = "\u{feff}<?xml version=\"1.0\"?>\n<!-- <html> -->\n<!DOCTYPE svg PUBLIC \"-\">\n";
    for text in ["<svg/>", "\n<svg>", "<svg xmlns=\"\"/>", &format!("{prolog}<svg width=\"1\"/>")] {
        check(text.as_bytes(), "a.txt", "image/svg+xml");
        check(text.as_bytes(), "a.svg", "image/svg+xml");
    }
    let others = [
        "<html><svg/></html>",
        "see <svg>",
        "<svgz/>",
        "<!-- <svg/>",
        "<!DOCTYPE html><svg/>",
        "<?",
    ];
    for text in others {
        check(text.as_bytes(), "a.svg", "text/plain");
    }
}

#[test]
fn a_name_promises_nothing_that_a_viewer_would_run_or_show() {
    check(b"<html><script>", "a.html", "text/plain");
    check(b"alert(1)", "a.js", "text/plain");
    check(b"\x00\x01\x02", "a.png", UNKNOWN);
    check(b"text", "a.png", "text/plain");
    check(b"", "a.png", UNKNOWN);
    check(b"\xc3\x28", "a.txt", UNKNOWN);
}

#[test]
fn text_may_be_cut_inside_a_character() {
    let text = "é".repeat(HEAD_BYTES);
    check(text.as_bytes(), "a.txt", "text/plain");
    check(&text.as_bytes()[..7], "a.txt", "text/plain");
}

#[test]
fn a_header_tells_the_size_without_the_pixels() {
    let mut png = std::io::Cursor::new(Vec::new());
    image::RgbImage::new(7, 3).write_to(&mut png, image::ImageFormat::Png).unwrap();
    let png = png.into_inner();
    assert_eq!(picture_size(&png), Some((7, 3)));
    assert_eq!(picture_size(&png[..45]), Some((7, 3)));
    assert_eq!(picture_size(&png[..12]), None);
    assert_eq!(picture_size(b""), None);
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..96), name in "[a-z.]{0,8}") {
        let _media_type = sniff(&bytes, &name);
        let _size = picture_size(&bytes);
    }
}

//! `mediafactory generate`.

use std::fs;

use crate::process::{Home, Simulator, closed_port};

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";

#[test]
fn a_prompt_becomes_a_picture_and_the_simulator_says_that_it_is_one() {
    let home = Home::new();
    let ended = home.run(&[
        "generate",
        "a red fox",
        "--simulate",
        "always",
        "--seed",
        "7",
        "--steps",
        "20",
    ]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let picture = fs::read(ended.line("picture")).unwrap();
    assert!(picture.starts_with(PNG));
    assert_eq!(ended.line("seed"), "7");
    assert_eq!(ended.line("simulated"), "yes: drawn, not generated");
    assert!(!ended.line("asset").is_empty() && !ended.line("model").is_empty());
    assert!(ended.line("time").ends_with(" s"));
    assert!(ended.stderr.contains("using the built-in simulator"), "{}", ended.stderr);
    assert!(ended.stderr.contains("note: picked "), "{}", ended.stderr);
    assert!(ended.stderr.contains("KSampler"), "progress is told: {}", ended.stderr);
}

#[test]
fn json_is_one_object_with_every_digit_of_the_seed() {
    let (home, server) = (Home::new(), Simulator::start());
    let words = ["generate", "a fox", "--json", "--seed", "18446744073709551615", "--steps", "1"];
    let words = [&words[..], &["--output", "pictures", "--param", "batch_size=2"]].concat();
    let made = home.run_at(&server, &words).json();
    assert_eq!(made["seed"].as_u64(), Some(u64::MAX));
    assert_eq!(made["state"], "succeeded");
    assert_eq!(made["simulated"], true, "a simulator behind a URL is still one");
    assert_eq!(made["parameters"]["steps"], 1);
    let assets = made["assets"].as_array().unwrap();
    assert_eq!(assets.len(), 2);
    for asset in assets {
        let path = asset["path"].as_str().unwrap();
        assert!(path.starts_with(home.path().join("pictures").to_str().unwrap()), "{path}");
        assert!(fs::read(path).unwrap().starts_with(PNG));
    }
}

#[test]
fn a_named_server_that_does_not_answer_is_an_error_and_is_not_replaced() {
    let (home, url) = (Home::new(), closed_port());
    let ended = home.run_with(&["generate", "a fox"], &[("COMFYUI_URL", &url)]);
    ended.expect_failure(&[&format!("error: cannot connect to {url}"), "hint: "]);
    assert!(!ended.stderr.contains("simulator"), "{}", ended.stderr);
}

#[test]
fn values_of_the_wrong_form_are_usage_errors() {
    let told =
        [["--steps", "many"], ["--timeout", "0"], ["--param", "steps"]].map(|[flag, value]| {
            let ended = Home::new().run(&["generate", "a fox", flag, value]);
            format!("{flag} {value}\n{}", ended.told(&[]))
        });
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn values_that_no_template_takes_are_refused_with_what_would_work() {
    let (home, server) = (Home::new(), Simulator::start());
    for (flag, value, would_work) in [
        ("--param", "stepz=3", "`steps`"),
        ("--width", "7", "from 16 to 16384"),
        ("--template", "sdxl_txt2im", "`sdxl_txt2img`"),
        ("--model", "no-such-model.safetensors", "hint: "),
    ] {
        let ended = home.run_at(&server, &["generate", "a fox", flag, value]);
        ended.expect_failure(&[would_work]);
    }
}

#[test]
fn a_parameter_given_twice_is_refused() {
    let words = ["generate", "a fox", "--seed", "1", "--param", "seed=2"];
    let ended = Home::new().run(&words);
    assert_eq!(ended.code, Some(2));
    assert!(ended.stderr.contains("the parameter `seed` is given twice"), "{}", ended.stderr);
}

#[test]
fn a_long_prompt_arrives_whole_and_one_of_a_megabyte_is_refused() {
    let (home, server) = (Home::new(), Simulator::start());
    let words = ["generate", "-", "--json", "--steps", "1", "--width", "64", "--height", "64"];
    let prompt = "fox ".repeat(20_000);
    let made = home.run_with_stdin(&server, &words, prompt.as_bytes()).json();
    assert_eq!(made["parameters"]["prompt"].as_str().map(str::len), Some(prompt.len()));

    let ended = home.run_with_stdin(&server, &words, &vec![b'x'; 1_000_000]);
    assert_eq!(ended.code, Some(1));
    let expected = "`prompt` must have at most 100000 bytes, but has 1000000";
    assert!(ended.stderr.contains(expected), "{}", ended.stderr);

    let ended = home.run_with_stdin(&server, &words, &vec![b'x'; 5 << 20]);
    assert_eq!(ended.code, Some(1));
    assert!(ended.stderr.contains("has more than 4194304 bytes"), "{}", ended.stderr);
}

#[cfg(unix)]
#[test]
fn ctrl_c_cancels_the_job_and_says_so() {
    use std::io::{BufReader, Read as _};

    use crate::process::{interrupt, read_until};

    let (home, server) = (Home::new(), Simulator::with_step("60000"));
    let words = ["generate", "a fox", "--steps", "20"];
    let mut child = home.command(&words).env("COMFYUI_URL", &server.url).spawn().unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    read_until(&mut stderr, "KSampler");
    interrupt(&child);
    let mut told = read_until(&mut stderr, "cancelling the job");
    stderr.read_to_string(&mut told).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{told}");
    assert!(told.contains("error: "), "{told}");
}

#[cfg(unix)]
#[test]
fn a_second_ctrl_c_leaves_at_once_where_the_server_is_stuck() {
    use std::io::{BufReader, Read as _};

    use crate::process::{interrupt, read_until};

    let (home, server) = (Home::new(), Simulator::with_step("60000"));
    let words = ["generate", "a fox", "--steps", "20"];
    let mut child = home.command(&words).env("COMFYUI_URL", &server.url).spawn().unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    read_until(&mut stderr, "KSampler");
    server.freeze();
    interrupt(&child);
    read_until(&mut stderr, "cancelling the job");
    interrupt(&child);
    let mut told = String::new();
    stderr.read_to_string(&mut told).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{told}");
    assert_eq!(told, "error: left at once; the job stays recorded\n");
}

//! What a server says of itself, taken or refused.

use model_registry::memory::{Backend, Device, MemoryError, Mode, Report};

fn report() -> Report<'static> {
    let name = "cuda:0 NVIDIA GeForce RTX 4060 Ti : cudaMallocAsync";
    Report { vram_total: 17e9, vram_free: 12e9, ..Report::new("linux", "cuda", name) }
}

fn refused(report: &Report<'_>, argv: &[&str]) -> String {
    Device::new(report, argv).unwrap_err().to_string()
}

#[test]
fn amounts_that_no_memory_has_are_refused() {
    for (report, expected) in [
        (
            Report { vram_free: -1.0, ..report() },
            "`vram_free` is -1: an amount of memory is a number of bytes from 0 on",
        ),
        (
            Report { vram_total: f64::NAN, ..report() },
            "`vram_total` is NaN: an amount of memory is a number of bytes from 0 on",
        ),
        (
            Report { torch_vram_total: f64::INFINITY, ..report() },
            "`torch_vram_total` is inf: an amount of memory is a number of bytes from 0 on",
        ),
        (
            Report { vram_free: 18e9, ..report() },
            "`vram_free` is 18000000000 bytes, more than the 17000000000 bytes there are",
        ),
        (
            Report { torch_vram_free: 1.0, ..report() },
            "`torch_vram_free` is 1 bytes, more than the 0 bytes there are",
        ),
        (
            Report { vram_total: 0.0, vram_free: 0.0, ..report() },
            "`vram_total` is 0: the server tells of no memory to compute with",
        ),
    ] {
        assert_eq!(refused(&report, &[]), expected);
    }
}

#[test]
fn a_reserve_that_is_no_amount_is_refused() {
    for argv in [
        &["--reserve-vram", "much"][..],
        &["--reserve-vram", "-1"],
        &["--reserve-vram=inf"],
        &["--reserve-vram"],
    ] {
        let told = refused(&report(), argv);
        assert!(told.contains("which is no number of GiB from 0 on"), "{told}");
    }
    let error = Device::new(&report(), &["--reserve-vram=x"]).unwrap_err();
    assert_eq!(error, MemoryError::Reserve { value: "x".to_owned() });
}

#[test]
fn what_is_reserved_depends_on_the_system() {
    let mib = |os: &'static str, total: f64, argv: &[&str]| {
        let report = Report { vram_total: total, vram_free: 0.0, ..Report::new(os, "cuda", "x") };
        Device::new(&report, argv).unwrap().reserve() >> 20
    };
    assert_eq!(mib("linux", 24e9, &[]), 400);
    assert_eq!(mib("posix", 24e9, &[]), 400);
    assert_eq!(mib("win32", 8e9, &[]), 600);
    assert_eq!(mib("nt", 17e9, &[]), 700);
    assert_eq!(mib("win32", 24e9, &["--reserve-vram=0.5"]), 512);
    assert_eq!(mib("linux", 24e9, &["--reserve-vram", "1", "--reserve-vram", "2"]), 2048);
}

#[test]
fn what_comfyui_has_loaded_can_be_had() {
    let report = Report { torch_vram_total: 4e9, torch_vram_free: 1e9, ..report() };
    assert_eq!(Device::new(&report, &[]).unwrap().free(), 15_000_000_000);
    let all = Report { torch_vram_total: 16e9, ..report };
    assert_eq!(Device::new(&all, &[]).unwrap().free(), 17_000_000_000, "no more than there is");
}

#[test]
fn the_server_of_the_recordings_is_a_processor() {
    let bytes = 25_276_510_208.0;
    let report = Report {
        vram_total: bytes,
        vram_free: 21_048_688_640.0,
        torch_vram_total: bytes,
        torch_vram_free: 21_048_688_640.0,
        ..Report::new("linux", "cpu", "cpu")
    };
    let device = Device::new(&report, &["main.py", "--cpu", "--port", "8188"]).unwrap();
    assert_eq!((device.backend(), device.free()), (Backend::Cpu, 21_048_688_640));
}

#[test]
fn modes_and_makers_are_told_apart() {
    let mode = |argv: &[&str]| Device::new(&report(), argv).unwrap().mode();
    assert_eq!(mode(&["main.py"]), Mode::Normal);
    assert_eq!(mode(&["--lowvram"]), Mode::Low);
    assert_eq!(mode(&["--novram"]), Mode::No);
    assert_eq!(mode(&["--highvram"]), Mode::High);
    assert_eq!(mode(&["--gpu-only"]), Mode::GpuOnly);
    let backend = |kind: &'static str, name: &'static str| {
        let report = Report { vram_total: 8e9, ..Report::new("linux", kind, name) };
        Device::new(&report, &[]).unwrap().backend()
    };
    assert_eq!(backend("cuda", "cuda:0 AMD Radeon RX 7900 XTX : native"), Backend::Amd);
    assert_eq!(backend("mps", "mps"), Backend::Apple);
    assert_eq!(backend("xpu", "xpu:0 Intel(R) Arc(TM) B580"), Backend::Other);
    assert_eq!(backend("cuda", "cuda:0 NVIDIA Fox"), Backend::Nvidia { capability: None });
}

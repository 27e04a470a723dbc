//! Whatever a device answers, reading and comparing it ends, without a panic. The first byte chooses the platform;
//! each artifact follows after a NUL, the first in the state before, all of them in the state after.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sekisho::evidence::{Artifact, DeviceEvidence, Proof, Source};
use sekisho::platform::{REGISTRY, with_hosts};
use sekisho::rules::device::{Pair, judge_device};
use sekisho::site::Site;

fuzz_target!(|data: &[u8]| {
    let Some((choice, rest)) = data.split_first() else { return };
    let platform = REGISTRY[usize::from(*choice) % REGISTRY.len()];
    let mut names: Vec<String> = platform.signs().iter().map(|sign| (*sign).to_owned()).collect();
    for asked in with_hosts([platform]).iter().flat_map(|platform| platform.ask()) {
        if !names.contains(&asked.artifact) {
            names.push(asked.artifact);
        }
    }
    let device = |many: usize| {
        let mut device = DeviceEvidence::new("device", vec![platform.id().to_owned()], Source::Bare);
        for (name, bytes) in names.iter().zip(rest.split(|byte| *byte == 0)).take(many) {
            let artifact = Artifact { bytes: bytes.into(), proof: Proof::Given };
            device.artifacts.insert(name.clone(), artifact);
        }
        device
    };
    let (before, after) = (device(1), device(usize::MAX));
    let pair = Pair { name: "device", before: Some(Some(&before)), after: Some(&after), ..Pair::default() };
    judge_device(&pair, &Site::default(), None, &[]);
});

//! Whatever is declared, it is read or refused, without a panic; what is wrong is shown.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sekisho::platform::REGISTRY;
use sekisho::report::{Lang, diagnostic};
use sekisho::rules::pack;
use sekisho::site::{Change, Known, Site, Source};

fuzz_target!(|text: &str| {
    let platforms: Vec<&str> = REGISTRY.iter().map(|platform| platform.id()).collect();
    let known = Known { platforms: &platforms, packs: pack::SHIPPED, home: None };
    let source = Source::new("fuzzed.toml", text);
    let refused = [
        Site::parse(&source, &known).err(),
        Change::parse(&source, None).err(),
        pack::parse(&source).err(),
    ];
    for rejected in refused.into_iter().flatten() {
        for lang in [Lang::En, Lang::Ja] {
            assert!(!diagnostic::render(&rejected, lang).is_empty());
        }
    }
});

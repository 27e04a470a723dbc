//! What rules of iptables write that other rules read, by iptables-extensions(8).

use super::save::{SavedRule, SavedTable};
use super::words::Opt;
use crate::platform::netfilter::digest;
use crate::platform::netfilter::effects::{EXPECTED, Effects, ways};

/// Notes down what the rules of a table write.
pub(super) fn effects(table: &SavedTable, effects: &mut Effects) {
    let callers = |chain: &str| {
        let all = table.chains.iter().flat_map(|from| from.rules.iter().map(move |rule| (from, rule)));
        let calls = all.filter(|(_, rule)| jump(rule).is_some_and(|jump| jump.value() == chain));
        calls.map(|(from, rule)| (from.name.as_str(), rule.text.as_str())).collect::<Vec<_>>()
    };
    for chain in &table.chains {
        for rule in &chain.rules {
            let written = written(rule);
            if written.is_empty() {
                continue;
            }
            let writer = format!("{} {} {}", table.name, rule.text, digest(ways(&chain.name, &callers)));
            written.into_iter().for_each(|what| effects.add(what, writer.as_str()));
        }
    }
}

fn jump(rule: &SavedRule) -> Option<&Opt> {
    rule.options.iter().find(|o| matches!(o.name.as_str(), "-j" | "--jump" | "-g" | "--goto"))
}

/// What one rule writes.
fn written(rule: &SavedRule) -> Vec<String> {
    let options = &rule.options;
    let value = |name: &str| options.iter().find(|o| o.name == name).map(Opt::value);
    let has = |names: &[&str]| options.iter().any(|o| names.contains(&o.name.as_str()));
    let mut out = Vec::new();
    for module in options.iter().filter(|o| matches!(o.name.as_str(), "-m" | "--match")) {
        match module.value() {
            "recent" if has(&["--set", "--update", "--remove"]) => {
                out.extend(recent_lists(options.iter().map(|o| (o.name.as_str(), o.value()))));
            }
            "hashlimit" | "dstlimit" => {
                out.extend(value("--hashlimit-name").map(|n| format!("hashlimit {n}")))
            }
            "quota2" => out.extend(value("--name").map(|n| format!("quota2 {n}"))),
            "nfacct" => out.extend(value("--nfacct-name").map(|n| format!("nfacct {n}"))),
            "connlabel" if has(&["--set"]) => out.push("connlabel".to_owned()),
            _ => {}
        }
    }
    match jump(rule).map(Opt::value) {
        Some("SET") => out.extend(options.iter().filter_map(|option| match option.name.as_str() {
            "--add-set" => Some(format!("ipset + {}", option.value())),
            "--del-set" => Some(format!("ipset - {}", option.value())),
            _ => None,
        })),
        Some("RATEEST") => out.extend(value("--rateest-name").map(|n| format!("rateest {n}"))),
        Some("TTL" | "HL") => out.push("ttl".to_owned()),
        Some("TOS" | "DSCP" | "ECN") => out.push("tos".to_owned()),
        Some("TCPMSS" | "TCPOPTSTRIP") => out.push("tcp option".to_owned()),
        Some("CLASSIFY") => out.push("priority".to_owned()),
        Some("SECMARK" | "CONNSECMARK") => out.push("secmark".to_owned()),
        Some("CT") if has(&["--helper"]) => out.extend([EXPECTED.to_owned(), "helper".to_owned()]),
        Some("CT") if has(&["--zone", "--zone-orig", "--zone-reply"]) => out.push("zone".to_owned()),
        _ => {}
    }
    out
}

/// The list of a `recent` match; `DEFAULT` where it names none.
fn recent_lists<'o>(mut options: impl Iterator<Item = (&'o str, &'o str)>) -> Option<String> {
    let name = options.find(|(name, _)| *name == "--name").map_or("DEFAULT", |(_, value)| value);
    Some(format!("recent {name}"))
}

/// Parts of headers that rules write and matches look at without this program following them.
const HEADERS: [&str; 4] = ["ttl", "tos", "tcp option", "bytes"];

/// What the writers are of the things that a match of a module looks at, by the texts of its options.
pub(super) fn read(module: &str, options: &[String], effects: &Effects) -> String {
    let words = || options.iter().filter_map(|o| o.trim_start_matches("! ").split_once(' '));
    let named = |option: &str| words().find(|(name, _)| *name == option).map(|(_, value)| value);
    // rules that share a table by its name share its limits: the first one to name it decides
    let shared = |what: Option<String>| {
        let what = what.filter(|what| effects.count(what) > 1);
        effects.of(what.as_deref())
    };
    match module {
        "recent" => effects.of(recent_lists(words()).as_deref()),
        "hashlimit" | "dstlimit" => shared(named("--hashlimit-name").map(|n| format!("hashlimit {n}"))),
        "quota2" => shared(named("--name").map(|n| format!("quota2 {n}"))),
        "nfacct" => shared(named("--nfacct-name").map(|n| format!("nfacct {n}"))),
        "connlabel" => effects.of(["connlabel"]),
        "rateest" => {
            let names = ["--rateest", "--rateest1", "--rateest2"].iter().filter_map(|name| named(name));
            let names: Vec<String> = names.map(|name| format!("rateest {name}")).collect();
            effects.of(names.iter().map(String::as_str))
        }
        "ttl" | "hl" => effects.of(["ttl"]),
        "tos" | "dscp" | "ecn" => effects.of(["tos"]),
        "tcpmss" | "length" => effects.of(["tcp option", "bytes"]),
        "mac" => effects.of(["ether"]),
        "helper" => effects.of(["helper"]),
        "u32" | "bpf" | "string" | "layer7" | "tcp" => effects.of(HEADERS),
        _ => String::new(),
    }
}

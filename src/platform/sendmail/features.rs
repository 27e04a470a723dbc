//! What a configuration switches on: from sendmail.mc (cf/README), or recognised in sendmail.cf by the rules that each
//! feature leaves there.

use std::collections::{BTreeMap, BTreeSet};

use crate::finding::Location;

/// One `DAEMON_OPTIONS`, or one `O DaemonPortOptions`.
#[derive(Debug, Clone)]
pub(super) struct Daemon {
    pub(super) options: BTreeMap<String, String>,
    pub(super) at: Location,
}

/// Everything that decides about relaying.
#[derive(Debug, Default)]
pub(super) struct Features {
    /// Names of `FEATURE`s, with their first argument.
    pub(super) features: BTreeMap<String, String>,
    /// Where each stands.
    pub(super) places: BTreeMap<String, Location>,
    /// `define`s.
    pub(super) defines: BTreeMap<String, String>,
    /// Relay domains and local domains written into the configuration.
    pub(super) relay: Vec<(String, Location)>,
    pub(super) local: Vec<(String, Location)>,
    pub(super) daemons: Vec<Daemon>,
    /// Mail filters.
    pub(super) filters: Vec<String>,
    /// Own rules and includes: what they do is not known.
    pub(super) unread: Vec<Location>,
    /// Rules of the owner's own about recipients, senders or clients.
    pub(super) own_rules: Option<Location>,
    /// Login mechanisms that may relay.
    pub(super) trusts_login: bool,
    pub(super) at: Option<Location>,
}

impl Features {
    pub(super) fn has(&self, name: &str) -> bool {
        self.features.contains_key(name)
    }

    pub(super) fn define(&self, name: &str) -> Option<&str> {
        self.defines.get(name).map(String::as_str)
    }
}

/// Reads sendmail.mc. `file` answers for what it includes.
pub(super) fn from_mc(artifact: &str, text: &str, file: &dyn Fn(&str) -> Option<String>) -> Features {
    let mut out = Features { at: Some(Location::within(artifact, "sendmail.mc")), ..Features::default() };
    mc(artifact, text, file, 0, &mut out);
    out
}

fn mc(artifact: &str, text: &str, file: &dyn Fn(&str) -> Option<String>, depth: usize, out: &mut Features) {
    let mut diverted = false;
    for (line, number) in text.lines().zip(1u32..) {
        let code = line.split("dnl").next().unwrap_or_default().trim();
        if code.is_empty() || code.starts_with('#') {
            continue;
        }
        let at = Location::at(artifact, number, line.trim());
        if code.starts_with("divert(") {
            diverted = code.starts_with("divert(-1");
            continue;
        }
        if diverted {
            continue;
        }
        if code.starts_with("LOCAL_RULESETS")
            || code.starts_with("SLocal_check")
            || code.starts_with("LOCAL_RULE_")
        {
            out.own_rules = out.own_rules.take().or(Some(at));
            continue;
        }
        let Some((name, rest)) = code.split_once('(') else { continue };
        let arguments = arguments(rest);
        let first = arguments.first().cloned().unwrap_or_default();
        let words = || first.split_whitespace().map(|w| (w.to_lowercase(), at.clone())).collect::<Vec<_>>();
        match name.trim() {
            "FEATURE" => {
                let argument = arguments.get(1).cloned().unwrap_or_default();
                let name = first.replace("blacklist", "blocklist");
                out.places.insert(name.clone(), at);
                out.features.insert(name, argument);
            }
            "define" => {
                out.defines.insert(first, arguments.get(1).cloned().unwrap_or_default());
            }
            "undefine" => {
                out.defines.remove(&first);
            }
            "RELAY_DOMAIN" => out.relay.extend(words()),
            "LOCAL_DOMAIN" => out.local.extend(words()),
            "DAEMON_OPTIONS" => out.daemons.push(Daemon { options: options(&first), at }),
            "TRUST_AUTH_MECH" => out.trusts_login = true,
            "INPUT_MAIL_FILTER" | "MAIL_FILTER" => out.filters.push(first),
            "RELAY_DOMAIN_FILE" | "LOCAL_DOMAIN_FILE" => {
                let path = first.trim_start_matches("-o ").split(' ').next().unwrap_or_default().to_owned();
                match file(&path) {
                    Some(text) => {
                        let into = if name.starts_with("RELAY") { &mut out.relay } else { &mut out.local };
                        into.extend(words_of(&crate::evidence::device::file_artifact(&path), &text));
                    }
                    None => out.unread.push(at),
                }
            }
            "include" if !first.ends_with("cf.m4") => match file(&first) {
                Some(text) if depth < 8 => {
                    mc(&crate::evidence::device::file_artifact(&first), &text, file, depth + 1, out);
                }
                _ => out.unread.push(at),
            },
            _ => {}
        }
    }
}

/// The arguments of an m4 call, without their quotes.
fn arguments(text: &str) -> Vec<String> {
    let (mut out, mut current, mut quotes, mut depth) = (Vec::new(), String::new(), 0usize, 0usize);
    for c in text.chars() {
        match c {
            '`' => quotes += 1,
            '\'' => quotes = quotes.saturating_sub(1),
            '(' if quotes == 0 => depth += 1,
            ')' if quotes == 0 && depth == 0 => break,
            ')' if quotes == 0 => depth -= 1,
            ',' if quotes == 0 && depth == 0 => out.push(std::mem::take(&mut current).trim().to_owned()),
            c => current.push(c),
        }
    }
    out.push(current.trim().to_owned());
    out
}

/// `Name=MTA, Port=smtp, Addr=127.0.0.1`
fn options(text: &str) -> BTreeMap<String, String> {
    let pairs = text.split(',').filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (name.trim().to_lowercase(), value.trim().to_owned())).collect()
}

/// One name on each line, as class files hold them.
pub(super) fn words_of(artifact: &str, text: &str) -> Vec<(String, Location)> {
    let mut out = Vec::new();
    for (line, number) in text.lines().zip(1u32..) {
        let bare = line.split('#').next().unwrap_or_default().trim();
        let at = Location::at(artifact, number, bare);
        out.extend(bare.split_whitespace().map(|w| (w.to_lowercase(), at.clone())));
    }
    out
}

/// Reads sendmail.cf, which m4 made: every feature leaves rules that nothing else does.
pub(super) fn from_cf(artifact: &str, text: &str) -> Features {
    let mut out = Features { at: Some(Location::within(artifact, "sendmail.cf")), ..Features::default() };
    let squeezed = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    let (mut ruleset, mut denies) = (String::new(), false);
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    for (line, number) in text.lines().zip(1u32..) {
        let at = || Location::at(artifact, number, line.trim());
        let words = squeezed(line);
        if let Some(name) = line.strip_prefix('S') {
            ruleset = name.split(['=', ' ', '\t']).next().unwrap_or_default().to_owned();
        }
        if line.starts_with('R') && ruleset.starts_with("Local_check") {
            out.own_rules = out.own_rules.take().or_else(|| Some(at()));
        }
        match words.as_str() {
            w if w.starts_with("Kaccess ") => drop(seen.insert("access_db")),
            w if w.starts_with("O DaemonPortOptions=") => {
                let text = w.trim_start_matches("O DaemonPortOptions=");
                out.daemons.push(Daemon { options: options(text), at: at() });
            }
            w if w.starts_with("O PrivacyOptions=") => {
                out.defines.insert("confPRIVACY_FLAGS".into(), w.to_owned());
            }
            w if w.starts_with("O ServerCertFile=") => {
                drop(out.defines.insert("confSERVER_CERT".into(), "x".into()))
            }
            w if w.starts_with("Dj") => {
                drop(out.defines.insert("confDOMAIN_NAME".into(), w.trim_start_matches("Dj").into()))
            }
            w if w.starts_with("Cw") => out.local.extend(words_of(artifact, w.trim_start_matches("Cw"))),
            w if w.starts_with("CR") || w.starts_with("C{R}") => {
                let rest = w.strip_prefix("C{R}").or_else(|| w.strip_prefix("CR")).unwrap_or_default();
                out.relay.extend(words_of(artifact, rest));
            }
            w if w.starts_with("C{TrustAuthMech}") => out.trusts_login = true,
            w if w.starts_with('X') && w.contains("S=") => out.filters.push(w.to_owned()),
            w if ruleset == "Basic_check_rcpt" && w.contains("$#error $@ 5.7.1 $:") => denies = true,
            "R$+ < @ $* $=m > $@ RELAY" => drop(seen.insert("relay_entire_domain")),
            "R$+ < @ $=R > $@ RELAY" => drop(seen.insert("relay_hosts_only")),
            w if w.ends_with("FROM local") => drop(seen.insert("relay_local_from")),
            w if w.ends_with("RELAY FROM sender ok") => drop(seen.insert("relay_mail_from")),
            w if w.contains("$(mxserved") && ruleset == "Rcpt_ok" => drop(seen.insert("relay_based_on_MX")),
            w if w.contains("$>CanonAddr") && ruleset == "Rcpt_ok" => drop(seen.insert("loose_relay_check")),
            w if w.contains("blocklist local users") => drop(seen.insert("blocklist_recipients")),
            w if w.contains("... unresolvable OK") => drop(seen.insert("accept_unresolvable_domains")),
            _ => {}
        }
    }
    if !denies {
        seen.insert("promiscuous_relay");
    }
    if !text.contains("Domain name required for sender address") {
        seen.insert("accept_unqualified_senders");
    }
    if !out.daemons.is_empty() {
        seen.insert("no_default_msa");
    }
    seen.insert("use_cw_file");
    out.features = seen.into_iter().map(|name| (name.to_owned(), String::new())).collect();
    if text.contains("<! From> $| <F:$1@$2> <D:$2>") {
        out.features.insert("relay_mail_from".into(), "domain".into());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn features_of_an_mc_file() {
        let text = "divert(-1)\nFEATURE(`promiscuous_relay')\ndivert(0)dnl\nFEATURE(`access_db', `hash')dnl\n\
            dnl FEATURE(`relay_local_from')\ndefine(`confDOMAIN_NAME', `mail.city.example')dnl\n\
            DAEMON_OPTIONS(`Port=smtp, Addr=127.0.0.1, Name=MTA')dnl\nRELAY_DOMAIN(`a.example b.example')\n\
            include(`/etc/mail/m4/x.m4')dnl\n";
        let read = from_mc("mc", text, &|_| None);
        assert_eq!(read.features.keys().collect::<Vec<_>>(), ["access_db"]);
        assert_eq!(read.define("confDOMAIN_NAME"), Some("mail.city.example"));
        assert_eq!(read.daemons.first().unwrap().options["addr"], "127.0.0.1");
        assert_eq!((read.relay.len(), read.unread.len()), (2, 1));
    }
}

//! Sendmail: its relay policy from sendmail.mc or sendmail.cf, the access map and the class files.
//!
//! Follows cf/README of Sendmail 8.17 (https://www.sendmail.org/~ca/email/doc8.12/cf/m4/anti_spam.html for the anti-spam
//! part). The rewriting language itself is not read: rules of the owner's own are one open question.

mod access;
mod features;
mod policy;
mod routing;

use std::cell::RefCell;
use std::collections::BTreeSet;

use super::{ABSENT_STATUS, Ask, DeviceModel, Gap, Noise, Platform, Restore, Secret, linux, mta};
use crate::evidence::DeviceEvidence;
use crate::evidence::device::file_artifact;
use crate::finding::Location;
use crate::packet::address::AddressSet;
use crate::reason::Reason;
use crate::relay::Policy;
use access::Access;
use policy::Host;

/// What `makemap -u` prints of the compiled access map.
const DUMP: &str = "sendmail-access.txt";

/// The platform.
#[derive(Debug)]
pub struct Sendmail;

impl Platform for Sendmail {
    fn id(&self) -> &'static str {
        "sendmail"
    }

    fn host(&self) -> Option<&'static dyn Platform> {
        Some(&linux::Linux)
    }

    fn signs(&self) -> &'static [&'static str] {
        &["files/etc/mail/sendmail.mc", "files/etc/mail/sendmail.cf"]
    }

    fn ask(&self) -> Vec<Ask> {
        let files =
            ["sendmail.mc", "sendmail.cf", "access", "relay-domains", "local-host-names", "virtusertable"];
        let mut asks: Vec<Ask> = files.iter().map(|name| Ask::file(&format!("/etc/mail/{name}"))).collect();
        asks.push(Ask::file("/etc/aliases"));
        // the names only: nothing else leaves the host
        asks.push(Ask::command("files/etc/passwd", "cut -d: -f1 /etc/passwd"));
        asks.push(Ask::command(
            DUMP,
            format!(
                "PATH=$PATH:/usr/sbin:/usr/libexec/sendmail; export PATH; \
                 command -v makemap >/dev/null 2>&1 && [ -e /etc/mail/access.db ] || exit {ABSENT_STATUS}; \
                 makemap -u hash /etc/mail/access && echo '# end'"
            ),
        ));
        asks
    }

    fn follow(&self, got: &DeviceEvidence) -> Vec<Ask> {
        let Some((_, _, wanted)) = read(got, None) else { return Vec::new() };
        let missing = wanted.into_iter().filter(|path| !got.artifacts.contains_key(&file_artifact(path)));
        missing
            .filter(|path| mta::may_be_fetched(path))
            .take(mta::MAX_ASKED)
            .map(|path| Ask::file(&path))
            .collect()
    }

    fn prove(&self, artifact: &str, bytes: &[u8]) -> Result<(), Reason> {
        if artifact != DUMP || bytes.trim_ascii_end().ends_with(b"# end") {
            return Ok(());
        }
        Err(Reason::ArtifactUnproven { artifact: artifact.to_owned(), expected: "# end".into() })
    }

    fn restore(&self, artifact: &str, _: &DeviceEvidence) -> Option<Restore> {
        match artifact {
            DUMP => Some(Restore::Covered),
            "files/etc/passwd" => None,
            name if name.starts_with("files/") => Some(Restore::File),
            _ => None,
        }
    }

    fn reload(&self, restored: &[&str]) -> Vec<String> {
        if !restored.iter().any(|artifact| artifact.starts_with("files/")) {
            return Vec::new();
        }
        vec!["make -C /etc/mail".to_owned(), "systemctl restart sendmail".to_owned()]
    }

    fn configures_relay(&self, artifact: &str) -> bool {
        artifact != "files/etc/passwd"
    }

    fn secrets(&self) -> &'static [Secret] {
        &[Secret { artifacts: "files/*", pattern: r#"(?i)\bAuthInfo:\S*[ \t]+(?P<secret>\S.*)$"# }]
    }

    fn noise(&self) -> &'static [Noise] {
        // m4 writes into sendmail.cf who made it, where and when
        &[Noise {
            artifacts: "files/etc/mail/sendmail.cf",
            pattern: r"(?m)^##### built by .*$",
            replacement: "##### built by",
        }]
    }

    fn read(&self, evidence: &DeviceEvidence, model: &mut DeviceModel) {
        match read(evidence, model.host.own()) {
            Some((policy, gaps, _)) => {
                model.relay = Some(policy);
                model.gaps.extend(gaps);
            }
            None => {
                let reason = Reason::ArtifactMissing { artifact: "files/etc/mail/sendmail.mc".into() };
                model.gaps.push(Gap { reason, location: None });
            }
        }
    }
}

/// The policy, what is missing, and which files the configuration names; `None` without any configuration.
fn read(evidence: &DeviceEvidence, own: Option<AddressSet>) -> Option<(Policy, Vec<Gap>, BTreeSet<String>)> {
    const MC: &str = "files/etc/mail/sendmail.mc";
    const CF: &str = "files/etc/mail/sendmail.cf";
    let wanted = RefCell::new(BTreeSet::new());
    let file = |path: &str| {
        wanted.borrow_mut().insert(path.to_owned());
        evidence.file(path).map(std::borrow::Cow::into_owned)
    };
    let (features, at) = match evidence.text(MC).filter(|t| !t.trim().is_empty()) {
        Some(text) => (features::from_mc(MC, &text, &file), Location::within(MC, "check_rcpt")),
        None => (features::from_cf(CF, &evidence.text(CF)?), Location::within(CF, "check_rcpt")),
    };
    let access_used = features.has("access_db");
    // what runs is the compiled map
    let access =
        [DUMP, "files/etc/mail/access"].iter().find_map(|a| Some(Access::new(a, &evidence.text(a)?)));
    let absent = |path: &str| evidence.is_absent(&file_artifact(path));
    let access = access.or_else(|| absent("/etc/mail/access").then(Access::default)).filter(|_| access_used);
    // a class file that a folder put together by hand does not hold counts as empty, as m4 makes it optional
    let class = |path: &str, more: &[(String, Location)]| {
        let mut names = more.to_vec();
        if let Some(text) = file(path) {
            names.extend(features::words_of(&file_artifact(path), &text));
        } else if !absent(path) && evidence.source == crate::evidence::Source::Snapshot {
            return None;
        }
        Some(names)
    };
    let local = class("/etc/mail/local-host-names", &features.local);
    let relay = class("/etc/mail/relay-domains", &features.relay);
    let aliases = file("/etc/aliases").map(|text| mta::aliases("/etc/aliases", "files/etc/aliases", &text).0);
    let virtual_users = features.has("virtusertable").then(|| match file("/etc/mail/virtusertable") {
        Some(text) => routing::virtual_users("files/etc/mail/virtusertable", &text),
        None => mta::unknown_table("/etc/mail/virtusertable"),
    });
    let gap = |at: &Location| Gap {
        reason: Reason::Unread { text: at.text.to_string() },
        location: Some(at.clone()),
    };
    let mut gaps: Vec<Gap> = features.unread.iter().map(gap).collect();
    if access_used && access.is_none() {
        let reason = Reason::ArtifactMissing { artifact: "files/etc/mail/access".into() };
        gaps.push(Gap { reason, location: None });
    }
    let at_features = features.at.clone().unwrap_or(at);
    let host = Host {
        features,
        access,
        access_used,
        local,
        relay,
        aliases,
        accounts: mta::accounts(evidence),
        virtual_users,
        own,
        at: &at_features,
    };
    let policy = host.policy();
    Some((policy, gaps, wanted.into_inner()))
}

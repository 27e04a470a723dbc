//! OpenSMTPD: its relay policy from smtpd.conf.
//!
//! Follows smtpd.conf(5) and table(5) of OpenSMTPD 6.8 (<https://man.openbsd.org/smtpd.conf.5>): for every recipient the
//! first `match` decides, and without one the recipient is refused.

mod lex;
mod listen;
mod rules;
mod tables;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{Ask, DeviceModel, Gap, Noise, Platform, Restore, Secret, linux, mta};
use crate::evidence::DeviceEvidence;
use crate::evidence::device::file_artifact;
use crate::finding::Location;
use crate::host::HostFacts;
use crate::reason::Reason;
use crate::relay::address::{Forms, Refuses};
use crate::relay::{
    Action, Condition, DomainList, DomainMatch, Entry, Listed, Listener, Parents, Policy, Routing, Rule,
    RuleList, Sees, Stage, StageKind, Step, Subject,
};
use listen::Door;

/// Places of the configuration: OpenBSD and Debian, FreeBSD, others.
const CONFIGURATIONS: [&str; 4] = [
    "/etc/smtpd.conf",
    "/etc/mail/smtpd.conf",
    "/usr/local/etc/mail/smtpd.conf",
    "/etc/opensmtpd/smtpd.conf",
];

/// Places of the host's own name.
const NAMES: [&str; 2] = ["/etc/mailname", "/etc/mail/mailname"];

/// The platform.
#[derive(Debug)]
pub struct OpenSmtpd;

impl Platform for OpenSmtpd {
    fn id(&self) -> &'static str {
        "opensmtpd"
    }

    fn host(&self) -> Option<&'static dyn Platform> {
        Some(&linux::Linux)
    }

    fn signs(&self) -> &'static [&'static str] {
        &["files/etc/smtpd.conf", "files/etc/mail/smtpd.conf", "files/usr/local/etc/mail/smtpd.conf"]
    }

    fn ask(&self) -> Vec<Ask> {
        let mut asks: Vec<Ask> = CONFIGURATIONS.iter().chain(&NAMES).map(|path| Ask::file(path)).collect();
        // the names only: nothing else leaves the host
        asks.push(Ask::command("files/etc/passwd", "cut -d: -f1 /etc/passwd"));
        asks
    }

    fn follow(&self, got: &DeviceEvidence) -> Vec<Ask> {
        let Some(read) = read(got, &HostFacts::default()) else { return Vec::new() };
        let missing = read.wanted.iter().filter(|path| !got.artifacts.contains_key(&file_artifact(path)));
        missing
            .filter(|path| mta::may_be_fetched(path))
            .take(mta::MAX_ASKED)
            .map(|path| Ask::file(path))
            .collect()
    }

    /// A text file has no end mark; size and exit status are its proof.
    fn prove(&self, _: &str, _: &[u8]) -> Result<(), Reason> {
        Ok(())
    }

    fn restore(&self, artifact: &str, _: &DeviceEvidence) -> Option<Restore> {
        (artifact.starts_with("files/") && artifact != "files/etc/passwd").then_some(Restore::File)
    }

    fn reload(&self, restored: &[&str]) -> Vec<String> {
        let some = restored.iter().any(|artifact| artifact.starts_with("files/"));
        if some { vec!["smtpd -n".to_owned(), "systemctl restart opensmtpd".to_owned()] } else { Vec::new() }
    }

    fn configures_relay(&self, artifact: &str) -> bool {
        artifact != "files/etc/passwd"
    }

    fn secrets(&self) -> &'static [Secret] {
        &[
            Secret { artifacts: "files/*", pattern: r"\bsrs[ \t]+key[ \t]+(?:backup[ \t]+)?(?P<secret>\S+)" },
            Secret { artifacts: "files/*", pattern: r"\bqueue[ \t]+encryption[ \t]+(?P<secret>\S+)" },
            Secret { artifacts: "files/*", pattern: r"://[^/\s:@]+:(?P<secret>[^@\s/]+)@" },
        ]
    }

    fn noise(&self) -> &'static [Noise] {
        &[]
    }

    fn read(&self, evidence: &DeviceEvidence, model: &mut DeviceModel) {
        match read(evidence, &model.host) {
            Some(read) => {
                model.relay = Some(read.policy);
                model.gaps.extend(read.gaps);
            }
            None => {
                let reason = Reason::ArtifactMissing { artifact: "files/etc/smtpd.conf".into() };
                model.gaps.push(Gap { reason, location: None });
            }
        }
    }
}

/// What the evidence describes.
struct Read {
    policy: Policy,
    gaps: Vec<Gap>,
    wanted: BTreeSet<String>,
}

fn read(evidence: &DeviceEvidence, host: &HostFacts) -> Option<Read> {
    let (path, text) = CONFIGURATIONS.iter().find_map(|path| Some((*path, evidence.file(path)?)))?;
    let wanted = std::cell::RefCell::new(BTreeSet::new());
    let file = |path: &str| {
        wanted.borrow_mut().insert(path.to_owned());
        evidence.file(path).map(std::borrow::Cow::into_owned)
    };
    let statements = lex::read(&file_artifact(path), &text, &file);
    let mailname = NAMES.iter().find_map(|path| evidence.file(path));
    let host_name =
        mailname.and_then(|t| t.lines().next().map(|l| l.trim().to_lowercase())).filter(|n| !n.is_empty());
    let mut wanted = wanted.into_inner();
    let of = |kind: &str| {
        let kind = kind.to_owned();
        statements.all.iter().filter(move |s| s.words.first().is_some_and(|w| w.is(&kind)))
    };
    let tables: tables::Tables = of("table")
        .filter_map(|s| {
            tables::table(s, evidence, &mut |path| {
                wanted.insert(path.to_owned());
            })
        })
        .collect();
    let mut reader = rules::Reader {
        tables: &tables,
        accounts: mta::accounts(evidence),
        host_name: host_name.as_deref(),
        unread: statements.unread.clone(),
    };
    let actions: BTreeMap<String, rules::Method> = of("action").filter_map(|s| reader.action(s)).collect();
    let mut doors: Vec<Door> =
        of("listen").flat_map(|s| listen::doors(s, host).unwrap_or_default()).collect();
    if doors.is_empty() {
        doors.push(listen::default_door(&Location::within(file_artifact(path), "listen on localhost")));
    }
    let mut policy = Policy { own_addresses: host.own(), ..Policy::default() };
    for door in &doors {
        let routers = of("match").flat_map(|s| reader.rule(s, &actions, door.tag.as_deref())).collect();
        let routing = routing(routers, host_name.as_deref(), &tables, &statements.all);
        let listener = listener(&mut policy, door, routing, &reader.accounts);
        policy.listeners.push(listener);
    }
    let gap = |at: Location| Gap { reason: Reason::Unread { text: at.text.to_string() }, location: Some(at) };
    let mut gaps: Vec<Gap> = reader.unread.into_iter().map(gap).collect();
    gaps.dedup();
    Some(Read { policy, gaps, wanted })
}

fn routing(
    routers: Vec<crate::relay::Router>,
    host_name: Option<&str>,
    tables: &tables::Tables,
    statements: &[lex::Statement],
) -> Routing {
    let name = host_name.unwrap_or("localhost");
    Routing {
        forms: Forms {
            percent_hack: false,
            bang_path: false,
            dequote: false,
            origin: Some(name.into()),
            host_name: name.into(),
            refuses: Refuses { quoted: true, doubled: true, ..Refuses::default() },
            ..Forms::default()
        },
        delimiters: "+".into(),
        every_address_counts: true,
        relay_domains: declared(tables, statements),
        routers,
        ..Routing::default()
    }
}

/// Every domain that the rules name.
fn declared(tables: &tables::Tables, statements: &[lex::Statement]) -> DomainList {
    let mut names: Vec<(String, Location)> = Vec::new();
    for statement in statements.iter().filter(|s| s.words.first().is_some_and(|w| w.is("match"))) {
        for pair in statement.words.windows(2) {
            let [keyword, operand] = pair else { continue };
            if !keyword.is("domain") {
                continue;
            }
            match operand {
                lex::Word::Text(text) => names.push((text.clone(), statement.at.clone())),
                lex::Word::Table(name) => {
                    if let Some(tables::Entries::Known(rows)) = tables.get(name) {
                        names.extend(rows.iter().map(|(key, _, at)| (key.clone(), at.clone())));
                    }
                }
                lex::Word::Sign(_) => {}
            }
        }
    }
    let entry = |(name, at): (String, Location)| Entry {
        matches: DomainMatch::Name(name.to_lowercase().into()),
        excludes: false,
        at,
    };
    let plain = names.into_iter().filter(|(name, _)| !name.contains('*'));
    DomainList::new("domains", Parents::No, plain.map(entry).collect())
}

fn listener(
    policy: &mut Policy,
    door: &Door,
    routing: Routing,
    accounts: &Arc<crate::relay::Table>,
) -> Listener {
    let at = &door.at;
    let rule = |condition, code| Rule { step: Step::If(condition, Action::Refuse(code)), at: at.clone() };
    let mut rules = Vec::new();
    if door.needs_login {
        rules.push(rule(mta::not(Condition::LoggedIn), 503));
    }
    rules.push(rule(mta::not(Condition::Routable(Subject::Recipient)), 550));
    let list = policy.add_list(RuleList { name: "match".into(), rules });
    let name = format!("{}", door.port);
    let mut listener = mta::listener(&name, at, door.bind.clone(), Some(door.port), Arc::new(routing));
    listener.stages = vec![Stage { kind: StageKind::Relay, list, sees: Sees::Recipient }];
    listener.tls = door.tls;
    listener.auth = door.auth;
    listener.helo_required = true;
    listener.gates =
        door.filter.iter().map(|name| Reason::OutsideService { name: format!("filter {name}") }).collect();
    listener.listed = Arc::new(Listed { local: vec![Arc::clone(accounts)], ..Listed::default() });
    listener
}

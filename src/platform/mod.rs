//! Platforms: what to ask a device, how completeness is proven, what is noise, what is secret, how to read it.
//!
//! A platform is one folder and one line in [`REGISTRY`]. It turns artifacts into the vendor-neutral
//! [`DeviceModel`]; nothing behind it ever sees a vendor's word again.

mod cisco;
pub mod dialogue;
pub mod exim;
pub mod icmp;
pub mod ios;
pub mod iptables;
pub mod linux;
mod mta;
mod netfilter;
mod network;
pub mod nftables;
mod normal;
pub mod opensmtpd;
pub mod postfix;
pub mod rtx;
pub mod sendmail;
pub mod services;
mod unread;

use std::collections::BTreeSet;

use crate::evidence::DeviceEvidence;
use crate::finding::Location;
use crate::firewall::Firewall;
use crate::host::HostFacts;
use crate::reason::Reason;
use crate::relay::Policy;
use dialogue::Dialogue;
pub use normal::Normaliser;

/// Everything that is known of one device at one moment, vendor-neutral.
#[derive(Debug, Default)]
pub struct DeviceModel {
    /// Addresses, routes, sysctl, listening sockets.
    pub host: HostFacts,
    /// Packet filters, if the device has a platform that carries one.
    pub firewall: Option<Firewall>,
    /// The packet filters that the device may load when it starts, as far as the evidence holds their files.
    pub saved: Vec<Saved>,
    /// In what the saved state of a front end differs from what it runs, where that is no ruleset; `None` where there is
    /// no such front end.
    pub unsaved: Option<BTreeSet<Unsaved>>,
    /// The files that may be it are known to be empty or gone: what starts then filters nothing.
    pub nothing_saved: bool,
    /// Mail relay policy, if the device has a platform that carries one.
    pub relay: Option<Policy>,
    /// What is missing or was not understood.
    pub gaps: Vec<Gap>,
    /// What was taken for granted because a bare folder does not say it.
    pub assumptions: Vec<Assumption>,
}

/// What loads the packet filter of [`Saved`] where it is files that hold rules.
pub const FILES: &str = "files";

/// A packet filter that is loaded when the device starts.
#[derive(Debug)]
pub struct Saved {
    /// What loads it.
    pub by: &'static str,
    /// What runs then.
    pub firewall: Firewall,
}

/// A part of a front end's configuration that is saved and does not run, or the reverse.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Unsaved {
    /// The part, in the front end's own words.
    pub part: String,
    /// It is saved and does not run.
    pub saved: bool,
    /// Once what is saved is loaded, more may get in.
    pub opens: bool,
}

impl DeviceModel {
    /// One named list of the packet filter by itself; `None` when there is no such list.
    #[must_use]
    pub fn alone(self, filter: &str) -> Option<Self> {
        let firewall = self.firewall.as_ref()?.alone(filter)?;
        let host = HostFacts::forwarding_only();
        Some(Self { host, firewall: Some(firewall), saved: Vec::new(), relay: None, ..self })
    }
}

/// Something missing or not understood in the evidence.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Gap {
    /// What and why.
    pub reason: Reason,
    /// Where, if there is a place.
    pub location: Option<Location>,
}

/// What was taken for granted for a bare folder (never for a snapshot).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Assumption {
    /// No artifacts of the other netfilter kinds: counted as empty.
    OtherNetfilterEmpty,
    /// No `sysctl.txt`: forwarding counts as on.
    ForwardingOn,
    /// No `rp_filter` of some interface in `sysctl.txt`: it counts as off there.
    ReversePathFilterOff,
    /// No `route_localnet` or `accept_local` of some interface in `sysctl.txt`: they count as off there.
    InterfaceSettingsDefault,
    /// `ip-addr.json` without groups: every interface counts as of the default one.
    InterfaceGroupsDefault,
    /// A pattern of `include` that matches no file: counted as matching none on the device, as nft does.
    IncludesEmpty,
    /// A configuration without its end mark: counted as whole.
    ConfigurationWhole,
    /// No `ip-addr.json` or `ip-route.json`: local delivery and forwarding are judged apart.
    AddressesUnknown,
}

/// One question to a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// Name of the artifact that the answer becomes.
    pub artifact: String,
    /// What to run.
    pub how: How,
}

/// How a question is put. Everything is read-only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum How {
    /// A POSIX shell command, or a command of the device's own where the platform has a [`Dialogue`]. Status 0 is an answer, status [`ABSENT_STATUS`] means "there is no such thing here",
    /// anything else is a failure.
    Command(String),
    /// The bytes of a file on the device, by absolute path; a file that does not exist is [`ABSENT_STATUS`].
    File(String),
}

/// Exit status by which a command says that what it was asked for does not exist on the device (`EX_NOINPUT`).
pub const ABSENT_STATUS: u32 = 66;

impl Ask {
    /// A command.
    pub fn command(artifact: impl Into<String>, command: impl Into<String>) -> Self {
        Self { artifact: artifact.into(), how: How::Command(command.into()) }
    }

    /// A file on the device.
    pub fn file(path: &str) -> Self {
        Self { artifact: crate::evidence::device::file_artifact(path), how: How::File(path.to_owned()) }
    }
}

/// How an artifact is put back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Restore {
    /// The artifact, after a first line, is the input of a command on the device.
    Input {
        /// The line; may be empty.
        first: &'static str,
        /// The command.
        command: &'static str,
    },
    /// It is a file of the device.
    File,
    /// Another artifact of the same device restores it too.
    Covered,
}

/// A secret in an artifact: what the pattern's group `secret` matches is replaced by a keyed digest.
#[derive(Debug, Clone, Copy)]
pub struct Secret {
    /// Artifacts it is looked for in: an exact name, or a beginning that ends in `*`.
    pub artifacts: &'static str,
    /// Regular expression (multi-line mode) with a group named `secret`.
    pub pattern: &'static str,
}

/// A volatile part of an artifact that means nothing: matches are replaced before texts are compared.
#[derive(Debug, Clone, Copy)]
pub struct Noise {
    /// Artifacts it is looked for in: an exact name, or a beginning that ends in `*`.
    pub artifacts: &'static str,
    /// Regular expression (multi-line mode).
    pub pattern: &'static str,
    /// What stands there instead.
    pub replacement: &'static str,
}

/// A list in an artifact whose order means nothing: the elements in the pattern's group `list` are sorted before texts
/// are compared.
#[derive(Debug, Clone, Copy)]
pub struct Unordered {
    /// Artifacts it is looked for in: an exact name, or a beginning that ends in `*`.
    pub artifacts: &'static str,
    /// Regular expression (multi-line mode) with a group named `list`.
    pub pattern: &'static str,
    /// What stands between elements, blanks aside.
    pub separator: char,
}

/// One kind of device or software.
pub trait Platform: Sync {
    /// Name in `site.toml` and on the command line.
    fn id(&self) -> &'static str;
    /// What it runs on, whose facts are asked for and read first.
    fn host(&self) -> Option<&'static dyn Platform> {
        None
    }
    /// Artifacts by which a folder of files is known to be of this platform.
    fn signs(&self) -> &'static [&'static str] {
        &[]
    }
    /// How its own command line is spoken to, where it has one instead of a shell that runs commands (SSH exec). Its questions
    /// are then commands of that command line.
    fn dialogue(&self) -> Option<&'static Dialogue> {
        None
    }
    /// Whether a folder of files is known to be of this platform.
    fn is_of(&self, evidence: &DeviceEvidence) -> bool {
        self.signs().iter().any(|sign| evidence.get(sign).is_some())
    }
    /// The first round of questions.
    fn ask(&self) -> Vec<Ask>;
    /// Further questions that the answers so far raise, such as files named by files. Called again after each round
    /// until nothing new comes; artifacts that are already there are not asked for again.
    fn follow(&self, _got: &DeviceEvidence) -> Vec<Ask> {
        Vec::new()
    }
    /// Whether an artifact's bytes are structurally whole (an end mark, balanced braces, JSON that parses).
    ///
    /// # Errors
    /// What was expected and is not there.
    fn prove(&self, artifact: &str, bytes: &[u8]) -> Result<(), Reason>;
    /// What restores an artifact of an earlier state, where something does.
    fn restore(&self, _artifact: &str, _earlier: &DeviceEvidence) -> Option<Restore> {
        None
    }
    /// What makes restored files count, once they are all there: commands to run on the device.
    fn reload(&self, _restored: &[&str]) -> Vec<String> {
        Vec::new()
    }
    /// Whether an artifact is part of a mail relay's configuration, as long as no other platform of the device asks for it.
    fn configures_relay(&self, _artifact: &str) -> bool {
        false
    }
    /// What is secret in its artifacts.
    fn secrets(&self) -> &'static [Secret];
    /// What is noise in its artifacts.
    fn noise(&self) -> &'static [Noise];
    /// What has no order in its artifacts.
    fn unordered(&self) -> &'static [Unordered] {
        &[]
    }
    /// Reads the artifacts into the model. Never fails: what is missing or not understood becomes a gap or an atom.
    fn read(&self, evidence: &DeviceEvidence, model: &mut DeviceModel);
}

/// Every platform, sorted by id. One line each.
pub static REGISTRY: &[&dyn Platform] = &[
    &exim::Exim,
    &ios::Ios,
    &iptables::Iptables,
    &nftables::Nftables,
    &opensmtpd::OpenSmtpd,
    &postfix::Postfix,
    &rtx::Rtx,
    &sendmail::Sendmail,
];

/// Platforms that a host is asked for of which nobody has said what it is. The first one stays even where nothing of it
/// is there: a host without a packet filter lets everything in.
pub static SUSPECTED: &[&dyn Platform] = &[&nftables::Nftables, &postfix::Postfix];

/// The platform with this id.
pub fn by_id(id: &str) -> Option<&'static dyn Platform> {
    REGISTRY.iter().copied().find(|p| p.id() == id)
}

/// What some platforms run on, each once, and then the platforms.
pub fn with_hosts<'p>(platforms: impl IntoIterator<Item = &'p dyn Platform>) -> Vec<&'p dyn Platform> {
    let platforms: Vec<&dyn Platform> = platforms.into_iter().collect();
    let mut out: Vec<&dyn Platform> = Vec::new();
    for host in platforms.iter().filter_map(|p| p.host()) {
        if !out.iter().any(|p| p.id() == host.id()) {
            out.push(host);
        }
    }
    out.extend(platforms);
    out
}

/// The same by ids; an id that nobody knows is passed over.
fn named(platforms: &[String]) -> Vec<&'static dyn Platform> {
    with_hosts(platforms.iter().filter_map(|id| by_id(id)))
}

/// The noise of some platforms, and of what they run on.
pub fn noise(platforms: &[String]) -> Vec<Noise> {
    named(platforms).iter().flat_map(|p| p.noise().iter().copied()).collect()
}

/// What has no order in the artifacts of some platforms, and of what they run on.
pub fn unordered(platforms: &[String]) -> Vec<Unordered> {
    named(platforms).iter().flat_map(|p| p.unordered().iter().copied()).collect()
}

/// Whether an artifact is part of the mail relay's configuration on a device with these platforms.
pub fn configures_relay(artifact: &str, platforms: &[String]) -> bool {
    let all = named(platforms);
    all.iter().any(|relay| {
        let others = all.iter().filter(|other| other.id() != relay.id());
        let asked = |other: &&dyn Platform| other.ask().iter().any(|ask| ask.artifact == artifact);
        relay.configures_relay(artifact) && !others.into_iter().any(asked)
    })
}

/// The platforms whose artifacts a folder of files holds, sorted by id.
pub fn detect(evidence: &DeviceEvidence) -> Vec<String> {
    REGISTRY.iter().filter(|p| p.is_of(evidence)).map(|p| p.id().to_owned()).collect()
}

/// Whether some platform means something by an artifact that none of the device's own platforms reads: another one asks
/// for it, or it is the answer to a command that nobody knows. Further files of the device are what they are, as long as
/// no configuration leads to them.
pub fn is_foreign(artifact: &str, device: &DeviceEvidence) -> bool {
    let asks = |platform: &dyn Platform| {
        platform.signs().contains(&artifact) || platform.ask().iter().any(|ask| ask.artifact == artifact)
    };
    let own = named(&device.platforms);
    if own.iter().any(|platform| asks(*platform)) {
        return false;
    }
    let follows = |p: &&dyn Platform| p.follow(device).iter().any(|ask| ask.artifact == artifact);
    let known = with_hosts(REGISTRY.iter().copied()).into_iter().any(asks);
    (known || !artifact.starts_with("files/")) && !own.iter().any(follows)
}

/// Whether a device said of a platform that nothing of it is there.
pub fn is_absent(id: &str, evidence: &DeviceEvidence) -> bool {
    let signs = by_id(id).map(Platform::signs).unwrap_or_default();
    !signs.is_empty() && signs.iter().all(|sign| evidence.is_absent(sign))
}

/// Whether a device said that none of the mail servers of `later` was there.
pub fn had_no_relay(evidence: &DeviceEvidence, later: &DeviceEvidence) -> bool {
    let relays = later.platforms.iter().filter(|id| {
        let mut model = DeviceModel::default();
        by_id(id).into_iter().for_each(|platform| platform.read(later, &mut model));
        model.relay.is_some()
    });
    let gone = |id: &String| !evidence.platforms.contains(id) && is_absent(id, evidence);
    relays.into_iter().all(gone)
}

/// Reads all of a device's platforms into one model.
pub fn read(evidence: &DeviceEvidence) -> DeviceModel {
    let mut model = DeviceModel::default();
    for platform in named(&evidence.platforms) {
        platform.read(evidence, &mut model);
    }
    model
}

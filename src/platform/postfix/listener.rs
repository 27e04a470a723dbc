//! Services of master.cf that take mail from the network, each with its own overrides (master(5), smtpd(8),
//! postscreen(8), qmqpd(8)).

use std::cell::RefCell;
use std::sync::Arc;

use super::bind;
use super::config::{Config, Scope};
use super::host::{self, Interface};
use super::mastercf::Service;
use super::restrictions::Builder;
use super::tables::{Tables, Usage};
use super::{guard, lists, routing, safeguards};
use crate::finding::Location;
use crate::packet::address::AddressSet;
use crate::reason::Reason;
use crate::relay::{
    Action, Auth, CertificateDemand, ClientList, ClientMatch, Condition, Entry, Listed, Listener, Parents,
    Policy, Protocol, Refusal, RefusalKind, Rule, RuleList, Sees, Stage, StageKind, Step, Tls,
};

/// Most services that are read.
const MAX_SERVICES: usize = 256;

/// Everything that the services share.
pub(super) struct Reader<'r, 'c, 'e> {
    pub(super) config: &'c Config<'e>,
    pub(super) tables: &'r Tables<'c, 'e>,
    pub(super) policy: &'r RefCell<Policy>,
    pub(super) own: Option<Vec<Interface>>,
}

impl<'c, 'e> Reader<'_, 'c, 'e> {
    /// Reads every service that takes mail, or may.
    pub(super) fn listeners(&self) -> Vec<Listener> {
        let config = self.config;
        let inet = || config.services.iter().filter(|s| &*s.kind == "inet");
        if inet().nth(MAX_SERVICES).is_some() {
            config.gap(Reason::TooComplex { subject: "master.cf".to_owned() }, None);
        }
        let services = inet().take(MAX_SERVICES).filter_map(|service| match &*service.command {
            "smtpd" => Some(self.smtpd(service, config.scope(service))),
            "postscreen" => self.postscreen(service),
            "qmqpd" => Some(self.qmqpd(service)),
            _ => Some(self.strange(service)),
        });
        services.chain(self.instances()).collect()
    }

    fn smtpd(&self, service: &'c Service, scope: Scope<'c, 'e>) -> Listener {
        let mynetworks = Arc::new(self.mynetworks(&scope));
        let builder = Builder::new(scope, self.tables, self.policy, mynetworks);
        let stages = stages(&builder);
        let undefined = builder.undefined_class().map(|at| Refusal { kind: RefusalKind::ListUndefined, at });
        let tls = tls(&scope);
        let auth = auth(&scope, tls);
        let xclient = scope.words("smtpd_authorized_xclient_hosts");
        let cleanup = scope.get("cleanup_service_name");
        let override_options = scope.words("receive_override_options");
        let no_mapping = override_options.iter().any(|w| w.text == "no_address_mappings");
        // with a content filter the addresses are mapped when the mail comes back from it
        let maps_addresses = !no_mapping || !scope.get("content_filter").is_empty();
        Listener {
            name: Arc::clone(&service.name),
            at: service.at.clone(),
            protocol: Protocol::Smtp,
            bind: bind::bind(&scope, service, self.own.as_deref()),
            port: bind::port(&service.name),
            tls,
            auth,
            auth_at: scope.at("smtpd_sasl_auth_enable"),
            safeguards: safeguards::safeguards(&scope, tls, auth),
            certificate: certificate(&scope, tls),
            refuses: undefined.or_else(|| guard::refusal(&scope)),
            proxy_protocol: !scope.get("smtpd_upstream_proxy_protocol").is_empty(),
            xclient: (!xclient.is_empty()).then(|| {
                Arc::new(lists::clients(&scope, self.tables, "smtpd_authorized_xclient_hosts", &xclient))
            }),
            helo_required: scope.flag("smtpd_helo_required"),
            looks_up_names: scope.flag("smtpd_peername_lookup"),
            rewrites_commands: self.command_filter(&scope),
            stages,
            refuses_unlisted_sender: builder.checks_listing && scope.flag("smtpd_reject_unlisted_sender"),
            refuses_unlisted_recipient: builder.checks_listing
                && scope.flag("smtpd_reject_unlisted_recipient"),
            listed: Arc::new(self.listed(&scope)),
            soft_bounce: scope.flag("soft_bounce"),
            may_discard: builder.discards.get(),
            gates: gates(&scope),
            routing: Arc::new(routing::routing(
                self.config,
                self.tables,
                &cleanup,
                maps_addresses,
                self.own.as_deref(),
            )),
        }
    }

    /// postscreen answers the port; what it lets through goes to a `pass` service.
    fn postscreen(&self, service: &'c Service) -> Option<Listener> {
        let front = self.config.scope(service);
        let name = front.get("smtpd_service_name");
        let behind = self.config.service(&["pass"], &name)?;
        let mut listener = self.smtpd(behind, self.config.scope(behind));
        listener.name = Arc::clone(&service.name);
        listener.at = service.at.clone();
        listener.bind = bind::bind(&front, service, self.own.as_deref());
        listener.port = bind::port(&service.name);
        listener.proxy_protocol = !front.get("postscreen_upstream_proxy_protocol").is_empty();
        let list = self.screen(&front);
        let list = self.policy.borrow_mut().add_list(list);
        listener.stages.insert(0, Stage { kind: StageKind::Client, list, sees: Sees::Client });
        Some(listener)
    }

    /// `postscreen_access_list`: a hit decides; only a refusal that is enforced matters for relaying.
    fn screen(&self, scope: &Scope<'_, '_>) -> RuleList {
        let action = scope.get("postscreen_denylist_action");
        let enforced = matches!(action.as_str(), "enforce" | "drop");
        let mut rules = Vec::new();
        for word in scope.words("postscreen_access_list") {
            let step = match word.text.as_str() {
                "permit_mynetworks" => {
                    // postscreen takes a list that it cannot read on for one without the client
                    let list = self.mynetworks(scope).without_failures();
                    Step::If(Condition::ClientIn(Arc::new(list)), Action::Permit)
                }
                "permit" => Step::If(Condition::Always, Action::Permit),
                "reject" if enforced => Step::If(Condition::Always, Action::Refuse(550)),
                "reject" | "dunno" => continue,
                table => self.screen_table(table, &word.at, enforced),
            };
            rules.push(Rule { step, at: word.at });
        }
        RuleList { name: "postscreen_access_list".into(), rules }
    }

    fn screen_table(&self, spec: &str, at: &Location, enforced: bool) -> Step {
        let table = self.tables.open(spec, Usage::Map, at);
        let actions = table
            .rows()
            .map(|row| {
                let action = match row.value.to_ascii_lowercase().as_str() {
                    "permit" => Action::Permit,
                    "reject" if enforced => Action::Refuse(550),
                    _ => Action::Continue,
                };
                (Arc::clone(&row.value), action)
            })
            .collect();
        Step::Lookup(crate::relay::Lookup {
            subject: crate::relay::Subject::Client,
            part: crate::relay::Part::Address,
            table,
            parents: Parents::No,
            null_sender_key: "".into(),
            actions: Arc::new(actions),
            may_not_permit: false,
        })
    }

    /// `mynetworks` as set, as `postconf` computed it, or as computed here from the interfaces.
    fn mynetworks(&self, scope: &Scope<'_, '_>) -> ClientList {
        let words = scope.words("mynetworks");
        if scope.is_set("mynetworks") || !words.is_empty() {
            return lists::clients(scope, self.tables, "mynetworks", &words);
        }
        let at = scope.at("mynetworks_style");
        let style = scope.get("mynetworks_style");
        let matches = self
            .own
            .as_deref()
            .and_then(|own| host::networks(&bind::own_interfaces(scope, own), &style))
            .map_or_else(
                || ClientMatch::Unknown(Reason::HostFactMissing { fact: "addresses".into() }),
                |networks| ClientMatch::Addresses(networks.into_iter().collect::<AddressSet>()),
            );
        ClientList::new("mynetworks", Parents::No, vec![Entry { matches, excludes: false, at }])
    }

    fn listed(&self, scope: &Scope<'_, '_>) -> Listed {
        let open = |name: &str| self.tables.open_all(&scope.words(name), Usage::Map);
        let aliases: Vec<String> = scope.words("alias_maps").into_iter().map(|w| w.text).collect();
        let local = scope
            .words("local_recipient_maps")
            .iter()
            .map(|word| {
                let usage = if aliases.contains(&word.text) { Usage::Aliases } else { Usage::Map };
                self.tables.open(&word.text, usage, &word.at)
            })
            .collect();
        let rewritten: Vec<_> = ["recipient_canonical_maps", "canonical_maps", "virtual_alias_maps"]
            .iter()
            .flat_map(|name| open(name))
            .collect();
        Listed {
            rewritten,
            rewritten_senders: open("sender_canonical_maps"),
            local,
            virtual_mailboxes: open("virtual_mailbox_maps"),
            relay: open("relay_recipient_maps"),
        }
    }

    fn command_filter(&self, scope: &Scope<'_, '_>) -> Option<Arc<crate::relay::Table>> {
        let word = scope.words("smtpd_command_filter").into_iter().next()?;
        Some(self.tables.open(&word.text, Usage::Map, &word.at))
    }
}

/// The stages in the order in which smtpd asks them at RCPT TO; without `smtpd_delay_reject` the first three are
/// asked earlier, and know less.
fn stages(builder: &Builder<'_, '_, '_>) -> Vec<Stage> {
    let scope = &builder.scope;
    let delayed = scope.flag("smtpd_delay_reject");
    let stage = |kind, parameter: &str, default, early| Stage {
        kind,
        list: builder.list(parameter, default),
        sees: if delayed { Sees::Recipient } else { early },
    };
    let mut stages = vec![
        stage(StageKind::Client, "smtpd_client_restrictions", "check_client_access", Sees::Client),
        stage(StageKind::Helo, "smtpd_helo_restrictions", "check_helo_access", Sees::Helo),
        stage(StageKind::Sender, "smtpd_sender_restrictions", "check_sender_access", Sees::Sender),
    ];
    let at_recipient = [
        stage(StageKind::Relay, "smtpd_relay_restrictions", "check_recipient_access", Sees::Recipient),
        stage(
            StageKind::Recipient,
            "smtpd_recipient_restrictions",
            "check_recipient_access",
            Sees::Recipient,
        ),
    ];
    if scope.flag("smtpd_relay_before_recipient_restrictions") {
        stages.extend(at_recipient);
    } else {
        stages.extend(at_recipient.into_iter().rev());
    }
    stages
}

fn tls(scope: &Scope<'_, '_>) -> Tls {
    if scope.flag("smtpd_tls_wrappermode") {
        return Tls::Implicit;
    }
    match scope.get("smtpd_tls_security_level").as_str() {
        "encrypt" => Tls::Required,
        "may" => Tls::Offered,
        "" if scope.flag("smtpd_enforce_tls") => Tls::Required,
        "" if scope.flag("smtpd_use_tls") => Tls::Offered,
        _ => Tls::No,
    }
}

fn auth(scope: &Scope<'_, '_>, tls: Tls) -> Auth {
    if !scope.flag("smtpd_sasl_auth_enable") {
        Auth::No
    } else if scope.flag("smtpd_tls_auth_only") || matches!(tls, Tls::Required | Tls::Implicit) {
        Auth::UnderTls
    } else {
        Auth::Always
    }
}

fn certificate(scope: &Scope<'_, '_>, tls: Tls) -> CertificateDemand {
    if scope.flag("smtpd_tls_req_ccert") && matches!(tls, Tls::Required | Tls::Implicit) {
        CertificateDemand::Required
    } else if scope.flag("smtpd_tls_ask_ccert") || scope.flag("smtpd_tls_req_ccert") {
        CertificateDemand::Asked
    } else {
        CertificateDemand::No
    }
}

/// Milters and before-queue filters may refuse what the lists accept.
fn gates(scope: &Scope<'_, '_>) -> Vec<Reason> {
    ["smtpd_milters", "smtpd_proxy_filter"]
        .iter()
        .flat_map(|name| scope.words(name))
        .filter(|word| !word.text.starts_with('{') || word.text.len() > 2)
        .map(|word| Reason::OutsideService { name: word.text })
        .collect()
}

//! What takes mail beside smtpd: `qmqpd` (qmqpd(8)), and what is not read and may take mail as well, as far as anybody
//! can tell from here: other programs behind a port (`spawn` and the like, master(5)), and further instances of Postfix
//! (`multi_instance_directories`, MULTI_INSTANCE_README).

use std::sync::Arc;

use super::bind;
use super::listener::Reader;
use super::lists;
use super::mastercf::Service;
use super::routing;
use crate::finding::Location;
use crate::packet::address::Family;
use crate::reason::Reason;
use crate::relay::{
    Action, Auth, Bind, CertificateDemand, Condition, Listed, Listener, Protocol, Rule, RuleList, Sees,
    Stage, StageKind, Step, Tls,
};

/// Most further instances that are looked at.
const MAX_INSTANCES: usize = 64;

impl<'c> Reader<'_, 'c, '_> {
    pub(super) fn qmqpd(&self, service: &'c Service) -> Listener {
        let scope = self.config.scope(service);
        let words = scope.words("qmqpd_authorized_clients");
        let clients = lists::clients(&scope, self.tables, "qmqpd_authorized_clients", &words);
        let at = scope.at("qmqpd_authorized_clients");
        let rules = [
            Step::If(Condition::ClientIn(Arc::new(clients)), Action::Permit),
            Step::If(Condition::Always, Action::Refuse(554)),
        ];
        let rules = rules.into_iter().map(|step| Rule { step, at: at.clone() }).collect();
        let list = RuleList { name: "qmqpd_authorized_clients".into(), rules };
        self.simple(Protocol::Qmqp, self.place(service), list)
    }

    /// A program behind a port that is not read here: it may be another mail server.
    pub(super) fn strange(&self, service: &'c Service) -> Listener {
        self.unread(self.place(service))
    }

    /// Instances with folders of their own.
    pub(super) fn instances(&self) -> Vec<Listener> {
        let scope = self.config.global();
        let at = scope.at("multi_instance_directories");
        let folders = scope.words("multi_instance_directories");
        if folders.len() > MAX_INSTANCES {
            self.config.gap(Reason::TooComplex { subject: "multi_instance_directories".to_owned() }, None);
        }
        let place = |folder: String| Place {
            name: folder.as_str().into(),
            at: Location { text: folder.into(), ..at.clone() },
            bind: Bind::Any {
                ipv4: bind::family_on(&scope, Family::Ipv4),
                ipv6: bind::family_on(&scope, Family::Ipv6),
            },
            port: None,
        };
        folders.into_iter().take(MAX_INSTANCES).map(|word| self.unread(place(word.text))).collect()
    }

    /// Nobody knows what it accepts.
    fn unread(&self, place: Place) -> Listener {
        let reason = Reason::Unread { text: place.at.text.to_string() };
        self.config.gap(reason.clone(), Some(place.at.clone()));
        let step = Step::If(Condition::Always, Action::Unknown(reason));
        let refuse = Step::If(Condition::Always, Action::Refuse(554));
        let rules = [step, refuse].map(|step| Rule { step, at: place.at.clone() }).into();
        self.simple(Protocol::Smtp, place.clone(), RuleList { name: Arc::clone(&place.name), rules })
    }

    fn place(&self, service: &'c Service) -> Place {
        let scope = self.config.scope(service);
        Place {
            name: Arc::clone(&service.name),
            at: service.at.clone(),
            bind: bind::bind(&scope, service, self.own.as_deref()),
            port: bind::port(&service.name),
        }
    }

    /// A listener with one list and nothing else that decides.
    fn simple(&self, protocol: Protocol, place: Place, list: RuleList) -> Listener {
        let list = self.policy.borrow_mut().add_list(list);
        let Place { name, at, bind, port } = place;
        Listener {
            name,
            auth_at: at.clone(),
            at,
            protocol,
            bind,
            port,
            tls: Tls::No,
            auth: Auth::No,
            safeguards: Vec::new(),
            certificate: CertificateDemand::No,
            refuses: None,
            proxy_protocol: false,
            xclient: None,
            helo_required: false,
            looks_up_names: true,
            rewrites_commands: None,
            stages: vec![Stage { kind: StageKind::Relay, list, sees: Sees::Recipient }],
            refuses_unlisted_sender: false,
            refuses_unlisted_recipient: false,
            listed: Arc::new(Listed::default()),
            soft_bounce: false,
            may_discard: false,
            gates: Vec::new(),
            routing: Arc::new(routing::routing(
                self.config,
                self.tables,
                "cleanup",
                true,
                self.own.as_deref(),
            )),
        }
    }
}

/// Where something listens, and where that is written.
#[derive(Debug, Clone)]
struct Place {
    name: Arc<str>,
    at: Location,
    bind: Bind,
    port: Option<u16>,
}

//! Vendor-neutral relay policy: which mail attempts a server accepts, and where that mail goes.
//!
//! [`Policy`] says in neutral words what a configuration means; [`answer`] plays one [`Attempt`] against it. There is
//! one implementation of what rules mean, and everything else (exposures, drift, traces) is attempts played on it.
//! Whatever the evidence does not decide is played both ways.

mod act;
pub mod address;
mod addresses;
mod attempt;
mod axes;
mod candidates;
mod choice;
mod chooser;
mod conditions;
mod coverage;
mod dialect;
mod evaluate;
mod exposure;
mod game;
mod keys;
mod lists;
mod members;
mod names;
mod onward;
mod pairs;
mod partition;
mod pattern;
mod places;
mod policy;
mod profile;
mod proof;
mod prune;
mod quick;
mod reach;
mod recipient;
mod route;
mod router;
mod routing;
mod rules;
mod run;
mod safeguard;
mod samples;
mod suffix;
mod table;
mod tokens;
mod vocabulary;

pub use attempt::{Answer, Attempt, Certificate, Claim, ClaimBy, ClientName, Facts, ServiceAnswer, Verdict};
pub use candidates::{ANY_SENDER, RecipientForm, SenderKind, own_domains};
pub use dialect::Dialect;
pub use evaluate::{answer, answer_at};
pub use exposure::{
    Arrival, Change, Drift, Kind, ListenerRef, Logins, Needs, Proof, Side, compare, exposures,
};
pub use keys::Parents;
pub use lists::{ClientList, ClientMatch, DomainList, DomainMatch, Entry};
pub use onward::{Onward, diverted};
pub use partition::Partition;
pub use pattern::{Options as PatternOptions, Pattern};
pub use policy::{
    Auth, Bind, CertificateDemand, ListId, Listed, Listener, Note, NoteKind, Policy, Protocol, Refusal,
    RefusalKind, Sees, Stage, StageKind, Tls,
};
pub use proof::{Asked, Outcome, prove};
pub use reach::{Everybody, Reached, Reaching, Translated, Trust};
pub use routing::{Agent, Defaults, Does, Leaves, Next, Router, Routing, Transport};
pub use rules::{Action, Condition, Dns, DnsQuestion, Lookup, Part, Rule, RuleList, Step, Subject};
pub use safeguard::{Level, Safeguard, Weakened};
pub use suffix::{is_open, registrable};
pub use table::{Content, Found, PatternRow, Row, Rows, Table, Test};

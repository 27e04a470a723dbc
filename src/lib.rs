//! `sekisho` (関所) is a checkpoint for change windows.
//!
//! It captures firewall and mail-relay configuration before, during and after a maintenance job, works out
//! which packets and which mail-relay attempts *became possible*, holds that against declared rules, and
//! answers ALLOW, DENY or UNDECIDED with evidence that a third person can verify.
//!
//! # The map of the house
//!
//! Data flows one way, from devices to an exit code:
//!
//! | room | what it does |
//! |---|---|
//! | [`capture`] | asks devices over SSH; the only room that knows SSH |
//! | [`simulate`] | an SSH server that plays devices from data files, for the demo and the tests |
//! | [`evidence`] | the snapshot store, and the one door through which artifacts are read |
//! | [`platform`] | one folder a platform: what to ask, what is noise, what is secret, how to read it |
//! | [`host`] | vendor-neutral host facts: addresses, routes, sysctl, listening sockets |
//! | [`packet`] | exact packet-set algebra; knows no vendor |
//! | [`firewall`] | vendor-neutral rulesets and their meaning as packet sets |
//! | [`relay`] | vendor-neutral relay policy and its meaning as relay attempts |
//! | [`reach`] | which zone reaches which listener, and with which source address |
//! | [`drift`] | before against after: text, flows, relay attempts |
//! | [`watch`] | samples over time: what opened, when at the earliest and at the latest, what was not seen |
//! | [`probe`] | the owner's live test: what a real server answers, beside what its configuration says |
//! | [`site`] | what a user declares: `site.toml`, `change.toml` |
//! | [`rules`] | declared rules over drift and state, and the verdict |
//! | [`report`] | the only room that writes words for people, in English and Japanese |
//! | [`cli`] | one file a command |
//!
//! Two principles run through all of it. What the evidence does not decide is never guessed: an answer is an
//! interval, *certainly accepted* ⊆ truth ⊆ *possibly accepted*. And nothing unread is dropped: what a reader
//! does not understand becomes an atom that widens `possible`.

pub mod capture;
pub mod cli;
pub mod drift;
pub mod evidence;
pub mod finding;
pub mod firewall;
pub mod host;
pub mod os;
pub mod packet;
pub mod platform;
pub mod probe;
pub mod reach;
pub mod reason;
pub mod relay;
pub mod report;
pub mod rules;
pub mod simulate;
pub mod site;
pub mod watch;

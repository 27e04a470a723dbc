//! `change.toml`: one maintenance job, its window, its scope, and what it is expected to open or close.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

use time::OffsetDateTime;
use toml::Spanned;

use super::diagnostic::{Rejected, Source};
use super::draft::Draft;
use super::endpoint::read_domain;
use super::flow::{Endpoint, FlowSpec};
use super::name::Name;
use super::problem::{Problem, Referent, ValueFault};
use super::table::{self, Table, Value};
use super::value::read_fingerprint;
use super::{Known, Site};

/// A declared change.
#[derive(Debug, Clone)]
pub struct Change {
    /// Ticket number; names the change's folder in the evidence store.
    pub id: Name,
    /// What the job is.
    pub title: Option<String>,
    /// Beginning of the window.
    pub start: OffsetDateTime,
    /// End of the window, after its beginning.
    pub end: OffsetDateTime,
    /// Who does it.
    pub operator: Option<String>,
    /// Devices that may change; `None` where no scope is declared, which is not the same as none.
    pub scope: Option<BTreeSet<Name>>,
    /// What is expected to happen.
    pub expect: Expect,
    /// The file it was read from; spans point into it.
    pub source: Source,
}

/// What a change is expected to do.
#[derive(Debug, Clone, Default)]
pub struct Expect {
    /// Flows that become possible.
    pub open: Vec<ExpectFlows>,
    /// Flows that cease to be possible.
    pub close: Vec<ExpectFlows>,
    /// Relaying that becomes possible.
    pub relay: Vec<ExpectRelay>,
    /// Host keys that change.
    pub host_key: Vec<ExpectHostKey>,
}

/// Flows that a change opens or closes on one device.
#[derive(Debug, Clone)]
pub struct ExpectFlows {
    /// The device.
    pub device: Name,
    /// The flows, each with its place; at least one.
    pub flows: Vec<Spanned<FlowSpec>>,
    /// When it must be over, for something temporary; after the beginning of the window.
    pub until: Option<Spanned<OffsetDateTime>>,
}

/// Relaying that a change permits on one device.
#[derive(Debug, Clone)]
pub struct ExpectRelay {
    /// The device.
    pub device: Name,
    /// Who may relay; at least one.
    pub clients: Vec<Endpoint>,
    /// Recipient domains; at least one.
    pub recipients: Vec<Recipients>,
    /// Where; `None` is every listener of the device.
    pub listener: Option<Listener>,
    /// When it must be over, for something temporary; after the beginning of the window.
    pub until: Option<Spanned<OffsetDateTime>>,
    /// Where this is declared.
    pub place: std::ops::Range<usize>,
}

/// Recipients of mail.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Recipients {
    /// Everybody.
    Any,
    /// Addresses in this domain and in none below it.
    Domain(String),
}

/// A listening socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Listener {
    /// Local address; `None` is any.
    pub address: Option<IpAddr>,
    /// TCP port, never 0.
    pub port: u16,
}

/// A host key that a change replaces.
#[derive(Debug, Clone)]
pub struct ExpectHostKey {
    /// The device.
    pub device: Name,
    /// SHA-256 fingerprint of the new key, as `ssh-keygen -l` prints it.
    pub fingerprint: String,
    /// Where this is declared.
    pub place: std::ops::Range<usize>,
}

impl Change {
    /// Reads `change.toml`. Names must be declared by `site`; without one, or with one that declares no devices,
    /// device names are taken as they stand.
    ///
    /// # Errors
    /// Everything that is wrong with the file.
    pub fn parse(source: &Source, site: Option<&Site>) -> Result<Self, Rejected> {
        table::read(source, |reader, root| {
            let (known, nothing) = (Known::default(), Site::default());
            let site = site.unwrap_or(&nothing);
            let reading = Reading { draft: Draft::new(reader, source, &known).with_site(site), site };
            let head = root.need_table("change", "[change]").and_then(|table| reading.head(table, source));
            let start = head.as_ref().map(|head| head.start);
            let scope = root.table("scope", "[scope]").and_then(|table| reading.scope(table));
            let expect = root.table("expect", "[expect]").map(|table| reading.expect(table, start));
            root.finish();
            reading.draft.check_names();
            Some(Self { scope, expect: expect.unwrap_or_default(), ..head? })
        })
    }
}

/// A change while it is read.
struct Reading<'a> {
    draft: Draft<'a>,
    site: &'a Site,
}

impl Reading<'_> {
    /// Reads `[change]`.
    fn head(&self, table: Table<'_>, source: &Source) -> Option<Change> {
        let example = "2026-11-22T01:00:00+09:00";
        let id = table.need("id", "id = \"CHG-2026-0412\"").and_then(|v| v.parse(Name::new));
        let title = table.get("title").and_then(|v| v.line());
        let operator = table.get("operator").and_then(|v| v.line());
        let start = table.need("start", &format!("start = {example}")).and_then(|v| v.moment());
        let end_value = table.need("end", &format!("end = {example}"));
        let end = end_value.as_ref().and_then(Value::moment);
        table.finish();
        let (start, end) = (start?, end?);
        if end <= start {
            end_value?.report(Problem::NotAfter { key: "end".to_owned(), other: "start".to_owned() });
        }
        let (scope, expect) = (None, Expect::default());
        Some(Change { id: id?, title, start, end, operator, scope, expect, source: source.clone() })
    }

    /// Reads `[scope]`.
    fn scope(&self, table: Table<'_>) -> Option<BTreeSet<Name>> {
        let devices =
            table.need("devices", "devices = [\"fw-edge\"]").and_then(|v| v.each(|d| self.device(d)));
        table.finish();
        Some(devices?.into_iter().collect())
    }

    /// Reads the tables below `expect`.
    fn expect(&self, table: Table<'_>, start: Option<OffsetDateTime>) -> Expect {
        let tables = |key, title| table.tables(key, title).into_iter();
        let expect = Expect {
            open: tables("open", "[[expect.open]]").filter_map(|t| self.flows(t, start)).collect(),
            close: tables("close", "[[expect.close]]").filter_map(|t| self.flows(t, start)).collect(),
            relay: tables("relay", "[[expect.relay]]").filter_map(|t| self.relay(t, start)).collect(),
            host_key: tables("host_key", "[[expect.host_key]]").filter_map(|t| self.host_key(t)).collect(),
        };
        table.finish();
        expect
    }

    fn flows(&self, table: Table<'_>, start: Option<OffsetDateTime>) -> Option<ExpectFlows> {
        let device = self.needed_device(&table);
        let example = "flows = [\"tcp internet -> 203.0.113.10:587\"]";
        let flows = table.need("flows", example).and_then(|v| {
            let flows: Vec<_> = v.filled()?.iter().filter_map(Value::flow).collect();
            flows.iter().for_each(|flow| self.draft.refer_flow(flow, &self.site.zones));
            Some(flows)
        });
        let until = until(&table, start);
        table.finish();
        Some(ExpectFlows { device: device?, flows: flows?, until })
    }

    fn relay(&self, table: Table<'_>, start: Option<OffsetDateTime>) -> Option<ExpectRelay> {
        let place = table.span();
        let device = self.needed_device(&table);
        let clients = table.need("clients", "clients = [\"10.1.0.0/16\"]").and_then(|v| {
            let members = v.filled()?;
            Some(members.iter().filter_map(|member| self.client(member)).collect())
        });
        let recipients = table.need("recipients", "recipients = [\"any\"]").and_then(|v| {
            let members = v.filled()?;
            Some(members.iter().filter_map(|member| member.parse(Recipients::new)).collect())
        });
        let listener = table.get("listener").and_then(|v| v.parse(Listener::new));
        let until = until(&table, start);
        table.finish();
        Some(ExpectRelay {
            device: device?,
            clients: clients?,
            recipients: recipients?,
            listener,
            until,
            place,
        })
    }

    fn host_key(&self, table: Table<'_>) -> Option<ExpectHostKey> {
        let place = table.span();
        let device = self.needed_device(&table);
        let example = "fingerprint = \"SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU\"";
        let fingerprint = table.need("fingerprint", example).and_then(|v| v.parse(read_fingerprint));
        table.finish();
        Some(ExpectHostKey { device: device?, fingerprint: fingerprint?, place })
    }

    fn needed_device(&self, table: &Table<'_>) -> Option<Name> {
        table.need("device", "device = \"fw-edge\"").and_then(|v| self.device(&v))
    }

    fn device(&self, value: &Value<'_>) -> Option<Name> {
        if self.site.devices.is_empty() {
            value.parse(Name::new)
        } else {
            self.draft.refer(Referent::Device, value)
        }
    }

    fn client(&self, value: &Value<'_>) -> Option<Endpoint> {
        let client = value.endpoint()?;
        self.draft.refer_endpoint(&client, value.span(), false, &self.site.zones);
        Some(client)
    }
}

/// Reads `until`, which must follow the beginning of the window.
fn until(table: &Table<'_>, start: Option<OffsetDateTime>) -> Option<Spanned<OffsetDateTime>> {
    let value = table.get("until")?;
    let until = value.moment()?;
    if start.is_some_and(|start| until <= start) {
        value.report(Problem::NotAfter { key: "until".to_owned(), other: "start".to_owned() });
    }
    Some(Spanned::new(value.span(), until))
}

impl Recipients {
    /// Reads `any` or a domain.
    ///
    /// # Errors
    /// [`ValueFault::Domain`].
    pub fn new(text: &str) -> Result<Self, ValueFault> {
        if text == "any" { Ok(Self::Any) } else { read_domain(text).map(Self::Domain) }
    }
}

impl Listener {
    /// Reads `25`, `192.0.2.25:25` or `[2001:db8::25]:25`.
    ///
    /// # Errors
    /// [`ValueFault::Listener`].
    pub fn new(text: &str) -> Result<Self, ValueFault> {
        let listener = match text.parse::<SocketAddr>() {
            Ok(socket) => Some(Self { address: Some(socket.ip()), port: socket.port() }),
            Err(_) => text.parse().ok().map(|port| Self { address: None, port }),
        };
        listener.filter(|l| l.port != 0 && !text.starts_with('+')).ok_or(ValueFault::Listener)
    }
}

#[cfg(test)]
#[path = "change_tests.rs"]
mod tests;

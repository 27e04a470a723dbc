//! English.

use super::names;
use crate::site::problem::{FlowFault, Kind, Problem, Referent, SyntaxFault, ValueFault};

/// What is wrong.
pub(super) fn what(problem: &Problem) -> String {
    match problem {
        Problem::Unreadable { error } => format!("cannot be read: {error}"),
        Problem::NotUtf8 => "not UTF-8 text".to_owned(),
        Problem::TooLarge { limit } => format!("larger than {limit} bytes"),
        Problem::Syntax { fault, message } => syntax(*fault, message),
        Problem::UnknownKey { key, table, .. } => format!("{} has no key `{key}`", title(table)),
        Problem::SecretInFile { key } => {
            format!("`{key}` would put a secret into a file that gets copied, mailed and committed")
        }
        Problem::MissingKey { key, table, .. } => format!("{} lacks `{key}`", title(table)),
        Problem::DuplicateKey { key } => {
            format!("`{key}` is there already (`-` and `_` are the same in keys)")
        }
        Problem::WrongKind { key, expected, found, .. } => {
            format!("`{key}` takes {}, not {}", kind(*expected), kind(*found))
        }
        Problem::Empty { key } => format!("`{key}` is empty"),
        Problem::TooFew { key, least } => format!("`{key}` needs at least {least} different names"),
        Problem::NotOneOf { value, .. } => format!("`{value}` is not a word that can stand here"),
        Problem::BadValue { value, fault, .. } => value_fault(value, *fault),
        Problem::BadFlow { value, fault, .. } => flow_fault(value, *fault),
        Problem::Undeclared { what, name, .. } => format!("no {} is called `{name}`", referent(*what)),
        Problem::DeclaredTwice { what, name, line } => {
            let what = referent(*what);
            format!("{what} `{name}` is declared in line {line} already (capitals make no difference)")
        }
        Problem::Ambiguous { name, line } => {
            format!("`{name}` is also the name in line {line}, so a flow could mean the zone or the device")
        }
        Problem::RuleTwice { id } => format!("rule `{id}` is there already"),
        Problem::UnknownPlaceholder { name, .. } => {
            format!("`{{{name}}}` stands for nothing in this kind of rule")
        }
        Problem::SharedNetwork { network, zone } => format!("{network} belongs to zone `{zone}` already"),
        Problem::TrustsTheInternet { zone } => format!(
            "zone `{zone}` is trusted and holds half of IPv4 or a sixteenth of IPv6: strangers would be trusted"
        ),
        Problem::ZoneNowhere { zone } => {
            format!("zone `{zone}` has neither networks nor an interface, so no packet belongs to it")
        }
        Problem::ZoneWithoutNetworks { zone } => {
            format!("zone `{zone}` is known by interfaces only, so a flow cannot name it")
        }
        Problem::NotAfter { key, other } => format!("`{key}` must be later than `{other}`"),
        Problem::Cycle { key, path } => format!("`{key}` runs in a ring: {}", path.join(" -> ")),
    }
}

/// What to write instead.
pub(super) fn mend(problem: &Problem) -> String {
    match problem {
        Problem::Unreadable { .. } => "check the path, and that you may read the file".to_owned(),
        Problem::NotUtf8 => "save the file with the encoding UTF-8".to_owned(),
        Problem::TooLarge { .. } => "check that this is the file you mean".to_owned(),
        Problem::Syntax { fault, .. } => mend_syntax(*fault).to_owned(),
        Problem::UnknownKey { near: Some(near), .. } => format!("write `{near}`"),
        Problem::UnknownKey { known, .. } => format!("remove it, or use one of {}", list(known)),
        Problem::SecretInFile { .. } => {
            "remove it; write password_env = \"NAME\" and put the password into that \
             environment variable, or write neither and be asked"
                .to_owned()
        }
        Problem::MissingKey { example, .. } => format!("add {example}"),
        Problem::DuplicateKey { .. } => "keep one of the two".to_owned(),
        Problem::WrongKind { expected: Kind::Table | Kind::Tables, example, .. } => {
            format!("write {example}")
        }
        Problem::WrongKind { key, expected: Kind::Text, found: Kind::Table, .. } => {
            format!("put a name with a dot in quotes: \"{key}.10\" = \"...\"")
        }
        Problem::WrongKind { key, example, .. } => format!("write {key} = {example}"),
        Problem::Empty { .. } => "write at least one, or leave the key out where it is optional".to_owned(),
        Problem::TooFew { .. } => "add another name, or remove the list".to_owned(),
        Problem::NotOneOf { near: Some(near), .. } => format!("write `{near}`"),
        Problem::NotOneOf { allowed, .. } => format!("write one of {}", list(allowed)),
        Problem::BadValue { near: Some(near), .. } => format!("write `{near}`"),
        Problem::BadValue { fault, .. } => mend_value(*fault).to_owned(),
        Problem::BadFlow { near: Some(near), .. } => format!("write `{near}`"),
        Problem::BadFlow { fault, .. } => mend_flow(*fault).to_owned(),
        Problem::Undeclared { near: Some(near), .. } => format!("write `{near}`"),
        Problem::Undeclared { what, known, .. } => mend_undeclared(*what, known),
        Problem::DeclaredTwice { .. } => "give one of the two another name".to_owned(),
        Problem::Ambiguous { .. } => "rename the zone or the device".to_owned(),
        Problem::SharedNetwork { .. } => {
            "leave it to one zone; a longer prefix inside it may belong to another".to_owned()
        }
        Problem::TrustsTheInternet { .. } => {
            "list your own networks only, or write trust = \"untrusted\"".to_owned()
        }
        Problem::ZoneNowhere { zone } => format!(
            "add networks = [\"192.0.2.0/24\"] to it, or bind an interface: interfaces = {{ eth0 = \"{zone}\" }}"
        ),
        Problem::ZoneWithoutNetworks { .. } => {
            "add networks = [\"192.0.2.0/24\"] to the zone, or write a prefix here".to_owned()
        }
        Problem::NotAfter { .. } => "correct one of the two times (day, month, offset)".to_owned(),
        Problem::RuleTwice { .. } => "give one of them another id".to_owned(),
        Problem::UnknownPlaceholder { known, .. } => format!("use one of {}", list(known)),
        Problem::Cycle { key, .. } => format!("remove `{key}` from one of these devices"),
    }
}

fn title(table: &str) -> &str {
    if table.is_empty() { "the file's top level" } else { table }
}

fn list(words: &[String]) -> String {
    names(words, str::to_owned, ", ")
}

fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Text => "text in quotes",
        Kind::Integer => "a whole number",
        Kind::Float => "a number with a point",
        Kind::Boolean => "true or false",
        Kind::DateTime => "a date and time without quotes",
        Kind::List => "a list in square brackets",
        Kind::Table => "a table",
        Kind::Tables => "tables in double square brackets",
    }
}

fn referent(what: Referent) -> &'static str {
    match what {
        Referent::Zone => "zone",
        Referent::Device | Referent::Hop => "device",
        Referent::ZoneOrDevice => "zone or device",
        Referent::Group => "group",
        Referent::Platform => "platform",
        Referent::Pack => "rule pack",
    }
}

fn syntax(fault: SyntaxFault, message: &str) -> String {
    match fault {
        SyntaxFault::Unquoted => "text without quotes".to_owned(),
        SyntaxFault::Unclosed => "a quote, bracket or brace is not closed".to_owned(),
        SyntaxFault::Duplicate => "this key or table is there already".to_owned(),
        SyntaxFault::NoValue => "a key without a value".to_owned(),
        SyntaxFault::NoComma => "a comma is missing".to_owned(),
        SyntaxFault::Moment => format!("not a date and time ({message})"),
        SyntaxFault::Other => format!("not TOML: {message}"),
    }
}

fn mend_syntax(fault: SyntaxFault) -> &'static str {
    match fault {
        SyntaxFault::Unquoted => "put quotes around it: name = \"fw-edge\"",
        SyntaxFault::Unclosed => "add the closing \" or ] or }",
        SyntaxFault::Duplicate => {
            "keep one of the two; several devices or zones take double brackets: [[device]]"
        }
        SyntaxFault::NoValue => "write key = value",
        SyntaxFault::NoComma => "write a comma between the members",
        SyntaxFault::Moment => "write 2026-11-22T01:00:00+09:00",
        SyntaxFault::Other => "text takes quotes, a list takes [ ], a date and time takes neither",
    }
}

fn value_fault(value: &str, fault: ValueFault) -> String {
    let why = match fault {
        ValueFault::NameCharacters => "cannot be a name",
        ValueFault::NameReserved => "means something else and cannot be a name",
        ValueFault::Prefix => "is neither an address nor a prefix",
        ValueFault::PrefixLength => "has a prefix length that does not fit the address",
        ValueFault::HostBits => "has address bits set behind the prefix length",
        ValueFault::Host => "is neither an address nor a host name",
        ValueFault::Port => "has a port that is none",
        ValueFault::Brackets => "is an IPv6 address with a port and without brackets",
        ValueFault::UserInAddress => "holds a user name",
        ValueFault::User => "is not a user name",
        ValueFault::Domain => "is not a domain name",
        ValueFault::Duration => "is not a duration",
        ValueFault::DurationRange => "is no time at all, or more than ten years",
        ValueFault::NoOffset => "has no offset, so it is another moment in every time zone",
        ValueFault::HalfTime => "is not both a date and a time",
        ValueFault::NoSuchTime => "is not in the calendar",
        ValueFault::Fingerprint => "is not the SHA-256 fingerprint of a host key",
        ValueFault::Artifact => "is not the name of an artifact",
        // The value may be the password itself.
        ValueFault::Variable => return "this is not the name of an environment variable".to_owned(),
        ValueFault::Path => "is not a path",
        ValueFault::NoHome => "begins with ~/ and no home folder is known",
        ValueFault::Interface => "is not the name of an interface",
        ValueFault::Service => "is not a service",
        ValueFault::Listener => "is not a port, nor an address with a port",
        ValueFault::Endpoint => "is neither a zone, a device, a prefix nor `any`",
        ValueFault::Address => "is not an address",
        ValueFault::ProbeTarget => "is not a target of tests",
        ValueFault::Mailbox => "is not a plain mailbox",
    };
    format!("`{value}` {why}")
}

fn mend_value(fault: ValueFault) -> &'static str {
    match fault {
        ValueFault::NameCharacters => {
            "use letters a-z, digits, `.`, `_` and `-`, a letter or digit first, at most 64"
        }
        ValueFault::NameReserved => "choose another name",
        ValueFault::Prefix => "write 192.0.2.0/24 or 2001:db8::/32",
        ValueFault::PrefixLength => "write a length of 0 to 32 for IPv4, 0 to 128 for IPv6",
        ValueFault::HostBits => {
            "write the first address of the network, or leave out the length for one address"
        }
        ValueFault::Host => "write 192.0.2.1:22, [2001:db8::1]:22 or fw.city.example.jp:22",
        ValueFault::Port => "write a port from 1 to 65535",
        ValueFault::Brackets => "write [2001:db8::1]:22",
        ValueFault::UserInAddress => "write the user behind a key of its own: user = \"audit\"",
        ValueFault::User => "write a name without blanks, `@` and `:`",
        ValueFault::Domain => "write city.example.jp; names with other letters in their xn-- form",
        ValueFault::Duration => "write a number and a unit: 30s, 15m, 24h, 7d, 1h30m",
        ValueFault::DurationRange => "write a duration of 1s to 3660d",
        ValueFault::NoOffset => "add the offset: +09:00",
        ValueFault::HalfTime => "write 2026-11-22T01:00:00+09:00",
        ValueFault::NoSuchTime => "correct the day, the hour or the offset",
        ValueFault::Fingerprint => "copy what `ssh-keygen -lf` prints: SHA256: and 43 letters",
        ValueFault::Artifact => {
            "write nft.txt, or files/ and the path on the device: files/etc/postfix/main.cf"
        }
        ValueFault::Variable => {
            "write the variable's name, such as FW_PASSWORD, and never the password itself"
        }
        ValueFault::Path => "write a path, relative to this file or absolute",
        ValueFault::NoHome => "write the path in full",
        ValueFault::Interface => "write it as the device does, such as eth0 or \"eth0.10\"",
        ValueFault::Service => "write \"tcp 22,8000-8099\", \"udp 161\" or \"icmp 8\"",
        ValueFault::Listener => "write \"25\", \"192.0.2.25:25\" or \"[2001:db8::25]:25\"",
        ValueFault::Endpoint => "write a zone, a device, 192.0.2.0/24, 2001:db8::/32 or any",
        ValueFault::Address => "write 198.51.100.77 or 2001:db8::77",
        ValueFault::ProbeTarget => {
            "write \"smtp 203.0.113.10:25,587\" or \"tcp [2001:db8::10]:443\", at most 64 ports"
        }
        ValueFault::Mailbox => "write info@city.example.jp, without quotes, % and !",
    }
}

fn flow_fault(value: &str, fault: FlowFault) -> String {
    let why = match fault {
        FlowFault::Shape => "is not a flow",
        FlowFault::Protocol => "is not a protocol",
        FlowFault::Endpoint => "cannot be an end of a flow",
        FlowFault::Prefix => "has bits set behind the prefix length, or a length that does not fit",
        FlowFault::SourcePorts => "gives ports of the source, which flows do not have",
        FlowFault::Ports => "is not a list of ports",
        FlowFault::PortOrder => "runs from high to low",
        FlowFault::PortsWithoutProtocol => "gives ports, and the protocol has none",
        FlowFault::Family => "mixes IPv4 and IPv6, so no packet can be of it",
    };
    format!("`{value}` {why}")
}

fn mend_flow(fault: FlowFault) -> &'static str {
    match fault {
        FlowFault::Shape => "write PROTO SRC -> DST:PORTS, such as tcp internet -> 203.0.113.10:25,587",
        FlowFault::Protocol => "write tcp, udp, icmp, icmpv6, any or a number from 0 to 255",
        FlowFault::Endpoint => "write a zone, a device, 192.0.2.0/24, [2001:db8::/32] or any",
        FlowFault::Prefix => "write the first address of the network and a length that fits: 192.0.2.0/24",
        FlowFault::SourcePorts => "leave them out",
        FlowFault::Ports => "write ports from 0 to 65535: 25,587,8000-8099",
        FlowFault::PortOrder => "write the lower port first",
        FlowFault::PortsWithoutProtocol => "write tcp or udp (one flow each), or leave the ports out",
        FlowFault::Family => "write one flow for IPv4 and one for IPv6",
    }
}

fn mend_undeclared(what: Referent, known: &[String]) -> String {
    match (what, known) {
        (Referent::Platform | Referent::Pack, _) => format!("write one of {}", list(known)),
        (Referent::Hop, _) => {
            "for a host that is no device, write its account or port: user@host:22".to_owned()
        }
        (Referent::Group, []) => "add groups = [\"production\"] to the devices of the group".to_owned(),
        (Referent::ZoneOrDevice, []) => {
            "no site.toml declares zones or devices: write a prefix or any".to_owned()
        }
        (_, []) => format!("declare it in site.toml: [[{}]]", referent(what)),
        (Referent::Group, _) => format!("write one of {}, or add it to a device's groups", list(known)),
        (_, _) => format!("write one of {}, or declare it in site.toml", list(known)),
    }
}

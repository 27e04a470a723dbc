//! Random mail servers as people build them: a sound configuration, a few habits, and a few mistakes.

use std::collections::BTreeMap;

use super::dice::Dice;
use super::restrictions::{self, Lists};
use super::tables::{self, Key};
use crate::relay::postfix_fixtures::{Fixture, SERVICES};

/// One mail server.
#[derive(Debug, Default, Clone)]
pub(super) struct Host {
    /// Files in `/etc/postfix`.
    pub(super) files: BTreeMap<String, String>,
    /// Tables to compile, as `type:path`.
    pub(super) compiled: Vec<String>,
    /// Ports on which something listens, once the server is up.
    pub(super) ports: Vec<u16>,
    /// What the policy service answers.
    pub(super) policy: &'static str,
    /// What is spoken first, by port.
    pub(super) implicit: Vec<u16>,
    pub(super) proxied: Vec<u16>,
    /// Lines of main.cf so far.
    main: Vec<String>,
    master: Vec<String>,
}

impl Host {
    /// One of which only the ports matter.
    pub(super) fn listening(ports: &[u16]) -> Self {
        Self { ports: ports.to_vec(), ..Self::default() }
    }

    pub(super) fn set(&mut self, name: &str, value: &str) {
        self.main.push(format!("{name} = {value}"));
    }

    /// Writes a file; the path that it gets.
    pub(super) fn file(&mut self, stem: &str, text: &str) -> String {
        let name = format!("{stem}{}", self.files.len());
        self.files.insert(name.clone(), text.to_owned());
        format!("/etc/postfix/{name}")
    }

    /// A table to compile; how main.cf names it.
    pub(super) fn compile(&mut self, kind: &str, stem: &str, text: &str) -> String {
        let table = format!("{kind}:{}", self.file(stem, text));
        self.compiled.push(table.clone());
        table
    }
}

/// A server.
pub(super) fn host(dice: &mut Dice) -> Host {
    let mut host = Host { policy: dice.word(&["DUNNO", "DUNNO", "OK", "REJECT no"]), ..Host::default() };
    for line in SANDBOX {
        host.main.push((*line).to_owned());
    }
    host.set("compatibility_level", dice.word(&["0", "1", "2", "3.6", "3.6", "3.6"]));
    host.set("smtpd_sasl_auth_enable", dice.word(&["yes", "no", "no"]));
    host.set("smtpd_tls_security_level", dice.word(&["may", "may", "none", "encrypt"]));
    domains(dice, &mut host);
    networks(dice, &mut host);
    rewriting(dice, &mut host);
    switches(dice, &mut host);
    let lists = restrictions::lists(dice, &mut host);
    write_lists(dice, &mut host, &lists);
    services(dice, &mut host);
    let (main, master) = (std::mem::take(&mut host.main), std::mem::take(&mut host.master));
    host.files.insert("main.cf".into(), main.join("\n") + "\n");
    host.files.insert("master.cf".into(), master.join("\n") + "\n");
    host
}

/// The server of a fixture, made to run here.
pub(super) fn of_fixture(fixture: &Fixture) -> Host {
    let mut host = Host { policy: "DUNNO", ..Host::default() };
    host.files = fixture.files.iter().cloned().collect();
    let own = |line: &&&str| !line.starts_with("my");
    let lines: String = SANDBOX.iter().filter(own).map(|line| format!("{line}\n")).collect();
    let main = host.files.get_mut("main.cf").unwrap();
    *main += &lines;
    let words = main.split([' ', ',', '\n']).filter(|word| word.starts_with("hash:/etc/postfix/"));
    host.compiled = words.map(str::to_owned).collect();
    host.ports = fixture.attempts.iter().map(|(attempt, _)| attempt.port).collect();
    // what listens nowhere is not waited for
    host.ports.retain(|port| *port == 25);
    host
}

/// What lets it run here, and is no part of the question.
const SANDBOX: &[&str] = &[
    "myhostname = mx.city.example",
    "mydomain = city.example",
    "maillog_file = /var/spool/postfix/mail.log",
    "smtpd_hard_error_limit = 100000",
    "smtpd_soft_error_limit = 100000",
    "smtpd_junk_command_limit = 100000",
    "smtpd_error_sleep_time = 0",
    "in_flow_delay = 0",
    "smtpd_tls_chain_files = /etc/postfix/tls.pem",
    "smtpd_sasl_type = dovecot",
    "smtpd_sasl_path = private/logins",
    "postscreen_greet_wait = 1s",
    "postscreen_command_count_limit = 100000",
    "import_environment = MAIL_CONFIG",
];

fn domains(dice: &mut Dice, host: &mut Host) {
    let origin = host.file("origin", "city.example\n");
    host.set("myorigin", dice.word(&["$mydomain", "$myhostname", "city.example", &origin]));
    let listed = host.file("destinations", "# ours\ncity.example\nlocalhost\n");
    let table = tables::members(dice, host, &["city.example", "mx.city.example"]);
    let own = "$myhostname, localhost.$mydomain, localhost, $mydomain";
    host.set("mydestination", dice.word(&[own, own, own, "$mydomain, localhost", &listed, &table]));
    let aliases = host.compile("hash", "aliases", "");
    // postalias reads this one
    host.files.insert("aliases".into(), "postmaster: root\nkacho: soumu\n".into());
    host.compiled.retain(|table| *table != aliases);
    host.compiled.push("hash:/etc/postfix/aliases".into());
    host.set("alias_maps", "hash:/etc/postfix/aliases");
    if dice.percent(40) {
        host.set("local_recipient_maps", "");
    }
    match dice.below(10) {
        0 | 1 => {}
        2..=4 => host.set("relay_domains", "partner.example"),
        5 => host
            .set("relay_domains", dice.word(&["example", ".example", "*", "jp", "!outside.example example"])),
        6 => {
            let table = tables::members(dice, host, &["partner.example", ".partner.example"]);
            host.set("relay_domains", &format!("$mydestination, {table}"));
        }
        7 => host.set("relay_domains", dice.word(&["static:all", "static:no", "inline:{partner.example=x}"])),
        8 => {
            let file = host.file("relay", "!secret.partner.example\npartner.example\n");
            host.set("relay_domains", &file);
        }
        _ => host.set("relay_domains", ""),
    }
    if dice.percent(15) {
        let all = ["", "smtpd_access_maps", "relay_domains, mynetworks"];
        host.set("parent_domain_matches_subdomains", dice.word(&all));
    }
    if dice.percent(25) {
        let rows = "ann@ward.example soumu@city.example\n@old.example @new.example\nward.example x\n";
        let table = host.compile("hash", "virtual", rows);
        host.set("virtual_alias_maps", &table);
        if dice.percent(40) {
            host.set("virtual_alias_domains", dice.word(&["ward.example", "ward.example old.example"]));
        }
    }
    if dice.percent(20) {
        let boxes = host.compile("hash", "mailboxes", "taro@school.example x\n@class.example x\n");
        host.set(
            "virtual_mailbox_domains",
            dice.word(&["school.example class.example", "static:all", "school.example"]),
        );
        host.set("virtual_mailbox_maps", &boxes);
    }
    if dice.percent(10) {
        host.set("relay_recipient_maps", "inline:{u@partner.example=x}");
    }
}

/// Networks that count as the owner's, from sound to careless.
fn networks(dice: &mut Dice, host: &mut Host) {
    const SOUND: [&str; 4] = ["127.0.0.0/8", "[::1]/128", "10.1.0.0/16", "10.0.0.0/8"];
    const OTHERS: [&str; 17] = [
        "198.51.100.0/24",
        "192.0.2.0/24",
        "!192.0.2.200",
        "0.0.0.0/1",
        "128.0.0.0/1",
        "0.0.0.0/0",
        "[::]/0",
        "[2001:db8:ffff::]/48",
        "!198.51.100.10",
        "203.0.113.200",
        "192.0.2.25/0",
        ".attacker.example",
        "attacker.example",
        "[::ffff:0.0.0.0]/96",
        "mx.city.example",
        "2001:db8::/32",
        "!203.0.113.0/24",
    ];
    if dice.percent(15) {
        if dice.percent(70) {
            host.set("mynetworks_style", dice.word(&["host", "subnet", "class"]));
        }
        return;
    }
    let mut words: Vec<String> = SOUND.iter().take(2 + dice.below(3)).map(|w| (*w).to_owned()).collect();
    for _ in 0..[0, 0, 1, 1, 2, 3][dice.below(6)] {
        let at = dice.below(words.len() + 1);
        let word = match dice.below(12) {
            0 => tables::access(dice, host, Key::Client, &["x", "OK", "REJECT"]),
            1 => host.file("nets", "# office\n10.2.0.0/16, 198.51.100.64/26\n!10.2.3.0/24\n"),
            2 => "static:x".to_owned(),
            _ => (dice.word(&OTHERS)).to_owned(),
        };
        words.insert(at, word);
    }
    match dice.below(5) {
        0 => {
            let (first, rest) = words.split_at(1);
            host.set("mynetworks", &format!("{}\n# the offices\n  {}", first.join(" "), rest.join(", ")));
        }
        1 => {
            host.set("office_nets", &words.join(" "));
            host.set("mynetworks", "$office_nets");
        }
        2 => {
            host.set("mynetworks", "127.0.0.0/8");
            host.set("mynetworks", &words.join(" "));
        }
        _ => host.set("mynetworks", &words.join(" ")),
    }
}

fn rewriting(dice: &mut Dice, host: &mut Host) {
    const DECODING: [&str; 4] = [
        "/^(.*)=(.*)@city\\.example$/ $1@$2",
        "/^(.+)--(.+)@.*$/ ${1}@$2",
        "/^(.*)@old\\.example$/ $1@city.example",
        "/^all@/ soumu@city.example",
    ];
    if dice.percent(12) {
        let kind = dice.word(&["regexp", "pcre"]);
        let path = host.file("rewrite", dice.word(&DECODING));
        let name = dice.word(&["virtual_alias_maps", "canonical_maps", "recipient_canonical_maps"]);
        host.set(name, &format!("{kind}:{path}"));
    }
    if dice.percent(12) {
        let rows = [
            "partner.example smtp:[192.0.2.60]\n.example smtp:[192.0.2.61]\n",
            "city.example smtp:[10.1.0.5]\n",
        ];
        let table = host.compile("hash", "transport", dice.word(&rows));
        host.set("transport_maps", &table);
    }
    for (chance, name, values) in [
        (15, "relayhost", &["[192.0.2.60]", "[127.0.0.1]:10024"][..]),
        (6, "mailbox_transport", &["smtp:[10.1.0.5]"][..]),
        (6, "luser_relay", &["soumu@city.example", "$local@partner.example"][..]),
        (6, "always_bcc", &["archive@city.example"][..]),
    ] {
        if dice.percent(chance) {
            host.set(name, dice.word(values));
        }
    }
}

/// Parameters that shift how addresses and lists are read.
fn switches(dice: &mut Dice, host: &mut Host) {
    let yes_no = ["yes", "no"];
    for (chance, name, values) in [
        (20, "allow_untrusted_routing", &["yes"][..]),
        (15, "allow_percent_hack", &yes_no[..]),
        (15, "swap_bangpath", &yes_no[..]),
        (10, "resolve_dequoted_address", &yes_no[..]),
        (10, "resolve_numeric_domain", &yes_no[..]),
        (20, "recipient_delimiter", &["+", "+-", "-"][..]),
        (20, "smtpd_delay_reject", &["no"][..]),
        (20, "smtpd_helo_required", &yes_no[..]),
        (10, "soft_bounce", &["yes"][..]),
        (15, "append_dot_mydomain", &yes_no[..]),
        (10, "append_at_myorigin", &["yes"][..]),
        (15, "smtpd_relay_before_recipient_restrictions", &yes_no[..]),
        (15, "smtpd_reject_unlisted_recipient", &yes_no[..]),
        (20, "smtpd_reject_unlisted_sender", &yes_no[..]),
        (15, "smtpd_peername_lookup", &["no"][..]),
        (10, "strict_rfc821_envelopes", &["no"][..]),
        (10, "smtpd_null_access_lookup_key", &["<>", "null"][..]),
        (8, "proxy_interfaces", &["203.0.113.99"][..]),
        (8, "receive_override_options", &["no_unknown_recipient_checks", "no_address_mappings"][..]),
        (5, "content_filter", &["smtp:[127.0.0.1]:10024"][..]),
        (5, "smtpd_authorized_xclient_hosts", &["127.0.0.1", "0.0.0.0/0", "static:x"][..]),
        (5, "smtpd_tls_auth_only", &["yes"][..]),
        (6, "smtpd_sender_login_maps", &["inline:{soumu@city.example=soumu}"][..]),
        (5, "inet_protocols", &["ipv4"][..]),
        (4, "double_bounce_sender", &["double-bounce"][..]),
        (5, "access_map_reject_code", &["550"][..]),
        (5, "relay_domains_reject_code", &["550", "450"][..]),
    ] {
        if dice.percent(chance) {
            host.set(name, dice.word(values));
        }
    }
}

fn write_lists(dice: &mut Dice, host: &mut Host, lists: &Lists) {
    for (name, words) in lists {
        let text = match dice.below(3) {
            0 => words.join(", "),
            1 => words.join(" "),
            _ => words.join(",\n    "),
        };
        host.set(name, &text);
    }
}

fn services(dice: &mut Dice, host: &mut Host) {
    let screened = dice.percent(12);
    if screened {
        host.master.push("smtp inet n - n - 1 postscreen\nsmtpd pass - - n - - smtpd".into());
        host.master.push("tlsproxy unix - - n - 0 tlsproxy\ndnsblog unix - - n - 0 dnsblog".into());
        if dice.percent(50) {
            let list =
                ["permit_mynetworks, cidr:{{198.51.100.66 reject}}", "permit", "permit_mynetworks, reject"];
            host.set("postscreen_access_list", dice.word(&list));
            host.set("postscreen_blacklist_action", dice.word(&["enforce", "drop", "ignore"]));
        }
    } else {
        host.master.push("smtp inet n - n - - smtpd".into());
    }
    host.ports.push(25);
    if dice.percent(45) {
        let options = [
            "-o smtpd_tls_security_level=encrypt -o smtpd_sasl_auth_enable=yes\n  -o smtpd_relay_restrictions=permit_sasl_authenticated,reject",
            "-o smtpd_sasl_auth_enable=yes -o { smtpd_client_restrictions = permit_sasl_authenticated, reject }",
            "-o smtpd_client_restrictions=$mua_client_restrictions -o smtpd_relay_restrictions=permit_mynetworks,permit_sasl_authenticated,reject_unauth_destination",
            "-o mynetworks=127.0.0.0/8 -o smtpd_recipient_restrictions=",
            "-o smtpd_relay_restrictions= -o smtpd_recipient_restrictions=permit_sasl_authenticated,reject",
        ];
        host.master.push(format!("submission inet n - n - - smtpd\n  {}", dice.word(&options)));
        host.ports.push(587);
    }
    if dice.percent(15) {
        host.master.push("submissions inet n - n - - smtpd -o smtpd_tls_wrappermode=yes\n -o smtpd_sasl_auth_enable=yes -o smtpd_relay_restrictions=permit_sasl_authenticated,reject".into());
        host.ports.push(465);
        host.implicit.push(465);
    }
    if dice.percent(25) {
        let place = dice.word(&["", "127.0.0.1:", "192.0.2.25:", "[::1]:", "localhost:"]);
        let options = [
            "-o mynetworks=0.0.0.0/0",
            "-o mynetworks=127.0.0.0/8 -o smtpd_recipient_restrictions=permit_mynetworks,reject",
            "-o mynetworks=127.0.0.0/8 -o mynetworks=0.0.0.0/0",
            "-o smtpd_relay_restrictions=permit",
            "-o content_filter= -o receive_override_options=no_unknown_recipient_checks,no_address_mappings",
        ];
        host.master.push(format!("{place}10025 inet n - n - - smtpd {}", dice.word(&options)));
        host.ports.push(10025);
    }
    if dice.percent(8) {
        host.master.push("2525 inet n - n - - smtpd -o smtpd_upstream_proxy_protocol=haproxy".into());
        host.ports.push(2525);
        host.proxied.push(2525);
    }
    for service in SERVICES {
        host.master.push((*service).into());
    }
}

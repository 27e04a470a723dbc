//! Sendmail: random features of sendmail.mc and rows of the access map (cf/README).

use super::{Mta, Site};
use crate::relay::live::dice::Dice;

pub(super) const MTA: Mta = Mta {
    platform: "sendmail",
    packages: &["sendmail-bin", "sendmail-base", "sendmail-cf", "m4", "libmilter1.0.1", "liblockfile1"],
    accounts: &[("smmta", "/var/lib/sendmail"), ("smmsp", "/var/lib/sendmail")],
    prepare: "mkdir -p /etc/mail /var/lib/sendmail/host_status /var/spool/mqueue /var/spool/mqueue-client; \
        chmod 755 /etc /etc/mail /var /var/spool",
    clear: "rm -f /etc/mail/*.cf /etc/mail/*.mc /etc/mail/*.db /etc/mail/access /etc/mail/relay-domains \
        /etc/mail/local-host-names /etc/mail/virtusertable /etc/mail/aliases; echo 'postmaster: root' >/etc/aliases",
    make: "cd /etc/mail; m4 -I /usr/share/sendmail/cf -D_CF_DIR_=/usr/share/sendmail/cf/ \
        /usr/share/sendmail/cf/m4/cf.m4 sendmail.mc >sendmail.cf; touch local-host-names; \
        [ -e aliases ] || cp /etc/aliases aliases; \
        for table in access virtusertable; do [ ! -e $table ] || /usr/libexec/sendmail/makemap hash $table <$table; done; \
        [ -e access ] || /usr/libexec/sendmail/makemap hash access </dev/null; \
        /usr/libexec/sendmail/sendmail -C/etc/mail/sendmail.cf -bi; chmod -R go-w /etc/mail",
    serve: "/usr/libexec/sendmail/sendmail -bD -C/etc/mail/sendmail.cf",
    random,
    existing: &["outside.example", "carrier.example", "partner.example", "city.example", "sub.city.example"],
};

const FEATURES: [&str; 12] = [
    "relay_entire_domain",
    "relay_local_from",
    "relay_mail_from",
    "relay_mail_from', `domain",
    "relay_hosts_only",
    "loose_relay_check",
    "promiscuous_relay",
    "accept_unresolvable_domains",
    "accept_unqualified_senders",
    "blocklist_recipients",
    "delay_checks",
    "nouucp', `reject",
];

const KEYS: [&str; 22] = [
    "Connect:198.51.100",
    "Connect:198.51.100.10",
    "Connect:203.0.113",
    "Connect:10.1",
    "Connect:10",
    "Connect:attacker.example",
    "Connect:host10.attacker.example",
    "Connect:127.0.0.1",
    "Connect:IPv6:2001:db8:ffff",
    "From:city.example",
    "From:soumu@city.example",
    "From:carrier.example",
    "From:spam@carrier.example",
    "To:partner.example",
    "To:outside.example",
    "To:soumu@city.example",
    "To:city.example",
    "198.51.100",
    "attacker.example",
    "partner.example",
    "city.example",
    "carrier.example",
];

const ANSWERS: [&str; 8] =
    ["RELAY", "RELAY", "RELAY", "OK", "REJECT", "DISCARD", "ERROR:5.7.1:550 no", "ERROR:4.7.1:450 later"];

fn random(dice: &mut Dice) -> Site {
    let mut site = Site { ports: vec![25], ..Site::default() };
    let mut text = "divert(0)dnl\nOSTYPE(`linux')dnl\ndefine(`confDOMAIN_NAME', `mx.city.example')dnl\n\
        FEATURE(`use_cw_file')dnl\n"
        .to_owned();
    let access = dice.percent(85);
    if access {
        text += "FEATURE(`access_db')dnl\n";
    }
    let number = [0, 0, 1, 1, 2, 3][dice.below(6)];
    for feature in dice.some(&FEATURES, number) {
        let wants_access = feature.starts_with("relay_mail_from")
            || feature.starts_with("blocklist")
            || *feature == "delay_checks";
        if access || !wants_access {
            text += &format!("FEATURE(`{feature}')dnl\n");
        }
    }
    if dice.percent(15) {
        text += "RELAY_DOMAIN(`partner.example')dnl\n";
    }
    if dice.percent(20) {
        text += "FEATURE(`virtusertable')dnl\n";
        site.put(
            "/etc/mail/virtusertable",
            "all@city.example\tsoumu\n@old.example\tvictim@outside.example\n",
        );
    }
    text += "MAILER(`local')dnl\nMAILER(`smtp')dnl\n";
    site.put("/etc/mail/sendmail.mc", &text);
    let names = ["city.example\n", "# ours\ncity.example\nold.example\n"];
    site.put("/etc/mail/local-host-names", dice.word(&names));
    if access {
        let number = 1 + dice.below(5);
        let mut rows = String::new();
        for key in dice.some(&KEYS, number) {
            rows += &format!("{key}\t{}\n", dice.word(&ANSWERS));
        }
        site.put("/etc/mail/access", &rows);
    }
    if dice.percent(40) {
        let domains = ["partner.example\n", "example\n", "198.51.100\n10.1\n", "attacker.example\n# end\n"];
        site.put("/etc/mail/relay-domains", dice.word(&domains));
    }
    for path in ["/etc/aliases", "/etc/mail/aliases"] {
        site.put(path, "postmaster: root\nkacho: soumu\n");
    }
    site
}

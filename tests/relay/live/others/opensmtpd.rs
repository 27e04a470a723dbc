//! OpenSMTPD: random match rules (smtpd.conf(5)).

use super::{Mta, Site};
use crate::relay::live::dice::Dice;

pub(super) const MTA: Mta = Mta {
    platform: "opensmtpd",
    packages: &["opensmtpd", "libevent-extra-2.1-7"],
    accounts: &[("opensmtpd", "/var/lib/opensmtpd/empty"), ("opensmtpq", "/var/lib/opensmtpd/empty")],
    prepare: "mkdir -p /var/lib/opensmtpd/empty /var/spool/smtpd; cd /var/spool/smtpd; chmod 711 .; \
        mkdir -p offline purge queue temporary incoming corrupt; chmod 700 purge queue temporary incoming corrupt; \
        chown opensmtpq purge queue temporary incoming corrupt; chgrp opensmtpq offline; chmod 770 offline",
    clear: "rm -rf /etc/smtpd.conf /etc/mail; echo 'postmaster: root' >/etc/aliases",
    make: "chmod 600 /etc/smtpd.conf; smtpd -n -f /etc/smtpd.conf",
    serve: "smtpd -d -f /etc/smtpd.conf",
    random,
    existing: &[],
};

fn random(dice: &mut Dice) -> Site {
    let mut site = Site { ports: vec![25], ..Site::default() };
    site.put("/etc/aliases", "postmaster: root\nkacho: soumu\nall: soumu, victim@outside.example\n");
    site.put("/etc/mail/nets", "# office\n10.1.0.0/16\n198.51.100.64/26\n");
    site.put("/etc/mail/domains", "city.example\n*.partner.example\n");
    let place = dice.word(&["192.0.2.25", "0.0.0.0", "all"]);
    let mut text = format!(
        "listen on {place}\ntable aliases file:/etc/aliases\ntable nets file:/etc/mail/nets\n\
         table domains file:/etc/mail/domains\ntable office {{ 10.0.0.0/8, 127.0.0.1 }}\n\
         table people {{ \"soumu@city.example\", \"@partner.example\" }}\n\
         action \"in\" mbox alias <aliases>\naction \"plain\" mbox\naction \"out\" relay\n\
         action \"hub\" relay host smtp://192.0.2.60\n"
    );
    for _ in 0..2 + dice.below(4) {
        text += &rule(dice);
    }
    site.put("/etc/smtpd.conf", &text);
    site
}

fn rule(dice: &mut Dice) -> String {
    const ORIGINS: [&str; 12] = [
        "from any",
        "from any",
        "from any",
        "",
        "from local",
        "from src <office>",
        "from src <nets>",
        "from src 198.51.100.0/24",
        "! from src 198.51.100.0/24",
        "from rdns \"*.attacker.example\"",
        "from mail-from \"@city.example\"",
        "from src { 203.0.113.200, 2001:db8:ffff::/48 }",
    ];
    const OPTIONS: [&str; 12] = [
        "",
        "",
        "",
        "",
        "mail-from \"@city.example\"",
        "mail-from <people>",
        "! mail-from <people>",
        "helo \"localhost\"",
        "helo regex \"^host\"",
        "! helo \"localhost\"",
        "rcpt-to \"soumu@city.example\"",
        "tag nobody",
    ];
    const DESTINATIONS: [&str; 12] = [
        "for any",
        "for any",
        "for local",
        "",
        "for domain \"city.example\"",
        "for domain \"city.example\"",
        "for domain <domains>",
        "! for domain <domains>",
        "for domain { \"partner.example\", \"outside.example\" }",
        "for domain regex \"example$\"",
        "for rcpt-to \"@outside.example\"",
        "! for rcpt-to \"victim@outside.example\"",
    ];
    const ENDS: [&str; 7] = [
        "action \"in\"",
        "action \"in\"",
        "action \"plain\"",
        "action \"out\"",
        "action \"out\"",
        "action \"hub\"",
        "reject",
    ];
    let origin = dice.word(&ORIGINS);
    // a sender is said once
    let options: Vec<&str> =
        OPTIONS.into_iter().filter(|o| !(origin.contains("mail-from") && o.contains("mail-from"))).collect();
    let words = [origin, dice.word(&options), dice.word(&DESTINATIONS), dice.word(&ENDS)];
    let words: Vec<&str> = words.into_iter().filter(|word| !word.is_empty()).collect();
    format!("match {}\n", words.join(" "))
}

//! What must be told, and what must not: changes beside changes that only look like one.

use super::{device, drift, edge, same};

const LIST: &str = "object-group network MAINT\n host 203.0.113.9\n!\nip access-list extended OUTSIDE_IN\n 10 permit tcp object-group MAINT host 192.168.1.20 eq 22\n 20 deny tcp any any eq 22\n 30 permit tcp any host 192.168.1.80 eq www\n 40 permit udp any any eq snmp dscp ef\n";

#[test]
fn names_numbers_and_notations_mean_nothing() {
    let text = edge(LIST);
    same(&text, &text.replace("OUTSIDE_IN", "FROM_INTERNET").replace("MAINT", "ADMINS"));
    same(
        &text,
        &text
            .replace(" 10 permit", " 100 permit")
            .replace(" 20 deny", " 200 deny")
            .replace(" 30 ", " 300 ")
            .replace(" 40 ", " 400 "),
    );
    same(
        &text,
        &text.replace("eq www", "eq 80").replace(" host 203.0.113.9", " 203.0.113.9 255.255.255.255"),
    );
    same(
        &text,
        &text
            .replace("host 192.168.1.80", "192.168.1.80 0.0.0.0")
            .replace("object-group MAINT host", "host 203.0.113.9 host"),
    );
    same(
        &text,
        &text.replace(
            "hostname r1",
            "hostname r2\n!\n! Last configuration change at 10:00\nntp clock-period 17179738",
        ),
    );
    same(&text, &text.replace(" ip address 192", " description inside\n mtu 1400\n ip address 192"));
    // disjoint entries, and one that nothing reaches any more
    same(&text, &text.replace(" 30 permit", " 5 permit"));
    same(&text, &text.replace(" 40 permit", " 25 deny tcp any any eq 22\n 40 permit"));
}

#[test]
fn order_matters_where_entries_meet() {
    let text = edge(LIST);
    let (opened, closed) = drift(&text, &text.replace(" 20 deny", " 5 deny"));
    assert_eq!((opened.len(), closed), (0, vec!["forward tcp 203.0.113.9 -> 192.168.1.20 22".to_owned()]));
}

#[test]
fn a_list_that_nothing_binds_is_nothing() {
    let text = edge(LIST);
    same(&text, &format!("{text}ip access-list extended SPARE\n permit ip any any\n"));
}

#[test]
fn an_object_that_grows_opens() {
    let text = edge(LIST);
    let (opened, _) =
        drift(&text, &text.replace(" host 203.0.113.9", " host 203.0.113.9\n host 203.0.113.10"));
    assert_eq!(opened, ["forward tcp 203.0.113.10 -> 192.168.1.20 22"]);
    // nothing refers to it
    same(&text, &format!("{text}object-group network SPARE\n any\n"));
}

#[test]
fn a_binding_that_goes_away_or_leads_nowhere_opens() {
    let text = edge(LIST);
    for open in [
        text.replace(" ip access-group OUTSIDE_IN in\n", ""),
        text.replace("group OUTSIDE_IN in", "group OUTSIDE_1N in"),
    ] {
        let (opened, closed) = drift(&text, &open);
        assert!(closed.is_empty(), "{closed:?}");
        assert!(opened.iter().any(|line| line.starts_with("forward ")), "{opened:?}");
        assert!(opened.iter().any(|line| line.starts_with("input ")), "{opened:?}");
    }
}

#[test]
fn stateless_where_answers_were_meant_opens() {
    let list = |last: &str| {
        edge(&format!("ip access-list extended OUTSIDE_IN\n permit tcp any 192.168.1.0 0.0.0.255 {last}\n"))
    };
    let (opened, _) = drift(&list("established"), &list(""));
    let through = "forward tcp any -> 192.168.1.0,192.168.1.2-192.168.1.254 any";
    assert!(opened.iter().any(|line| line == through), "{opened:?}");
    assert!(opened.iter().all(|line| line.contains(" tcp any -> 192.168.1.")), "{opened:?}");
}

#[test]
fn a_line_that_nobody_knows_is_a_doubt_only_where_it_changes() {
    let text = edge(LIST);
    let strange = text.replace("hostname r1", "hostname r1\nfrobnicate the packets");
    same(&strange, &strange);
    assert_eq!(device(&strange).gaps.len(), 1);
    let (opened, closed) = drift(&text, &strange);
    assert!(!opened.is_empty() && !closed.is_empty());
    assert!(opened.iter().chain(&closed).all(|line| line.starts_with("possible ")), "{opened:?} {closed:?}");
    let (opened, _) = drift(&text, &text.replace(" ip address 198", " frobnicate\n ip address 198"));
    assert!(!opened.is_empty() && opened.iter().all(|line| line.starts_with("possible ")), "{opened:?}");
}

#[test]
fn an_interface_that_comes_up_opens() {
    let text = edge(LIST);
    let down = text.replace(" ip address 192", " shutdown\n ip address 192");
    let (opened, _) = drift(&down, &text);
    assert!(opened.iter().any(|line| line.starts_with("forward ")), "{opened:?}");
}

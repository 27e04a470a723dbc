//! Rules that write what other rules read.

use super::{Opened, by_iptables, by_nft, read, save, with};

const SETS: &str = "create x hash:ip family inet hashsize 1024 maxelem 65536 timeout 60\n\
                    create y hash:net family inet\nadd y 0.0.0.0/1\nadd y 128.0.0.0/1\n\
                    create l list:set size 8\nadd l x\n";

fn with_sets(old: &str, new: &[&str]) -> Opened {
    let rules: Vec<&str> = new.iter().copied().chain([old]).collect();
    by_iptables((&save(&[old], &[]), SETS), (&save(&rules, &[]), SETS))
}

#[test]
fn a_rule_that_fills_a_set_opens_what_the_set_admits() {
    let knock = "INPUT -p tcp -m tcp --dport 7000 -j SET --add-set x src";
    let admit = "INPUT -p tcp -m tcp --dport 22 -m set --match-set x src -j ACCEPT";
    assert_eq!(with_sets(admit, &[knock]), Opened::Maybe);
    let through_list = "INPUT -p tcp -m tcp --dport 22 -m set --match-set l src -j ACCEPT";
    assert_eq!(with_sets(through_list, &[knock]), Opened::Maybe);
    let through_list = "INPUT -p tcp -m tcp --dport 7000 -j SET --add-set l src";
    assert_eq!(with_sets(admit, &[through_list]), Opened::Maybe);
    let not_in = "INPUT -p tcp -m tcp --dport 22 -m set ! --match-set y src -j ACCEPT";
    let forget = "INPUT -p tcp -m tcp --dport 7000 -j SET --del-set y src";
    assert_eq!(with_sets(not_in, &[forget]), Opened::Maybe);
    // no rule asks for that set, or it only keeps out
    assert_eq!(with_sets(admit, &["INPUT -p tcp -m tcp --dport 7000 -j SET --add-set y src"]), Opened::No);
    assert_eq!(with_sets(not_in, &["INPUT -p tcp -m tcp --dport 7000 -j SET --add-set y src"]), Opened::No);
    let keep_out = "INPUT -m set --match-set x src -j DROP";
    let twice = [knock, "INPUT -p tcp -m tcp --dport 25 -j DROP"];
    assert_eq!(with_sets(keep_out, &twice), Opened::No);
}

#[test]
fn a_writer_that_stays_is_no_news() {
    let knock = "INPUT -p tcp -m tcp --dport 7000 -j SET --add-set x src";
    let admit = "INPUT -p tcp -m tcp --dport 22 -m set --match-set x src -j ACCEPT";
    let (before, after) = (save(&[knock, admit], &[]), save(&["INPUT -p udp -j DROP", knock, admit], &[]));
    assert_eq!(by_iptables((&before, SETS), (&after, SETS)), Opened::No);
    // the way to it is news
    let called = ["KNOCK -j SET --add-set x src", "INPUT -p tcp -m tcp --dport 7000 -j KNOCK", admit];
    let wider = [called[0], "INPUT -j KNOCK", admit];
    let chain = |rules: &[&str]| save(rules, &[]).replace(":OUTPUT", ":KNOCK - [0:0]\n:OUTPUT");
    assert_eq!(by_iptables((&chain(&called), SETS), (&chain(&wider), SETS)), Opened::Maybe);
    assert_eq!(by_iptables((&chain(&called), SETS), (&chain(&called), SETS)), Opened::No);
}

#[test]
fn lists_of_recent_addresses_are_filled_by_rules() {
    let admit = "INPUT -p tcp -m tcp --dport 22 -m recent --rcheck --name K --mask 255.255.255.255 --rsource -j ACCEPT";
    let knock = |name: &str| {
        format!(
            "INPUT -p tcp -m tcp --dport 7000 -m recent --set --name {name} --mask 255.255.255.255 --rsource -j DROP"
        )
    };
    assert_eq!(with(admit, &knock("K")), Opened::Maybe);
    assert_eq!(with(admit, &knock("L")), Opened::No);
    assert_eq!(with("INPUT -p tcp -m recent --rcheck -j ACCEPT", &knock("DEFAULT")), Opened::Maybe);
    // to note an address down is always possible
    assert_eq!(with("INPUT -p udp -j DROP", "INPUT -p tcp -m recent --set --name Q -j ACCEPT"), Opened::Yes);
}

#[test]
fn other_things_that_rules_write_by_name() {
    let label = "INPUT -p tcp -m tcp --dport 22 -m connlabel --label 1 -j ACCEPT";
    assert_eq!(with(label, "INPUT -p tcp -m tcp --dport 25 -m connlabel --label 1 --set"), Opened::Maybe);
    let rate =
        "INPUT -p tcp -m tcp --dport 22 -m rateest --rateest-gt --rateest R --rateest-bps 8bit -j ACCEPT";
    let measure = |name: &str| {
        format!(
            "INPUT -p udp -j RATEEST --rateest-name {name} --rateest-interval 250ms --rateest-ewmalog 500ms"
        )
    };
    assert_eq!(with(rate, &measure("R")), Opened::Maybe);
    assert_eq!(with(rate, &measure("S")), Opened::No);
    let hash = |rate: &str, name: &str| {
        format!(
            "INPUT -p tcp -m tcp --dport 22 -m hashlimit --hashlimit-upto {rate} --hashlimit-mode srcip --hashlimit-name {name}"
        )
    };
    let admit = format!("{} -j ACCEPT", hash("1/hour", "H"));
    assert_eq!(with(&admit, &hash("99/sec", "H")), Opened::Maybe);
    assert_eq!(with(&admit, &hash("99/sec", "I")), Opened::No);
}

#[test]
fn marks_that_a_hash_makes_are_written() {
    let admit = "INPUT -p tcp -m tcp --dport 22 -m mark ! --mark 0x0 -j ACCEPT";
    let hash = |offset: &str| {
        format!(
            "PREROUTING -j HMARK --hmark-tuple src,dst,sport,dport --hmark-mod 10 --hmark-offset {offset} --hmark-rnd 0x00000001"
        )
    };
    let between = |rule: &str| by_iptables((&save(&[admit], &[]), ""), (&save(&[admit], &[rule]), ""));
    assert_eq!(between(&hash("0x00000001")), Opened::Yes);
    assert_eq!(between(&hash("0x00000000")), Opened::Maybe);
    assert_eq!(between("PREROUTING -j SET --map-set x src --map-mark"), Opened::Maybe);
    let proxy = "PREROUTING -p tcp -j TPROXY --on-port 3128 --on-ip 127.0.0.1 --tproxy-mark 0x1/0xffffffff";
    assert_eq!(between(proxy), Opened::Maybe);
    assert_eq!(between("PREROUTING -j TTL --ttl-set 64"), Opened::No);
}

#[test]
fn headers_that_rules_write_are_asked_for_by_others() {
    let between = |old: &str, new: &str| by_iptables((&save(&[old], &[]), ""), (&save(&[old], &[new]), ""));
    let class = "INPUT -p tcp -m tcp --dport 22 -m dscp --dscp 0x08 -j ACCEPT";
    assert_eq!(between(class, "PREROUTING -j DSCP --set-dscp 0x08"), Opened::Maybe);
    assert_eq!(between(class, "PREROUTING -j TOS --set-tos 0x20/0xff"), Opened::Maybe);
    assert_eq!(between(class, "PREROUTING -j TTL --ttl-set 64"), Opened::No);
    let far = "INPUT -p tcp -m tcp --dport 22 -m ttl --ttl-eq 255 -j ACCEPT";
    assert_eq!(between(far, "PREROUTING -j TTL --ttl-set 255"), Opened::Maybe);
    let nft = |writes: &str| {
        format!(
            "table inet t {{\n chain p {{\n  type filter hook prerouting priority mangle; policy accept;\n  {writes}\n }}\n \
             chain i {{\n  type filter hook input priority filter; policy drop;\n  ip dscp cs1 tcp dport 22 accept\n }}\n}}\n"
        )
    };
    assert_eq!(by_nft(&nft(""), &nft("ip dscp set cs1")), Opened::Maybe);
    assert_eq!(by_nft(&nft(""), &nft("ip ttl set 64")), Opened::No);
    assert_eq!(by_nft(&nft("ip dscp set cs1"), &nft("ip dscp set cs1")), Opened::No);
    // bytes by their place may be any part
    assert_eq!(by_nft(&nft(""), &nft("@nh,96,32 set 0x7f000001")), Opened::Maybe);
}

#[test]
fn helpers_let_related_connections_in() {
    let old = "INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT";
    let between = |old: &str, new: &str| by_iptables((&save(&[old], &[]), ""), (&save(&[old], &[new]), ""));
    let helper = "PREROUTING -p tcp -m tcp --dport 21 -j CT --helper ftp";
    assert_eq!(between(old, helper), Opened::Maybe);
    assert_eq!(between(old, "PREROUTING -p tcp -m tcp --dport 21 -j CT --timeout t"), Opened::No);
    assert_eq!(between("INPUT -m conntrack --ctstate ESTABLISHED -j ACCEPT", helper), Opened::No);
    let nft = |state: &str, sets: &str| {
        format!(
            "table inet t {{\n ct expectation e {{\n  protocol tcp\n  dport 22\n  timeout 1m\n  size 8\n  l3proto ip\n }}\n \
             chain i {{\n  type filter hook input priority filter; policy drop;\n  tcp dport 25 {sets} accept\n  ct state {state} accept\n }}\n}}\n"
        )
    };
    let (old, new) =
        (nft("established,related", ""), nft("established,related", r#"ct expectation set "e""#));
    assert_eq!(by_nft(&old, &new), Opened::Maybe);
    assert_eq!(by_nft(&new, &new.replace("dport 22", "dport 3389")), Opened::Maybe);
    assert_eq!(by_nft(&new, &new), Opened::No);
    assert_eq!(by_nft(&nft("established", ""), &nft("established", r#"ct expectation set "e""#)), Opened::No);
}

#[test]
fn sets_that_nft_rules_fill() {
    let nft = |flags: &str, rule: &str| {
        format!(
            "table inet filter {{\n set k {{\n  type ipv4_addr\n  size 65535\n  flags {flags}\n }}\n chain input {{\n  \
             type filter hook input priority filter; policy drop;\n  {rule}\n  tcp dport 25 accept\n  \
             ip saddr @k tcp dport 22 accept\n }}\n}}\n"
        )
    };
    let knock =
        |port: &str| nft("dynamic,timeout", &format!("tcp dport {port} add @k {{ ip saddr timeout 10s }}"));
    assert_eq!(by_nft(&nft("dynamic,timeout", ""), &knock("7000")), Opened::Maybe);
    assert_eq!(by_nft(&knock("7000"), &knock("7001")), Opened::Maybe);
    assert_eq!(by_nft(&knock("7000"), &knock("7000")), Opened::No);
    assert_eq!(by_nft(&nft("timeout", ""), &knock("7000")), Opened::Maybe);
}

#[test]
fn options_of_sets_say_what_their_entries_stand_for() {
    let admit = save(&["INPUT -p tcp -m tcp --dport 22 -m set --match-set x src -j ACCEPT"], &[]);
    let between = |before: &str, after: &str| by_iptables((&admit, before), (&admit, after));
    let masked = |mask: &str, entry: &str| {
        format!(
            "create x hash:ip family inet hashsize 1024 maxelem 65536 {mask} bucketsize 12 initval 0x5ce5b748\n{entry}\n"
        )
    };
    assert_eq!(
        between(&masked("netmask 32", "add x 128.0.0.0"), &masked("netmask 1", "add x 128.0.0.0")),
        Opened::Yes
    );
    assert_eq!(between(&masked("netmask 32", "add x 128.0.0.0"), &masked("", "add x 128.0.0.0")), Opened::No);
    let with_bits = |mask: &str| masked(&format!("bitmask {mask}"), "add x 10.0.0.1");
    assert_eq!(between(&with_bits("255.255.255.255"), &with_bits("255.255.0.0")), Opened::Yes);
    assert_eq!(between(&with_bits("255.255.255.255"), &with_bits("0.0.0.1")), Opened::Maybe);
    assert_eq!(
        between("create x hash:ip family inet\n", "create x hash:ip family inet strange 5\n"),
        Opened::Maybe
    );
    // a remark is no option
    let remark =
        |text: &str| format!("create x hash:net family inet comment\nadd x 10.0.0.0/8 comment \"{text}\"\n");
    assert_eq!(between("create x hash:net family inet comment\n", &remark("a nomatch b")), Opened::Yes);
    assert_eq!(between(&remark("a"), &remark("a nomatch b")), Opened::No);
    // ports without a protocol are those of TCP and of UDP
    let admit = save(&["INPUT -p udp -m set --match-set x dst -j ACCEPT"], &[]);
    let between = |before: &str, after: &str| by_iptables((&admit, before), (&admit, after));
    assert_eq!(
        between("create x bitmap:port range 0-1024\n", "create x bitmap:port range 0-1024\nadd x 53\n"),
        Opened::Yes
    );
}

#[test]
fn lines_of_sets_that_are_not_understood_are_told() {
    let admit = save(&["INPUT -p tcp -m tcp --dport 22 -m set --match-set x src -j ACCEPT"], &[]);
    let before = "create x hash:net family inet\ncreate z hash:net family inet\n";
    for line in ["flush x", "-F", "del x 10.0.0.0/8", "swap x z", "garbage"] {
        let after = format!("{before}{line}\n");
        assert_eq!(by_iptables((&admit, before), (&admit, &after)), Opened::Maybe, "{line}");
        let model = read(&[("iptables-save.txt", &admit), ("ipset-save.txt", &after)]);
        assert!(
            model.gaps.iter().any(|gap| gap.location.as_ref().is_some_and(|l| &*l.file == "ipset-save.txt"))
        );
    }
    let words =
        ["add -exist x 0.0.0.0/1", "-A x 0.0.0.0/1", "-exist add x 0.0.0.0/1", "add x 0.0.0.0/1 -exist"];
    for line in words {
        assert_eq!(
            by_iptables((&admit, before), (&admit, &format!("{before}{line}\n"))),
            Opened::Yes,
            "{line}"
        );
    }
    // about a set that no rule asks for
    assert_eq!(by_iptables((&admit, before), (&admit, &format!("{before}flush z\n"))), Opened::No);
}

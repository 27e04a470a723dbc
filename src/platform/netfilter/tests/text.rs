//! Words that swallow others, and what a file says a second time.

use super::{NO_IPV6, Opened, by_nft, opened, read, save, with};

fn chain(rule: &str) -> String {
    format!(
        "table inet t {{\n flowtable f {{\n  hook ingress priority filter\n  devices = {{ lo }}\n }}\n chain i {{\n  \
         type filter hook input priority filter; policy drop;\n  {rule}\n }}\n}}\n"
    )
}

#[test]
fn a_verdict_behind_another_statement_is_read() {
    let statements = [
        "flow add @f",
        "flow add @f counter",
        "flow offload @f",
        "dup to 10.0.0.9 device \"lo\"",
        "dup to 10.0.0.9",
        "dup to ip saddr map { 192.0.2.1 : 10.0.0.9 } ",
        "dup to fe80::1",
        "log prefix \"accept\" group 2",
        "log flags all",
        "log level warn flags tcp sequence,options",
        "counter name \"c\"",
        "last",
        "limit rate 5/second burst 5 packets",
        "quota over 5 mbytes",
        "ct count over 5",
        "queue num 1-3 bypass,fanout",
        "tproxy ip to 127.0.0.1:3128",
        "synproxy mss 1460 wscale 7 timestamp sack-perm",
        "add @s { ip saddr timeout 1h limit rate over 3/minute }",
        "update @m { ip saddr : 0x1 }",
        "meter x size 100 { ip saddr limit rate 3/minute }",
        "ct helper set \"ftp\"",
        "ct timeout set \"t\"",
        "meta nftrace set 1",
        "meta priority set 1:2",
        "ct event set new,destroy",
        "tcp option maxseg size set rt mtu",
        "tcp option timestamp exists",
        "reset tcp option sack-perm",
        "ip option ra exists",
        "frag more-fragments 1",
        "socket transparent 1",
        "numgen inc mod 2 0",
        "jhash ip saddr mod 2 seed 0xdeadbeef 0",
        "osf name \"Linux\"",
        "rt classid 3",
        "ipsec in reqid 1",
        "fib saddr . iif oif exists",
        "meta secmark set ct secmark",
        "comment \"drop\"",
    ];
    for statement in statements {
        let before = chain("");
        let after = chain(&format!("tcp dport 3389 {statement} accept"));
        assert_ne!(by_nft(&before, &after), Opened::No, "{statement}");
    }
}

#[test]
fn a_copy_of_a_packet_decides_nothing() {
    for statement in ["dup to 10.0.0.9 device \"lo\"", "flow add @f", "log group 2"] {
        assert_eq!(by_nft(&chain(""), &chain(statement)), Opened::No, "{statement}");
        let verdict = format!("tcp dport 22 {statement} accept");
        assert_eq!(by_nft(&chain("tcp dport 22 accept"), &chain(&verdict)), Opened::No, "{statement}");
        assert_eq!(by_nft(&chain(""), &chain(&verdict)), Opened::Yes, "{statement}");
    }
}

#[test]
fn a_mark_that_a_proxy_rule_writes_is_seen() {
    let chains = |rule: &str| {
        format!(
            "table ip t {{\n chain p {{\n  type filter hook prerouting priority mangle; policy accept;\n  {rule}\n }}\n \
             chain i {{\n  type filter hook input priority filter; policy drop;\n  meta mark 1 accept\n }}\n}}\n"
        )
    };
    let proxy = "tcp dport 80 tproxy to 127.0.0.1:3128 meta mark set 1 accept";
    assert_eq!(by_nft(&chains(""), &chains(proxy)), Opened::Maybe);
}

#[test]
fn a_set_that_is_declared_again_keeps_its_elements() {
    let table = |elements: &str, again: &str| {
        format!(
            "table inet filter {{\n set t {{\n  type ipv4_addr\n  flags interval\n  {elements}\n }}\n map m {{\n  \
             type inet_service : verdict\n  elements = {{ 53 : drop }}\n }}\n chain input {{\n  \
             type filter hook input priority filter; policy drop;\n  ip saddr @t tcp dport 22 accept\n  \
             tcp dport vmap @m\n }}\n}}\n{again}\n"
        )
    };
    let all = "elements = { 0.0.0.0/1, 128.0.0.0/1 }";
    let before = table("", "");
    let declared = "set t {\n type ipv4_addr\n flags interval\n }";
    for again in [
        format!("table inet filter {{\n {declared}\n}}"),
        "add set inet filter t { type ipv4_addr; flags interval; }".to_owned(),
        "add set inet filter t { type ipv4_addr; flags interval; elements = { 10.0.0.0/32 }; }".to_owned(),
    ] {
        assert_eq!(by_nft(&before, &table(all, &again)), Opened::Yes, "{again}");
        assert_eq!(by_nft(&table(all, ""), &table(all, &again)), Opened::No, "{again}");
    }
    let map = "table inet filter {\n map m {\n  type inet_service : verdict\n  elements = { 3389 : accept }\n }\n}\n\
               add map inet filter m { type inet_service : verdict; }";
    assert_eq!(by_nft(&before, &table("", map)), Opened::Yes);
    // emptied first, it starts anew
    let emptied = "flush set inet filter t\nadd set inet filter t { type ipv4_addr; flags interval; }";
    assert_eq!(by_nft(&before, &table(all, emptied)), Opened::No);
}

#[test]
fn a_table_that_is_declared_again_wakes_up() {
    let table = |flags: &str, again: &str| {
        format!(
            "table inet filter {{\n {flags}\n chain input {{\n  type filter hook input priority filter; policy drop;\n  \
             tcp dport 25 accept\n }}\n}}\n{again}\n"
        )
    };
    let (awake, asleep) = (table("", ""), table("flags dormant", ""));
    for again in ["table inet filter {\n}", "table inet filter", "add table inet filter"] {
        let woken = table("flags dormant", again);
        assert_eq!(by_nft(&woken, &asleep), Opened::Yes, "{again}");
        assert_eq!(by_nft(&awake, &woken), Opened::No, "{again}");
    }
    let put_to_sleep = table("", "add table inet filter { flags dormant; }");
    assert_eq!(by_nft(&awake, &put_to_sleep), Opened::Yes);
    // what stands in another command leaves the table as it is
    let added = table("flags dormant", "add rule inet filter input tcp dport 26 accept");
    assert_eq!(by_nft(&asleep, &added), Opened::No);
}

#[test]
fn matches_behind_the_target_count() {
    let old = "INPUT -p tcp -m tcp --dport 3389 -j ACCEPT";
    let before = |rule: &str| with_first(rule, old);
    let all = save(&["INPUT -j DROP", old], &[]);
    for target in ["DROP", "RETURN", "REJECT --reject-with icmp-port-unreachable"] {
        for behind in
            ["-s 10.9.0.0/16", "-p udp", "-m set --match-set x src", "-m comment --comment x -p udp"]
        {
            let narrow = before(&format!("INPUT -j {target} {behind}"));
            assert_ne!(by_save(&all, &narrow), Opened::No, "{target} {behind}");
        }
    }
    // matches of a chain that is called, and options that are the target's own
    assert_eq!(
        by_save(
            &save(&["INPUT -j ACCEPT -p tcp --dport 22"], &[]),
            &save(&["INPUT -p tcp --dport 22 -j ACCEPT"], &[])
        ),
        Opened::No
    );
    let mark = "INPUT -m mark --mark 0x1 -j ACCEPT";
    assert_eq!(with(mark, "INPUT -j MARK --set-xmark 0x1/0xffffffff -p udp"), Opened::Yes);
    assert_eq!(with(mark, "INPUT -j LOG --log-prefix \"-j ACCEPT\" --log-level 4"), Opened::No);
    // an option that nobody knows leaves everything open
    assert_ne!(by_save(&all, &before("INPUT -j DROP --strange 5")), Opened::No);
}

fn with_first(rule: &str, old: &str) -> String {
    save(&[rule, old], &[])
}

fn by_save(before: &str, after: &str) -> Opened {
    opened(
        &[("iptables-save.txt", before), ("ip6tables-save.txt", NO_IPV6)],
        &[("iptables-save.txt", after), ("ip6tables-save.txt", NO_IPV6)],
    )
}

#[test]
fn a_second_block_of_a_table_replaces_the_first() {
    let closed = save(&["INPUT -p tcp -m tcp --dport 25 -j ACCEPT"], &[]);
    let open = "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\nCOMMIT\n";
    assert_eq!(by_save(&closed, &format!("{closed}{open}")), Opened::Yes);
    assert_eq!(by_save(&format!("{open}{closed}"), &closed), Opened::No);
    assert_eq!(by_save(&closed, &format!("{open}{closed}")), Opened::No);
    // blocks of other tables stay
    let other = "*nat\n:PREROUTING ACCEPT [0:0]\nCOMMIT\n";
    assert_eq!(by_save(&closed, &format!("{closed}{other}")), Opened::No);
    // chains that the second does not declare are open (iptables-nft-restore; the legacy one keeps their policy)
    let partly = "*filter\n:FORWARD ACCEPT [0:0]\nCOMMIT\n";
    assert_eq!(by_save(&closed, &format!("{closed}{partly}")), Opened::Yes);
    let none = "*filter\nCOMMIT\n";
    assert_eq!(by_save(&closed, &format!("{closed}{none}")), Opened::Yes);
    assert!(read(&[("iptables-save.txt", &closed)]).firewall.is_some());
}

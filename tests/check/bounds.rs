//! What was not read never leads to ALLOW, and what was not read on either side and is the same there is no alarm.

use super::check;

const POSTFIX: (&str, &str) = ("postconf-n.txt", "mynetworks = 127.0.0.0/8\nmydestination = localhost\n");
const CLOSED: &str =
    "table inet filter {\n chain input {\n  type filter hook input priority 0; policy drop;\n }\n}\n";

#[test]
fn a_platform_that_one_state_lacks_leaves_the_answer_open() {
    let nft = ("nft.txt", CLOSED);
    for (before, after) in [(&[POSTFIX, nft][..], &[POSTFIX][..]), (&[POSTFIX][..], &[POSTFIX, nft][..])] {
        let answer = check(before, after);
        assert_eq!(
            (answer.code, answer.result.to_string().contains("platform-once")),
            (3, true),
            "{}",
            answer.result
        );
    }
    assert_eq!(check(&[nft], &[nft]).code, 0);
}

/// `nft -j` of a host whose only table holds these objects.
fn json(objects: &str) -> String {
    format!(r#"{{"nftables":[{{"metainfo":{{"json_schema_version":1}}}},{objects}]}}"#)
}

fn bridge(rule: &str) -> String {
    json(&format!(
        r#"{{"table":{{"family":"bridge","name":"b"}}}},
           {{"chain":{{"family":"bridge","table":"b","name":"in","type":"filter","hook":"input","prio":0,"policy":"accept"}}}},
           {{"rule":{{"family":"bridge","table":"b","chain":"in","expr":[{rule}]}}}}"#
    ))
}

#[test]
fn a_bridge_table_is_bounded() {
    let drop = bridge(
        r#"{"match":{"op":"==","left":{"payload":{"protocol":"tcp","field":"dport"}},"right":22}},{"drop":null}"#,
    );
    let counts = bridge(r#"{"counter":null}"#);
    let ports = |master: &str| {
        format!(
            r#"[{{"ifname":"br0","addr_info":[{{"family":"inet","local":"192.0.2.1","prefixlen":24}}]}},
               {{"ifname":"eth0"{master},"addr_info":[]}}]"#
        )
    };
    let (bridged, plain) = (ports(r#","master":"br0""#), ports(""));
    let of = |nft: &'static str, address: &'static str| [("nft.json", nft), ("ip-addr.json", address)];
    let leak = |text: String| -> &'static str { Box::leak(text.into_boxed_str()) };
    let (drop, counts, bridged, plain) = (leak(drop), leak(counts), leak(bridged), leak(plain));
    // the rule goes: port 22 may be open now, and nobody reads it
    assert_eq!(check(&of(drop, bridged), &of(counts, bridged)).code, 3);
    assert_eq!(check(&of(drop, bridged), &of(drop, bridged)).code, 0);
    // no interface has ports: nothing passes a bridge
    assert_eq!(check(&of(drop, plain), &of(counts, plain)).code, 0);
}

#[test]
fn a_chain_that_cannot_be_hooked_in_is_bounded() {
    let table = |hook: &str, rules: &str| {
        format!(
            "table ip t {{\n chain c {{\n  type filter hook {hook} priority 0; policy accept;\n{rules} }}\n}}\n"
        )
    };
    let (closed, open) = (table("inputs", "  tcp dport 22 drop\n"), table("inputs", ""));
    assert_eq!(check(&[("nft.txt", &closed)], &[("nft.txt", &open)]).code, 3);
    assert_eq!(check(&[("nft.txt", &closed)], &[("nft.txt", &closed)]).code, 0);
}

#[test]
fn an_unread_rule_that_refers_to_other_contents_is_another_unknown() {
    let rules = |elements: &str| {
        format!(
            "table ip t {{\n set s {{\n  type ipv4_addr; flags interval;\n  elements = {{ {elements} }}\n }}\n chain c {{\n  \
             type filter hook input priority 0; policy drop;\n  frobnicate @s accept\n }}\n}}\n"
        )
    };
    let (few, many) = (rules("192.0.2.1"), rules("0.0.0.0/1"));
    assert_eq!(check(&[("nft.txt", &few)], &[("nft.txt", &many)]).code, 3);
    assert_eq!(check(&[("nft.txt", &few)], &[("nft.txt", &few)]).code, 0);
}

#[test]
fn unread_statements_outside_of_rules_count_as_themselves() {
    let (one, other) = (format!("{CLOSED}frobnicate a\n"), format!("{CLOSED}frobnicate b\n"));
    assert_eq!(check(&[("nft.txt", &one)], &[("nft.txt", &other)]).code, 3);
    assert_eq!(check(&[("nft.txt", &one)], &[("nft.txt", &one)]).code, 0);
}

#[test]
fn what_an_unread_statement_may_do_is_possible() {
    // each of them may put an accept in front, or change a policy
    for statement in [
        "include \"/etc/nftables.d/*.nft\"",
        "insert rule inet filter input position 4 tcp dport 22 accept",
        "replace rule inet filter input handle 4 tcp dport 22 accept",
        "frobnicate everything",
        "table inet filter {\n frobnicate\n}",
    ] {
        let after = format!("{CLOSED}{statement}\n");
        assert_eq!(check(&[("nft.txt", CLOSED)], &[("nft.txt", &after)]).code, 3, "{statement}");
    }
    let opened = [
        "insert rule inet filter input index 0 tcp dport 22 accept",
        "rule inet filter input tcp dport 22 accept",
        "chain inet filter input { policy accept; }",
    ];
    let closed = CLOSED.replace("policy drop;", "policy drop;\n  tcp dport 25 drop");
    for statement in opened {
        let after = format!("{closed}{statement}\n");
        assert_eq!(check(&[("nft.txt", &closed)], &[("nft.txt", &after)]).code, 1, "{statement}");
    }
    let saved = |more: &str| format!("*filter\n:INPUT DROP [0:0]\n:FORWARD DROP [0:0]\n{more}COMMIT\n");
    let other = ("ip6tables-save.txt", "");
    let (before, after) = (saved("frobnicate a\n"), saved("frobnicate b\n"));
    let of = |text| [("iptables-save.txt", text), other];
    assert_eq!(check(&of(&before), &of(&after)).code, 3);
    assert_eq!(check(&of(&before), &of(&before)).code, 0);
}

#[test]
fn a_limit_within_an_addition_to_a_set_is_no_certainty() {
    let table = r#"{"table":{"family":"ip","name":"t"}},
        {"chain":{"family":"ip","table":"t","name":"c","type":"filter","hook":"input","prio":0,"policy":"drop"}},
        {"set":{"family":"ip","table":"t","name":"s","type":"ipv4_addr","flags":["dynamic"]}}"#;
    let rule = |statement: &str| {
        let rule = r#""family":"ip","table":"t","chain":"c""#;
        json(&format!(r#"{table},{{"rule":{{{rule},"expr":[{statement},{{"accept":null}}]}}}}"#))
    };
    let update = |limit: &str| {
        let source = r#"{"payload":{"protocol":"ip","field":"saddr"}}"#;
        format!(r#"{{"set":{{"op":"add","elem":{source},"set":"@s"{limit}}}}}"#)
    };
    let closed = json(table);
    let limited = rule(&update(r#","stmt":[{"limit":{"rate":3,"per":"minute"}}]"#));
    let all = rule(&update(""));
    let confidence = |after: &str| {
        let answer = check(&[("nft.json", &closed)], &[("nft.json", after)]);
        let flows = &answer.result["devices"][0]["flows"]["opened"];
        flows
            .as_array()
            .unwrap()
            .iter()
            .map(|f| f["certainty"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert!(confidence(&limited).iter().all(|c| c == "possible"), "{:?}", confidence(&limited));
    assert!(confidence(&all).iter().any(|c| c == "certain"));
}

/// What `check` answers where a Postfix host gains the lines `more`, with a table `decode` that holds `row`.
fn gains(more: &str, row: &str) -> i32 {
    let plain = "compatibility_level = 3.6\nmyhostname = mx.city.example.jp\nmydestination = city.example.jp\n\
                 mynetworks = 127.0.0.0/8\nvirtual_alias_domains = old.example.jp\n";
    let changed = format!("{plain}{more}\n");
    let master = ("files/etc/postfix/master.cf", "smtp inet n - n - - smtpd\n");
    let table = ("files/etc/postfix/decode", row);
    let main = |text| ("files/etc/postfix/main.cf", text);
    check(&[main(plain), master], &[main(&changed), master, table]).code
}

#[test]
fn an_expression_that_sends_mail_where_the_client_says_is_no_all_clear() {
    let rewrites = "virtual_alias_maps = regexp:/etc/postfix/decode";
    let decoders = [
        "/^(.*)=(.*)@old.example.jp$/ $1@$2",
        "/(.+)=(.+)@old/ $1@${2}",
        "/^(.+)--(.+)@(.+)$/ $1@$2",
        "/^(.)(.*)@old/ $1@$2",
        "/^(.*)q(.+)@old\\.example\\.jp$/ $1@$2",
    ];
    for row in decoders {
        assert_eq!(gains(rewrites, row), 1, "{row}");
    }
    // no example is found for this one, and that proves nothing
    assert_eq!(gains(rewrites, "/^([a-z]+)zz([a-z.]+)zz@old/ $1@$2"), 3);
    // quoted once more at every step, an address grows without end
    assert_eq!(gains(rewrites, "/^(.*)@(.*)$/ $1@$2"), 3);
    // here the host says where it goes
    assert_eq!(gains(rewrites, "/^(.*)@old\\.example\\.jp$/ $1@city.example.jp"), 0);
}

#[test]
fn an_expression_that_permits_a_public_suffix_is_an_open_relay() {
    let permits = "smtpd_relay_restrictions = permit_mynetworks, check_recipient_access regexp:/etc/postfix/decode, \
                   reject_unauth_destination";
    assert_eq!(gains(permits, "/.+@.+\\.(jp|com)$/ OK"), 1);
    assert_eq!(gains(permits, "/@branch\\.example\\.com$/ OK"), 0);
}

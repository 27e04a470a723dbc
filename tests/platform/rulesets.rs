//! Rulesets that nft loads, each about one feature and the ones it goes with.

/// Name and text.
pub(super) const RULESETS: &[(&str, &str)] = &[
    ("empty", ""),
    ("table without chains", "table inet t { }"),
    (
        "rules put in between",
        r"table inet t { chain c { type filter hook input priority 0; policy drop; tcp dport 22 accept; tcp dport 25 accept; }; }
        add rule inet t c index 0 tcp dport 22-25 drop
        insert rule inet t c index 1 udp dport 53 accept
        insert rule inet t c tcp dport 80 accept
        rule inet t c tcp dport 443 accept
        chain inet t d { type filter hook forward priority 0; policy drop; }
        chain inet t d { policy accept; }
        chain inet t d { type filter hook forward priority 0; }",
    ),
    (
        "chains without a name",
        r"table inet t { chain c { type filter hook input priority 0; policy drop;
        ct state new jump { meta nfproto vmap { ipv4 : jump v4, ipv6 : drop }; tcp dport 25 accept; }
        udp dport 53 goto { ip saddr { 10.0.0.0/8, 192.0.2.1 } accept; }
        tcp dport 22 accept; }
        chain v4 { tcp dport 80 jump { ip saddr 192.0.2.7 drop; }; tcp dport 80 accept; }; }",
    ),
    (
        "objects of maps",
        r#"table inet t { counter a { }; quota q { over 20 mbytes }; limit l { rate 5/minute; }
        map m { type ipv4_addr : quota; elements = { 192.0.2.2 : "q", 192.0.2.3 : "q" }; }
        chain c { type filter hook input priority 0; policy accept;
        counter name ip saddr map { 192.0.2.1 : "a", 192.0.2.2 : "a" } tcp dport 25 drop
        quota name ip saddr map @m drop
        limit name "l" udp dport 53 drop; counter name "a" tcp dport 22 drop; }; }"#,
    ),
    (
        "rare parts",
        r"table inet t { chain c { type filter hook input priority 0; policy drop;
        rt type 0 accept; exthdr hbh exists accept; exthdr dst missing tcp dport 22 accept; ip option lsrr exists accept;
        ip version 4 udp dport 53 accept; ip6 version 6 udp dport 53 accept; meta pkttype broadcast udp dport 67 accept;
        meta pkttype != host udp dport 68 accept; fib daddr type { broadcast, anycast, multicast } udp dport 5353 accept; }; }",
    ),
    ("policy accept", "table ip t { chain c { type filter hook input priority 0; policy accept; }; }"),
    (
        "policy by default",
        "table ip t { chain c { type filter hook input priority 0; tcp dport 22 drop; }; }",
    ),
    (
        "ports and ranges",
        r"table inet t { chain c { type filter hook input priority 0; policy drop;
        tcp dport 22 accept; tcp dport { 80, 443, 8000-8100 } accept; udp dport 1024-65535 accept;
        tcp sport 20 tcp dport 1024-2048 accept; tcp dport != 0-1023 drop; th dport 53 accept; }; }",
    ),
    (
        "comparisons",
        r"table inet t { chain c { type filter hook input priority 0; policy drop;
        tcp dport < 1024 accept; tcp dport >= 60000 accept; udp sport > 50000 drop; ip ttl <= 64 accept; }; }",
    ),
    (
        "negated set",
        r"table ip t { chain c { type filter hook input priority 0; policy drop;
        tcp dport != { 23, 445, 3389 } accept; ip saddr != { 10.0.0.0/8, 192.0.2.1-192.0.2.9 } accept; }; }",
    ),
    (
        "prefixes",
        r"table ip t { chain c { type filter hook input priority 0; policy drop;
        ip saddr 192.0.2.0/24 accept; ip daddr 203.0.113.10 tcp dport 25 accept; ip saddr 198.51.100.1-198.51.100.77 accept;
        ip saddr & 255.0.0.255 == 10.0.0.1 accept; }; }",
    ),
    (
        "ipv6",
        r"table ip6 t { chain c { type filter hook input priority 0; policy drop;
        ip6 saddr 2001:db8::/32 tcp dport 22 accept; ip6 daddr fe80::/10 accept; ip6 nexthdr udp accept;
        ip6 saddr { 2001:db8:1::1, 2001:db8:2::-2001:db8:2::ffff } accept; ip6 hoplimit 255 accept; }; }",
    ),
    (
        "inet with both families",
        r"table inet t { chain c { type filter hook input priority 0; policy drop;
        meta nfproto ipv4 tcp dport 22 accept; meta nfproto ipv6 udp dport 53 accept; ip protocol icmp accept;
        ip6 nexthdr ipv6-icmp accept; meta protocol ip udp dport 123 accept; }; }",
    ),
    (
        "l4proto",
        r"table inet t { chain c { type filter hook input priority 0; policy drop;
        meta l4proto { tcp, udp } th dport 53 accept; meta l4proto esp accept; meta l4proto != tcp drop; meta l4proto 47 accept; }; }",
    ),
    (
        "icmp types",
        r"table inet t { chain c { type filter hook input priority 0; policy drop;
        icmp type echo-request accept; icmp type { destination-unreachable, time-exceeded } icmp code 0-3 accept;
        icmpv6 type { echo-request, nd-neighbor-solicit, nd-router-advert } accept; icmp type != 8 drop; icmpv6 code 4 accept; }; }",
    ),
    (
        "connection state",
        r"table inet t { chain c { type filter hook input priority 0; policy drop;
        ct state established,related accept; ct state invalid drop; ct state new tcp dport 22 accept;
        ct state { untracked } accept; ct state != established udp dport 53 accept; }; }",
    ),
    (
        "state map",
        r"table inet t { chain c { type filter hook input priority 0; policy drop;
        ct state vmap { established : accept, related : accept, invalid : drop, new : jump fresh }; }
        chain fresh { tcp dport 22 accept; udp dport 53 return; meta l4proto udp reject; }; }",
    ),
    (
        "named sets",
        r"table inet t {
        set admins { type ipv4_addr; flags interval; auto-merge; elements = { 192.0.2.0/25, 192.0.2.64-192.0.2.200, 198.51.100.7 }; }
        set six { type ipv6_addr; flags interval; elements = { 2001:db8::/48 }; }
        set services { type inet_service; flags interval; elements = { 22, 80-90, 443 }; }
        set protocols { type inet_proto; elements = { tcp, udp }; }
        set cards { type ifname; elements = { eth0, wan0 }; }
        chain c { type filter hook input priority 0; policy drop; ip saddr @admins tcp dport @services accept;
        ip6 saddr @six accept; meta l4proto @protocols iifname @cards th dport 53 accept; ip saddr != @admins udp dport 161 accept; }; }",
    ),
    (
        "empty set",
        r"table inet t { set none { type ipv4_addr; }
        chain c { type filter hook input priority 0; policy drop; ip saddr @none accept; ip saddr != @none tcp dport 80 accept; }; }",
    ),
    (
        "concatenations",
        r"table inet t {
        set pairs { type ipv4_addr . inet_service; elements = { 192.0.2.1 . 22, 192.0.2.2 . 443 }; }
        set ranges { type ipv4_addr . inet_proto . inet_service; flags interval;
            elements = { 198.51.100.0/24 . tcp . 8000-8010, 203.0.113.5 . udp . 53 }; }
        chain c { type filter hook input priority 0; policy drop; ip saddr . tcp dport @pairs accept;
        ip saddr . meta l4proto . th dport @ranges accept;
        ip saddr . ip daddr { 192.0.2.9 . 203.0.113.10, 192.0.2.10 . 203.0.113.11 } accept; }; }",
    ),
    (
        "verdict maps",
        r"table inet t {
        map services { type inet_service : verdict; elements = { 22 : accept, 23 : drop, 80 : jump web, 443 : goto web }; }
        chain c { type filter hook input priority 0; policy drop; tcp dport vmap @services;
        ip saddr vmap { 10.0.0.0/8 : accept, 192.0.2.1-192.0.2.7 : drop, 198.51.100.0/24 : jump web }; udp dport vmap { 53 : accept, * : continue }; }
        chain web { ip saddr 203.0.113.0/24 drop; accept; }; }",
    ),
    (
        "verdict map of pairs",
        r"table inet t { chain c { type filter hook forward priority 0; policy drop;
        iifname . oifname vmap { lan0 . wan0 : accept, wan0 . dmz0 : jump dmz, dmz0 . wan0 : accept }; }
        chain dmz { ip daddr 203.0.113.10 tcp dport { 25, 443 } accept; }; }",
    ),
    (
        "jump, goto, return",
        r"table ip t { chain c { type filter hook input priority 0; policy drop;
        tcp dport 1-1000 jump a; tcp dport 500-2000 goto b; udp dport 53 accept; }
        chain a { tcp dport 22 accept; tcp dport 80 return; tcp dport 443 goto b; tcp dport 25 drop; }
        chain b { ip saddr 192.0.2.0/24 accept; }; }",
    ),
    (
        "interfaces",
        r#"table inet t { chain c { type filter hook forward priority 0; policy drop;
        iifname "wan0" oifname "dmz0" tcp dport 443 accept; iifname != "wan0" oifname "wan*" accept;
        iifname { "lan0", "lan1" } accept; iif "lo" accept; oifname "tun*" drop; }; }"#,
    ),
    (
        "several base chains",
        r"table inet late { chain c { type filter hook input priority 10; policy accept; tcp dport 23 drop; }; }
        table inet early { chain c { type filter hook input priority -10; policy accept; ip saddr 192.0.2.0/24 drop; tcp dport 22 accept; }; }
        table ip four { chain c { type filter hook input priority filter; policy drop; tcp dport { 22, 23, 80 } accept; }; }",
    ),
    (
        "named priorities",
        r"table ip t { chain a { type filter hook prerouting priority raw; policy accept; ip saddr 192.0.2.1 drop; }
        chain b { type filter hook prerouting priority mangle; policy accept; ip saddr 192.0.2.2 drop; }
        chain c { type filter hook input priority security + 5; policy accept; tcp dport 22 drop; }
        chain d { type filter hook postrouting priority srcnat - 1; policy accept; ip daddr 192.0.2.3 drop; }; }",
    ),
    (
        "three hooks",
        r"table inet t { chain i { type filter hook input priority 0; policy drop; tcp dport 22 accept; }
        chain f { type filter hook forward priority 0; policy drop; ip daddr 203.0.113.0/28 tcp dport 443 accept; }
        chain o { type filter hook output priority 0; policy accept; ip daddr 192.0.2.0/24 reject; udp dport 53 drop; }; }",
    ),
    (
        "rejects",
        r"table inet t { chain c { type filter hook input priority 0; policy accept; tcp dport 22 reject with tcp reset;
        ip saddr 192.0.2.1 reject with icmp type host-prohibited; ip6 saddr 2001:db8::1 reject with icmpv6 type admin-prohibited;
        udp dport 53 reject with icmpx type port-unreachable; meta l4proto sctp reject; }; }",
    ),
    (
        "flags",
        r"table ip t { chain c { type filter hook input priority 0; policy drop;
        tcp flags syn / fin,syn,rst,ack tcp dport 22 accept; tcp flags & (fin | syn) == fin | syn drop;
        tcp flags { syn, syn | ack } tcp dport 80 accept; tcp flags != syn drop; tcp flags & ack == ack accept; }; }",
    ),
    (
        "fragments",
        r"table ip t { chain c { type filter hook input priority 0; policy drop;
        ip frag-off & 0x1fff != 0 drop; ip protocol udp accept; tcp dport 22 accept; }; }",
    ),
    (
        "marks",
        r"table inet t { chain m { type filter hook prerouting priority mangle; policy accept;
        tcp dport 22 meta mark set 7; udp dport 53 meta mark set 0x100; }
        chain c { type filter hook input priority 0; policy drop; meta mark 7 accept; meta mark & 0x100 == 0x100 accept; }; }",
    ),
    (
        "destination translation",
        r"table ip nat { chain pre { type nat hook prerouting priority dstnat; policy accept;
        iifname wan0 tcp dport 8080 dnat to 10.0.0.5:80; tcp dport 2222 dnat to 10.0.0.6; udp dport 53 redirect to :5353; }; }
        table ip t { chain c { type filter hook forward priority 0; policy drop; ip daddr 10.0.0.5 tcp dport 80 accept;
        ip daddr 10.0.0.6 tcp dport 22 accept; ct status dnat accept; }; }",
    ),
    (
        "translation by map",
        r"table ip nat { map servers { type inet_service : ipv4_addr; elements = { 80 : 10.0.0.5, 443 : 10.0.0.6 }; }
        chain pre { type nat hook prerouting priority dstnat; policy accept; ip daddr 203.0.113.10 dnat to tcp dport map @servers;
        ip daddr 203.0.113.11 dnat to tcp dport map { 25 : 10.0.0.7, 587 : 10.0.0.8 }; }; }
        table ip t { chain c { type filter hook forward priority 0; policy drop; ip daddr 10.0.0.0/24 accept; }; }",
    ),
    (
        "source translation",
        r"table inet nat { chain post { type nat hook postrouting priority srcnat; policy accept;
        oifname wan0 ip saddr 10.0.0.0/8 masquerade; ip saddr 192.168.0.0/16 snat ip to 203.0.113.1; }; }
        table inet t { chain c { type filter hook forward priority 0; policy drop; ip saddr 10.0.0.0/8 accept; }; }",
    ),
    (
        "limits",
        r"table inet t { chain c { type filter hook input priority 0; policy drop;
        tcp dport 22 limit rate 3/minute burst 5 packets accept; icmp type echo-request limit rate over 10/second drop;
        icmp type echo-request accept; udp dport 53 limit rate 1 mbytes/second accept; ct count over 20 tcp dport 80 reject; }; }",
    ),
    (
        "counters and logs",
        r#"table inet t { counter web { }; chain c { type filter hook input priority 0; policy drop;
        tcp dport 80 counter name "web" accept; tcp dport 22 counter log prefix "ssh: " level info accept;
        udp dport 53 counter packets 5 bytes 300 accept; log group 3; }; }"#,
    ),
    (
        "comments",
        r#"table inet t { comment "of a table"; chain c { comment "of a chain"; type filter hook input priority 0; policy drop;
        tcp dport 22 accept comment "say accept } drop"
        # udp dport 53 accept
        tcp dport 80 accept comment "port 443; accept"; }; }"#,
    ),
    (
        "dynamic sets",
        r"table inet t { set seen { type ipv4_addr; flags dynamic,timeout; timeout 1m; size 1000; }
        chain c { type filter hook input priority 0; policy drop; tcp dport 22 add @seen { ip saddr limit rate 3/minute } accept;
        ip saddr @seen tcp dport 80 accept; tcp dport 1234 update @seen { ip saddr timeout 10s } drop; }; }",
    ),
    (
        "meters",
        r"table inet t { chain c { type filter hook input priority 0; policy drop;
        tcp dport 22 meter ssh { ip saddr limit rate 3/minute } accept; tcp dport 25 meter mail size 1024 { ip saddr ct count over 5 } drop;
        tcp dport 25 accept; }; }",
    ),
    (
        "timeouts in sets",
        r"table ip t { set blocked { type ipv4_addr; flags timeout; elements = { 192.0.2.1 timeout 1h, 192.0.2.2 timeout 2d }; }
        chain c { type filter hook input priority 0; policy accept; ip saddr @blocked drop; }; }",
    ),
    (
        "defines",
        r"define office = 192.0.2.0/24
        define ports = { 22, 443 }
        define card = wan0
        table inet t { chain c { type filter hook input priority 0; policy drop; iifname $card ip saddr $office tcp dport $ports accept; }; }",
    ),
    (
        "services by name",
        r"table inet t { chain c { type filter hook input priority 0; policy drop;
        tcp dport ssh accept; tcp dport { http, https, smtp } accept; udp dport domain accept; ip protocol gre accept; }; }",
    ),
    (
        "rules added one by one",
        r"add table inet t
        add chain inet t c { type filter hook input priority 0 ; policy drop ; }
        add rule inet t c tcp dport 22 accept
        insert rule inet t c ip saddr 192.0.2.66 drop
        add set inet t s { type ipv4_addr ; }
        add element inet t s { 198.51.100.1, 198.51.100.2 }
        add rule inet t c ip saddr @s udp dport 161 accept",
    ),
    (
        "dormant table",
        r"table inet asleep { flags dormant; chain c { type filter hook input priority 0; policy drop; }; }
        table inet t { chain c { type filter hook input priority 0; policy drop; tcp dport 22 accept; }; }",
    ),
    (
        "fib",
        r"table inet t { chain c { type filter hook prerouting priority raw; policy accept;
        fib saddr . iif oif missing drop; fib daddr type local tcp dport 22 accept; }; }",
    ),
    (
        "untracked",
        r"table ip t { chain r { type filter hook prerouting priority raw; policy accept; udp dport 53 notrack; }
        chain c { type filter hook input priority 0; policy drop; ct state untracked accept; ct state new tcp dport 22 accept; }; }",
    ),
    (
        "ethernet and vlan",
        r"table inet t { chain c { type filter hook input priority 0; policy drop;
        ether saddr 00:11:22:33:44:55 tcp dport 22 accept; meta iiftype loopback accept; meta pkttype host tcp dport 80 accept; }; }",
    ),
    (
        "users, times and quotas",
        r"table inet t { quota month { 25 mbytes }; chain o { type filter hook output priority 0; policy drop;
        meta skuid 0 accept; tcp dport 80 quota over 10 mbytes drop; tcp dport { 80, 443 } accept; meta cpu 0 udp dport 53 accept; }; }",
    ),
    (
        "bridge and arp beside",
        r"table arp a { chain c { type filter hook input priority 0; policy accept; arp operation request accept; }; }
        table inet t { chain c { type filter hook input priority 0; policy drop; tcp dport 22 accept; }; }",
    ),
    (
        "ingress",
        r"table netdev n { chain c { type filter hook ingress device lo priority 0; policy accept; ip saddr 192.0.2.1 drop; }; }
        table inet t { chain c { type filter hook input priority 0; policy drop; tcp dport 22 accept; }; }",
    ),
    (
        "headers",
        r"table inet t { chain c { type filter hook input priority 0; policy drop;
        ip dscp cs1 tcp dport 22 accept; ip length > 100 udp dport 53 accept; ip version 4 tcp dport 80 accept; tcp option maxseg size 1-500 drop;
        @th,16,16 22 accept; exthdr frag exists drop; }; }",
    ),
];

//! Translation: filtered before, delivered behind.

use super::{answer, drift, edge};

fn nat(list: &str, lines: &str) -> String {
    edge(list)
        .replace("255.255.255.252\n", "255.255.255.252\n ip nat outside\n")
        .replace("255.255.255.0\n", "255.255.255.0\n ip nat inside\n")
        .replace("line vty", &format!("{lines}line vty"))
}

const OPEN: &str = "ip access-list extended OUTSIDE_IN\n permit tcp any host 198.51.100.2 eq 13389\n permit tcp any host 198.51.100.3 eq 22\n permit tcp any 203.0.113.0 0.0.0.255 eq 80\n";
const LINES: &str = "ip nat inside source static tcp 192.168.1.20 3389 interface GigabitEthernet0/0 13389\n\
    ip nat inside source static 192.168.1.22 198.51.100.3\n\
    ip nat inside source static network 192.168.7.0 203.0.113.0 255.255.255.0\n\
    ip nat inside source list 10 interface GigabitEthernet0/0 overload\naccess-list 10 permit 192.168.1.0 0.0.0.255\n";

#[test]
fn outer_addresses_are_filtered_and_inner_ones_reached() {
    let text = nat(OPEN, LINES);
    let to =
        |packet: &str| answer(&text, &format!("forward tcp 198.51.100.77 {packet} iif=GigabitEthernet0/0"));
    assert_eq!(to("198.51.100.2 dport=13389"), "accept -> 192.168.1.20:3389");
    assert_eq!(to("198.51.100.3 dport=22"), "accept -> 192.168.1.22");
    assert_eq!(to("198.51.100.3 dport=23"), "drop");
    assert_eq!(to("203.0.113.9 dport=80"), "accept -> 192.168.7.9");
    assert_eq!(to("192.168.1.20 dport=3389"), "drop", "the list speaks of outer addresses");
}

#[test]
fn a_port_that_is_led_inside_opens_where_the_list_lets_it() {
    let rest = "ip nat inside source static 192.168.1.22 198.51.100.3\n";
    let with =
        format!("ip nat inside source static tcp 192.168.1.20 3389 198.51.100.2 13389 extendable\n{rest}");
    let (opened, _) = drift(
        &nat(
            OPEN.replace("permit tcp any host 198.51.100.2", "deny tcp any host 198.51.100.2").as_str(),
            rest,
        ),
        &nat(OPEN, &with),
    );
    assert_eq!(opened, ["forward tcp any -> 198.51.100.2 13389"]);
    // latent: the list still stops it
    let closed = "ip access-list extended OUTSIDE_IN\n permit tcp any host 198.51.100.3 eq 22\n";
    super::same(&nat(closed, rest), &nat(closed, &with));
}

#[test]
fn what_leaves_is_filtered_by_its_outer_address() {
    let text = nat(OPEN, LINES).replace("OUTSIDE_IN in", "OUTSIDE_IN in\n ip access-group OUT out")
        + "ip access-list extended OUT\n permit tcp host 198.51.100.3 any eq 25\n permit tcp host 198.51.100.2 any eq 443\n";
    let from = |packet: &str| {
        answer(&text, &format!("forward tcp {packet} iif=GigabitEthernet0/1 oif=GigabitEthernet0/0"))
    };
    assert_eq!(from("192.168.1.22 203.0.113.200 dport=25"), "accept");
    assert_eq!(from("192.168.1.23 203.0.113.200 dport=25"), "drop");
    assert_eq!(from("192.168.1.23 203.0.113.200 dport=443"), "accept");
    assert_eq!(from("10.0.0.23 203.0.113.200 dport=443"), "drop");
}

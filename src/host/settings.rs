//! Settings of `net.ipv4.conf` that decide what a host takes in (kernel documentation, `networking/ip-sysctl`,
//! "/proc/sys/net/ipv4/conf/*").

use std::collections::BTreeMap;

/// A setting with one value for all interfaces and one for each. In force on an interface is the larger of the two, as
/// `IN_DEV_MAXCONF` and `IN_DEV_ORCONF` say (kernel: include/linux/inetdevice.h).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Setting {
    /// The value under `all`.
    pub all: Option<u8>,
    /// The values under the names of interfaces.
    pub each: BTreeMap<String, u8>,
    /// What an interface without a value, and `all` without one, are taken to have.
    pub assumed: Option<u8>,
}

impl Setting {
    /// The lowest and the highest value that may be in force on an interface, out of `0..=highest`.
    pub fn in_force(&self, interface: &str, highest: u8) -> (u8, u8) {
        let own = self.each.get(interface).copied().or(self.assumed);
        bounds(self.all.or(self.assumed), own, highest)
    }

    /// The same without what is only assumed.
    pub fn stated(&self, interface: &str, highest: u8) -> (u8, u8) {
        bounds(self.all, self.each.get(interface).copied(), highest)
    }

    /// Whether nothing is known of it.
    pub fn is_unknown(&self) -> bool {
        self.all.is_none() && self.each.is_empty()
    }
}

fn bounds(all: Option<u8>, own: Option<u8>, highest: u8) -> (u8, u8) {
    let with = |unknown: u8| all.unwrap_or(unknown).max(own.unwrap_or(unknown)).min(highest);
    (with(0), with(highest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_larger_value_is_in_force_and_what_is_missing_may_be_any() {
        let each = [("wan0".to_owned(), 2)].into();
        let setting = Setting { all: Some(1), each, assumed: None };
        assert_eq!(setting.in_force("wan0", 2), (2, 2));
        assert_eq!(setting.in_force("lan0", 2), (1, 2));
        assert_eq!(Setting::default().in_force("lan0", 2), (0, 2));
        let assumed = Setting { assumed: Some(0), ..setting };
        assert_eq!((assumed.in_force("lan0", 2), assumed.stated("lan0", 2)), ((1, 1), (1, 2)));
    }
}

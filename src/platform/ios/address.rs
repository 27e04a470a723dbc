//! Addresses as access lists and object groups write them.

use std::net::{IpAddr, Ipv4Addr};

use crate::firewall::Test;
use crate::packet::{AddressRange, AddressSet, Family, Field, Prefix};
use crate::platform::cisco::{NotRead, Words};

/// Some addresses: all of these together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Nets {
    /// Those that are ranges.
    pub set: AddressSet,
    /// Masks with holes: mask, value.
    pub holes: Vec<(u32, u32)>,
}

impl Nets {
    /// All of a family.
    pub(super) fn all(family: Family) -> Self {
        Prefix::all(family).into()
    }

    /// Whether it is all of a family.
    pub(super) fn is_all(&self, family: Family) -> bool {
        self.set.only(family) == Prefix::all(family).into()
    }

    /// The address in a field is among them.
    pub(super) fn test(&self, field: Field) -> Test {
        let holes = self.holes.iter().map(|(mask, value)| Test::Wildcard(field, *mask, *value));
        let set = (!self.set.is_empty()).then(|| Test::Address(field, self.set.clone()));
        let mut tests: Vec<Test> = set.into_iter().chain(holes).collect();
        match (tests.len(), tests.pop()) {
            (1, Some(one)) => one,
            (_, Some(last)) => Test::Any(tests.into_iter().chain([last]).collect()),
            (_, None) => Test::Never,
        }
    }
}

impl FromIterator<Nets> for Nets {
    fn from_iter<I: IntoIterator<Item = Self>>(iter: I) -> Self {
        let (mut ranges, mut holes) = (Vec::new(), Vec::new());
        for nets in iter {
            ranges.extend_from_slice(nets.set.ranges());
            holes.extend(nets.holes);
        }
        holes.sort_unstable();
        holes.dedup();
        Self { set: ranges.into_iter().collect(), holes }
    }
}

impl From<Prefix> for Nets {
    fn from(prefix: Prefix) -> Self {
        Self { set: prefix.into(), holes: Vec::new() }
    }
}

/// An address and the bits that count (those not set in a wildcard mask); the others may be anything.
pub(super) fn masked(address: Ipv4Addr, counts: u32) -> Nets {
    let value = u32::from(address) & counts;
    let length = counts.leading_ones();
    match u8::try_from(length) {
        Ok(length) if counts.count_ones() == u32::from(length) => {
            Prefix::new(IpAddr::V4(value.into()), length).map(Nets::from).unwrap_or_default()
        }
        _ => Nets { set: AddressSet::none(), holes: vec![(counts, value)] },
    }
}

/// How the number behind an address is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mask {
    /// Bits that are set may be anything.
    Wildcard,
    /// Bits that are set count.
    Netmask,
}

/// `any`, `host A`, `A MASK`, `A/LEN`, `A /LEN`, `range A B`, and `A` alone, which may be more than it seems: the second
/// value says that it was written so.
///
/// # Errors
/// None of these.
pub(super) fn nets(words: &mut Words<'_>, family: Family, mask: Mask) -> Result<(Nets, bool), NotRead> {
    let word = words.next().ok_or(NotRead)?;
    let address = |word: Option<&str>| -> Result<IpAddr, NotRead> {
        let address: IpAddr = word.and_then(|w| w.parse().ok()).ok_or(NotRead)?;
        if Family::of(address) == family { Ok(address) } else { Err(NotRead) }
    };
    match word {
        "any" | "any4" | "any6" => return Ok((Nets::all(family), false)),
        "host" => return Ok((Prefix::host(address(words.next())?).into(), false)),
        "range" => {
            let (first, last) = (address(words.next())?, address(words.next())?);
            let range = AddressRange::new(first, last).ok_or(NotRead)?;
            return Ok((Nets { set: [range].into_iter().collect(), holes: Vec::new() }, false));
        }
        _ => {}
    }
    let (first, length) = match word.split_once('/') {
        Some((first, length)) => (address(Some(first))?, Some(length)),
        None => (address(Some(word))?, None),
    };
    let length = length.or_else(|| {
        let length = words.peek()?.strip_prefix('/')?;
        words.next();
        Some(length)
    });
    if let Some(length) = length {
        let length = length.parse().map_err(|_| NotRead)?;
        return Ok((Prefix::new(first, length).ok_or(NotRead)?.into(), false));
    }
    match (first, words.peek().and_then(|w| w.parse::<Ipv4Addr>().ok())) {
        (IpAddr::V4(first), Some(bits)) => {
            words.next();
            let counts = if mask == Mask::Wildcard { !u32::from(bits) } else { bits.into() };
            Ok((masked(first, counts), false))
        }
        _ => Ok((Prefix::host(first).into(), true)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Nets, NotRead> {
        nets(&mut Words::of(text), Family::Ipv4, Mask::Wildcard).map(|(nets, _)| nets)
    }

    #[test]
    fn one_network_in_several_notations() {
        let net = read("10.1.2.0 0.0.0.255").unwrap();
        assert_eq!(read("10.1.2.0/24").unwrap(), net);
        assert_eq!(read("10.1.2.9 0.0.0.255").unwrap(), net, "bits that may be anything are not looked at");
        assert_eq!(
            nets(&mut Words::of("10.1.2.0 255.255.255.0"), Family::Ipv4, Mask::Netmask).unwrap().0,
            net
        );
        assert_eq!(read("10.0.0.1 0.0.0.254").unwrap().holes, [(0xffff_ff01, 0x0a00_0001)]);
        assert_eq!(read("any").unwrap(), read("9.9.9.9 255.255.255.255").unwrap());
        assert!(read("host").is_err() && read("10.0.0.0/33").is_err() && read("2001:db8::1").is_err());
    }
}

//! Addresses, prefixes and exact sets of addresses.
//!
//! An [`AddressSet`] is a sorted list of disjoint ranges per family; it is what relay clients, host facts and
//! site zones are made of. Packet sets proper (several fields at once) are in [`super::space`].

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use serde::Serialize;

/// Address family.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Family {
    /// IPv4.
    Ipv4,
    /// IPv6.
    Ipv6,
}

impl Family {
    /// Both families, in order.
    pub const BOTH: [Self; 2] = [Self::Ipv4, Self::Ipv6];

    /// Number of address bits: 32 or 128.
    pub const fn bits(self) -> u8 {
        match self {
            Self::Ipv4 => 32,
            Self::Ipv6 => 128,
        }
    }

    /// The highest address as a number.
    pub const fn highest(self) -> u128 {
        match self {
            Self::Ipv4 => u32::MAX as u128,
            Self::Ipv6 => u128::MAX,
        }
    }

    /// The family of an address.
    pub const fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(_) => Self::Ipv4,
            IpAddr::V6(_) => Self::Ipv6,
        }
    }

    /// The address with this number; bits beyond the family's width are cut.
    pub fn address(self, value: u128) -> IpAddr {
        match self {
            Self::Ipv4 => {
                IpAddr::V4(Ipv4Addr::from(u32::try_from(value & Self::Ipv4.highest()).unwrap_or(u32::MAX)))
            }
            Self::Ipv6 => IpAddr::V6(Ipv6Addr::from(value)),
        }
    }
}

/// The number of an address within its family.
pub fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => u128::from(u32::from(v4)),
        IpAddr::V6(v6) => u128::from(v6),
    }
}

/// A network prefix. Host bits are always zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Prefix {
    family: Family,
    bits: u128,
    len: u8,
}

impl Prefix {
    /// The prefix of length `len` that holds `address`; `None` when `len` is longer than the address.
    pub fn new(address: IpAddr, len: u8) -> Option<Self> {
        let family = Family::of(address);
        (len <= family.bits()).then(|| Self { family, bits: number(address) & mask(family, len), len })
    }

    /// The single address as a prefix.
    pub fn host(address: IpAddr) -> Self {
        let family = Family::of(address);
        Self { family, bits: number(address), len: family.bits() }
    }

    /// All addresses of a family.
    pub const fn all(family: Family) -> Self {
        Self { family, bits: 0, len: 0 }
    }

    /// Address family.
    pub const fn family(&self) -> Family {
        self.family
    }

    /// Prefix length in bits.
    pub const fn length(&self) -> u8 {
        self.len
    }

    /// First address.
    pub fn first(&self) -> IpAddr {
        self.family.address(self.bits)
    }

    /// First and last address as numbers.
    pub fn bounds(&self) -> (u128, u128) {
        (self.bits, self.bits | (self.family.highest() & !mask(self.family, self.len)))
    }

    /// Whether `address` lies inside.
    pub fn contains(&self, address: IpAddr) -> bool {
        Family::of(address) == self.family && number(address) & mask(self.family, self.len) == self.bits
    }
}

fn mask(family: Family, len: u8) -> u128 {
    let host_bits = u32::from(family.bits() - len.min(family.bits()));
    family.highest() & u128::MAX.checked_shl(host_bits).unwrap_or(0)
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.len == self.family.bits() {
            write!(f, "{}", self.first())
        } else {
            write!(f, "{}/{}", self.first(), self.len)
        }
    }
}

/// Why a text is no prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PrefixError {
    /// The part before the slash is no address.
    #[error("not an IPv4 or IPv6 address")]
    Address,
    /// The part after the slash is no length that fits the family.
    #[error("the prefix length does not fit the address")]
    Length,
    /// Bits behind the prefix are set.
    #[error("address bits are set behind the prefix length")]
    HostBits,
}

impl FromStr for Prefix {
    type Err = PrefixError;

    /// Strict: `192.0.2.0/24`, `2001:db8::/32`, or a single address. Host bits must be zero.
    fn from_str(text: &str) -> Result<Self, PrefixError> {
        let (address, len) = match text.split_once('/') {
            Some((address, len)) => (address, Some(len)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| PrefixError::Address)?;
        let Some(len) = len else { return Ok(Self::host(address)) };
        if len.is_empty() || !len.bytes().all(|b| b.is_ascii_digit()) {
            return Err(PrefixError::Length);
        }
        let prefix =
            Self::new(address, len.parse().map_err(|_| PrefixError::Length)?).ok_or(PrefixError::Length)?;
        if prefix.bits == number(address) { Ok(prefix) } else { Err(PrefixError::HostBits) }
    }
}

/// A closed range of address numbers of one family.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AddressRange {
    /// Address family.
    pub family: Family,
    /// First number.
    pub first: u128,
    /// Last number, not below `first`.
    pub last: u128,
}

impl AddressRange {
    /// The range from one address to another; `None` when they differ in family or are in the wrong order.
    pub fn new(first: IpAddr, last: IpAddr) -> Option<Self> {
        let family = Family::of(first);
        let range = Self { family, first: number(first), last: number(last) };
        (Family::of(last) == family && range.first <= range.last).then_some(range)
    }

    /// The fewest prefixes that together are this range.
    pub fn prefixes(&self) -> Vec<Prefix> {
        let mut out = Vec::new();
        let mut at = self.first;
        loop {
            let align = if at == 0 { 128 } else { at.trailing_zeros() }.min(u32::from(self.family.bits()));
            let mut size = align;
            while size > 0 && at | low_bits(size) > self.last {
                size -= 1;
            }
            let len = self.family.bits() - u8::try_from(size).unwrap_or(0);
            out.push(Prefix { family: self.family, bits: at, len });
            match (at | low_bits(size)).checked_add(1) {
                Some(next) if next <= self.last => at = next,
                _ => return out,
            }
        }
    }
}

fn low_bits(n: u32) -> u128 {
    1u128.checked_shl(n).map_or(u128::MAX, |v| v - 1)
}

impl From<Prefix> for AddressRange {
    fn from(prefix: Prefix) -> Self {
        let (first, last) = prefix.bounds();
        Self { family: prefix.family, first, last }
    }
}

impl fmt::Display for AddressRange {
    /// A prefix where the range is one, else `first-last`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.prefixes().as_slice() {
            [prefix] => write!(f, "{prefix}"),
            _ => write!(f, "{}-{}", self.family.address(self.first), self.family.address(self.last)),
        }
    }
}

/// An exact set of addresses of both families: sorted, disjoint, not adjacent ranges.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct AddressSet {
    ranges: Vec<AddressRange>,
}

impl AddressSet {
    /// No address.
    pub const fn none() -> Self {
        Self { ranges: Vec::new() }
    }

    /// Every address of both families.
    pub fn all() -> Self {
        Family::BOTH.into_iter().map(Prefix::all).collect()
    }

    /// The ranges, sorted.
    pub fn ranges(&self) -> &[AddressRange] {
        &self.ranges
    }

    /// Whether no address is inside.
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// Whether `address` is inside.
    pub fn contains(&self, address: IpAddr) -> bool {
        let (family, value) = (Family::of(address), number(address));
        let after = self.ranges.partition_point(|r| (r.family, r.first) <= (family, value));
        after
            .checked_sub(1)
            .and_then(|i| self.ranges.get(i))
            .is_some_and(|r| r.family == family && value <= r.last)
    }

    /// Addresses in either set.
    pub fn union(&self, other: &Self) -> Self {
        self.ranges.iter().chain(&other.ranges).copied().collect()
    }

    /// Addresses not in this set.
    pub fn complement(&self) -> Self {
        let mut ranges = Vec::new();
        for family in Family::BOTH {
            let mut next = Some(0);
            for range in self.ranges.iter().filter(|r| r.family == family) {
                if let Some(first) = next.filter(|&n| n < range.first) {
                    ranges.push(AddressRange { family, first, last: range.first - 1 });
                }
                next = range.last.checked_add(1).filter(|&n| n <= family.highest());
            }
            if let Some(first) = next {
                ranges.push(AddressRange { family, first, last: family.highest() });
            }
        }
        Self { ranges }
    }

    /// Addresses in both sets.
    pub fn intersection(&self, other: &Self) -> Self {
        let (mut a, mut b) = (self.ranges.iter().peekable(), other.ranges.iter().peekable());
        let mut ranges = Vec::new();
        while let (Some(x), Some(y)) = (a.peek(), b.peek()) {
            if x.family == y.family && x.first.max(y.first) <= x.last.min(y.last) {
                ranges.push(AddressRange {
                    family: x.family,
                    first: x.first.max(y.first),
                    last: x.last.min(y.last),
                });
            }
            if (x.family, x.last) <= (y.family, y.last) {
                a.next()
            } else {
                b.next()
            };
        }
        Self { ranges }
    }

    /// Addresses in this set and not in the other.
    pub fn difference(&self, other: &Self) -> Self {
        self.intersection(&other.complement())
    }

    /// Only the addresses of one family.
    pub fn only(&self, family: Family) -> Self {
        Self { ranges: self.ranges.iter().filter(|r| r.family == family).copied().collect() }
    }

    /// How many addresses of a family are inside (saturating: all of IPv6 counts as `u128::MAX`).
    pub fn count(&self, family: Family) -> u128 {
        self.ranges
            .iter()
            .filter(|r| r.family == family)
            .fold(0u128, |n, r| n.saturating_add((r.last - r.first).saturating_add(1)))
    }

    /// The fewest prefixes that together are this set.
    pub fn prefixes(&self) -> Vec<Prefix> {
        self.ranges.iter().flat_map(AddressRange::prefixes).collect()
    }
}

impl FromIterator<AddressRange> for AddressSet {
    fn from_iter<I: IntoIterator<Item = AddressRange>>(iter: I) -> Self {
        let mut all: Vec<AddressRange> = iter.into_iter().collect();
        all.sort_unstable();
        let mut ranges: Vec<AddressRange> = Vec::with_capacity(all.len());
        for range in all {
            match ranges.last_mut() {
                Some(last) if last.family == range.family && range.first <= last.last.saturating_add(1) => {
                    last.last = last.last.max(range.last);
                }
                _ => ranges.push(range),
            }
        }
        Self { ranges }
    }
}

impl FromIterator<Prefix> for AddressSet {
    fn from_iter<I: IntoIterator<Item = Prefix>>(iter: I) -> Self {
        iter.into_iter().map(AddressRange::from).collect()
    }
}

impl From<Prefix> for AddressSet {
    fn from(prefix: Prefix) -> Self {
        Self { ranges: vec![prefix.into()] }
    }
}

impl fmt::Display for AddressSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, range) in self.ranges.iter().enumerate() {
            write!(f, "{}{range}", if i == 0 { "" } else { " " })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;

//! Sets of ports as users write them: `25,587,8000-8099`.

use std::fmt;

use super::problem::FlowFault;

/// A set of ports: sorted, disjoint, not adjacent ranges; never empty.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PortSet {
    ranges: Vec<(u16, u16)>,
}

impl PortSet {
    /// Reads ports and ranges of ports, separated by commas (blanks around them are let through).
    ///
    /// # Errors
    /// The offset of the part that is wrong, the part, and why.
    pub fn new(text: &str) -> Result<Self, (usize, &str, FlowFault)> {
        let (mut ranges, mut next) = (Vec::new(), 0);
        for raw in text.split(',') {
            let part = raw.trim();
            let at = next + (raw.len() - raw.trim_start().len());
            next += raw.len() + 1;
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let (Some(first), Some(last)) = (read_port(first), read_port(last)) else {
                return Err((at, part, FlowFault::Ports));
            };
            if first > last {
                return Err((at, part, FlowFault::PortOrder));
            }
            ranges.push((first, last));
        }
        Ok(Self::from_ranges(ranges))
    }

    /// The ranges, first and last port each, sorted.
    pub fn ranges(&self) -> &[(u16, u16)] {
        &self.ranges
    }

    /// Whether `port` is inside.
    pub fn contains(&self, port: u16) -> bool {
        self.ranges.iter().any(|&(first, last)| (first..=last).contains(&port))
    }

    fn from_ranges(mut all: Vec<(u16, u16)>) -> Self {
        all.sort_unstable();
        let mut ranges: Vec<(u16, u16)> = Vec::with_capacity(all.len());
        for (first, last) in all {
            match ranges.last_mut() {
                Some(open) if first <= open.1.saturating_add(1) => open.1 = open.1.max(last),
                _ => ranges.push((first, last)),
            }
        }
        Self { ranges }
    }
}

fn read_port(text: &str) -> Option<u16> {
    let text = text.trim();
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

impl fmt::Display for PortSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, (first, last)) in self.ranges.iter().enumerate() {
            let comma = if i == 0 { "" } else { "," };
            match first == last {
                true => write!(f, "{comma}{first}")?,
                false => write!(f, "{comma}{first}-{last}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn sets_are_put_in_order() {
        let shown = |text| PortSet::new(text).map(|set| set.to_string());
        assert_eq!(shown("587, 25 ,8000-8099").as_deref(), Ok("25,587,8000-8099"));
        assert_eq!(shown("25,26,20-24").as_deref(), Ok("20-26"));
        assert_eq!(shown("0-65535,1").as_deref(), Ok("0-65535"));
        assert_eq!(shown("25,").map_err(|e| e.2), Err(FlowFault::Ports));
        assert_eq!(shown("65536").map_err(|e| e.2), Err(FlowFault::Ports));
        assert_eq!(shown("+25").map_err(|e| e.2), Err(FlowFault::Ports));
        assert_eq!(shown("smtp").map_err(|e| e.2), Err(FlowFault::Ports));
        assert_eq!(PortSet::new("1,99-25"), Err((2, "99-25", FlowFault::PortOrder)));
    }

    proptest! {
        #[test]
        fn membership_is_kept(parts in prop::collection::vec((0u16..40, 0u16..10), 1..6)) {
            let text = parts.iter().map(|(a, n)| format!("{a}-{}", a + n)).collect::<Vec<_>>().join(",");
            let set = PortSet::new(&text).unwrap();
            for port in 0..60 {
                let expected = parts.iter().any(|(a, n)| (*a..=a + n).contains(&port));
                prop_assert_eq!(set.contains(port), expected);
            }
            prop_assert!(set.ranges().windows(2).all(|w| w[0].1 + 1 < w[1].0));
        }
    }
}

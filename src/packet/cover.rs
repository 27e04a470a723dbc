//! A packet set as few readable lines: boxes whose union is the set.
//!
//! A box holds a list of ranges for each field that it restricts. Boxes may overlap: "from A to anywhere" and "from
//! anywhere to B" is easier to read than the same cut into disjoint pieces. The set is split field by field in the
//! order of variables; values that leave the same rest behind go into one box, and a value joins every box whose
//! rest it contains.

use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use super::address::{AddressRange, AddressSet, Family, Prefix};
use super::bdd::Ref;
use super::field::{Field, State};
use super::space::{PacketSet, Space};

/// A closed range of values of one field.
pub type Range = (u128, u128);

/// One box of a cover.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlowBox {
    /// The ranges of each restricted field; a field that is not named may have any value.
    pub fields: BTreeMap<Field, Vec<Range>>,
    /// False where the set was too ragged to be written out and the box holds more than the set.
    pub exact: bool,
}

impl FlowBox {
    const EVERYTHING: Self = Self { fields: BTreeMap::new(), exact: true };

    /// The ranges of a field; `None` when it may have any value.
    pub fn get(&self, field: Field) -> Option<&[Range]> {
        self.fields.get(&field).map(Vec::as_slice)
    }

    /// The address family.
    pub fn family(&self) -> Option<Family> {
        match self.get(Field::Family)? {
            [(0, 0)] => Some(Family::Ipv4),
            [(1, 1)] => Some(Family::Ipv6),
            _ => None,
        }
    }
}

/// More distinct rests than this are written side by side, without looking for overlaps that read better.
const MAX_OVERLAP: usize = 48;

/// How large a cover may become before it is written coarsely.
#[derive(Debug, Clone, Copy)]
pub struct CoverLimits {
    /// Most boxes.
    pub boxes: usize,
    /// Most ranges looked at.
    pub ranges: usize,
}

impl CoverLimits {
    /// Enough for what people read.
    pub const USUAL: Self = Self { boxes: 5_000, ranges: 200_000 };
}

impl Default for CoverLimits {
    fn default() -> Self {
        Self::USUAL
    }
}

impl Space {
    /// The set that a box describes.
    pub fn box_set(&mut self, flow: &FlowBox) -> PacketSet {
        let family = flow.family();
        let sets = flow.fields.iter().map(|(field, ranges)| match (field, family) {
            (Field::Src | Field::Dst, Some(family)) => {
                let addresses =
                    ranges.iter().map(|r| AddressRange { family, first: r.0, last: r.1 }).collect();
                self.addresses(*field, &addresses)
            }
            _ => self.ranges(*field, ranges),
        });
        let sets: Vec<PacketSet> = sets.collect();
        self.all(sets)
    }

    /// The addresses that `field` ([`Field::Src`] or [`Field::Dst`]) has in any packet of the set; `None` when they are
    /// too ragged to be listed.
    pub fn addresses_in(&mut self, set: PacketSet, field: Field) -> Option<AddressSet> {
        let others = Field::all().filter(|f| *f != field && *f != Field::Family);
        let only = others.fold(set, |set, other| self.forget(set, other));
        let mut ranges = Vec::new();
        for flow in self.cover(only, CoverLimits::default()) {
            let family = flow.family()?;
            match flow.get(field) {
                _ if !flow.exact => return None,
                None => ranges.push(Prefix::all(family).into()),
                Some(some) => {
                    ranges.extend(some.iter().map(|r| AddressRange { family, first: r.0, last: r.1 }))
                }
            }
        }
        Some(ranges.into_iter().collect())
    }

    /// How many source addresses of a family have at least `ports` destination ports, in a set over source and
    /// destination port only. Sets too ragged to be counted count as 0.
    pub fn sources_with_ports(&mut self, set: PacketSet, family: Family, ports: u128) -> u128 {
        let only = self.family(family);
        let set = self.and(set, only);
        let set = self.forget(set, Field::Family);
        let limits = CoverLimits::default();
        let mut cover = Cover { space: self, family, limits, memo: HashMap::new() };
        let Some(by_source) = cover.groups(set, Field::Src) else { return 0 };
        let size = |ranges: &[Range]| {
            ranges.iter().fold(0u128, |n, r| n.saturating_add((r.1 - r.0).saturating_add(1)))
        };
        let mut sources = 0u128;
        for (rest, ranges) in by_source {
            let by_port = cover.groups(rest, Field::Dport).unwrap_or_default();
            let open: u128 = by_port.iter().map(|(_, ranges)| size(ranges)).sum();
            if open >= ports {
                sources = sources.saturating_add(size(&ranges));
            }
        }
        sources
    }

    /// Boxes whose union is exactly `set` (a set without atoms), as far as [`FlowBox::exact`] says so; coarse boxes
    /// hold more, never less.
    pub fn cover(&mut self, set: PacketSet, limits: CoverLimits) -> Vec<FlowBox> {
        let fields: Vec<Field> = Field::all().collect();
        let mut cover = Cover { space: self, family: Family::Ipv6, limits, memo: HashMap::new() };
        let mut boxes = Vec::new();
        for (number, family) in [(0, Family::Ipv4), (1, Family::Ipv6)] {
            let only = cover.space.family(family);
            let part = cover.space.and(set, only);
            let part = cover.space.forget(part, Field::Family);
            cover.family = family;
            cover.memo.clear();
            for row in cover.rows(part, &fields).iter() {
                let mut row = row.clone();
                row.fields.insert(Field::Family, vec![(number, number)]);
                boxes.push(row);
            }
        }
        boxes
    }
}

/// What is left of a set behind some values of a field, and what of it other parts hold already.
type Part = (Ref, Vec<Range>, PacketSet);

struct Cover<'a> {
    space: &'a mut Space,
    family: Family,
    limits: CoverLimits,
    memo: HashMap<(Ref, usize), Rc<Vec<FlowBox>>>,
}

impl Cover<'_> {
    fn rows(&mut self, set: PacketSet, fields: &[Field]) -> Rc<Vec<FlowBox>> {
        if set == PacketSet::FALSE {
            return Rc::new(Vec::new());
        }
        let Some((field, rest)) = fields.split_first().filter(|_| set != PacketSet::TRUE) else {
            return Rc::new(vec![FlowBox::EVERYTHING]);
        };
        // fields before this one are no longer looked at
        if self.space.bdd().top(set) >= field.end() {
            return self.rows(set, rest);
        }
        if let Some(done) = self.memo.get(&(set, fields.len())) {
            return Rc::clone(done);
        }
        let rows = match self.parts(set, *field) {
            Some(parts) => self.boxes(*field, parts, rest),
            None => vec![FlowBox { exact: false, ..FlowBox::EVERYTHING }],
        };
        let rows = Rc::new(rows);
        self.memo.insert((set, fields.len()), Rc::clone(&rows));
        rows
    }

    /// The set as values of a field, each with what is left behind it, and what of that other parts hold already.
    fn parts(&mut self, set: PacketSet, field: Field) -> Option<Vec<Part>> {
        let groups = self.groups(set, field)?;
        if groups.len() <= MAX_OVERLAP {
            return Some(self.overlap(groups));
        }
        if matches!(field, Field::Src | Field::Dst) {
            return self.nested(set, field);
        }
        Some(groups.into_iter().map(|(residual, ranges)| (residual, ranges, PacketSet::FALSE)).collect())
    }

    /// Addresses by networks: what is left behind every address of a network is said of the network, and not again of its
    /// parts.
    fn nested(&mut self, set: PacketSet, field: Field) -> Option<Vec<Part>> {
        let mut common = HashMap::new();
        let mut parts: Vec<Part> = Vec::new();
        let mut index: HashMap<(Ref, Ref), usize> = HashMap::new();
        let mut open = vec![(set, field.first(), self.width(field), 0u128, PacketSet::FALSE)];
        let mut seen = 0usize;
        while let Some((at, var, bits, low, held)) = open.pop() {
            seen += 1;
            if seen > self.limits.ranges {
                return None;
            }
            let here = self.common(at, field, &mut common);
            if self.space.diff(here, held) != PacketSet::FALSE {
                let high = low | 1u128.checked_shl(bits).map_or(u128::MAX, |n| n - 1);
                let slot = *index.entry((here, held)).or_insert_with(|| {
                    parts.push((here, Vec::new(), held));
                    parts.len() - 1
                });
                if let Some((_, ranges, _)) = parts.get_mut(slot) {
                    push_merged(ranges, (low, high));
                }
            }
            if self.space.bdd().top(at) < field.end() {
                let held = self.space.or(held, here);
                let split = self.space.bdd().top(at) == var;
                let (f0, f1) = if split { self.space.bdd().branches(at) } else { (at, at) };
                open.push((f1, var + 1, bits - 1, low | 1 << (bits - 1), held));
                open.push((f0, var + 1, bits - 1, low, held));
            }
        }
        Some(parts)
    }

    /// What is left of a set behind every value of a field.
    fn common(&mut self, set: PacketSet, field: Field, memo: &mut HashMap<Ref, Ref>) -> Ref {
        if self.space.bdd().top(set) >= field.end() {
            return set;
        }
        if let Some(done) = memo.get(&set) {
            return *done;
        }
        let (f0, f1) = self.space.bdd().branches(set);
        let low = self.common(f0, field, memo);
        let both = if low == PacketSet::FALSE {
            low
        } else {
            let high = self.common(f1, field, memo);
            self.space.and(low, high)
        };
        memo.insert(set, both);
        both
    }

    fn boxes(&mut self, field: Field, groups: Vec<Part>, rest: &[Field]) -> Vec<FlowBox> {
        let domain = self.domain(field);
        let mut out = Vec::new();
        for (residual, ranges, held) in groups {
            let any = ranges == [domain];
            for row in self.rows(residual, rest).iter() {
                if held != PacketSet::FALSE && self.holds(held, residual, row) {
                    continue;
                }
                if out.len() >= self.limits.boxes {
                    return vec![FlowBox { exact: false, ..FlowBox::EVERYTHING }];
                }
                let mut row = row.clone();
                if !any {
                    row.fields.insert(field, ranges.clone());
                }
                out.push(row);
            }
        }
        out
    }

    /// Whether a set holds everything of `residual` that is in a box.
    fn holds(&mut self, set: PacketSet, residual: PacketSet, row: &FlowBox) -> bool {
        let mut row = row.clone();
        row.fields.insert(Field::Family, vec![if self.family == Family::Ipv4 { (0, 0) } else { (1, 1) }]);
        let row = self.space.box_set(&row);
        let row = self.space.forget(row, Field::Family);
        let row = self.space.and(row, residual);
        self.space.diff(row, set) == PacketSet::FALSE
    }

    /// Lets every value join the boxes whose rest it contains, and drops boxes that the others then hold. With each rest
    /// goes what the boxes joined by its values hold already.
    fn overlap(&mut self, groups: Vec<(Ref, Vec<Range>)>) -> Vec<Part> {
        let mut out = Vec::new();
        for (residual, ranges) in &groups {
            let mut joined = ranges.clone();
            let mut smaller = PacketSet::FALSE;
            for (other, other_ranges) in groups.iter().filter(|(other, _)| other != residual) {
                if self.space.diff(*residual, *other) == PacketSet::FALSE {
                    joined.extend(other_ranges);
                } else if self.space.diff(*other, *residual) == PacketSet::FALSE {
                    smaller = self.space.or(smaller, *other);
                }
            }
            if smaller != *residual {
                out.push((*residual, merged(joined), smaller));
            }
        }
        out
    }

    /// The values of `field` grouped by what is left of the set behind it; `None` when there are too many.
    fn groups(&mut self, set: PacketSet, field: Field) -> Option<Vec<(Ref, Vec<Range>)>> {
        let domain = self.domain(field);
        let mut groups: Vec<(Ref, Vec<Range>)> = Vec::new();
        let mut index: HashMap<Ref, usize> = HashMap::new();
        let mut open = vec![(set, field.first(), self.width(field), 0u128)];
        let mut seen = 0usize;
        while let Some((at, var, bits, low)) = open.pop() {
            seen += 1;
            if seen > self.limits.ranges {
                return None;
            }
            if self.space.bdd().top(at) < field.end() {
                let here = self.space.bdd().top(at) == var;
                let (f0, f1) = if here { self.space.bdd().branches(at) } else { (at, at) };
                open.push((f1, var + 1, bits - 1, low | 1 << (bits - 1)));
                open.push((f0, var + 1, bits - 1, low));
                continue;
            }
            let high = low | 1u128.checked_shl(bits).map_or(u128::MAX, |n| n - 1);
            let range = (low.max(domain.0), high.min(domain.1));
            if at == PacketSet::FALSE || range.0 > range.1 {
                continue;
            }
            let slot = *index.entry(at).or_insert_with(|| {
                groups.push((at, Vec::new()));
                groups.len() - 1
            });
            if let Some((_, ranges)) = groups.get_mut(slot) {
                push_merged(ranges, range);
            }
        }
        Some(groups)
    }

    fn width(&self, field: Field) -> u32 {
        match field {
            Field::Src | Field::Dst => u32::from(self.family.bits()),
            _ => field.bits(),
        }
    }

    /// The values that exist.
    fn domain(&self, field: Field) -> Range {
        match field {
            Field::Src | Field::Dst => (0, self.family.highest()),
            Field::State => (0, State::Untracked.number()),
            Field::In | Field::Out => (1, self.space.interfaces().last()),
            _ => (0, (1u128 << field.bits()) - 1),
        }
    }
}

fn merged(mut ranges: Vec<Range>) -> Vec<Range> {
    ranges.sort_unstable();
    let mut out = Vec::with_capacity(ranges.len());
    for range in ranges {
        push_merged(&mut out, range);
    }
    out
}

/// Appends a range that starts behind the start of the last one.
fn push_merged(ranges: &mut Vec<Range>, range: Range) {
    match ranges.last_mut() {
        Some(last) if range.0 <= last.1.saturating_add(1) => last.1 = last.1.max(range.1),
        _ => ranges.push(range),
    }
}

#[cfg(test)]
mod tests;

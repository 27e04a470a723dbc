//! A reduced ordered binary decision diagram with complement edges: the exact engine under [`super::space`].
//!
//! Hash-consed, so equal functions are the same [`Ref`]; after Brace, Rudell, Bryant, "Efficient Implementation of a
//! BDD Package" (DAC 1990). There is no garbage collection: an arena lives as long as one question and is dropped
//! whole. Memory and time are bounded: past [`Limits`] the arena turns *exhausted*, every further operation returns
//! at once, and whoever asked must check [`Bdd::exhausted`] before believing any result.

#![allow(
    clippy::indexing_slicing,
    reason = "inner loop of the engine: every index is a node number or a masked hash this file made itself"
)]

mod quantify;

use std::collections::HashMap;

/// A Boolean function: an edge to a node, with its lowest bit set where the edge is complemented.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ref(u32);

impl Ref {
    /// The constant true.
    pub const TRUE: Self = Self(0);
    /// The constant false.
    pub const FALSE: Self = Self(1);

    const fn node(self) -> usize {
        (self.0 >> 1) as usize
    }

    const fn is_complement(self) -> bool {
        self.0 & 1 == 1
    }

    /// Whether this is a constant.
    pub const fn is_constant(self) -> bool {
        self.0 < 2
    }

    const fn flip_if(self, flip: bool) -> Self {
        Self(self.0 ^ flip as u32)
    }
}

impl std::ops::Not for Ref {
    type Output = Self;

    fn not(self) -> Self {
        Self(self.0 ^ 1)
    }
}

/// A variable: its place in the order.
pub type Var = u32;

/// The terminal's variable: behind every other.
const END: Var = Var::MAX;

#[derive(Clone, Copy)]
struct Node {
    var: Var,
    low: Ref,
    high: Ref,
}

/// How much one arena may use.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Most nodes (about 24 bytes each, tables included).
    pub nodes: usize,
    /// Most recursion steps that missed the operation cache.
    pub steps: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { nodes: 8_000_000, steps: 400_000_000 }
    }
}

#[derive(Clone, Copy)]
struct Cached {
    key: (Ref, Ref, Ref),
    result: Ref,
}

const NO_ENTRY: Cached = Cached { key: (Ref(u32::MAX), Ref(u32::MAX), Ref(u32::MAX)), result: Ref::FALSE };
const EMPTY: u32 = 0;
const FIRST_TABLE: usize = 1 << 10;
const LARGEST_CACHE: usize = 1 << 20;

/// An arena of functions over one order of variables.
pub struct Bdd {
    nodes: Vec<Node>,
    unique: Vec<u32>,
    cache: Vec<Cached>,
    limits: Limits,
    steps: u64,
    exhausted: bool,
}

impl Bdd {
    /// An empty arena.
    pub fn new(limits: Limits) -> Self {
        Self {
            nodes: vec![Node { var: END, low: Ref::TRUE, high: Ref::TRUE }],
            unique: vec![EMPTY; FIRST_TABLE],
            cache: vec![NO_ENTRY; FIRST_TABLE],
            limits,
            steps: 0,
            exhausted: false,
        }
    }

    /// Whether a limit was passed: no result of this arena may be believed any more.
    pub const fn exhausted(&self) -> bool {
        self.exhausted
    }

    /// Number of nodes made so far.
    pub const fn size(&self) -> usize {
        self.nodes.len()
    }

    /// Recursion steps so far that missed the operation cache.
    pub const fn steps(&self) -> u64 {
        self.steps
    }

    /// The function "variable `var` decides between `low` and `high`". Both must depend on later variables only.
    pub fn node(&mut self, var: Var, low: Ref, high: Ref) -> Ref {
        if low == high {
            return low;
        }
        // canonical form: the high edge is never complemented
        let flip = high.is_complement();
        let (low, high) = (low.flip_if(flip), high.flip_if(flip));
        let mask = self.unique.len() - 1;
        let mut slot = hash(var, low.0, high.0) & mask;
        loop {
            let found = self.unique[slot];
            if found == EMPTY {
                break;
            }
            let node = self.nodes[found as usize];
            if node.var == var && node.low == low && node.high == high {
                return Ref(found << 1).flip_if(flip);
            }
            slot = (slot + 1) & mask;
        }
        if self.nodes.len() >= self.limits.nodes {
            self.exhausted = true;
            return Ref::FALSE;
        }
        let index = u32::try_from(self.nodes.len()).unwrap_or(EMPTY);
        self.nodes.push(Node { var, low, high });
        self.unique[slot] = index;
        if self.nodes.len() * 2 > self.unique.len() {
            self.grow();
        }
        Ref(index << 1).flip_if(flip)
    }

    /// The function of one variable.
    pub fn var(&mut self, var: Var) -> Ref {
        self.node(var, Ref::FALSE, Ref::TRUE)
    }

    fn grow(&mut self) {
        let size = self.unique.len() * 2;
        let mask = size - 1;
        let mut unique = vec![EMPTY; size];
        for (index, node) in self.nodes.iter().enumerate().skip(1) {
            let mut slot = hash(node.var, node.low.0, node.high.0) & mask;
            while unique[slot] != EMPTY {
                slot = (slot + 1) & mask;
            }
            unique[slot] = u32::try_from(index).unwrap_or(EMPTY);
        }
        self.unique = unique;
        if self.cache.len() < size.min(LARGEST_CACHE) {
            self.cache = vec![NO_ENTRY; size.min(LARGEST_CACHE)];
        }
    }

    /// The variable that a function tests first; [`Var::MAX`] for a constant.
    pub fn top(&self, f: Ref) -> Var {
        self.nodes[f.node()].var
    }

    /// The function with its first variable set to false, and to true.
    pub fn branches(&self, f: Ref) -> (Ref, Ref) {
        let node = self.nodes[f.node()];
        (node.low.flip_if(f.is_complement()), node.high.flip_if(f.is_complement()))
    }

    fn cofactors(&self, f: Ref, var: Var) -> (Ref, Ref) {
        if self.top(f) == var { self.branches(f) } else { (f, f) }
    }

    fn slot(&self, key: (Ref, Ref, Ref)) -> usize {
        hash(key.0.0, key.1.0, key.2.0) & (self.cache.len() - 1)
    }

    fn spend_step(&mut self) -> bool {
        self.steps += 1;
        if self.steps > self.limits.steps {
            self.exhausted = true;
        }
        !self.exhausted
    }

    /// Conjunction.
    pub fn and(&mut self, f: Ref, g: Ref) -> Ref {
        if f == Ref::FALSE || g == Ref::FALSE || f == !g {
            return Ref::FALSE;
        }
        if f == Ref::TRUE || f == g {
            return g;
        }
        if g == Ref::TRUE {
            return f;
        }
        let key = (f.min(g), f.max(g), Ref::FALSE);
        let slot = self.slot(key);
        if self.cache[slot].key == key {
            return self.cache[slot].result;
        }
        if !self.spend_step() {
            return Ref::FALSE;
        }
        let var = self.top(f).min(self.top(g));
        let ((f0, f1), (g0, g1)) = (self.cofactors(f, var), self.cofactors(g, var));
        let low = self.and(f0, g0);
        let high = self.and(f1, g1);
        let result = self.node(var, low, high);
        self.remember(key, result);
        result
    }

    fn remember(&mut self, key: (Ref, Ref, Ref), result: Ref) {
        // the table may have grown since the look-up
        let slot = self.slot(key);
        self.cache[slot] = Cached { key, result };
    }

    /// Disjunction.
    pub fn or(&mut self, f: Ref, g: Ref) -> Ref {
        !self.and(!f, !g)
    }

    /// `f` without `g`.
    pub fn diff(&mut self, f: Ref, g: Ref) -> Ref {
        self.and(f, !g)
    }

    /// If `f` then `g` else `h`.
    pub fn ite(&mut self, f: Ref, g: Ref, h: Ref) -> Ref {
        if f == Ref::TRUE || g == h {
            return g;
        }
        if f == Ref::FALSE {
            return h;
        }
        if g == Ref::TRUE || f == g {
            return self.or(f, h);
        }
        if h == Ref::FALSE || f == h {
            return self.and(f, g);
        }
        if g == Ref::FALSE || f == !g {
            return self.and(!f, h);
        }
        if h == Ref::TRUE || f == !h {
            return self.or(!f, g);
        }
        // canonical: first and second edge regular
        if f.is_complement() {
            return self.ite(!f, h, g);
        }
        if g.is_complement() {
            return !self.ite(f, !g, !h);
        }
        let key = (f, g, h);
        let slot = self.slot(key);
        if self.cache[slot].key == key {
            return self.cache[slot].result;
        }
        if !self.spend_step() {
            return Ref::FALSE;
        }
        let var = self.top(f).min(self.top(g)).min(self.top(h));
        let (f0, f1) = self.cofactors(f, var);
        let (g0, g1) = self.cofactors(g, var);
        let (h0, h1) = self.cofactors(h, var);
        let low = self.ite(f0, g0, h0);
        let high = self.ite(f1, g1, h1);
        let result = self.node(var, low, high);
        self.remember(key, result);
        result
    }

    /// The function with some variables replaced by other functions; `None` leaves a variable alone.
    ///
    /// The replacements are made at once: a replacement is not itself replaced.
    pub fn substitute(&mut self, f: Ref, replace: &dyn Fn(Var) -> Option<Ref>) -> Ref {
        self.substitute_in(f, replace, &mut HashMap::new())
    }

    fn substitute_in(
        &mut self,
        f: Ref,
        replace: &dyn Fn(Var) -> Option<Ref>,
        memo: &mut HashMap<usize, Ref>,
    ) -> Ref {
        if f.is_constant() || self.exhausted {
            return f;
        }
        if let Some(&done) = memo.get(&f.node()) {
            return done.flip_if(f.is_complement());
        }
        let node = self.nodes[f.node()];
        let result = match replace(node.var) {
            Some(Ref::TRUE) => self.substitute_in(node.high, replace, memo),
            Some(Ref::FALSE) => self.substitute_in(node.low, replace, memo),
            decision => {
                let low = self.substitute_in(node.low, replace, memo);
                let high = self.substitute_in(node.high, replace, memo);
                let decision = decision.unwrap_or_else(|| self.var(node.var));
                self.ite(decision, high, low)
            }
        };
        memo.insert(f.node(), result);
        result.flip_if(f.is_complement())
    }

    /// Whether `f` holds for the given values.
    pub fn holds(&self, f: Ref, value: &dyn Fn(Var) -> bool) -> bool {
        let mut at = f;
        while !at.is_constant() {
            let (low, high) = self.branches(at);
            at = if value(self.top(at)) { high } else { low };
        }
        at == Ref::TRUE
    }

    /// The function that holds exactly where the number in the `bits` variables from `first` on (most significant
    /// first) lies in one of the sorted, disjoint ranges.
    pub fn ranges(&mut self, first: Var, bits: u32, ranges: &[(u128, u128)]) -> Ref {
        let end = 1u128.checked_shl(bits).map_or(u128::MAX, |n| n - 1);
        self.ranges_in(first, (0, end), ranges)
    }

    fn ranges_in(&mut self, var: Var, space: (u128, u128), ranges: &[(u128, u128)]) -> Ref {
        let from = ranges.partition_point(|r| r.1 < space.0);
        let to = ranges.partition_point(|r| r.0 <= space.1);
        let Some(ranges) = ranges.get(from..to).filter(|r| !r.is_empty()) else { return Ref::FALSE };
        if ranges[0].0 <= space.0 && space.1 <= ranges[0].1 {
            return Ref::TRUE;
        }
        let middle = space.0 + (space.1 - space.0) / 2;
        let low = self.ranges_in(var + 1, (space.0, middle), ranges);
        let high = self.ranges_in(var + 1, (middle + 1, space.1), ranges);
        self.node(var, low, high)
    }
}

fn hash(a: u32, b: u32, c: u32) -> usize {
    const K: u64 = 0x9E37_79B9_7F4A_7C15;
    let mut h = (u64::from(a) << 32 | u64::from(b)).wrapping_mul(K);
    h = (h ^ (h >> 29) ^ u64::from(c)).wrapping_mul(K);
    usize::try_from((h ^ (h >> 32)) & u64::from(u32::MAX)).unwrap_or(0)
}

#[cfg(test)]
mod tests;

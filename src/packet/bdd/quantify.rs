//! Quantification over variables, and the variables that a function depends on.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::{Bdd, Ref, Var};

impl Bdd {
    /// There are values of the variables in `from..to` for which `f` holds.
    pub fn exists(&mut self, f: Ref, from: Var, to: Var) -> Ref {
        self.exists_within(f, &[(from, to)])
    }

    /// The same of the variables in any of some ranges, in one go.
    pub fn exists_within(&mut self, f: Ref, ranges: &[(Var, Var)]) -> Ref {
        let end = ranges.iter().map(|range| range.1).max().unwrap_or(0);
        self.exists_in(f, ranges, end, &mut HashMap::new())
    }

    /// For all values of the variables in `from..to`, `f` holds.
    pub fn for_all(&mut self, f: Ref, from: Var, to: Var) -> Ref {
        !self.exists(!f, from, to)
    }

    fn exists_in(&mut self, f: Ref, ranges: &[(Var, Var)], end: Var, memo: &mut HashMap<Ref, Ref>) -> Ref {
        let var = self.top(f);
        if f.is_constant() || var >= end || self.exhausted {
            return f;
        }
        if let Some(&done) = memo.get(&f) {
            return done;
        }
        let goes = ranges.iter().any(|(from, to)| (*from..*to).contains(&var));
        let (low, high) = self.branches(f);
        let low = self.exists_in(low, ranges, end, memo);
        let result = if goes && low == Ref::TRUE {
            Ref::TRUE
        } else {
            let high = self.exists_in(high, ranges, end, memo);
            if goes { self.or(low, high) } else { self.node(var, low, high) }
        };
        memo.insert(f, result);
        result
    }

    /// The variables from `from` on, and before `to`, that `f` depends on.
    pub fn support(&self, f: Ref, from: Var, to: Var) -> BTreeSet<Var> {
        let mut support = BTreeSet::new();
        let mut seen = HashSet::new();
        let mut open = vec![f.node()];
        while let Some(at) = open.pop() {
            let node = self.nodes[at];
            if node.var >= to || !seen.insert(at) {
                continue;
            }
            if node.var >= from {
                support.insert(node.var);
            }
            open.extend([node.low.node(), node.high.node()]);
        }
        support
    }

    /// Whether `f` depends on any variable in `from..to`.
    pub fn depends_on(&self, f: Ref, from: Var, to: Var) -> bool {
        !self.support(f, from, to).is_empty()
    }
}

use super::*;
use proptest::prelude::*;

const VARS: u32 = 5;

#[derive(Debug, Clone)]
enum Formula {
    Var(u32),
    Not(Box<Formula>),
    And(Box<Formula>, Box<Formula>),
    Ite(Box<Formula>, Box<Formula>, Box<Formula>),
}

fn formula() -> impl Strategy<Value = Formula> {
    (0..VARS).prop_map(Formula::Var).prop_recursive(6, 48, 3, |inner| {
        prop_oneof![
            inner.clone().prop_map(|f| Formula::Not(Box::new(f))),
            (inner.clone(), inner.clone()).prop_map(|(f, g)| Formula::And(Box::new(f), Box::new(g))),
            (inner.clone(), inner.clone(), inner).prop_map(|(f, g, h)| Formula::Ite(
                Box::new(f),
                Box::new(g),
                Box::new(h)
            )),
        ]
    })
}

fn build(bdd: &mut Bdd, formula: &Formula) -> Ref {
    match formula {
        Formula::Var(v) => bdd.var(*v),
        Formula::Not(f) => !build(bdd, f),
        Formula::And(f, g) => {
            let (f, g) = (build(bdd, f), build(bdd, g));
            bdd.and(f, g)
        }
        Formula::Ite(f, g, h) => {
            let (f, g, h) = (build(bdd, f), build(bdd, g), build(bdd, h));
            bdd.ite(f, g, h)
        }
    }
}

fn value(formula: &Formula, bits: u32) -> bool {
    match formula {
        Formula::Var(v) => bits >> v & 1 == 1,
        Formula::Not(f) => !value(f, bits),
        Formula::And(f, g) => value(f, bits) && value(g, bits),
        Formula::Ite(f, g, h) => {
            if value(f, bits) {
                value(g, bits)
            } else {
                value(h, bits)
            }
        }
    }
}

fn table(bdd: &Bdd, f: Ref) -> u32 {
    (0..1 << VARS).filter(|bits| bdd.holds(f, &|v| bits >> v & 1 == 1)).fold(0, |t, bits| t | 1 << bits)
}

proptest! {
    #[test]
    fn agrees_with_truth_tables(a in formula(), b in formula()) {
        let mut bdd = Bdd::new(Limits::default());
        let (f, g) = (build(&mut bdd, &a), build(&mut bdd, &b));
        let of = |formula: &Formula| (0..1u32 << VARS).filter(|&bits| value(formula, bits)).fold(0u32, |t, bits| t | 1 << bits);
        prop_assert_eq!(table(&bdd, f), of(&a));
        // canonical: equal functions are equal references
        prop_assert_eq!(f == g, of(&a) == of(&b));
        let or = bdd.or(f, g);
        prop_assert_eq!(table(&bdd, or), of(&a) | of(&b));
        let some = bdd.exists(f, 1, 3);
        let all = bdd.for_all(f, 1, 3);
        prop_assert!(!bdd.depends_on(some, 1, 3) && !bdd.depends_on(all, 1, 3));
        for bits in 0..1u32 << VARS {
            let ways: Vec<bool> = (0..4).map(|w| value(&a, (bits & !0b110) | w << 1)).collect();
            prop_assert_eq!(bdd.holds(some, &|v| bits >> v & 1 == 1), ways.iter().any(|w| *w));
            prop_assert_eq!(bdd.holds(all, &|v| bits >> v & 1 == 1), ways.iter().all(|w| *w));
        }
        // variables 1 and 3 change places, 2 becomes true, all at once
        let (v1, v3) = (bdd.var(1), bdd.var(3));
        let swapped = bdd.substitute(f, &|v| match v { 1 => Some(v3), 3 => Some(v1), 2 => Some(Ref::TRUE), _ => None });
        for bits in 0..1u32 << VARS {
            let moved = (bits & !0b1010) | (bits >> 1 & 1) << 3 | (bits >> 3 & 1) << 1 | 0b100;
            prop_assert_eq!(bdd.holds(swapped, &|v| bits >> v & 1 == 1), value(&a, moved));
        }
    }

    #[test]
    fn ranges_hold_their_numbers(parts in prop::collection::vec((0u128..256, 0u128..40), 0..5)) {
        let mut ranges: Vec<(u128, u128)> = Vec::new();
        let mut sorted = parts;
        sorted.sort_unstable();
        for (first, len) in sorted {
            let first = ranges.last().map_or(first, |r| first.max(r.1 + 1));
            if first < 256 { ranges.push((first, (first + len).min(255))); }
        }
        let mut bdd = Bdd::new(Limits::default());
        let f = bdd.ranges(3, 8, &ranges);
        for n in 0..256u128 {
            let inside = ranges.iter().any(|r| r.0 <= n && n <= r.1);
            prop_assert_eq!(bdd.holds(f, &|v| n >> (10 - v) & 1 == 1), inside);
        }
    }
}

#[test]
fn an_exhausted_arena_says_so() {
    let mut bdd = Bdd::new(Limits { nodes: 40, steps: 1000 });
    let mut parity = Ref::FALSE;
    for v in 0..60 {
        let x = bdd.var(v);
        parity = bdd.ite(x, !parity, parity);
    }
    assert!(bdd.exhausted());
    let mut bdd = Bdd::new(Limits { nodes: 100_000, steps: 5 });
    let (f, g) = (bdd.ranges(0, 16, &[(5, 9000)]), bdd.ranges(0, 16, &[(77, 30_000)]));
    bdd.and(f, g);
    assert!(bdd.exhausted());
}

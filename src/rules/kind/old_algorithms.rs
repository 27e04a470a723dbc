//! `old-algorithms`: the connection to a device was protected by algorithms that are no longer recommended (RFC 9142; case D02).

use super::{Entry, Kind};
use crate::evidence::{Age, Algorithms};
use crate::finding::{Arg, Confidence, Finding, Status, Witness};
use crate::rules::Rule;
use crate::rules::view::ChangeView;
use crate::site::table::Table;

pub(super) const ENTRY: Entry = Entry { name: "old-algorithms", args: &["algorithms"], read };

#[derive(Debug)]
struct OldAlgorithms;

fn read(_: &Table<'_>) -> Option<Box<dyn Kind>> {
    Some(Box::new(OldAlgorithms))
}

impl Kind for OldAlgorithms {
    fn change(&self, rule: &Rule, view: &ChangeView<'_>) -> Vec<Finding> {
        let mut out = Vec::new();
        for (device, facts) in view.devices {
            let (before, Some(after)) = &facts.algorithms else { continue };
            if after.age() == Age::Modern {
                continue;
            }
            let standing = before.as_ref().is_some_and(|before| before.age() >= after.age());
            let used = listed(after);
            let mut finding = Finding::new(&rule.id, rule.severity, Confidence::Certain, Some(device));
            finding.status = if standing { Status::Standing } else { Status::New };
            finding.args.insert("algorithms", Arg::Text(used.clone()));
            finding.witness =
                Some(Witness::Fact { before: before.as_ref().map(listed), after: used.clone() });
            out.push(finding.named(&used));
        }
        out
    }
}

fn listed(algorithms: &Algorithms) -> String {
    let Algorithms { kex, host_key, cipher, mac } = algorithms;
    let all = [kex, host_key, cipher, mac].map(String::as_str);
    all.into_iter().filter(|name| !name.is_empty()).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::rules::view::DeviceFacts;
    use crate::site::Site;

    fn algorithms(kex: &str) -> Algorithms {
        let (host_key, cipher) = ("ssh-ed25519".to_owned(), "aes128-ctr".to_owned());
        Algorithms { kex: kex.to_owned(), host_key, cipher, mac: "hmac-sha2-256".to_owned() }
    }

    fn status(before: Option<&str>, after: &str) -> Option<Status> {
        let algorithms = (before.map(algorithms), Some(algorithms(after)));
        let devices =
            BTreeMap::from([("rt1".to_owned(), DeviceFacts { algorithms, ..DeviceFacts::default() })]);
        let (site, tests, gaps) = (Site::default(), [], []);
        let view = ChangeView {
            devices: &devices,
            site: &site,
            change: None,
            tests: &tests,
            captured: None,
            gaps: &gaps,
        };
        let rules = crate::rules::load(&[], |_| unreachable!()).unwrap();
        let rule = rules.iter().find(|rule| rule.id == "old-ssh-algorithms").unwrap();
        rule.kind.change(rule, &view).pop().map(|finding| finding.status)
    }

    #[test]
    fn old_algorithms_are_told_and_only_what_became_worse_is_new() {
        let (modern, old) = ("curve25519-sha256", "diffie-hellman-group14-sha1");
        let oldest = "diffie-hellman-group1-sha1";
        assert_eq!(status(Some(old), modern), None);
        assert_eq!(status(Some(old), old), Some(Status::Standing));
        assert_eq!(status(Some(modern), old), Some(Status::New));
        assert_eq!(status(Some(old), oldest), Some(Status::New));
        assert_eq!(status(None, old), Some(Status::New));
    }
}

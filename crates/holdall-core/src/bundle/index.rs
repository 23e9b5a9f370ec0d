//! The names of existing modules, and which of them an import with a version means. Knows names and
//! semantic versions.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use semver::{Comparator, Op, Version};

use super::naming::Versions;

/// The names of modules, in alphabetical order and by their versions.
///
/// A module has a version when its name ends in one, as `mathlib@1.2.3`. In any other name, the
/// text behind the last `@` is a part of the name. So is a version with nothing before its `@`.
///
/// ```
/// use holdall_core::bundle::{NameIndex, Versions};
///
/// let names = NameIndex::new(["mathlib@1.2.3", "mathlib@1.10.0", "mathlib"]);
/// assert_eq!(names.find("mathlib@1.2", Versions::Exact), Some("mathlib@1.2.3"));
/// assert_eq!(names.find("mathlib@1.2", Versions::Compatible), Some("mathlib@1.10.0"));
/// assert_eq!(names.find("mathlib", Versions::Exact), Some("mathlib"));
/// assert_eq!(names.find("mathlib@2", Versions::Compatible), None);
/// ```
#[derive(Clone, Debug, Default)]
pub struct NameIndex {
    names: BTreeSet<Arc<str>>,
    /// The versions of each name, by the name without its version.
    families: HashMap<Box<str>, Family>,
}

/// The versions of one name, lowest first, with the whole names.
#[derive(Clone, Debug, Default)]
struct Family {
    releases: Vec<(Version, Arc<str>)>,
    pre_releases: Vec<(Version, Arc<str>)>,
}

impl NameIndex {
    /// An index of these names.
    #[must_use]
    pub fn new<N: Into<Arc<str>>>(names: impl IntoIterator<Item = N>) -> Self {
        let mut index = Self {
            names: names.into_iter().map(Into::into).collect(),
            families: HashMap::new(),
        };
        for name in &index.names {
            let Some((base, version)) = split(name) else {
                continue;
            };
            let Ok(version) = Version::parse(version) else {
                continue;
            };
            let family = index.families.entry(base.into()).or_default();
            let members = if version.pre.is_empty() {
                &mut family.releases
            } else {
                &mut family.pre_releases
            };
            members.push((version, Arc::clone(name)));
        }
        for family in index.families.values_mut() {
            family.releases.sort();
            family.pre_releases.sort();
        }
        index
    }

    /// The name of the module that an import of `name` means: `name` itself where a module has it,
    /// else the name of the highest version that satisfies it. A pre-release satisfies only a name
    /// that asks for a pre-release of the same version.
    #[must_use]
    pub fn find(&self, name: &str, versions: Versions) -> Option<&str> {
        if let Some(exact) = self.names.get(name) {
            return Some(exact);
        }
        let (base, wanted) = wanted(name, versions)?;
        self.families.get(base)?.highest(&wanted)
    }

    /// The names of the highest versions of the module that `name` names, highest first, at most
    /// `at_most` of them. The version in `name` does not matter. A module without a version is the
    /// lowest.
    #[must_use]
    pub fn highest(&self, name: &str, at_most: usize) -> Vec<&str> {
        let versioned = split(name)
            .filter(|(_, version)| version.starts_with(|first: char| first.is_ascii_digit()));
        let base = versioned.map_or(name, |(base, _)| base);
        let mut versions: Vec<_> = match self.families.get(base) {
            Some(family) => [&family.releases, &family.pre_releases]
                .into_iter()
                .flat_map(|members| members.iter().rev().take(at_most))
                .collect(),
            None => Vec::new(),
        };
        versions.sort_unstable_by(|one, other| other.cmp(one));
        let plain = self.names.get(base).filter(|plain| &***plain != name);
        let versions = versions.into_iter().map(|(_, name)| name).chain(plain);
        versions.take(at_most).map(|name| &**name).collect()
    }

    /// The names, in alphabetical order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(|name| &**name)
    }
}

impl Family {
    /// The name of the highest version that satisfies `wanted`. The releases that satisfy it are
    /// neighbours, and so are the pre-releases: the last of each is found by halving.
    fn highest(&self, wanted: &Comparator) -> Option<&str> {
        let given = 1 + usize::from(wanted.minor.is_some()) + usize::from(wanted.patch.is_some());
        let parts = [
            wanted.major,
            wanted.minor.unwrap_or_default(),
            wanted.patch.unwrap_or_default(),
        ];
        let is_exact = wanted.op == Op::Exact;
        // The number of components that a version has to share with the wanted one. Compatible
        // versions share the components up to the first that is not 0.
        let common = if is_exact {
            given
        } else {
            let first = parts[..given].iter().position(|part| *part != 0);
            first.map_or(given, |at| at + 1)
        };
        let release = last(&self.releases, |version| {
            parts_of(version)[..common] <= parts[..common]
        });
        let pre_release = last(&self.pre_releases, |version| {
            let pre = if is_exact { &wanted.pre } else { &version.pre };
            (parts_of(version), &version.pre) <= (parts, pre)
        });
        let mut candidates = [release, pre_release].into_iter().flatten();
        let (_, name) = candidates.find(|(version, _)| wanted.matches(version))?;
        Some(name)
    }
}

/// The last version of the leading part for which `is_within` holds; `versions` begins with the
/// lowest.
fn last(
    versions: &[(Version, Arc<str>)],
    is_within: impl Fn(&Version) -> bool,
) -> Option<&(Version, Arc<str>)> {
    let end = versions.partition_point(|(version, _)| is_within(version));
    versions[..end].last()
}

fn parts_of(version: &Version) -> [u64; 3] {
    [version.major, version.minor, version.patch]
}

/// A name split at its last `@`: the part before it, and what may be a version. `None` where there
/// is no `@`, or nothing before it.
fn split(name: &str) -> Option<(&str, &str)> {
    let (base, version) = name.rsplit_once('@')?;
    (!base.is_empty()).then_some((base, version))
}

/// Whether a name asks for a version.
pub(super) fn is_versioned(name: &str) -> bool {
    wanted(name, Versions::Exact).is_some()
}

/// A name without its version, and which versions satisfy it. The version in the name has one to
/// three components, with a pre-release or without. (Builds have no order: only a module's exact
/// name asks for a build.)
fn wanted(name: &str, versions: Versions) -> Option<(&str, Comparator)> {
    let (base, version) = split(name)?;
    let components = version.split('-').next()?;
    // `Comparator::parse` would also take operators, wildcards and spaces.
    let is_plain = components
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'.')
        && !version.contains(['+', ' ']);
    if !is_plain {
        return None;
    }
    let mut wanted = Comparator::parse(version).ok()?;
    wanted.op = match versions {
        Versions::Exact => Op::Exact,
        Versions::Compatible => Op::Caret,
    };
    Some((base, wanted))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_version_that_satisfies_is_found() {
        let names = NameIndex::new([
            "m",
            "m@1.2.3",
            "m@1.2.10",
            "m@1.3.0",
            "m@2.0.0",
            "m@2.1.0-beta.2",
            "m@2.1.0-beta.11",
            "m@0.2.7",
            "m@0.3.0",
            "m@1",
            "n@1.2.99",
        ]);
        for (name, exact, compatible) in [
            ("m", Some("m"), Some("m")),
            ("m@1", Some("m@1"), Some("m@1")),
            ("m@1.2", Some("m@1.2.10"), Some("m@1.3.0")),
            ("m@1.2.3", Some("m@1.2.3"), Some("m@1.2.3")),
            ("m@1.2.4", None, Some("m@1.3.0")),
            ("m@1.4", None, None),
            ("m@2", Some("m@2.0.0"), Some("m@2.0.0")),
            ("m@2.1", None, None),
            ("m@2.1.0", None, None),
            ("m@2.1.0-beta", None, Some("m@2.1.0-beta.11")),
            (
                "m@2.1.0-beta.2",
                Some("m@2.1.0-beta.2"),
                Some("m@2.1.0-beta.2"),
            ),
            ("m@2.1.0-rc", None, None),
            ("m@0", Some("m@0.3.0"), Some("m@0.3.0")),
            ("m@0.2", Some("m@0.2.7"), Some("m@0.2.7")),
            ("m@0.2.1", None, Some("m@0.2.7")),
            ("n", None, None),
            ("n@1", Some("n@1.2.99"), Some("n@1.2.99")),
            ("o@1", None, None),
        ] {
            assert_eq!(names.find(name, Versions::Exact), exact, "{name}");
            assert_eq!(names.find(name, Versions::Compatible), compatible, "{name}");
        }
    }

    #[test]
    fn what_is_no_version_is_a_part_of_the_name() {
        let names = NameIndex::new(["m@1.2.3", "@1.2.3", "a@b@1.0.0", "m@1.2.3+two", "m@latest"]);
        for name in [
            "m@",
            "m@^1.2",
            "m@=1.2.3",
            "m@>1",
            "m@*",
            "m@1.x",
            "m@1.",
            "m@.1",
            "m@01",
            "m@1.2.3.4",
            "m@1 ",
            "m@ 1",
            "m@1,m@2",
            "m@1.2-a",
            "m@1.2.3-",
            "m@1.2.3-a b",
            "m@1.2.3+one",
            "@1",
            "m@-1",
            "m@99999999999999999999",
            "m@late",
            "b@1",
        ] {
            for versions in [Versions::Exact, Versions::Compatible] {
                assert_eq!(names.find(name, versions), None, "{name}");
            }
        }
        let found = |name| names.find(name, Versions::Exact);
        assert_eq!(found("m@latest"), Some("m@latest"));
        assert_eq!(found("a@b@1"), Some("a@b@1.0.0"));
        assert_eq!(found("m@1"), Some("m@1.2.3+two"));
    }

    /// What the semver crate says of each version by itself is the oracle.
    #[test]
    fn no_version_is_missed_by_not_looking_at_all() {
        let digits = ["0", "1", "2"];
        let mut versions = Vec::new();
        for major in digits {
            for minor in digits {
                for patch in digits {
                    for pre in ["", "-a", "-a.1", "-b"] {
                        versions.push(format!("{major}.{minor}.{patch}{pre}"));
                    }
                }
            }
        }
        let asked = versions.iter().cloned();
        let shorter = versions.iter().flat_map(|version| {
            let (minor, _) = version.rsplit_once('.').unwrap();
            let (major, _) = minor.split_once('.').unwrap_or((minor, ""));
            [minor.to_owned(), major.to_owned()]
        });
        let asked: BTreeSet<String> = asked.chain(shorter).collect();
        // Each time other ones are there.
        for step in [1, 2, 3, 5, 7, 11] {
            let there: Vec<&String> = versions.iter().step_by(step).collect();
            let index = NameIndex::new(there.iter().map(|version| format!("m@{version}")));
            for asked in &asked {
                for (mode, op) in [(Versions::Exact, '='), (Versions::Compatible, '^')] {
                    let Ok(req) = semver::VersionReq::parse(&format!("{op}{asked}")) else {
                        continue;
                    };
                    let parsed = there.iter().map(|version| Version::parse(version).unwrap());
                    let expected = if there.contains(&asked) {
                        Some(format!("m@{asked}"))
                    } else {
                        let highest = parsed.filter(|version| req.matches(version)).max();
                        highest.map(|version| format!("m@{version}"))
                    };
                    let found = index.find(&format!("m@{asked}"), mode);
                    assert_eq!(found, expected.as_deref(), "{op}{asked} of every {step}th");
                }
            }
        }
    }

    #[test]
    fn a_few_of_the_highest_versions_are_told() {
        let names = NameIndex::new(["m@1.2.3", "m@1.10.0", "m@2.0.0-a", "m@0.1.0", "m", "n"]);
        let told = ["m@2.0.0-a", "m@1.10.0", "m@1.2.3", "m@0.1.0", "m"];
        assert_eq!(names.highest("m@7", 9), told);
        assert_eq!(names.highest("m@7", 2), told[..2]);
        assert_eq!(names.highest("m", 9), told[..4]);
        assert_eq!(names.highest("m@1.x", 1), told[..1]);
        assert_eq!(names.highest("n@1", 9), ["n"]);
        assert_eq!(names.highest("o@1", 9), [""; 0]);
    }
}

//! Incidents as stories: devices in phases, with the times at which they are looked at. They lie in
//! `fixtures/incidents` and come with the program.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use time::OffsetDateTime;

use super::{Device, SimulateError, State};
use crate::evidence::folder::{DEVICE_FILE, DeviceFile};
use crate::site::value::read_moment;

include!(concat!(env!("OUT_DIR"), "/incidents.rs"));

/// A story.
#[derive(Debug, Clone)]
pub struct Story {
    /// Its name.
    pub name: &'static str,
    /// What happens, in English.
    pub en: String,
    /// What happens, in Japanese.
    pub ja: String,
    /// What it rests on.
    pub basis: Basis,
    /// Text of its `site.toml`.
    pub site: &'static str,
    /// Text of its `change.toml`.
    pub change: &'static str,
    /// Its phases, in order.
    pub phases: Vec<Phase>,
    /// Its devices, each with a state for every phase.
    pub devices: Vec<Device>,
}

/// What a story rests on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Basis {
    /// A public incident, of which the settings were never published.
    #[default]
    Incident,
    /// A mistake that is often made; no single incident.
    Pattern,
    /// Nothing goes wrong.
    Harmless,
}

/// A moment at which the devices are looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Phase {
    /// Name: `before`, `during-1`, `after`; also the name of the devices' state.
    pub name: String,
    /// When.
    pub at: OffsetDateTime,
}

/// What is read of `story.toml`; the rest is for the generator of the fixtures.
#[derive(Deserialize)]
struct StoryFile {
    title: Title,
    phase: Vec<PhaseEntry>,
}

#[derive(Deserialize)]
struct Title {
    en: String,
    ja: String,
    #[serde(default)]
    basis: Basis,
}

#[derive(Deserialize)]
struct PhaseEntry {
    name: String,
    at: toml::value::Datetime,
}

/// Names of all stories, sorted.
pub fn names() -> Vec<&'static str> {
    let names: BTreeSet<&str> = FILES.iter().filter_map(|(path, _)| path.split('/').next()).collect();
    names.into_iter().collect()
}

/// A story by its name.
///
/// # Errors
/// There is no such story, or it is damaged.
pub fn story(name: &str) -> Result<Story, SimulateError> {
    let no_story = || SimulateError::Story(name.to_owned());
    let name = names().into_iter().find(|known| *known == name).ok_or_else(no_story)?;
    let text = |file: &str| {
        let path = format!("{name}/{file}");
        let found = FILES.iter().find(|(known, _)| *known == path);
        found.and_then(|(_, bytes)| std::str::from_utf8(bytes).ok()).ok_or_else(no_story)
    };
    let file: StoryFile = toml::from_str(text("story.toml")?).map_err(|_| no_story())?;
    let phase = |entry: &PhaseEntry| {
        let at = read_moment(&entry.at).map_err(|_| no_story())?;
        Ok(Phase { name: entry.name.clone(), at })
    };
    let phases: Vec<Phase> = file.phase.iter().map(phase).collect::<Result<_, SimulateError>>()?;
    let devices = devices(name, &phases)?;
    let Title { en, ja, basis } = file.title;
    Ok(Story { name, en, ja, basis, site: text("site.toml")?, change: text("change.toml")?, phases, devices })
}

/// The devices, each with a state for every phase that has a folder of its name.
fn devices(story: &str, phases: &[Phase]) -> Result<Vec<Device>, SimulateError> {
    let mut out: BTreeMap<&str, Vec<State>> = BTreeMap::new();
    for phase in phases {
        let prefix = format!("{story}/{}/", phase.name);
        let inside = || {
            FILES
                .iter()
                .filter_map(|(path, bytes)| Some((path.strip_prefix(&prefix)?.split_once('/')?, bytes)))
        };
        let names: BTreeSet<&str> = inside().map(|((device, _), _)| device).collect();
        for device in names {
            let mut state = State { name: phase.name.clone(), seed: device.to_owned(), ..State::default() };
            for ((_, artifact), bytes) in inside().filter(|((name, _), _)| *name == device) {
                if artifact == DEVICE_FILE {
                    let file =
                        DeviceFile::parse(bytes).map_err(|_| SimulateError::Story(story.to_owned()))?;
                    state.seed = file.host_key_seed.unwrap_or(state.seed);
                    state.banner = file.banner.unwrap_or_default();
                } else {
                    state.artifacts.insert(artifact.to_owned(), bytes.to_vec());
                }
            }
            out.entry(device).or_default().push(state);
        }
    }
    Ok(out.into_iter().map(|(name, states)| Device { name: name.to_owned(), states }).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_story_is_whole() {
        assert_eq!(
            names(),
            ["akita", "clean", "firewall-only", "first-server", "ishikura", "load-balancer", "tokushima"]
        );
        for name in names() {
            let story = story(name).unwrap();
            assert_eq!(story.phases.first().unwrap().name, "before", "{name}");
            assert_eq!(story.phases.last().unwrap().name, "after", "{name}");
            assert!(story.phases.is_sorted_by_key(|p| p.at), "{name}");
            for device in &story.devices {
                let states: Vec<&str> = device.states.iter().map(|s| s.name.as_str()).collect();
                let phases: Vec<&str> = story.phases.iter().map(|p| p.name.as_str()).collect();
                assert_eq!(states, phases, "{name} {}", device.name);
                assert!(device.states.iter().all(|s| !s.artifacts.is_empty()), "{name} {}", device.name);
            }
        }
        assert!(matches!(story("nagoya"), Err(SimulateError::Story(_))));
    }

    #[test]
    fn a_replaced_device_has_another_key() {
        let story = story("ishikura").unwrap();
        let seeds: BTreeSet<&str> = story.devices[0].states.iter().map(|s| s.seed.as_str()).collect();
        assert_eq!(seeds.len(), 2);
    }
}

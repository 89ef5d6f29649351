//! Placements and the keys that name them: `cloud.region.zone`, with levels of preference.
//!
//! The rule it guards: a node belongs to the best level any key gives it, and levels need not be
//! consecutive (`a:1,c:5` are two levels).

use crate::node::Placement;

/// The placements to prefer, `topology_keys`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum TopologyKeys {
    /// No preference.
    #[default]
    None,
    /// Near the application: the nearest node's zone, then its region.
    Auto,
    /// These.
    Keys(Vec<TopologyKey>),
}

/// A placement, or several, and its level.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopologyKey {
    /// The cloud; none is any.
    pub cloud: Option<String>,
    /// The region; none is any.
    pub region: Option<String>,
    /// The zone; none is any.
    pub zone: Option<String>,
    /// The level: 1 is the first choice.
    pub priority: u8,
}

impl TopologyKey {
    /// Whether a node placed there is meant. Names compare without regard to case.
    pub fn matches(&self, placement: &Placement) -> bool {
        let fits = |wanted: &Option<String>, name: &str| match wanted {
            None => true,
            Some(wanted) => wanted.eq_ignore_ascii_case(name),
        };
        fits(&self.cloud, &placement.cloud)
            && fits(&self.region, &placement.region)
            && fits(&self.zone, &placement.zone)
    }
}

/// The best level the keys give to a placement; none when no key names it.
pub(crate) fn level_of(keys: &[TopologyKey], placement: &Placement) -> Option<u8> {
    keys.iter()
        .filter(|key| key.matches(placement))
        .map(|key| key.priority)
        .min()
}

/// The keys that stand for [`TopologyKeys::Auto`] once the nearest node is known.
pub(crate) fn near(nearest: &Placement) -> [TopologyKey; 2] {
    let zone = TopologyKey {
        cloud: Some(nearest.cloud.to_string()),
        region: Some(nearest.region.to_string()),
        zone: Some(nearest.zone.to_string()),
        priority: 1,
    };
    let region = TopologyKey {
        zone: None,
        priority: 2,
        ..zone.clone()
    };
    [zone, region]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(cloud: &str, region: &str, zone: &str, priority: u8) -> TopologyKey {
        let part = |part: &str| (part != "*").then(|| part.to_owned());
        TopologyKey {
            cloud: part(cloud),
            region: part(region),
            zone: part(zone),
            priority,
        }
    }

    fn placement(cloud: &str, region: &str, zone: &str) -> Placement {
        Placement {
            cloud: cloud.into(),
            region: region.into(),
            zone: zone.into(),
        }
    }

    #[test]
    fn the_best_matching_level_counts() {
        let keys = [
            key("aws", "west", "*", 5),
            key("AWS", "West", "a", 2),
            key("*", "*", "*", 9),
        ];
        let level = |cloud, region, zone| level_of(&keys, &placement(cloud, region, zone));
        assert_eq!(level("aws", "west", "A"), Some(2));
        assert_eq!(level("aws", "west", "b"), Some(5));
        assert_eq!(level("gcp", "west", "a"), Some(9));
        assert_eq!(level_of(&keys[..2], &placement("gcp", "west", "a")), None);
    }

    #[test]
    fn near_is_the_zone_then_the_region() {
        let keys = near(&placement("aws", "west", "a"));
        assert_eq!(level_of(&keys, &placement("aws", "west", "a")), Some(1));
        assert_eq!(level_of(&keys, &placement("aws", "west", "b")), Some(2));
        assert_eq!(level_of(&keys, &placement("aws", "east", "a")), None);
    }
}

//! `topology_keys`: which placements to prefer, in levels.
//!
//! ```text
//! keys  := "auto" | key ("," key)*
//! key   := cloud "." region [ "." zone ] [ ":" priority ]
//! names := letters as they come; "*" for any, then everything to its right must be "*" too
//! priority := 1..10, absent = 1; 1 is the first choice, the others are fallbacks in order
//! ```
//!
//! `cloud.region` is short for `cloud.region.*`. Names compare without regard to case. Levels need not
//! be consecutive: `a.b.c:1,d.e.f:5` has two.

use crate::Error;

/// The lowest of the fallback levels.
const LAST_PRIORITY: u8 = 10;

/// The placements to prefer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum TopologyKeys {
    /// No preference.
    #[default]
    None,
    /// Near the application: the nearest node's zone, then its region.
    Auto,
    /// These; never empty.
    Keys(Vec<TopologyKey>),
}

/// A placement, or several with `*`, and its level.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopologyKey {
    /// The cloud; none is any.
    pub cloud: Option<String>,
    /// The region; none is any.
    pub region: Option<String>,
    /// The zone; none is any.
    pub zone: Option<String>,
    /// The level, from 1 to 10.
    pub priority: u8,
}

impl TopologyKeys {
    /// Reads the value of `topology_keys`; an empty one is no preference.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let text = text.trim();
        if text.is_empty() {
            return Ok(Self::None);
        }
        if text.eq_ignore_ascii_case("auto") {
            return Ok(Self::Auto);
        }
        text.split(',')
            .map(TopologyKey::parse)
            .collect::<Result<_, _>>()
            .map(Self::Keys)
    }

    /// The keys in levels, first choice first; levels nobody uses do not appear.
    pub fn levels(&self) -> Vec<Vec<&TopologyKey>> {
        let Self::Keys(keys) = self else {
            return Vec::new();
        };
        (1..=LAST_PRIORITY)
            .map(|level| {
                keys.iter()
                    .filter(|key| key.priority == level)
                    .collect::<Vec<_>>()
            })
            .filter(|keys| !keys.is_empty())
            .collect()
    }
}

impl TopologyKey {
    /// Whether a node placed there is meant.
    pub fn matches(&self, cloud: &str, region: &str, zone: &str) -> bool {
        let fits = |wanted: &Option<String>, name: &str| match wanted {
            None => true,
            Some(wanted) => wanted.eq_ignore_ascii_case(name),
        };
        fits(&self.cloud, cloud) && fits(&self.region, region) && fits(&self.zone, zone)
    }

    fn parse(text: &str) -> Result<Self, Error> {
        let key = text.trim();
        let invalid = |reason| {
            Err(Error::InvalidTopologyKey {
                key: key.to_owned(),
                reason,
            })
        };
        if key.is_empty() {
            return invalid("a key is empty");
        }
        let (placement, priority) = match key.split_once(':') {
            None => (key, 1),
            Some((placement, priority)) => match priority.trim().parse::<u8>() {
                Ok(number @ 1..=LAST_PRIORITY) => (placement, number),
                _ => return invalid("the priority is not a number from 1 to 10"),
            },
        };
        let parts: Vec<&str> = placement.split('.').map(str::trim).collect();
        let (cloud, region, zone) = match parts.as_slice() {
            [cloud, region] => (*cloud, *region, "*"),
            [cloud, region, zone] => (*cloud, *region, *zone),
            _ => return invalid("a key has two or three parts"),
        };
        if [cloud, region, zone].contains(&"") {
            return invalid("a part is empty");
        }
        if (cloud == "*" && region != "*") || (region == "*" && zone != "*") {
            return invalid("\"*\" stands before a name");
        }
        let name = |part: &str| {
            if part == "*" {
                None
            } else {
                Some(part.to_owned())
            }
        };
        Ok(Self {
            cloud: name(cloud),
            region: name(region),
            zone: name(zone),
            priority,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn levels(text: &str) -> Vec<Vec<String>> {
        let keys = TopologyKeys::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        let part = |part: &Option<String>| part.clone().unwrap_or_else(|| "*".to_owned());
        let shown = |key: &&TopologyKey| {
            format!(
                "{}.{}.{}",
                part(&key.cloud),
                part(&key.region),
                part(&key.zone)
            )
        };
        keys.levels()
            .iter()
            .map(|level| level.iter().map(shown).collect())
            .collect()
    }

    #[test]
    fn keys_form_levels_by_priority() {
        assert_eq!(levels("c.r.z"), [["c.r.z"]]);
        assert_eq!(
            levels("c.r.z1,c.r.z2:1,c.r.z3:2"),
            [&["c.r.z1", "c.r.z2"][..], &["c.r.z3"]]
        );
        assert_eq!(
            levels("c.r.a:1, c.r.b:5 ,c.r.c:10"),
            [["c.r.a"], ["c.r.b"], ["c.r.c"]]
        );
        assert_eq!(levels("c.r:2,*.*.*:3"), [["c.r.*"], ["*.*.*"]]);
        assert_eq!(levels("c.*.*"), [["c.*.*"]]);
        assert_eq!(levels(""), Vec::<Vec<String>>::new());
        assert_eq!(TopologyKeys::parse(" Auto ").unwrap(), TopologyKeys::Auto);
    }

    #[test]
    fn names_compare_without_regard_to_case() {
        let keys = TopologyKeys::parse("aws.us-West.*").unwrap();
        let levels = keys.levels();
        assert!(levels[0][0].matches("AWS", "us-west", "a"));
        assert!(!levels[0][0].matches("aws", "us-east", "a"));
    }

    #[test]
    fn what_does_not_follow_the_grammar_is_refused() {
        for text in [
            "c",
            "c.r.z.x",
            "c.r.z:",
            "c.r.z:0",
            "c.r.z:11",
            "c.r.z:-1",
            "c.r.z:x",
            "c.r.z:1:2",
            "*.r.z",
            "c.*.z",
            "c..z",
            ".r.z",
            "c.r.",
            "c.r.z,",
            ",c.r.z",
            "c.r.z,,c.r.y",
            "auto,c.r.z",
            "c.r.z:999999",
        ] {
            let error = TopologyKeys::parse(text).unwrap_err().to_string();
            assert!(
                error.starts_with("invalid topology_keys value: \""),
                "{error}"
            );
            assert!(error.contains("cloud.region.zone[:priority"), "{error}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "[a-z.*:,0-9 ]{0,20}") {
            if let Ok(TopologyKeys::Keys(keys)) = TopologyKeys::parse(&text) {
                prop_assert!(keys.iter().all(|key| (1..=10).contains(&key.priority)));
            }
        }
    }
}

//! Time limits and TCP options.

use std::time::Duration;

use crate::Error;
use crate::settings::Settings;
use crate::value::{count, integer};

/// TCP keepalives; none of a number is the system's default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keepalives {
    /// Whether they are on.
    pub enabled: bool,
    /// Quiet time before the first.
    pub idle: Option<Duration>,
    /// Time between two.
    pub interval: Option<Duration>,
    /// How many may be lost.
    pub count: Option<u32>,
}

impl Keepalives {
    pub(crate) fn build(settings: &Settings) -> Result<Self, Error> {
        let number = |keyword, accepted| match settings.text(keyword) {
            None => Ok(None),
            Some(text) => count(keyword, text, accepted).map(|n| Some(n).filter(|n| *n > 0)),
        };
        let seconds = "seconds, 0 for the system's default";
        let enabled = match settings.text("keepalives") {
            None => true,
            Some(text) => match integer(text) {
                Some(number) => number != 0,
                None => {
                    return Err(Error::InvalidInteger {
                        keyword: "keepalives",
                        value: text.to_owned(),
                        accepted: "1 for on or 0 for off",
                    });
                }
            },
        };
        let as_seconds = |number: Option<u32>| number.map(|n| Duration::from_secs(n.into()));
        Ok(Self {
            enabled,
            idle: as_seconds(number("keepalives_idle", seconds)?),
            interval: as_seconds(number("keepalives_interval", seconds)?),
            count: number(
                "keepalives_count",
                "a number of packets, 0 for the system's default",
            )?,
        })
    }
}

/// `tcp_user_timeout`, in milliseconds.
pub(crate) fn tcp_user_timeout(settings: &Settings) -> Result<Option<Duration>, Error> {
    let keyword = "tcp_user_timeout";
    let Some(text) = settings.text(keyword) else {
        return Ok(None);
    };
    let milliseconds = count(keyword, text, "milliseconds, 0 for the system's default")?;
    Ok(Some(milliseconds)
        .filter(|n| *n > 0)
        .map(|n| Duration::from_millis(n.into())))
}

/// `connect_timeout`: as psycopg reads it, a number of seconds whose fraction is dropped; zero and
/// less mean for ever, one means two, because a second is too coarse to tell one from nothing.
pub(crate) fn connect_timeout(settings: &Settings) -> Result<Option<Duration>, Error> {
    let Some(text) = settings.text("connect_timeout") else {
        return Ok(None);
    };
    let seconds = text
        .trim()
        .parse::<f64>()
        .ok()
        .filter(|seconds| seconds.is_finite());
    let Some(seconds) = seconds else {
        return Err(Error::InvalidTimeout {
            value: text.to_owned(),
        });
    };
    if seconds < 1.0 {
        return Ok(None);
    }
    // The bound keeps "now plus timeout" representable on every system's clock.
    let bounded = seconds.trunc().clamp(2.0, f64::from(i32::MAX));
    Ok(Some(Duration::from_secs_f64(bounded)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment::Fixed;
    use crate::{Config, Parameters, Profile, resolve};

    fn config(text: &str) -> Result<Config, String> {
        let parameters = Parameters::parse(text).unwrap();
        resolve(&parameters, &Fixed::default(), Profile::Yugabyte)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn timeouts_follow_psycopg() {
        for (text, seconds) in [
            ("-1", None),
            ("0", None),
            ("0.9", None),
            ("1", Some(2)),
            ("1.5", Some(2)),
            ("2.9", Some(2)),
            ("' 3 '", Some(3)),
            ("+4", Some(4)),
            ("1e3", Some(1000)),
            ("99999999999", Some(2_147_483_647)),
        ] {
            let timeout = config(&format!("connect_timeout={text}"))
                .unwrap()
                .connect_timeout;
            assert_eq!(timeout, seconds.map(Duration::from_secs), "{text}");
        }
        for text in ["abc", "3x", "''", "inf", "nan", "0x10"] {
            let error = config(&format!("connect_timeout={text}")).unwrap_err();
            let shown = text.trim_matches('\'');
            assert!(error.starts_with(&format!("bad value for connect_timeout: '{shown}'")));
        }
        assert_eq!(config("").unwrap().connect_timeout, None);
    }

    #[test]
    fn keepalives_and_user_timeout() {
        let none = config("").unwrap();
        let expected = Keepalives {
            enabled: true,
            idle: None,
            interval: None,
            count: None,
        };
        assert_eq!((none.keepalives, none.tcp_user_timeout), (expected, None));

        let all = config(
            "keepalives=0 keepalives_idle=5 keepalives_interval=0 keepalives_count=3 tcp_user_timeout=250",
        )
        .unwrap();
        assert_eq!(
            all.keepalives,
            Keepalives {
                enabled: false,
                idle: Some(Duration::from_secs(5)),
                interval: None,
                count: Some(3)
            }
        );
        assert_eq!(all.tcp_user_timeout, Some(Duration::from_millis(250)));

        for keyword in [
            "keepalives",
            "keepalives_idle",
            "keepalives_interval",
            "keepalives_count",
            "tcp_user_timeout",
        ] {
            let error = config(&format!("{keyword}=x")).unwrap_err();
            let message =
                format!("invalid integer value \"x\" for connection option \"{keyword}\"");
            assert!(error.starts_with(&message), "{error}");
        }
        let error = config("keepalives_idle=-5").unwrap_err();
        assert!(
            error.contains("-5") && error.contains("keepalives_idle"),
            "{error}"
        );
    }
}

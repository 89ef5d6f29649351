//! Connection strings, environment, passfile and service file: one typed [`Config`].
//!
//! ```text
//! "host=a,b user=u"  postgresql://u@a,b/d  keyword arguments
//!          └──────────────┬──────────────────────┘
//!                   Parameters          what the caller said, in order, nothing else
//!                         │  resolve(parameters, environment, profile)
//!     given > service file > PG* variables > defaults of the Profile
//!                         │
//!                      Config           typed, validated, each value with its Origin
//! ```
//!
//! The crate opens no socket, resolves no host name and knows no protocol message. What it reads
//! of the process (variables, home directory, files) goes through one trait, [`Environment`], so a
//! test decides what is there. The rules are libpq 18's, described in the PostgreSQL manual,
//! section [Database Connection Control Functions]; the additional keywords are those of
//! YugabyteDB's smart drivers ([`ClusterConfig`]).
//!
//! ```
//! use psycoxide_conninfo::{Parameters, Profile, environment::Fixed, resolve};
//!
//! let parameters = Parameters::parse("postgresql://ann@db1,db2:5434/shop?sslmode=require")?;
//! assert_eq!(parameters.to_conninfo(), "user=ann dbname=shop host=db1,db2 port=,5434 sslmode=require");
//! let config = resolve(&parameters, &Fixed::default(), Profile::Yugabyte)?;
//! assert_eq!((config.hosts[0].port, config.hosts[1].port), (5433, 5434));
//! # Ok::<(), psycoxide_conninfo::Error>(())
//! ```
//!
//! [Database Connection Control Functions]: https://www.postgresql.org/docs/18/libpq-connect.html

pub mod cluster;
pub mod config;
pub mod environment;
pub mod keyword;
pub mod topology;

mod error;
mod key_value;
mod locale;
mod options;
mod parameters;
mod passfile;
mod passwords;
mod profile;
mod redact;
mod resolve;
mod secret;
mod service_file;
mod settings;
mod uri;
mod value;
mod warning;

pub use cluster::ClusterConfig;
pub use config::Config;
pub use environment::Environment;
pub use error::{Error, ErrorClass};
pub use options::{ConninfoOption, default_options, options_of, parsed_options};
pub use parameters::{Parameters, make_conninfo};
pub use passwords::Passwords;
pub use profile::Profile;
pub use resolve::resolve;
pub use secret::Secret;
pub use settings::{Origin, Setting, Settings};
pub use warning::Warning;

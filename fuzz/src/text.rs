//! What users write: connection strings and queries.

use psycoxide_conninfo::environment::Fixed;
use psycoxide_conninfo::{Parameters, Profile, resolve};

/// A connection string: what is understood is written and understood again.
pub fn conninfo(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let Ok(parameters) = Parameters::parse(text) else {
        return;
    };
    let written = parameters.to_conninfo();
    let again = Parameters::parse(&written).expect("what was written is understood");
    assert!(parameters.iter().eq(again.iter()), "{written:?}");

    let environment = Fixed::default().user("ann").home("/home/ann");
    for profile in [Profile::Yugabyte, Profile::Libpq] {
        let _ = parameters.expand_dbname();
        if let Ok(config) = resolve(&parameters, &environment, profile) {
            assert!(!config.hosts.is_empty());
            let _ = format!("{config:?}");
        }
    }
}

/// A query with placeholders: for the server and for the client they are the same, and what has
/// none is left as it is.
pub fn placeholders(data: &[u8]) {
    let converted = psycoxide_sql::convert(data);
    let split = psycoxide_sql::split(data);
    let (Ok(converted), Ok(split)) = (&converted, &split) else {
        return;
    };
    if !psycoxide_sql::has_placeholders(data) {
        assert_eq!(converted.template, data);
    }
    assert_eq!(converted.names, split.names);
    assert_eq!(converted.formats.len(), split.parameter_count());
    assert!(
        split
            .placeholders()
            .eq(converted.placeholders.iter().copied())
    );
    let mut assembled = Vec::new();
    let outcome: Result<(), ()> = split.assemble(&mut assembled, |index, out| {
        out.extend_from_slice(format!("${}", index + 1).as_bytes());
        Ok(())
    });
    assert!(outcome.is_ok());
    assert_eq!(assembled, converted.template);
}

//! What can be wrong with a query text and with the parameters given for it.
//!
//! The texts are part of the API that the driver implements: programs and tests match on them.

/// Why a query cannot be bound to its parameters.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A `%` followed by neither a format letter, `%` nor a name: `%x`, `%(name)d`.
    #[error("only '%s', '%b', '%t' are allowed as placeholders, got '{placeholder}'")]
    UnsupportedPlaceholder {
        /// The placeholder as it stands in the query.
        placeholder: String,
    },
    /// `%(` without its end, or `%(name)` without a format letter.
    #[error("incomplete placeholder: '{placeholder}'")]
    IncompletePlaceholder {
        /// The placeholder, up to the next white space.
        placeholder: String,
    },
    /// A `%` followed by a space: most likely an operator.
    #[error(
        "incomplete placeholder: '%'; if you want to use '%' as an operator you can double it up, \
         i.e. use '%%'"
    )]
    LonePercent,
    /// Both `%s` and `%(name)s` in one query.
    #[error("positional and named placeholders cannot be mixed")]
    MixedPlaceholders,
    /// `%(name)s` and `%(name)b` in one query: a parameter is sent once, in one format.
    #[error("placeholder '{name}' cannot have different formats")]
    DifferentFormats {
        /// The name that was used twice.
        name: String,
    },
    /// A name that is no text in the connection's encoding.
    #[error("the name of the placeholder '{name}' is not valid in the connection's encoding")]
    UndecodableName {
        /// The name, with replacement characters where it cannot be read.
        name: String,
    },
    /// More parameters than a `Bind` message can count.
    #[error(
        "number of parameters must be between 0 and 65535, got {count}: pass the values in an array \
         or in several statements"
    )]
    TooManyParameters {
        /// The number of distinct parameters of the query.
        count: usize,
    },
    /// A sequence of parameters of another length than the query has placeholders.
    #[error("the query has {placeholders} placeholders but {parameters} parameters were passed")]
    CountMismatch {
        /// How many the query has.
        placeholders: usize,
        /// How many were given.
        parameters: usize,
    },
    /// A mapping of parameters without some of the names in the query.
    #[error("query parameter missing: {}", names.join(", "))]
    MissingParameters {
        /// The missing names, sorted.
        names: Vec<String>,
    },
    /// `%s` with a mapping. A mistake of type, not of value.
    #[error("positional placeholders (%s) require a sequence of parameters")]
    SequenceRequired,
    /// `%(name)s` with a sequence. A mistake of type, not of value.
    #[error("named placeholders require a mapping of parameters")]
    MappingRequired,
}

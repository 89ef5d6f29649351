//! What can be wrong with connection settings, a variant per cause.
//!
//! The rule it guards: a message names the keyword, the value and what is accepted, and never holds
//! a secret. Values are masked where the error is made, so that no later formatting can leak them.
//! The beginnings of the messages are libpq's wherever libpq has one, because programs match them.

use std::path::PathBuf;

/// How a Python caller should see an [`Error`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorClass {
    /// The program is at fault: `ProgrammingError`.
    Programming,
    /// The connection cannot be made with these settings: `OperationalError`.
    Operational,
}

/// An error in a connection string, the environment, the service file or a value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A word stands where `keyword=value` should.
    #[error(
        "missing \"=\" after \"{token}\" in connection info string{}",
        quote_hint(*.after_secret)
    )]
    MissingEquals {
        /// The word, masked when it may be the rest of a secret.
        token: String,
        /// Whether the pair before it is a secret with an unquoted space.
        after_secret: bool,
    },
    /// A value's opening quote has no end.
    #[error("unterminated quoted string in connection info string")]
    UnterminatedQuote,
    /// A keyword nobody knows.
    #[error(
        "invalid connection option \"{keyword}\"{}{}",
        did_you_mean(.suggestion),
        quote_hint(*.after_secret)
    )]
    UnknownKeyword {
        /// The keyword, masked when it may be the rest of a secret.
        keyword: String,
        /// A known keyword that looks like it.
        suggestion: Option<&'static str>,
        /// Whether the pair before it is a secret with an unquoted space.
        after_secret: bool,
    },
    /// A keyword nobody knows, in the query part of a URI.
    #[error("invalid URI query parameter: \"{keyword}\"{}", did_you_mean(.suggestion))]
    UnknownUriParameter {
        /// The keyword.
        keyword: String,
        /// A known keyword that looks like it.
        suggestion: Option<&'static str>,
    },
    /// A query parameter of a URI without `=`.
    #[error("missing key/value separator \"=\" in URI query parameter: \"{parameter}\"")]
    MissingSeparator {
        /// The parameter.
        parameter: String,
    },
    /// A query parameter of a URI with a second `=` that is not percent-encoded.
    #[error(
        "extra key/value separator \"=\" in URI query parameter: \"{keyword}\" (write \"=\" in a value as %3D)"
    )]
    ExtraSeparator {
        /// The keyword.
        keyword: String,
    },
    /// A `%` that two hexadecimal digits do not follow.
    #[error("invalid percent-encoded token: \"{token}\" (write \"%\" itself as %25)")]
    PercentEncoding {
        /// The token as written, masked when it is a secret.
        token: String,
    },
    /// `%00`, which no value can hold.
    #[error("forbidden value %00 in percent-encoded value: \"{token}\"")]
    PercentEncodedNul {
        /// The token as written, masked when it is a secret.
        token: String,
    },
    /// A space inside a URI.
    #[error("unexpected spaces found in \"{token}\", use percent-encoded spaces (%20) instead")]
    UnexpectedSpaces {
        /// The token as written, masked when it is a secret.
        token: String,
    },
    /// Percent-encoded bytes that are not UTF-8.
    #[error("percent-encoded value is not valid UTF-8: \"{token}\"")]
    PercentEncodedNotUtf8 {
        /// The token as written, masked when it is a secret.
        token: String,
    },
    /// `[` without `]`.
    #[error(
        "end of string reached when looking for matching \"]\" in IPv6 host address in URI: \"{uri}\""
    )]
    UnclosedBracket {
        /// The URI without its password.
        uri: String,
    },
    /// `[]`.
    #[error("IPv6 host address may not be empty in URI: \"{uri}\"")]
    EmptyBrackets {
        /// The URI without its password.
        uri: String,
    },
    /// Something after an address in brackets that cannot stand there.
    #[error(
        "unexpected character \"{character}\" at position {position} in URI (expected \":\" or \"/\"): \"{uri}\""
    )]
    UnexpectedCharacter {
        /// The character.
        character: char,
        /// Its place in the URI in bytes, from 1.
        position: usize,
        /// The URI without its password.
        uri: String,
    },
    /// A NUL character, which no value can hold.
    #[error("{place} contains a NUL (0x00) character")]
    ContainsNul {
        /// Where it was found.
        place: String,
    },
    /// An environment variable that is not UTF-8.
    #[error("environment variable {variable} is not valid UTF-8")]
    VariableNotUtf8 {
        /// The variable.
        variable: &'static str,
    },
    /// Not a whole number.
    #[error(
        "invalid integer value \"{value}\" for connection option \"{keyword}\" (expected {accepted})"
    )]
    InvalidInteger {
        /// The keyword.
        keyword: &'static str,
        /// The value.
        value: String,
        /// What is accepted.
        accepted: &'static str,
    },
    /// A number the keyword does not allow.
    #[error(
        "value {value} is out of range for connection option \"{keyword}\" (expected {accepted})"
    )]
    OutOfRange {
        /// The keyword.
        keyword: &'static str,
        /// The value.
        value: String,
        /// What is accepted.
        accepted: &'static str,
    },
    /// A port outside 1 to 65535.
    #[error("invalid port number: \"{value}\" (expected 1 to 65535)")]
    InvalidPort {
        /// The value.
        value: String,
    },
    /// Neither one port nor one for each host.
    #[error(
        "could not match {ports} port numbers to {hosts} hosts (give one port, or one for each host)"
    )]
    PortCount {
        /// Ports given.
        ports: usize,
        /// Hosts given.
        hosts: usize,
    },
    /// Not as many host names as addresses.
    #[error("could not match {hosts} host names with {addresses} hostaddr values")]
    AddressCount {
        /// Names given.
        hosts: usize,
        /// Addresses given.
        addresses: usize,
    },
    /// `hostaddr` is not an IP address.
    #[error(
        "could not parse network address \"{value}\": expected an IPv4 or IPv6 address (names go in \"host\")"
    )]
    InvalidAddress {
        /// The value.
        value: String,
    },
    /// A value that is not in the keyword's list.
    #[error("invalid {keyword} value: \"{value}\" (expected {})", listed(.accepted))]
    InvalidChoice {
        /// The keyword.
        keyword: &'static str,
        /// The value.
        value: String,
        /// All accepted values.
        accepted: Vec<&'static str>,
    },
    /// `connect_timeout` is not a number.
    #[error("bad value for connect_timeout: '{value}' (expected a number of seconds)")]
    InvalidTimeout {
        /// The value.
        value: String,
    },
    /// A TLS version this driver cannot speak.
    #[error(
        "invalid \"{keyword}\" value: \"{value}\" (expected \"TLSv1\", \"TLSv1.1\", \"TLSv1.2\" or \"TLSv1.3\")"
    )]
    InvalidTlsVersion {
        /// The keyword.
        keyword: &'static str,
        /// The value.
        value: String,
    },
    /// The lowest TLS version is above the highest, or the highest is below TLS 1.2.
    #[error(
        "invalid SSL protocol version range: ssl_min_protocol_version \"{minimum}\", ssl_max_protocol_version \"{maximum}\" (TLSv1.2 and TLSv1.3 are supported)"
    )]
    TlsVersionRange {
        /// The lowest version.
        minimum: &'static str,
        /// The highest version.
        maximum: &'static str,
    },
    /// The lowest protocol version is above the highest.
    #[error("\"min_protocol_version\" is greater than \"max_protocol_version\"")]
    ProtocolVersionRange,
    /// TLS from the first byte needs a mode that insists on TLS.
    #[error(
        "weak sslmode \"{mode}\" may not be used with sslnegotiation=direct (use \"require\", \"verify-ca\", or \"verify-full\")"
    )]
    WeakModeForDirect {
        /// The mode.
        mode: &'static str,
    },
    /// The system's trusted roots prove nothing unless the host name is checked.
    #[error(
        "weak sslmode \"{mode}\" may not be used with sslrootcert=system (use \"verify-full\")"
    )]
    WeakModeForSystemRoots {
        /// The mode.
        mode: &'static str,
    },
    /// GSSAPI encryption is asked for, which this driver does not have.
    #[error("gssencmode value \"{value}\" invalid when GSSAPI support is not compiled in")]
    GssUnavailable {
        /// The value.
        value: &'static str,
    },
    /// An authentication method nobody knows.
    #[error(
        "invalid require_auth value: \"{method}\" (expected a comma-separated list of \"password\", \"md5\", \"gss\", \"sspi\", \"scram-sha-256\", \"oauth\", \"none\", all or none of them preceded by \"!\")"
    )]
    InvalidAuthMethod {
        /// The method.
        method: String,
    },
    /// A forbidden method after allowed ones.
    #[error("negative require_auth method \"{method}\" cannot be mixed with non-negative methods")]
    NegativeAuthMethod {
        /// The method as written.
        method: String,
    },
    /// An allowed method after forbidden ones.
    #[error("require_auth method \"{method}\" cannot be mixed with negative methods")]
    PositiveAuthMethod {
        /// The method as written.
        method: String,
    },
    /// A method twice.
    #[error("require_auth method \"{method}\" is specified more than once")]
    RepeatedAuthMethod {
        /// The method as written.
        method: String,
    },
    /// `scram_client_key` or `scram_server_key` is not base64.
    #[error("invalid SCRAM {which} key (expected 32 bytes in base64)")]
    InvalidScramKey {
        /// `client` or `server`.
        which: &'static str,
    },
    /// `scram_client_key` or `scram_server_key` has another length.
    #[error("invalid SCRAM {which} key length: {length} (expected 32 bytes in base64)")]
    ScramKeyLength {
        /// `client` or `server`.
        which: &'static str,
        /// Its length in bytes.
        length: usize,
    },
    /// The service is in no service file.
    #[error("definition of service \"{service}\" not found{}", searched_list(.searched))]
    ServiceNotFound {
        /// The service.
        service: String,
        /// The files that were looked at.
        searched: Vec<PathBuf>,
    },
    /// The file named by `PGSERVICEFILE` does not exist.
    #[error("service file \"{}\" not found", path.display())]
    ServiceFileNotFound {
        /// The file.
        path: PathBuf,
    },
    /// A service file that cannot be read.
    #[error("service file \"{}\" could not be read: {reason}", path.display())]
    ServiceFileUnreadable {
        /// The file.
        path: PathBuf,
        /// The operating system's reason, or that it is not UTF-8.
        reason: String,
    },
    /// A line of a service file that is not `keyword=value`.
    #[error("syntax error in service file \"{}\", line {line}: {reason}", path.display())]
    ServiceFileSyntax {
        /// The file.
        path: PathBuf,
        /// Line number, from 1.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// A service that refers to a service.
    #[error(
        "nested service specifications not supported in service file \"{}\", line {line}",
        path.display()
    )]
    NestedService {
        /// The file.
        path: PathBuf,
        /// Line number, from 1.
        line: usize,
    },
    /// No user is given and the operating system does not know the process's user.
    #[error("could not look up the local user's name: {reason} (give \"user\" or set PGUSER)")]
    UnknownLocalUser {
        /// The operating system's reason.
        reason: String,
    },
    /// `topology_keys` does not follow the grammar.
    #[error(
        "invalid topology_keys value: \"{key}\": {reason} (expected cloud.region.zone[:priority 1 to 10], comma-separated, or \"auto\")"
    )]
    InvalidTopologyKey {
        /// The key at fault.
        key: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// `load_balance` and `load_balance_hosts` ask for different things.
    #[error(
        "load_balance \"{load_balance}\" conflicts with load_balance_hosts \"{load_balance_hosts}\" (give one of them)"
    )]
    LoadBalanceConflict {
        /// Value of `load_balance`.
        load_balance: String,
        /// Value of `load_balance_hosts`.
        load_balance_hosts: String,
    },
    /// A cluster keyword's value is not in its list.
    #[error("invalid {keyword} value: \"{value}\" (expected {accepted})")]
    InvalidClusterValue {
        /// The keyword.
        keyword: &'static str,
        /// The value.
        value: String,
        /// What is accepted.
        accepted: String,
    },
}

impl Error {
    /// Which kind of Python exception it is.
    ///
    /// As in psycopg: what cannot be parsed is a `ProgrammingError`, a value that libpq refuses when
    /// it connects is an `OperationalError`. The cluster's parameters are always the former.
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::MissingEquals { .. }
            | Self::UnterminatedQuote
            | Self::UnknownKeyword { .. }
            | Self::UnknownUriParameter { .. }
            | Self::MissingSeparator { .. }
            | Self::ExtraSeparator { .. }
            | Self::PercentEncoding { .. }
            | Self::PercentEncodedNul { .. }
            | Self::PercentEncodedNotUtf8 { .. }
            | Self::UnexpectedSpaces { .. }
            | Self::UnclosedBracket { .. }
            | Self::EmptyBrackets { .. }
            | Self::UnexpectedCharacter { .. }
            | Self::ContainsNul { .. }
            | Self::InvalidTimeout { .. }
            | Self::InvalidTopologyKey { .. }
            | Self::LoadBalanceConflict { .. }
            | Self::InvalidClusterValue { .. } => ErrorClass::Programming,
            Self::VariableNotUtf8 { .. }
            | Self::InvalidInteger { .. }
            | Self::OutOfRange { .. }
            | Self::InvalidPort { .. }
            | Self::PortCount { .. }
            | Self::AddressCount { .. }
            | Self::InvalidAddress { .. }
            | Self::InvalidChoice { .. }
            | Self::InvalidTlsVersion { .. }
            | Self::TlsVersionRange { .. }
            | Self::ProtocolVersionRange
            | Self::WeakModeForDirect { .. }
            | Self::WeakModeForSystemRoots { .. }
            | Self::GssUnavailable { .. }
            | Self::InvalidAuthMethod { .. }
            | Self::NegativeAuthMethod { .. }
            | Self::PositiveAuthMethod { .. }
            | Self::RepeatedAuthMethod { .. }
            | Self::InvalidScramKey { .. }
            | Self::ScramKeyLength { .. }
            | Self::ServiceNotFound { .. }
            | Self::ServiceFileNotFound { .. }
            | Self::ServiceFileUnreadable { .. }
            | Self::ServiceFileSyntax { .. }
            | Self::NestedService { .. }
            | Self::UnknownLocalUser { .. } => ErrorClass::Operational,
        }
    }
}

fn did_you_mean(suggestion: &Option<&'static str>) -> String {
    match suggestion {
        Some(keyword) => format!(" (did you mean \"{keyword}\"?)"),
        None => String::new(),
    }
}

fn quote_hint(after_secret: bool) -> &'static str {
    if after_secret {
        " (a secret value with spaces must stand in single quotes)"
    } else {
        ""
    }
}

pub(crate) fn listed(values: &[&str]) -> String {
    match values {
        [] => String::new(),
        [one] => format!("\"{one}\""),
        [most @ .., last] => {
            let most: Vec<String> = most.iter().map(|value| format!("\"{value}\"")).collect();
            format!("{} or \"{last}\"", most.join(", "))
        }
    }
}

fn searched_list(searched: &[PathBuf]) -> String {
    let paths: Vec<String> = searched
        .iter()
        .map(|path| format!("\"{}\"", path.display()))
        .collect();
    match paths.as_slice() {
        [] => String::new(),
        paths => format!(" in {}", paths.join(" or ")),
    }
}

//! Takes the password out of a URI before the URI goes into an error message.
//!
//! It must not depend on the URI being well formed: it runs exactly when it is not.

use crate::secret::MASK;
use crate::uri;

/// The URI with everything that may be a password masked.
///
/// Without a fragment of grammar to rely on, it masks generously: what stands between the first `:`
/// after the scheme and the last `@`, and the values of secret query parameters.
pub(crate) fn uri(text: &str) -> String {
    let rest = uri::strip_scheme(text).unwrap_or(text);
    let scheme = &text[..text.len() - rest.len()];
    let (authority, query) = match rest.split_once('?') {
        Some((authority, query)) if !query.contains('@') => (authority, Some(query)),
        _ => (rest, None),
    };
    let authority = match authority.rfind('@') {
        Some(at) => match authority[..at].find(':') {
            Some(colon) => format!("{}:{MASK}{}", &authority[..colon], &authority[at..]),
            None => authority.to_owned(),
        },
        None => authority.to_owned(),
    };
    match query {
        None => format!("{scheme}{authority}"),
        Some(query) if query.contains('%') || mentions_secret(query) => {
            format!("{scheme}{authority}?{MASK}")
        }
        Some(query) => format!("{scheme}{authority}?{query}"),
    }
}

/// Whether a database name is a connection string in disguise, which may hold a password.
pub(crate) fn holds_conninfo(dbname: &str) -> bool {
    dbname.contains('=') || uri::strip_scheme(dbname).is_some()
}

fn mentions_secret(query: &str) -> bool {
    query.split('&').any(|parameter| {
        let name = parameter.split('=').next().unwrap_or_default().trim();
        crate::keyword::find(name).is_some_and(|keyword| keyword.secret)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_passwords_wherever_they_stand() {
        for (given, shown) in [
            ("postgresql://u:secret@[::1", "postgresql://u:********@[::1"),
            ("postgresql://u:se:cr@et@h]", "postgresql://u:********@h]"),
            ("postgresql://u:se?cr@et@[", "postgresql://u:********@["),
            ("postgresql://[?password=secret", "postgresql://[?********"),
            (
                "postgresql://[?pass%77ord=secret",
                "postgresql://[?********",
            ),
            (
                "postgresql://[?sslmode=require",
                "postgresql://[?sslmode=require",
            ),
            ("postgres://u@[", "postgres://u@["),
        ] {
            assert_eq!(uri(given), shown);
        }
    }
}

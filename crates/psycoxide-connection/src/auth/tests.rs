//! The authenticator against servers that ask for what they may and may not. The verdicts and texts
//! are those of libpq 18 against a scripted server, but where a comment says so.

use super::*;

fn options() -> AuthOptions {
    AuthOptions {
        user: b"u".to_vec(),
        password: Some(Password::new("p")),
        channel_binding: ChannelBinding::Prefer,
        tls: TlsBinding::Plain,
        require_auth: RequireAuth::default(),
        nonce: [7; NONCE_LENGTH],
        scram_keys: None,
    }
}

fn sasl(mechanism: &'static str) -> Authentication<'static> {
    Authentication::Sasl {
        mechanisms: vec![mechanism],
    }
}

/// What comes of the requests, the last one's progress or the first error; and all that was sent.
fn run(
    options: AuthOptions,
    requests: &[Authentication<'_>],
) -> (Result<Progress, AuthError>, Vec<u8>) {
    let mut authenticator = Authenticator::new(options);
    let mut out = Vec::new();
    let mut progress = Ok(Progress::Continue);
    for request in requests {
        progress = authenticator.handle(request.clone(), &mut out);
        if progress.is_err() {
            break;
        }
    }
    (progress, out)
}

fn failure(options: AuthOptions, requests: &[Authentication<'_>]) -> String {
    run(options, requests).0.unwrap_err().to_string()
}

const MD5: Authentication<'static> = Authentication::Md5Password { salt: *b"abcd" };
const CLEARTEXT: Authentication<'static> = Authentication::CleartextPassword;

#[test]
fn trust_password_and_md5_are_answered() {
    assert_eq!(
        run(options(), &[Authentication::Ok]),
        (Ok(Progress::Done), vec![])
    );
    assert_eq!(
        run(options(), &[CLEARTEXT, Authentication::Ok]),
        (Ok(Progress::Done), b"p\0\0\0\x06p\0".to_vec())
    );
    assert_eq!(
        run(options(), &[MD5, Authentication::Ok]),
        (
            Ok(Progress::Done),
            b"p\0\0\0\x28md5fa55bd30a96b8d5bd8215eee7c50a918\0".to_vec()
        )
    );
}

#[test]
fn no_password_is_its_own_error_and_an_empty_one_is_none() {
    for password in [None, Some(Password::new(""))] {
        for request in [CLEARTEXT, MD5, sasl("SCRAM-SHA-256")] {
            let options = AuthOptions {
                password: password.clone(),
                ..options()
            };
            let mut authenticator = Authenticator::new(options);
            let mut out = Vec::new();
            let result = authenticator.handle(request, &mut out);
            assert_eq!(result, Err(AuthError::NoPassword));
            assert!(authenticator.needs_password() && !authenticator.used_password());
            assert!(out.is_empty());
        }
    }
    let mut authenticator = Authenticator::new(options());
    authenticator.handle(CLEARTEXT, &mut Vec::new()).unwrap();
    assert!(authenticator.used_password() && !authenticator.needs_password());
}

/// Rows: `require_auth`. Columns: the server accepts at once, asks for a password, for MD5, for SCRAM,
/// for OAuth, for GSSAPI, for SSPI. `+` goes on, `-` fails the requirement, `x` is not implemented.
#[test]
fn require_auth_decides_before_anything_is_sent() {
    for (require_auth, verdicts) in [
        ("", "++++xxx"),
        ("none", "+------"),
        ("password", "-+-----"),
        ("md5", "--+----"),
        ("scram-sha-256", "---+---"),
        ("gss", "-----x-"),
        ("sspi", "------x"),
        ("oauth", "----x--"),
        ("!none", "-+++xxx"),
        ("!password", "+-++xxx"),
        ("!md5", "++-+xxx"),
        ("!scram-sha-256", "+++-xxx"),
        ("!oauth", "++++-xx"),
        ("!gss", "++++x-x"),
        ("password,md5", "-++----"),
        ("none,md5", "+-+----"),
        ("!none,!md5", "-+-+xxx"),
    ] {
        let requests = [
            Authentication::Ok,
            CLEARTEXT,
            MD5,
            sasl("SCRAM-SHA-256"),
            sasl("OAUTHBEARER"),
            Authentication::Unsupported(7),
            Authentication::Unsupported(9),
        ];
        for (request, verdict) in requests.into_iter().zip(verdicts.chars()) {
            let options = AuthOptions {
                require_auth: require_auth.parse().unwrap(),
                ..options()
            };
            let case = format!("{require_auth:?} {request:?}");
            let (result, out) = run(options, &[request]);
            let found = match result {
                Ok(_) => '+',
                Err(AuthError::Requirement { .. }) => '-',
                Err(
                    AuthError::UnsupportedMethod { .. } | AuthError::UnsupportedMechanisms { .. },
                ) => 'x',
                Err(error) => panic!("{case}: {error}"),
            };
            assert_eq!(found, verdict, "{case}");
            assert!(result_sent_nothing(found, &out), "{case}");
        }
    }
}

fn result_sent_nothing(verdict: char, out: &[u8]) -> bool {
    verdict == '+' || out.is_empty()
}

#[test]
fn a_requirement_that_fails_says_what_the_server_did() {
    for (require_auth, request, reason) in [
        ("none", CLEARTEXT, "server requested a cleartext password"),
        ("none", MD5, "server requested a hashed password"),
        (
            "md5",
            sasl("SCRAM-SHA-256"),
            "server requested SASL authentication",
        ),
        (
            "oauth",
            sasl("SCRAM-SHA-256"),
            "server requested SCRAM-SHA-256 authentication",
        ),
        (
            "scram-sha-256",
            sasl("OAUTHBEARER"),
            "server requested OAUTHBEARER authentication",
        ),
        (
            "md5",
            Authentication::Unsupported(7),
            "server requested GSSAPI authentication",
        ),
        (
            "md5",
            Authentication::Unsupported(9),
            "server requested SSPI authentication",
        ),
        (
            "!none,!md5",
            Authentication::Ok,
            "server did not complete authentication",
        ),
    ] {
        let options = AuthOptions {
            require_auth: require_auth.parse().unwrap(),
            ..options()
        };
        assert_eq!(
            failure(options, &[request]),
            format!("authentication method requirement \"{require_auth}\" failed: {reason}")
        );
    }
}

#[test]
fn required_channel_binding_admits_nothing_else() {
    let required = || AuthOptions {
        channel_binding: ChannelBinding::Require,
        ..options()
    };
    for (request, message) in [
        (
            Authentication::Ok,
            "channel binding required, but server authenticated client without channel binding",
        ),
        (
            CLEARTEXT,
            "channel binding required but not supported by server's authentication request",
        ),
        (
            MD5,
            "channel binding required but not supported by server's authentication request",
        ),
        (
            sasl("SCRAM-SHA-256"),
            "channel binding required, but SSL not in use",
        ),
        (
            sasl("SCRAM-SHA-256-PLUS"),
            "channel binding required, but SSL not in use",
        ),
    ] {
        assert_eq!(failure(required(), &[request]), message);
    }
    let encrypted = || AuthOptions {
        tls: TlsBinding::ServerEndPoint(vec![1; 32]),
        ..required()
    };
    assert_eq!(
        failure(encrypted(), &[sasl("SCRAM-SHA-256")]),
        "channel binding required but not supported by server's authentication request"
    );
    let (result, out) = run(encrypted(), &[sasl("SCRAM-SHA-256-PLUS")]);
    assert_eq!(result, Ok(Progress::Continue));
    assert!(out[5..].starts_with(b"SCRAM-SHA-256-PLUS\0\0\0\0\x35p=tls-server-end-point,,n=,r="));
}

#[test]
fn what_is_not_implemented_is_named() {
    for (request, message) in [
        (
            Authentication::Unsupported(2),
            "Kerberos 5 authentication not supported",
        ),
        (
            Authentication::Unsupported(42),
            "authentication method 42 not supported",
        ),
        (
            Authentication::Unsupported(7),
            "GSSAPI authentication not supported",
        ),
        (
            Authentication::Sasl {
                mechanisms: vec!["FOO", "BAR"],
            },
            "none of the server's SASL authentication mechanisms are supported (it offers FOO, BAR)",
        ),
        (
            Authentication::Sasl { mechanisms: vec![] },
            "none of the server's SASL authentication mechanisms are supported (it offers none)",
        ),
    ] {
        assert_eq!(failure(options(), &[request]), message);
    }
}

/// libpq accepts the first two and lets a server that does not know the password in.
#[test]
fn a_scram_exchange_cannot_be_cut_short() {
    let first = || sasl("SCRAM-SHA-256");
    assert_eq!(
        run(options(), &[first(), Authentication::Ok]).0,
        Err(AuthError::Incomplete)
    );
    let nonce = nonce_of_server();
    let challenge = || Authentication::SaslContinue(nonce.as_bytes());
    assert_eq!(
        run(options(), &[first(), challenge(), Authentication::Ok]).0,
        Err(AuthError::Incomplete)
    );
    for requests in [
        &[challenge()][..],
        &[Authentication::SaslFinal(b"v=x")],
        &[first(), first()],
        &[first(), Authentication::SaslFinal(b"v=x")],
        &[first(), challenge(), challenge()],
        &[first(), CLEARTEXT],
        &[CLEARTEXT, CLEARTEXT],
        &[CLEARTEXT, first()],
        &[Authentication::Ok, Authentication::Ok],
    ] {
        let (result, _) = run(options(), requests);
        assert!(
            matches!(result, Err(AuthError::OutOfOrder { .. })),
            "{requests:?} {result:?}"
        );
    }
}

fn nonce_of_server() -> String {
    // [7; 18] in base64, extended.
    format!("r={}server,s=AAAA,i=1", "BwcH".repeat(6))
}

#[test]
fn a_wrong_server_signature_ends_the_exchange_for_good() {
    let challenge = nonce_of_server();
    let mut authenticator = Authenticator::new(options());
    let mut out = Vec::new();
    authenticator
        .handle(sasl("SCRAM-SHA-256"), &mut out)
        .unwrap();
    authenticator
        .handle(Authentication::SaslContinue(challenge.as_bytes()), &mut out)
        .unwrap();
    let signature = b"v=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    let sent = out.len();
    assert_eq!(
        authenticator.handle(Authentication::SaslFinal(signature), &mut out),
        Err(AuthError::ServerSignature)
    );
    for request in [Authentication::Ok, CLEARTEXT, sasl("SCRAM-SHA-256")] {
        assert!(matches!(
            authenticator.handle(request, &mut out),
            Err(AuthError::OutOfOrder { .. })
        ));
    }
    assert_eq!(out.len(), sent);
}

#[test]
fn nothing_secret_is_printed() {
    let options = AuthOptions {
        password: Some(Password::new("hunter2")),
        ..options()
    };
    assert!(!format!("{options:?}").contains("hunter2"));
    assert_eq!(
        format!("{:?}", Authenticator::new(options)),
        r#"Authenticator { state: "start", .. }"#
    );
}

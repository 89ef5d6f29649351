//! The keywords of libpq 18, in the order in which it lists them.
//!
//! Labels, display characters and widths are what `PQconndefaults` answers, because programs show
//! connection dialogues from them. One default differs from a full libpq on purpose: this driver has
//! no GSSAPI, so `gssencmode` is `disable`, as in a libpq built without it.

use super::{Family, Keyword};

const fn keyword(
    name: &'static str,
    variable: Option<&'static str>,
    default: Option<&'static str>,
    label: &'static str,
    display: &'static str,
    width: u32,
) -> Keyword {
    Keyword {
        name,
        variable,
        default,
        label,
        display,
        width,
        secret: false,
        family: Family::Libpq,
    }
}

const fn secret(keyword: Keyword) -> Keyword {
    Keyword {
        secret: true,
        ..keyword
    }
}

#[rustfmt::skip]
pub(super) const KEYWORDS: &[Keyword] = &[
    keyword("service", Some("PGSERVICE"), None, "Database-Service", "", 20),
    keyword("user", Some("PGUSER"), None, "Database-User", "", 20),
    secret(keyword("password", Some("PGPASSWORD"), None, "Database-Password", "*", 20)),
    keyword("passfile", Some("PGPASSFILE"), None, "Database-Password-File", "", 64),
    keyword("channel_binding", Some("PGCHANNELBINDING"), Some("prefer"), "Channel-Binding", "", 8),
    keyword("connect_timeout", Some("PGCONNECT_TIMEOUT"), None, "Connect-timeout", "", 10),
    keyword("dbname", Some("PGDATABASE"), None, "Database-Name", "", 20),
    keyword("host", Some("PGHOST"), None, "Database-Host", "", 40),
    keyword("hostaddr", Some("PGHOSTADDR"), None, "Database-Host-IP-Address", "", 45),
    keyword("port", Some("PGPORT"), None, "Database-Port", "", 6),
    keyword("client_encoding", Some("PGCLIENTENCODING"), None, "Client-Encoding", "", 10),
    keyword("options", Some("PGOPTIONS"), Some(""), "Backend-Options", "", 40),
    keyword("application_name", Some("PGAPPNAME"), None, "Application-Name", "", 64),
    keyword("fallback_application_name", None, None, "Fallback-Application-Name", "", 64),
    keyword("keepalives", None, None, "TCP-Keepalives", "", 1),
    keyword("keepalives_idle", None, None, "TCP-Keepalives-Idle", "", 10),
    keyword("keepalives_interval", None, None, "TCP-Keepalives-Interval", "", 10),
    keyword("keepalives_count", None, None, "TCP-Keepalives-Count", "", 10),
    keyword("tcp_user_timeout", None, None, "TCP-User-Timeout", "", 10),
    keyword("sslmode", Some("PGSSLMODE"), Some("prefer"), "SSL-Mode", "", 12),
    keyword("sslnegotiation", Some("PGSSLNEGOTIATION"), Some("postgres"), "SSL-Negotiation", "", 9),
    keyword("sslcompression", Some("PGSSLCOMPRESSION"), Some("0"), "SSL-Compression", "", 1),
    keyword("sslcert", Some("PGSSLCERT"), None, "SSL-Client-Cert", "", 64),
    keyword("sslkey", Some("PGSSLKEY"), None, "SSL-Client-Key", "", 64),
    keyword("sslcertmode", Some("PGSSLCERTMODE"), None, "SSL-Client-Cert-Mode", "", 8),
    secret(keyword("sslpassword", None, None, "SSL-Client-Key-Password", "*", 20)),
    keyword("sslrootcert", Some("PGSSLROOTCERT"), None, "SSL-Root-Certificate", "", 64),
    keyword("sslcrl", Some("PGSSLCRL"), None, "SSL-Revocation-List", "", 64),
    keyword("sslcrldir", Some("PGSSLCRLDIR"), None, "SSL-Revocation-List-Dir", "", 64),
    keyword("sslsni", Some("PGSSLSNI"), Some("1"), "SSL-SNI", "", 1),
    keyword("requirepeer", Some("PGREQUIREPEER"), None, "Require-Peer", "", 10),
    keyword("require_auth", Some("PGREQUIREAUTH"), None, "Require-Auth", "", 14),
    keyword("min_protocol_version", Some("PGMINPROTOCOLVERSION"), None, "Min-Protocol-Version", "", 6),
    keyword("max_protocol_version", Some("PGMAXPROTOCOLVERSION"), None, "Max-Protocol-Version", "", 6),
    keyword("ssl_min_protocol_version", Some("PGSSLMINPROTOCOLVERSION"), Some("TLSv1.2"), "SSL-Minimum-Protocol-Version", "", 8),
    keyword("ssl_max_protocol_version", Some("PGSSLMAXPROTOCOLVERSION"), None, "SSL-Maximum-Protocol-Version", "", 8),
    keyword("gssencmode", Some("PGGSSENCMODE"), Some("disable"), "GSSENC-Mode", "", 8),
    keyword("krbsrvname", Some("PGKRBSRVNAME"), Some("postgres"), "Kerberos-service-name", "", 20),
    keyword("gsslib", Some("PGGSSLIB"), None, "GSS-library", "", 7),
    keyword("gssdelegation", Some("PGGSSDELEGATION"), Some("0"), "GSS-delegation", "", 1),
    keyword("replication", None, None, "Replication", "D", 5),
    keyword("target_session_attrs", Some("PGTARGETSESSIONATTRS"), Some("any"), "Target-Session-Attrs", "", 15),
    keyword("load_balance_hosts", Some("PGLOADBALANCEHOSTS"), Some("disable"), "Load-Balance-Hosts", "", 8),
    secret(keyword("scram_client_key", None, None, "SCRAM-Client-Key", "D", 64)),
    secret(keyword("scram_server_key", None, None, "SCRAM-Server-Key", "D", 64)),
    keyword("oauth_issuer", None, None, "OAuth-Issuer", "", 40),
    keyword("oauth_client_id", None, None, "OAuth-Client-ID", "", 40),
    secret(keyword("oauth_client_secret", None, None, "OAuth-Client-Secret", "*", 40)),
    keyword("oauth_scope", None, None, "OAuth-Scope", "", 15),
    keyword("sslkeylogfile", None, None, "SSL-Key-Log-File", "D", 64),
];

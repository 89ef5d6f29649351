//! `client_encoding=auto`: the encoding of the process's locale, in PostgreSQL's spelling.
//!
//! A locale without an encoding is taken as UTF-8, because Python itself reads the C locale so
//! (PEP 538, PEP 540), and so does an encoding PostgreSQL has no name for.

use crate::Error;
use crate::environment::{self, Environment};

/// The encoding named by the first of `LC_ALL`, `LC_CTYPE` and `LANG` that is not empty.
pub(crate) fn client_encoding(environment: &dyn Environment) -> Result<&'static str, Error> {
    for name in ["LC_ALL", "LC_CTYPE", "LANG"] {
        let locale = environment::text(environment, name)?.unwrap_or_default();
        if !locale.is_empty() {
            return Ok(of_locale(&locale));
        }
    }
    Ok("UTF8")
}

/// `de_DE.ISO-8859-15@euro` → `LATIN9`.
fn of_locale(locale: &str) -> &'static str {
    let Some((_, codeset)) = locale.split_once('.') else {
        return "UTF8";
    };
    let codeset = codeset.split('@').next().unwrap_or_default();
    let folded: String = codeset
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .collect::<String>()
        .to_ascii_uppercase();
    match folded.as_str() {
        "ISO88591" => "LATIN1",
        "ISO88592" => "LATIN2",
        "ISO88593" => "LATIN3",
        "ISO88594" => "LATIN4",
        "ISO88595" => "ISO_8859_5",
        "ISO88596" => "ISO_8859_6",
        "ISO88597" => "ISO_8859_7",
        "ISO88598" => "ISO_8859_8",
        "ISO88599" => "LATIN5",
        "ISO885910" => "LATIN6",
        "ISO885913" => "LATIN7",
        "ISO885914" => "LATIN8",
        "ISO885915" => "LATIN9",
        "ISO885916" => "LATIN10",
        "CP1250" => "WIN1250",
        "CP1251" => "WIN1251",
        "CP1252" => "WIN1252",
        "CP1253" => "WIN1253",
        "CP1254" => "WIN1254",
        "CP1255" => "WIN1255",
        "CP1256" => "WIN1256",
        "CP1257" => "WIN1257",
        "CP1258" => "WIN1258",
        "KOI8R" => "KOI8R",
        "KOI8U" => "KOI8U",
        "EUCJP" => "EUC_JP",
        "EUCKR" => "EUC_KR",
        "EUCCN" | "GB2312" => "EUC_CN",
        "EUCTW" => "EUC_TW",
        "SJIS" | "SHIFTJIS" => "SJIS",
        "BIG5" => "BIG5",
        "GBK" => "GBK",
        "GB18030" => "GB18030",
        _ => "UTF8",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment::Fixed;

    #[test]
    fn the_first_variable_that_says_something_counts() {
        let environment = Fixed::default()
            .variable("LC_ALL", "")
            .variable("LC_CTYPE", "de_DE.ISO-8859-15@euro")
            .variable("LANG", "en_US.UTF-8");
        assert_eq!(client_encoding(&environment).unwrap(), "LATIN9");
        assert_eq!(client_encoding(&Fixed::default()).unwrap(), "UTF8");
        for (locale, encoding) in [
            ("C", "UTF8"),
            ("C.utf8", "UTF8"),
            ("ja_JP.eucJP", "EUC_JP"),
            ("x.weird", "UTF8"),
        ] {
            assert_eq!(of_locale(locale), encoding);
        }
    }
}

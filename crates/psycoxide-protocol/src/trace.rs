//! Messages as text, in the notation of libpq's `PQtrace`: a line for each.
//!
//! A line holds the direction (`F` from the client, `B` from the server), the length, the name and
//! the fields: protocol strings between double quotes, data between single ones, bytes of data that
//! are not printable in hexadecimal. Time is the caller's business.
//! <https://www.postgresql.org/docs/current/libpq-control.html#LIBPQ-PQTRACE>

use crate::DecodeError;
use crate::backend::tag;
use crate::reader::Reader;

/// Who has sent a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sender {
    /// The client.
    Frontend,
    /// The server.
    Backend,
}

/// Appends the line of one whole message, header included. `regress`: without what differs from run
/// to run, such as OIDs and lines of the server's source.
///
/// A message that cannot be understood is shown as far as it can be; the machine that handles it
/// tells what is wrong.
pub fn write_line(out: &mut Vec<u8>, sender: Sender, message: &[u8], regress: bool) {
    let (Some(tag), Some(body)) = (message.first(), message.get(5..)) else {
        return;
    };
    let (direction, name) = match sender {
        Sender::Frontend => ('F', frontend_name(*tag)),
        Sender::Backend => ('B', tag::name(*tag)),
    };
    let is_report =
        sender == Sender::Backend && matches!(*tag, tag::ERROR_RESPONSE | tag::NOTICE_RESPONSE);
    out.push(direction as u8);
    out.push(b'\t');
    if regress && is_report {
        out.extend_from_slice(b"NN");
    } else {
        out.extend_from_slice((message.len() - 1).to_string().as_bytes());
    }
    out.push(b'\t');
    out.extend_from_slice(name.as_bytes());
    let mut line = Line {
        out,
        reader: Reader::new(*tag, body),
        regress,
        started: false,
    };
    let shown = match sender {
        Sender::Frontend => line.frontend(*tag),
        Sender::Backend => line.backend(*tag),
    };
    let rest = line.reader.take_rest();
    if shown.is_err() || !rest.is_empty() {
        line.text(b"...");
    }
    out.push(b'\n');
}

fn frontend_name(tag: u8) -> &'static str {
    match tag {
        b'B' => "Bind",
        b'C' => "Close",
        b'D' => "Describe",
        b'E' => "Execute",
        b'H' => "Flush",
        b'P' => "Parse",
        b'Q' => "Query",
        b'S' => "Sync",
        b'X' => "Terminate",
        b'c' => "CopyDone",
        b'd' => "CopyData",
        b'f' => "CopyFail",
        b'p' => "AuthenticationResponse",
        _ => "Unknown",
    }
}

type Shown = Result<(), DecodeError>;

/// The fields of one message on their way into its line.
struct Line<'a, 'b> {
    out: &'a mut Vec<u8>,
    reader: Reader<'b>,
    regress: bool,
    started: bool,
}

impl Line<'_, '_> {
    fn frontend(&mut self, tag: u8) -> Shown {
        match tag {
            b'Q' | b'f' => self.string(),
            b'P' => {
                self.string()?;
                self.string()?;
                self.counted(Self::oid)
            }
            b'B' => {
                self.string()?;
                self.string()?;
                self.counted(Self::int16)?;
                self.counted(Self::value)?;
                self.counted(Self::int16)
            }
            b'C' | b'D' => {
                self.byte()?;
                self.string()
            }
            b'E' => {
                self.string()?;
                self.int32()
            }
            b'd' => self.rest(),
            // A password, or what proves one.
            b'p' => {
                self.reader.take_rest();
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn backend(&mut self, tag: u8) -> Shown {
        match tag {
            tag::COMMAND_COMPLETE => self.string(),
            tag::DATA_ROW => self.counted(Self::value),
            tag::ROW_DESCRIPTION => self.counted(Self::column),
            tag::PARAMETER_DESCRIPTION => self.counted(Self::oid),
            tag::READY_FOR_QUERY => self.byte(),
            tag::ERROR_RESPONSE | tag::NOTICE_RESPONSE => self.report(),
            tag::PARAMETER_STATUS => {
                self.string()?;
                self.string()
            }
            tag::NOTIFICATION_RESPONSE => {
                self.oid()?;
                self.string()?;
                self.string()
            }
            tag::COPY_IN_RESPONSE | tag::COPY_OUT_RESPONSE | tag::COPY_BOTH_RESPONSE => {
                self.byte()?;
                self.counted(Self::int16)
            }
            tag::COPY_DATA => self.rest(),
            // The key is a secret.
            tag::BACKEND_KEY_DATA | tag::AUTHENTICATION => {
                self.reader.take_rest();
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn column(&mut self) -> Shown {
        self.string()?;
        self.oid()?;
        self.int16()?;
        self.oid()?;
        // As libpq shows it: -1 is 65535.
        let size = self.reader.u16()?;
        self.text(size.to_string().as_bytes());
        self.int32()?;
        self.int16()
    }

    fn report(&mut self) -> Shown {
        loop {
            let code = self.reader.u8()?;
            if code == 0 {
                self.text(b"\\x00");
                return Ok(());
            }
            self.text(&[code]);
            if self.regress && matches!(code, b'F' | b'L' | b'R') {
                self.reader.c_string()?;
                self.text(b"\"SSSS\"");
            } else {
                self.string()?;
            }
        }
    }

    /// A count, and as many of something.
    fn counted(&mut self, show: fn(&mut Self) -> Shown) -> Shown {
        let count = self.reader.u16()?;
        self.text(count.to_string().as_bytes());
        for _ in 0..count {
            show(self)?;
        }
        Ok(())
    }

    /// A length and so many bytes; -1 is NULL.
    fn value(&mut self) -> Shown {
        let length = self.reader.i32()?;
        self.text(length.to_string().as_bytes());
        let Ok(length) = usize::try_from(length) else {
            return Ok(());
        };
        let data = self.reader.bytes(length)?;
        self.data(data);
        Ok(())
    }

    fn rest(&mut self) -> Shown {
        let data = self.reader.take_rest();
        if self.regress {
            self.text(b"'BBBB'");
        } else {
            self.data(data);
        }
        Ok(())
    }

    fn int16(&mut self) -> Shown {
        let number = self.reader.i16()?;
        self.text(number.to_string().as_bytes());
        Ok(())
    }

    fn int32(&mut self) -> Shown {
        let number = self.reader.i32()?;
        self.text(number.to_string().as_bytes());
        Ok(())
    }

    /// A number that differs from run to run.
    fn oid(&mut self) -> Shown {
        let number = self.reader.u32()?;
        if self.regress {
            self.text(b"NNNN");
        } else {
            self.text(number.to_string().as_bytes());
        }
        Ok(())
    }

    fn byte(&mut self) -> Shown {
        let byte = self.reader.u8()?;
        self.begin();
        push_escaped(self.out, byte);
        Ok(())
    }

    fn string(&mut self) -> Shown {
        let string = self.reader.c_string()?;
        self.begin();
        self.out.push(b'"');
        self.out.extend_from_slice(string);
        self.out.push(b'"');
        Ok(())
    }

    fn data(&mut self, data: &[u8]) {
        self.begin();
        self.out.push(b'\'');
        for byte in data {
            push_escaped(self.out, *byte);
        }
        self.out.push(b'\'');
    }

    fn text(&mut self, text: &[u8]) {
        self.begin();
        self.out.extend_from_slice(text);
    }

    /// What stands between the name and the fields, and between two fields.
    fn begin(&mut self) {
        if !std::mem::replace(&mut self.started, true) {
            self.out.push(b'\t');
        }
        self.out.push(b' ');
    }
}

fn push_escaped(out: &mut Vec<u8>, byte: u8) {
    if matches!(byte, b' '..=b'~') {
        out.push(byte);
        return;
    }
    let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).map_or(b'?', |c| c as u8);
    out.extend_from_slice(&[b'\\', b'x', digit(byte >> 4), digit(byte & 15)]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Format, frontend};

    fn frontend_line(write: impl FnOnce(&mut Vec<u8>), regress: bool) -> String {
        let mut message = Vec::new();
        write(&mut message);
        line(Sender::Frontend, &message, regress)
    }

    fn backend_line(tag: u8, body: &[u8], regress: bool) -> String {
        let length = (body.len() as u32 + 4).to_be_bytes();
        let message = [&[tag], &length[..], body].concat();
        line(Sender::Backend, &message, regress)
    }

    fn line(sender: Sender, message: &[u8], regress: bool) -> String {
        let mut out = Vec::new();
        write_line(&mut out, sender, message, regress);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn what_clients_send() {
        let query = |out: &mut Vec<u8>| frontend::query(out, b"select '\xc3\xa9'").unwrap();
        assert_eq!(
            frontend_line(query, false),
            "F\t16\tQuery\t \"select 'é'\"\n"
        );
        let parse = |out: &mut Vec<u8>| frontend::parse(out, b"s", b"select $1", &[23]).unwrap();
        assert_eq!(
            frontend_line(parse, false),
            "F\t22\tParse\t \"s\" \"select $1\" 1 23\n"
        );
        assert_eq!(
            frontend_line(parse, true),
            "F\t22\tParse\t \"s\" \"select $1\" 1 NNNN\n"
        );
        let bind = |out: &mut Vec<u8>| {
            let formats = [Format::Text, Format::Binary];
            let values = b"\0\0\0\x021'\0\0\0\x01\n";
            frontend::bind(out, b"", b"s", &formats, 2, values, &[Format::Binary]).unwrap();
        };
        assert_eq!(
            frontend_line(bind, false),
            "F\t30\tBind\t \"\" \"s\" 2 0 1 2 2 '1'' 1 '\\x0a' 1 1\n"
        );
        assert_eq!(frontend_line(frontend::sync, false), "F\t4\tSync\n");
        let data = |out: &mut Vec<u8>| frontend::copy_data(out, b"1\t2").unwrap();
        assert_eq!(frontend_line(data, false), "F\t7\tCopyData\t '1\\x092'\n");
        assert_eq!(frontend_line(data, true), "F\t7\tCopyData\t 'BBBB'\n");
        let password = |out: &mut Vec<u8>| frontend::password(out, b"secret").unwrap();
        assert!(!frontend_line(password, false).contains("secret"));
    }

    #[test]
    fn what_servers_send() {
        assert_eq!(
            backend_line(tag::READY_FOR_QUERY, b"I", false),
            "B\t5\tReadyForQuery\t I\n"
        );
        let row = b"\0\x02\xff\xff\xff\xff\0\0\0\x03a\xc3b";
        assert_eq!(
            backend_line(tag::DATA_ROW, row, false),
            "B\t17\tDataRow\t 2 -1 3 'a\\xc3b'\n"
        );
        let column = b"\0\x01a\0\0\0\0\x07\0\x01\0\0\0\x19\xff\xff\xff\xff\xff\xff\0\0";
        assert_eq!(
            backend_line(tag::ROW_DESCRIPTION, column, false),
            "B\t26\tRowDescription\t 1 \"a\" 7 1 25 65535 -1 0\n"
        );
        assert_eq!(
            backend_line(tag::ROW_DESCRIPTION, column, true),
            "B\t26\tRowDescription\t 1 \"a\" NNNN 1 NNNN 65535 -1 0\n"
        );
        let report = b"SERROR\0MNo\0L12\0\0";
        assert_eq!(
            backend_line(tag::ERROR_RESPONSE, report, false),
            "B\t20\tErrorResponse\t S \"ERROR\" M \"No\" L \"12\" \\x00\n"
        );
        assert_eq!(
            backend_line(tag::ERROR_RESPONSE, report, true),
            "B\tNN\tErrorResponse\t S \"ERROR\" M \"No\" L \"SSSS\" \\x00\n"
        );
        assert_eq!(
            backend_line(tag::COPY_OUT_RESPONSE, b"\0\0\x01\0\0", false),
            "B\t9\tCopyOutResponse\t \\x00 1 0\n"
        );
    }

    #[test]
    fn nonsense_is_shown_as_far_as_it_goes() {
        assert_eq!(
            backend_line(tag::DATA_ROW, b"\0\x02\0\0", false),
            "B\t8\tDataRow\t 2 ...\n"
        );
        assert_eq!(
            backend_line(tag::COMMAND_COMPLETE, b"DO\0more", false),
            "B\t11\tCommandComplete\t \"DO\" ...\n"
        );
        assert_eq!(line(Sender::Backend, b"Z", false), "");
    }
}

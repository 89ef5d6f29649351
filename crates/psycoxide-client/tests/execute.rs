//! Executing: with BEGIN in front, prepared where that pays, healed where the server forgot.

#![allow(clippy::unwrap_used, reason = "a test ends there")]

mod support;

use psycoxide_client::operations::command::RunCommand;
use psycoxide_client::operations::execute::{Execute, Parameters, Request};
use psycoxide_client::{Error, PrepareMode, TransactionCharacteristics};
use psycoxide_connection::ExecStatus;
use psycoxide_protocol::TransactionStatus;
use psycoxide_protocol::backend::ErrorFields;
use psycoxide_testkit::{Script, backend};

use support::{
    autocommit, begun, complete, error, execute, expect, no_rows, one_known_row, one_row,
    parameter, query, ready, request, run, session, simple, tags,
};

#[test]
fn begin_travels_in_front() {
    let (mut connection, server) = session(|script| {
        let script = expect(script, "PBEPBDES").send(begun());
        let script = script.send(backend::parse_complete()).send(one_row());
        expect(script.send(ready(b'T')), "PBDES")
            .send(no_rows("UPDATE 3"))
            .send(ready(b'T'))
    });
    connection.set_characteristics(TransactionCharacteristics {
        read_only: Some(true),
        ..TransactionCharacteristics::default()
    });
    let results = execute(&mut connection, request(&query("select"))).unwrap();
    assert_eq!(results, ["TuplesOk 1x1 SELECT 1"]);
    assert_eq!(
        connection.pgconn.transaction_status(),
        TransactionStatus::InTransaction
    );
    let results = execute(&mut connection, request(&query("update"))).unwrap();
    assert_eq!(results, ["CommandOk UPDATE 3"]);
    let transcript = server.finish().remove(0);
    assert!(transcript[1].ends_with(b"BEGIN READ ONLY\0\0\0"));
}

#[test]
fn a_begin_that_fails_is_the_result() {
    let (mut connection, _server) = session(|script| {
        expect(script, "PBEPBDES")
            .send(backend::parse_complete())
            .send(error("55000"))
            .send(ready(b'I'))
    });
    let results = execute(&mut connection, request(&query("delete"))).unwrap();
    assert_eq!(results, ["FatalError 55000 failed"]);
    assert!(connection.pgconn.is_open());
}

#[test]
fn a_query_that_fails_after_begin() {
    let (mut connection, _server) = session(|script| {
        expect(script, "PBEPBDES")
            .send(begun())
            .send(error("42P01"))
            .send(ready(b'E'))
    });
    let results = execute(&mut connection, request(&query("select"))).unwrap();
    assert_eq!(results, ["FatalError 42P01 failed"]);
    assert_eq!(
        connection.pgconn.transaction_status(),
        TransactionStatus::InError
    );
}

#[test]
fn several_statements_wait_for_begin() {
    let (mut connection, server) = session(|script| {
        let script = script
            .expect(b'Q')
            .send(complete("BEGIN"))
            .send(ready(b'T'));
        let script = script.expect(b'Q').send(complete("INSERT 0 1"));
        let script = script.send(complete("INSERT 0 2")).send(ready(b'T'));
        let script = script.expect(b'Q').send(complete("DO"));
        script.send(ready(b'T'))
    });
    let results = execute(&mut connection, simple("insert; insert")).unwrap();
    assert_eq!(results, ["CommandOk INSERT 0 1", "CommandOk INSERT 0 2"]);
    // In the transaction it needs no BEGIN.
    assert_eq!(
        execute(&mut connection, simple("do")).unwrap(),
        ["CommandOk DO"]
    );
    let transcript = server.finish().remove(0);
    assert_eq!(transcript[1], b"Q\0\0\0\x0aBEGIN\0");
    assert!(transcript[2].ends_with(b"insert; insert\0"));
}

/// The query would run, and commit, by itself.
#[test]
fn a_simple_query_is_not_sent_when_begin_fails() {
    let (mut connection, server) = session(|script| {
        let script = script.expect(b'Q').send(error("25006")).send(ready(b'I'));
        script.expect(b'X').expect_close()
    });
    let results = execute(&mut connection, simple("delete; delete")).unwrap();
    assert_eq!(results, ["FatalError 25006 failed"]);
    connection.pgconn.close();
    assert_eq!(tags(&server.finish()[0]), ".QX");
}

/// A server that says it has begun a transaction and is in none.
#[test]
fn a_begin_without_effect_is_not_repeated_for_ever() {
    let (mut connection, server) = session(|script| {
        let script = script
            .expect(b'Q')
            .send(complete("BEGIN"))
            .send(ready(b'I'));
        script.expect(b'Q').send(complete("DO")).send(ready(b'I'))
    });
    let results = execute(&mut connection, simple("do")).unwrap();
    assert_eq!(results, ["CommandOk DO"]);
    server.finish();
}

#[test]
fn a_query_is_prepared_at_its_sixth_execution() {
    let (mut connection, server) = autocommit(|mut script| {
        for _ in 0..5 {
            script = expect(script, "PBDES")
                .send(backend::parse_complete())
                .send(one_row())
                .send(ready(b'I'));
        }
        script = expect(script, "PBDES")
            .send(backend::parse_complete())
            .send(one_row())
            .send(ready(b'I'));
        for _ in 0..2 {
            script = expect(script, "BES")
                .send(one_known_row())
                .send(ready(b'I'));
        }
        script
    });
    let query = query("select");
    for execution in 1..=8 {
        let results = execute(&mut connection, request(&query)).unwrap();
        assert_eq!(results, ["TuplesOk 1x1 SELECT 1"]);
        assert_eq!(connection.statements.len(), usize::from(execution >= 6));
    }
    let transcript = server.finish().remove(0);
    let parses: Vec<&[u8]> = transcript
        .iter()
        .filter(|message| message[0] == b'P')
        .map(|message| &message[5..])
        .collect();
    assert!(
        parses[..5]
            .iter()
            .all(|parse| parse.starts_with(b"\0select"))
    );
    assert!(parses[5].starts_with(b"_pg3_0\0select"));
}

#[test]
fn commands_without_rows_are_not_described_again() {
    let (mut connection, _server) = autocommit(|script| {
        let script = expect(script, "PBDES").send(no_rows("INSERT 0 1"));
        expect(script.send(ready(b'I')), "BES")
            .send(backend::bind_complete())
            .send(complete("INSERT 0 1"))
            .send(ready(b'I'))
    });
    let query = query("insert");
    for _ in 0..2 {
        let request = Request {
            prepare: Some(true),
            ..request(&query)
        };
        let results = execute(&mut connection, request).unwrap();
        assert_eq!(results, ["CommandOk INSERT 0 1"]);
    }
}

/// What FETCH gives depends on the cursor of that name at the time.
#[test]
fn what_depends_on_something_else_is_always_described() {
    for (sql, tag) in [
        ("fetch all from c", "FETCH 1"),
        ("execute s", "SELECT 1"),
        ("call p()", "CALL"),
        ("show x", "SHOW"),
    ] {
        let answer = |column: &str| {
            [
                backend::bind_complete(),
                backend::row_description(&[backend::field(column, 23)]),
                complete(tag),
                ready(b'I'),
            ]
            .concat()
        };
        let (mut connection, _server) = autocommit(|script| {
            let script = expect(script, "PBDES").send(backend::parse_complete());
            expect(script.send(answer("a")), "BDES").send(answer("b"))
        });
        let query = query(sql);
        for column in ["a", "b"] {
            let request = Request {
                prepare: Some(true),
                ..request(&query)
            };
            let results = run(&mut connection, &mut Execute::new(request)).unwrap();
            assert_eq!(results[0].fields[0].name, column.as_bytes());
        }
    }
}

/// Rows without columns are rows; they are not told from no rows, so they are asked for.
#[test]
fn a_select_of_nothing_is_always_described() {
    let answer = [
        backend::bind_complete(),
        backend::row_description(&[]),
        backend::data_row(&[]),
        complete("SELECT 1"),
        ready(b'I'),
    ];
    let (mut connection, _server) = autocommit(|script| {
        let script = expect(script, "PBDES").send(backend::parse_complete());
        expect(script.send(answer.concat()), "BDES").send(answer.concat())
    });
    let query = query("select from t");
    for _ in 0..2 {
        let request = Request {
            prepare: Some(true),
            ..request(&query)
        };
        let results = run(&mut connection, &mut Execute::new(request)).unwrap();
        assert_eq!(results[0].status, ExecStatus::TuplesOk);
        assert_eq!(results[0].rows.len(), 1);
    }
}

/// Several statements in one text cannot be prepared, and need not fail after five times.
#[test]
fn several_statements_are_never_prepared() {
    let (mut connection, server) = autocommit(|mut script| {
        for _ in 0..8 {
            script = script
                .expect(b'Q')
                .send(complete("DO"))
                .send(complete("DO"));
            script = script.send(ready(b'I'));
        }
        script
    });
    let request = simple("do; do");
    for _ in 0..8 {
        let request = Request {
            query: request.query.clone(),
            ..simple("")
        };
        assert_eq!(execute(&mut connection, request).unwrap().len(), 2);
    }
    assert_eq!(tags(&server.finish()[0]), ".QQQQQQQQ");
}

#[test]
fn what_fails_is_not_prepared() {
    let (mut connection, server) = autocommit(|mut script| {
        for _ in 0..8 {
            script = script.expect(b'Q').send(error("42601")).send(ready(b'I'));
        }
        script
    });
    let text = query("do; selct");
    for _ in 0..8 {
        let request = Request {
            query: text.clone(),
            ..simple("")
        };
        execute(&mut connection, request).unwrap();
    }
    assert_eq!(tags(&server.finish()[0]), ".QQQQQQQQ");
}

/// BEGIN by itself must not count as an execution of the query.
#[test]
fn begin_does_not_count() {
    let (mut connection, server) = session(|mut script| {
        for _ in 0..5 {
            script = script
                .expect(b'Q')
                .send(complete("BEGIN"))
                .send(ready(b'T'));
            script = script.expect(b'Q').send(complete("DO")).send(ready(b'T'));
            script = script
                .expect(b'Q')
                .send(complete("COMMIT"))
                .send(ready(b'I'));
        }
        expect(script, "PBEPBDES")
            .send(begun())
            .send(no_rows("DO"))
            .send(ready(b'T'))
    });
    let text = query("do");
    for execution in 0..6 {
        let request = Request {
            query: text.clone(),
            ..simple("")
        };
        assert_eq!(execute(&mut connection, request).unwrap(), ["CommandOk DO"]);
        if execution < 5 {
            run(&mut connection, &mut RunCommand::new("COMMIT")).unwrap();
        }
    }
    server.finish();
}

fn prepared_once(script: Script) -> Script {
    expect(script, "PBDES")
        .send(backend::parse_complete())
        .send(one_row())
        .send(ready(b'I'))
}

fn stale_plan() -> Vec<u8> {
    backend::error_response(&ErrorFields::new([
        (b'S', &b"ERROR"[..]),
        (b'C', b"0A000"),
        (b'M', b"cached plan must not change result type"),
        (b'R', b"RevalidateCachedQuery"),
    ]))
}

#[test]
fn a_statement_that_the_server_lost_is_prepared_anew() {
    for (failure, heals, name) in [
        (error("26000"), "PBDES", b"_pg3_1\0"),
        (stale_plan(), "CPBDES", b"_pg3_1\0"),
    ] {
        let (mut connection, server) = autocommit(|script| {
            let script = expect(prepared_once(script), "BES");
            let script = script.send(failure).send(ready(b'I'));
            let script = expect(script, heals);
            let script = if heals.starts_with('C') {
                script.send(backend::close_complete())
            } else {
                script
            };
            let script = script.send(backend::parse_complete()).send(one_row());
            expect(script.send(ready(b'I')), "BES")
                .send(one_known_row())
                .send(ready(b'I'))
        });
        let query = query("select");
        for _ in 0..3 {
            let request = Request {
                prepare: Some(true),
                ..request(&query)
            };
            let results = execute(&mut connection, request).unwrap();
            assert_eq!(results, ["TuplesOk 1x1 SELECT 1"]);
        }
        let transcript = server.finish().remove(0);
        let parse = transcript
            .iter()
            .rfind(|message| message[0] == b'P')
            .unwrap();
        assert_eq!(&parse[5..12], name);
    }
}

#[test]
fn a_name_that_is_taken_is_changed() {
    let (mut connection, _server) = autocommit(|script| {
        let script = expect(script, "PBDES")
            .send(error("42P05"))
            .send(ready(b'I'));
        prepared_once(script)
    });
    let request = Request {
        prepare: Some(true),
        ..request(&query("select"))
    };
    let results = execute(&mut connection, request).unwrap();
    assert_eq!(results, ["TuplesOk 1x1 SELECT 1"]);
}

/// Twice: prepared anew, and then without being prepared, which no statement can stand in the way of.
#[test]
fn it_is_tried_again_only_so_often() {
    for failure in ["26000", "42P05"] {
        let (mut connection, server) = autocommit(|script| {
            let script = match failure {
                "26000" => expect(prepared_once(script), "BES"),
                _ => expect(script, "PBDES"),
            };
            let script = script.send(error(failure)).send(ready(b'I'));
            let script = expect(script, "PBDES")
                .send(error("42P05"))
                .send(ready(b'I'));
            let script = expect(script, "PBDES")
                .send(error("42P05"))
                .send(ready(b'I'));
            script.expect(b'X').expect_close()
        });
        let query = query("select");
        let prepared = || Request {
            prepare: Some(true),
            ..request(&query)
        };
        if failure == "26000" {
            execute(&mut connection, prepared()).unwrap();
        }
        let results = execute(&mut connection, prepared()).unwrap();
        assert_eq!(results, ["FatalError 42P05 failed"]);
        connection.pgconn.close();
        let transcript = server.finish().remove(0);
        let last = transcript.iter().rfind(|message| message[0] == b'P');
        assert!(last.unwrap()[5..].starts_with(b"\0select\0"));
    }
}

/// The transaction was begun along with the statement and holds nothing: it ends, and all is done
/// once more.
#[test]
fn the_first_statement_of_a_transaction_is_tried_again() {
    for failure in ["26000", "42P05"] {
        let (mut connection, server) = session(|script| {
            let script = match failure {
                "26000" => expect(script, "PBEPBDES")
                    .send(begun())
                    .send(backend::parse_complete())
                    .send(one_row())
                    .send(ready(b'T'))
                    .expect(b'Q')
                    .send(complete("COMMIT"))
                    .send(ready(b'I')),
                _ => script,
            };
            let script = match failure {
                "26000" => expect(script, "PBEBES"),
                _ => expect(script, "PBEPBDES"),
            };
            let script = script.send(begun()).send(error(failure)).send(ready(b'E'));
            let script = script.expect(b'Q').send(complete("ROLLBACK"));
            expect(script.send(ready(b'I')), "PBEPBDES")
                .send(begun())
                .send(backend::parse_complete())
                .send(one_row())
                .send(ready(b'T'))
        });
        let query = query("select");
        let prepared = || Request {
            prepare: Some(true),
            ..request(&query)
        };
        if failure == "26000" {
            execute(&mut connection, prepared()).unwrap();
            run(&mut connection, &mut RunCommand::new("COMMIT")).unwrap();
        }
        let results = execute(&mut connection, prepared()).unwrap();
        assert_eq!(results, ["TuplesOk 1x1 SELECT 1"], "{failure}");
        assert_eq!(
            connection.pgconn.transaction_status(),
            TransactionStatus::InTransaction
        );
        server.finish();
    }
}

/// A name is believed in one transaction, and closed before it is used in the next; outside of
/// transactions there are none.
#[test]
fn for_a_transaction_only() {
    let prepared = |script, messages| {
        let script = expect(script, messages).send(backend::close_complete());
        let script = if messages.contains('E') && messages.starts_with("CPBE") {
            script.send(begun())
        } else {
            script
        };
        script
            .send(backend::parse_complete())
            .send(one_row())
            .send(ready(b'T'))
    };
    let (mut connection, server) = session(|mut script| {
        for _ in 0..2 {
            script = prepared(script, "CPBEPBDES");
            script = expect(script, "BES")
                .send(one_known_row())
                .send(ready(b'T'));
            script = script
                .expect(b'Q')
                .send(complete("COMMIT"))
                .send(ready(b'I'));
        }
        expect(script, "PBDES")
            .send(backend::parse_complete())
            .send(one_row())
            .send(ready(b'I'))
    });
    connection.statements.set_mode(PrepareMode::Transaction);
    let query = query("select");
    let request = || Request {
        prepare: Some(true),
        ..request(&query)
    };
    for _ in 0..2 {
        for _ in 0..2 {
            let results = execute(&mut connection, request()).unwrap();
            assert_eq!(results, ["TuplesOk 1x1 SELECT 1"]);
        }
        run(&mut connection, &mut RunCommand::new("COMMIT")).unwrap();
    }
    connection.set_autocommit(true);
    execute(&mut connection, request()).unwrap();
    let transcript = server.finish().remove(0);
    let closed: Vec<_> = transcript
        .iter()
        .filter(|message| message[0] == b'C')
        .map(|message| &message[5..])
        .collect();
    assert_eq!(closed, [b"S_px_0\0", b"S_px_0\0"]);
}

/// In a transaction the error has ended it: nothing can be tried again there.
#[test]
fn it_is_not_tried_again_in_a_transaction() {
    let (mut connection, server) = session(|script| {
        let script = expect(script, "PBEPBDES").send(begun());
        let script = script.send(backend::parse_complete()).send(one_row());
        let script = expect(script.send(ready(b'T')), "BES");
        let script = script.send(error("26000")).send(ready(b'E'));
        let script = script.expect(b'Q').send(complete("ROLLBACK"));
        expect(script.send(ready(b'I')), "PBEPBDES")
            .send(begun())
            .send(backend::parse_complete())
            .send(one_row())
            .send(ready(b'T'))
    });
    let query = query("select");
    let prepared = || Request {
        prepare: Some(true),
        ..request(&query)
    };
    execute(&mut connection, prepared()).unwrap();
    assert_eq!(
        execute(&mut connection, prepared()).unwrap(),
        ["FatalError 26000 failed"]
    );
    run(&mut connection, &mut RunCommand::new("ROLLBACK")).unwrap();
    assert_eq!(
        execute(&mut connection, prepared()).unwrap(),
        ["TuplesOk 1x1 SELECT 1"]
    );
    server.finish();
}

/// Other errors of these classes are no news about the statement.
#[test]
fn other_errors_are_not_tried_again() {
    let (mut connection, server) = autocommit(|script| {
        let script = expect(prepared_once(script), "BES");
        let script = script.send(error("0A000")).send(ready(b'I'));
        expect(script, "BES")
            .send(one_known_row())
            .send(ready(b'I'))
    });
    let query = query("select");
    for expected in [
        "TuplesOk 1x1 SELECT 1",
        "FatalError 0A000 failed",
        "TuplesOk 1x1 SELECT 1",
    ] {
        let request = Request {
            prepare: Some(true),
            ..request(&query)
        };
        assert_eq!(execute(&mut connection, request).unwrap(), [expected]);
    }
    server.finish();
}

#[test]
fn statements_to_forget_are_closed_along_the_way() {
    let (mut connection, server) = autocommit(|script| {
        let script = prepared_once(prepared_once(script));
        // With the third, by the simple protocol, and with what follows nothing.
        let script = expect(script, "CSQ").send(backend::close_complete());
        let script = script
            .send(ready(b'I'))
            .send(complete("DO"))
            .send(ready(b'I'));
        script.expect(b'Q').send(complete("DO")).send(ready(b'I'))
    });
    connection.statements.set_capacity(Some(1));
    for sql in ["select 1", "select 2"] {
        let request = Request {
            prepare: Some(true),
            ..request(&query(sql))
        };
        execute(&mut connection, request).unwrap();
    }
    assert_eq!(connection.statements.len(), 1);
    for _ in 0..2 {
        assert_eq!(
            execute(&mut connection, simple("do")).unwrap(),
            ["CommandOk DO"]
        );
    }
    let transcript = server.finish().remove(0);
    let close = transcript
        .iter()
        .find(|message| message[0] == b'C')
        .unwrap();
    assert_eq!(&close[5..], b"S_pg3_0\0");
}

#[test]
fn a_close_in_front_of_begin_by_itself_is_not_forgotten() {
    let (mut connection, server) = session(|script| {
        let script = script
            .expect(b'Q')
            .send(complete("BEGIN"))
            .send(ready(b'T'));
        expect(script, "CSQ")
            .send(backend::close_complete())
            .send(ready(b'T'))
            .send(complete("DO"))
            .send(ready(b'T'))
    });
    connection.statements.close_later(vec![(*b"old").into()]);
    execute(&mut connection, simple("do")).unwrap();
    assert!(!connection.statements.has_closing());
    server.finish();
}

/// Nothing is sent of what cannot be sent whole, and the connection goes on.
#[test]
fn what_cannot_be_encoded_leaves_the_connection_usable() {
    let (mut connection, server) = session(|script| {
        expect(script, "CPBEPBDES")
            .send(backend::close_complete())
            .send(begun())
            .send(backend::parse_complete())
            .send(one_row())
            .send(ready(b'T'))
    });
    connection.statements.close_later(vec![(*b"old").into()]);
    let too_many = Request {
        parameters: Parameters {
            count: 65_536,
            encoded: vec![0xff; 4 * 65_536],
            ..Parameters::default()
        },
        ..request(&query("select"))
    };
    let error = execute(&mut connection, too_many).unwrap_err();
    assert!(error.to_string().contains("65535"), "{error}");
    for nul in [simple("select\0"), request(&query("select\0"))] {
        // The simple one would have to wait for BEGIN, which is not sent either.
        let error = execute(&mut connection, nul).unwrap_err();
        assert!(error.to_string().contains("zero byte"), "{error}");
        assert_eq!(
            connection.pgconn.transaction_status(),
            TransactionStatus::Idle
        );
        assert!(connection.pgconn.machine().outgoing().is_empty());
    }
    let results = execute(&mut connection, request(&query("select"))).unwrap();
    assert_eq!(results, ["TuplesOk 1x1 SELECT 1"]);
    server.finish();
}

/// Their answers would be taken for one another's.
#[test]
fn one_command_at_a_time() {
    let (mut connection, server) = autocommit(|script| script.expect(b'Q').expect_close());
    connection.pgconn.machine_mut().query(b"select", 0).unwrap();
    connection.pgconn.flush().unwrap();
    for request in [simple("do"), request(&query("do"))] {
        let outcome = execute(&mut connection, request);
        assert!(matches!(outcome, Err(Error::Misuse(_))), "{outcome:?}");
    }
    let outcome = run(&mut connection, &mut RunCommand::new("COMMIT"));
    assert!(matches!(outcome, Err(Error::Misuse(_))));
    assert!(connection.pgconn.is_open());
    connection.pgconn.lose();
    server.finish();
}

/// There are no data to send: the server would wait for ever.
#[test]
fn copy_from_stdin_is_ended() {
    let copy_in = backend::copy_response(b'G', psycoxide_protocol::Format::Text, &[]);
    let failed = backend::error("ERROR", "57014", "COPY from stdin failed");
    let (mut connection, server) = autocommit(|script| {
        let script = script.expect(b'Q').send(copy_in.clone()).expect(b'f');
        let script = script.send(failed.clone()).send(ready(b'I'));
        let script = expect(script, "PBDES")
            .send(backend::parse_complete())
            .send(backend::bind_complete())
            .send(backend::no_data())
            .send(copy_in.clone());
        let script = expect(script, "fS").send(failed.clone()).send(ready(b'I'));
        let script = script.expect(b'Q').send(copy_in.clone()).expect(b'f');
        script.send(failed.clone()).send(ready(b'I'))
    });
    for request in [simple("copy t from stdin"), request(&query("copy"))] {
        let results = run(&mut connection, &mut Execute::new(request)).unwrap();
        assert_eq!(results[0].status, ExecStatus::CopyIn);
        assert_eq!(results[1].status, ExecStatus::FatalError);
        assert_eq!(results.len(), 2);
    }
    let result = run(&mut connection, &mut RunCommand::new("copy")).unwrap();
    assert_eq!(result.status, ExecStatus::FatalError);
    assert_eq!(
        connection.pgconn.transaction_status(),
        TransactionStatus::Idle
    );
    server.finish();
}

#[test]
fn copy_to_stdout_is_read_to_its_end() {
    let copy_out = backend::copy_response(b'H', psycoxide_protocol::Format::Text, &[]);
    let (mut connection, server) = autocommit(|script| {
        let script = script.expect(b'Q').send(copy_out);
        let script = script.send(backend::copy_data(&[b'x'; 100_000]).repeat(3));
        script
            .send(backend::copy_done())
            .send(complete("COPY 3"))
            .send(ready(b'I'))
    });
    let results = run(&mut connection, &mut Execute::new(simple("copy"))).unwrap();
    assert_eq!(results[0].status, ExecStatus::CopyOut);
    assert_eq!(results[1].status, ExecStatus::CommandOk);
    server.finish();
}

#[test]
fn an_error_at_the_sync_comes_last() {
    let (mut connection, _server) = autocommit(|script| {
        expect(script, "PBDES")
            .send(no_rows("INSERT 0 1"))
            .send(error("23505"))
            .send(ready(b'I'))
    });
    let request = Request {
        parameters: parameter(23, b"1"),
        ..request(&query("insert"))
    };
    assert_eq!(
        execute(&mut connection, request).unwrap(),
        ["CommandOk INSERT 0 1", "FatalError 23505 failed"]
    );
}

#[test]
fn a_command_gives_its_last_result_or_its_error() {
    let (mut connection, _server) = autocommit(|script| {
        let script = script.expect(b'Q').send(complete("SAVEPOINT"));
        let script = script.send(complete("RELEASE")).send(ready(b'T'));
        let script = script.expect(b'Q').send(error("3B001"));
        script.send(ready(b'E'))
    });
    let result = run(&mut connection, &mut RunCommand::new("a; b")).unwrap();
    assert_eq!(&*result.command_tag, b"RELEASE");
    let result = run(&mut connection, &mut RunCommand::new("a")).unwrap();
    assert_eq!(result.error.unwrap().sqlstate(), Some("3B001"));
}

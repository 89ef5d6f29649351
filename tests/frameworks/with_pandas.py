"""A program that reads and writes tables with pandas, run by test_frameworks.py."""

from __future__ import annotations

import sys

import psycoxide

psycoxide.install_as_psycopg()

import pandas as pd
import sqlalchemy as sa

if __name__ == "__main__":
    parts = psycoxide.conninfo.conninfo_to_dict(sys.argv[1])
    names = {"username": "user", "password": "password", "host": "host", "database": "dbname"}
    url = sa.URL.create(
        "postgresql+psycopg",
        port=int(parts["port"]),
        **{name: parts[keyword] for name, keyword in names.items()},
    )
    engine = sa.create_engine(url)
    frame = pd.DataFrame(
        {
            "n": range(1000),
            "ratio": [n / 7 for n in range(1000)],
            "word": [f"word {n} %s" for n in range(1000)],
            "at": pd.date_range("2024-01-01", periods=1000, freq="h", tz="UTC"),
            "flag": [n % 2 == 0 for n in range(1000)],
        }
    )
    for method in (None, "multi"):
        frame.to_sql(
            "frame", engine, if_exists="replace", index=False, method=method, chunksize=300
        )
        back = pd.read_sql("SELECT * FROM frame ORDER BY n", engine)
        pd.testing.assert_frame_equal(back, frame, check_dtype=False)
    query = sa.text("SELECT word FROM frame WHERE n = :n")
    assert pd.read_sql(query, engine, params={"n": 7})["word"].tolist() == ["word 7 %s"]
    chunks = pd.read_sql("SELECT n FROM frame", engine, chunksize=400)
    assert [len(chunk) for chunk in chunks] == [400, 400, 200]
    assert pd.read_sql_table("frame", engine).shape == frame.shape
    with engine.begin() as connection:
        connection.execute(sa.text("DROP TABLE frame"))
    engine.dispose()

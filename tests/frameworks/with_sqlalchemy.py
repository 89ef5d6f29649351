"""A program that uses SQLAlchemy's ORM and Core over psycopg, run by test_frameworks.py."""

from __future__ import annotations

import asyncio
import datetime as dt
import sys
import uuid
from decimal import Decimal
from typing import Any

import psycoxide

psycoxide.install_as_psycopg()

import sqlalchemy as sa
from sqlalchemy import orm
from sqlalchemy.dialects import postgresql as pg
from sqlalchemy.ext import asyncio as sa_asyncio


class Base(orm.DeclarativeBase):
    pass


class Author(Base):
    __tablename__ = "author"
    id: orm.Mapped[int] = orm.mapped_column(primary_key=True)
    name: orm.Mapped[str] = orm.mapped_column(sa.String(50), unique=True)
    details: orm.Mapped[dict[str, Any]] = orm.mapped_column(pg.JSONB, default=dict)
    tags: orm.Mapped[list[str]] = orm.mapped_column(pg.ARRAY(sa.Text), default=list)
    born: orm.Mapped[dt.date | None]
    key: orm.Mapped[uuid.UUID] = orm.mapped_column(default=uuid.uuid4)
    books: orm.Mapped[list[Book]] = orm.relationship(
        back_populates="author", cascade="all, delete-orphan", order_by="Book.id"
    )


class Book(Base):
    __tablename__ = "book"
    __table_args__ = (sa.Index("book_title", "title"), sa.CheckConstraint("price >= 0", "cheap"))
    id: orm.Mapped[int] = orm.mapped_column(primary_key=True)
    author_id: orm.Mapped[int] = orm.mapped_column(sa.ForeignKey("author.id"))
    title: orm.Mapped[str]
    price: orm.Mapped[Decimal] = orm.mapped_column(sa.Numeric(10, 2))
    at: orm.Mapped[dt.datetime] = orm.mapped_column(
        sa.DateTime(timezone=True), server_default=sa.func.now()
    )
    author: orm.Mapped[Author] = orm.relationship(back_populates="books")


class Kinds(Base):
    __tablename__ = "kinds"
    id: orm.Mapped[int] = orm.mapped_column(primary_key=True)
    flag: orm.Mapped[bool]
    ratio: orm.Mapped[float]
    big: orm.Mapped[int] = orm.mapped_column(sa.BigInteger)
    data: orm.Mapped[bytes]
    span: orm.Mapped[dt.timedelta]
    clock: orm.Mapped[dt.time]
    numbers: orm.Mapped[list[int]] = orm.mapped_column(pg.ARRAY(sa.Integer))
    document: orm.Mapped[Any] = orm.mapped_column(sa.JSON)
    within: orm.Mapped[Any] = orm.mapped_column(pg.INT4RANGE)
    several: orm.Mapped[Any] = orm.mapped_column(pg.INT4MULTIRANGE)
    address: orm.Mapped[Any] = orm.mapped_column(pg.INET)
    mood: orm.Mapped[str] = orm.mapped_column(pg.ENUM("happy", "sad", name="mood"))
    words: orm.Mapped[Any] = orm.mapped_column(pg.HSTORE)


def authors() -> list[Author]:
    return [
        Author(
            name=f"author {n}",
            details={"n": n, "list": [1, None, "%s"]},
            tags=["a", "b,c", 'd"e'],
            born=dt.date(1970, 1, n),
            books=[Book(title=f"book {n}.{m}", price=Decimal(f"{m}.50")) for m in range(3)],
        )
        for n in range(1, 6)
    ]


def kinds() -> dict[str, Any]:
    return {
        "flag": True,
        "ratio": 0.1,
        "big": 2**62,
        "data": b"\0\xff",
        "span": dt.timedelta(days=1, microseconds=5),
        "clock": dt.time(12, 30),
        "numbers": [1, 2, 3],
        "document": {"a": [1, 2.5, None, "ü"]},
        "within": pg.Range(1, 10),
        "several": pg.MultiRange([pg.Range(1, 3), pg.Range(5, 7)]),
        "address": "10.0.0.1",
        "mood": "happy",
        "words": {"a": "1", "b": None},
    }


def orm_session(session: orm.Session) -> None:
    """The unit of work: relationships, loading, savepoints, what is refused."""
    session.add_all(authors())
    session.commit()
    found = session.scalars(
        sa.select(Author).options(orm.selectinload(Author.books)).order_by(Author.id)
    ).all()
    assert [author.name for author in found] == [f"author {n}" for n in range(1, 6)]
    assert found[0].details == {"n": 1, "list": [1, None, "%s"]}
    assert found[0].tags == ["a", "b,c", 'd"e']
    assert [book.price for book in found[1].books] == [Decimal(f"{m}.50") for m in range(3)]
    assert found[0].books[0].at.tzinfo is not None

    joined = sa.select(Author.name, sa.func.sum(Book.price)).join(Book).group_by(Author.name)
    assert dict(tuple(row) for row in session.execute(joined))["author 3"] == Decimal("4.50")
    by_json = sa.select(Author.name).where(Author.details["n"].as_integer() == 4)
    assert session.scalars(by_json).all() == ["author 4"]
    by_array = sa.select(sa.func.count()).select_from(Author).where(Author.tags.contains(["a"]))
    assert session.scalar(by_array) == 5
    in_list = sa.select(Author.id).where(Author.name.in_(["author 1", "author 2"]))
    assert len(session.scalars(in_list).all()) == 2

    try:
        with session.begin_nested():
            session.add(Author(name="author 1"))
            session.flush()
    except sa.exc.IntegrityError as ex:
        assert type(ex.orig) is psycoxide.errors.UniqueViolation
        assert ex.orig.diag.constraint_name == "author_name_key"
    else:
        raise AssertionError("the name is taken")
    found[0].name = "renamed"
    found[0].books.pop()
    session.delete(found[4])
    session.commit()
    assert session.scalar(sa.select(sa.func.count()).select_from(Book)) == 11
    assert session.get(Author, found[0].id).name == "renamed"
    session.rollback()

    session.add(Kinds(**kinds()))
    session.commit()
    row = session.scalars(sa.select(Kinds)).one()
    assert {name: getattr(row, name) for name in kinds()} == kinds() | {"address": row.address}
    assert str(row.address) == "10.0.0.1"
    session.commit()


def core(connection: sa.Connection) -> None:
    """Statements: upsert, many rows, RETURNING, errors, the server's side of cursors."""
    author, book = Author.__table__, Book.__table__
    insert = pg.insert(author).values(name="renamed", details={"up": 1}, tags=[], key=uuid.uuid4())
    upsert = insert.on_conflict_do_update(
        index_elements=["name"], set_={"details": insert.excluded.details}
    ).returning(author.c.id, author.c.details)
    row = connection.execute(upsert).one()
    assert row.details == {"up": 1}
    # In batches of many rows a statement, with what is returned in order.
    rows = [{"author_id": row.id, "title": f"many {n}", "price": n} for n in range(2500)]
    returned = connection.execute(
        sa.insert(book).returning(book.c.id, book.c.title, sort_by_parameter_order=True), rows
    ).all()
    assert [title for _, title in returned] == [f"many {n}" for n in range(2500)]
    # executemany() of the driver.
    result = connection.execute(
        sa.update(book).where(book.c.title == sa.bindparam("t")).values(price=sa.bindparam("p")),
        [{"t": f"many {n}", "p": n + 1} for n in range(100)],
    )
    assert result.rowcount == 100
    assert (
        connection.scalar(sa.text("SELECT price FROM book WHERE title = :t"), {"t": "many 5"}) == 6
    )
    assert connection.scalar(sa.text("SELECT '50%' || :x"), {"x": "%s"}) == "50%%s"
    deleted = connection.execute(sa.delete(book).where(book.c.title.like("many 24__")))
    assert deleted.rowcount == 100
    try:
        with connection.begin_nested():
            connection.execute(sa.insert(book).values(author_id=1, title="x", price=-1))
    except sa.exc.IntegrityError as ex:
        assert type(ex.orig) is psycoxide.errors.CheckViolation
    else:
        raise AssertionError("it is too cheap")
    connection.commit()


def streams(connection: sa.Connection) -> None:
    query = sa.select(sa.func.generate_series(1, 5000))
    with connection.execution_options(stream_results=True, max_row_buffer=100).execute(
        query
    ) as rows:
        assert type(rows.cursor).__name__ == "ServerCursor"
        assert [n for (n,) in rows.partitions(1000).__next__()][:2] == [1, 2]
        assert sum(1 for _ in rows) == 4000
    connection.rollback()


def reflection(connection: sa.Connection) -> None:
    metadata = sa.MetaData()
    metadata.reflect(connection)
    assert set(metadata.tables) >= {"author", "book", "kinds"}
    book = metadata.tables["book"]
    assert isinstance(book.c.price.type, sa.Numeric) and book.c.price.type.scale == 2
    assert [key.target_fullname for key in book.foreign_keys] == ["author.id"]
    kinds = metadata.tables["kinds"]
    assert isinstance(kinds.c.numbers.type, pg.ARRAY)
    assert kinds.c.mood.type.enums == ["happy", "sad"]
    inspector = sa.inspect(connection)
    assert [index["name"] for index in inspector.get_indexes("book")] == ["book_title"]
    assert inspector.get_check_constraints("book")[0]["name"] == "cheap"
    assert inspector.get_pk_constraint("author")["constrained_columns"] == ["id"]
    connection.rollback()


def pools(engine: sa.Engine) -> None:
    with engine.connect() as connection:
        pid = connection.scalar(sa.text("SELECT pg_backend_pid()"))
        other = engine.connect()
        assert other.scalar(sa.text("SELECT pg_backend_pid()")) != pid
        other.execute(sa.text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": pid})
        other.close()
        try:
            connection.execute(sa.text("SELECT 1"))
        except sa.exc.OperationalError as ex:
            assert ex.connection_invalidated
        else:
            raise AssertionError("the connection was terminated")
    with engine.connect() as connection:
        assert connection.scalar(sa.text("SELECT 1")) == 1
        connection.rollback()
        serializable = connection.execution_options(isolation_level="SERIALIZABLE")
        assert serializable.scalar(sa.text("SHOW transaction_isolation")) == "serializable"
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sa.text("VACUUM author"))


def synchronous(url: sa.URL) -> None:
    engine = sa.create_engine(url, pool_pre_ping=False)
    assert engine.dialect.driver == "psycopg"
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE EXTENSION IF NOT EXISTS hstore"))
    engine.dispose()
    Base.metadata.create_all(engine)
    with orm.Session(engine) as session:
        orm_session(session)
    with engine.connect() as connection:
        core(connection)
        streams(connection)
        reflection(connection)
    pools(engine)
    Base.metadata.drop_all(engine)
    engine.dispose()


async def asynchronous(url: sa.URL) -> None:
    engine = sa_asyncio.create_async_engine(url)
    async with engine.begin() as connection:
        await connection.execute(sa.text("CREATE EXTENSION IF NOT EXISTS hstore"))
    await engine.dispose()
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    async with sa_asyncio.AsyncSession(engine, expire_on_commit=False) as session:
        await session.run_sync(orm_session)
        found = await session.scalars(sa.select(Author).order_by(Author.id))
        assert found.first().name == "renamed"
        total = 0
        query = sa.select(sa.func.generate_series(1, 3000))
        async for n in await session.stream_scalars(query):
            total += n
        assert total == 3000 * 3001 // 2
    async with engine.connect() as connection:
        await connection.run_sync(core)
        await connection.run_sync(reflection)

    async def one(n: int) -> int:
        async with engine.connect() as connection:
            return await connection.scalar(sa.text("SELECT CAST(:n AS int)"), {"n": n})

    assert await asyncio.gather(*map(one, range(20))) == list(range(20))
    async with engine.connect() as connection:
        slow = asyncio.create_task(connection.execute(sa.text("SELECT pg_sleep(20)")))
        await asyncio.sleep(0.1)
        slow.cancel()
        await asyncio.gather(slow, return_exceptions=True)
    assert await one(1) == 1
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.drop_all)
    await engine.dispose()


if __name__ == "__main__":
    kind, dsn = sys.argv[1:]
    parts = psycoxide.conninfo.conninfo_to_dict(dsn)
    url = sa.URL.create(
        "postgresql+psycopg",
        username=parts["user"],
        password=parts["password"],
        host=parts["host"],
        port=int(parts["port"]),
        database=parts["dbname"],
    )
    if kind == "sync":
        synchronous(url)
    else:
        asyncio.run(asynchronous(url))

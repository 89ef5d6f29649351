"""A Django project on psycopg, run by test_frameworks.py."""

from __future__ import annotations

import asyncio
import datetime as dt
import importlib
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycoxide

psycoxide.install_as_psycopg()

import django
from django.conf import settings

DSN, FOLDER = sys.argv[1], Path(sys.argv[2])


def configure() -> None:
    """Set up a project with one application, `shop`, whose files are in the folder."""
    parts = psycoxide.conninfo.conninfo_to_dict(DSN)
    names = {"NAME": "dbname", "USER": "user", "PASSWORD": "password", "HOST": "host"}
    database = {
        "ENGINE": "django.db.backends.postgresql",
        "PORT": str(parts["port"]),
        **{name: parts[keyword] for name, keyword in names.items()},
    }
    settings.configure(
        DATABASES={
            "default": database,
            "on_the_server": database | {"OPTIONS": {"server_side_binding": True}},
        },
        INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.postgres", "shop"],
        USE_TZ=True,
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        SECRET_KEY="PASSWORD",
    )
    application = FOLDER / "shop"
    application.mkdir()
    (application / "__init__.py").touch()
    (application / "models.py").write_text(MODELS, "utf-8")
    sys.path.insert(0, str(FOLDER))
    django.setup()


MODELS = """
from django.contrib.postgres.fields import ArrayField, DateRangeField, HStoreField
from django.contrib.postgres.indexes import GinIndex
from django.db import models


class Customer(models.Model):
    name = models.CharField(max_length=50, unique=True)
    joined = models.DateField()
    profile = models.JSONField(default=dict)
    tags = ArrayField(models.TextField(), default=list)
    key = models.UUIDField(null=True)

    class Meta:
        indexes = [GinIndex(fields=["tags"])]


class Order(models.Model):
    customer = models.ForeignKey(Customer, models.CASCADE, related_name="orders")
    total = models.DecimalField(max_digits=10, decimal_places=2)
    at = models.DateTimeField(auto_now_add=True)
    took = models.DurationField(null=True)
    paper = models.BinaryField(null=True)
    during = DateRangeField(null=True)

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(total__gte=0), name="positive")]
"""


def migrations() -> None:
    from django.core.management import call_command
    from django.db import connection

    call_command("makemigrations", "shop", verbosity=0)
    call_command("migrate", verbosity=0)
    assert {"shop_customer", "shop_order"} <= set(connection.introspection.table_names())
    # A second migration, with data in between, and back.
    models = FOLDER / "shop" / "models.py"
    note = "note = models.TextField(default='-')"
    models.write_text(MODELS.replace("took = ", f"{note}\n    took = "))
    importlib.invalidate_caches()
    (FOLDER / "shop" / "migrations" / "0002_note.py").write_text(
        "from django.db import migrations, models\n"
        "class Migration(migrations.Migration):\n"
        "    dependencies = [('shop', '0001_initial')]\n"
        "    operations = [\n"
        "        migrations.AddField('order', 'note', models.TextField(default='-')),\n"
        "        migrations.RunSQL('SELECT 1; SELECT 2', migrations.RunSQL.noop),\n"
        "        migrations.AlterField('order', 'note', models.CharField(max_length=9)),\n"
        "    ]\n"
    )
    call_command("migrate", verbosity=0)
    with connection.cursor() as cursor:
        columns = connection.introspection.get_table_description(cursor, "shop_order")
        assert "note" in [column.name for column in columns]
    call_command("migrate", "shop", "0001", verbosity=0)
    (FOLDER / "shop" / "migrations" / "0002_note.py").unlink()


def queries(using: str) -> None:
    from django.contrib.postgres.aggregates import ArrayAgg
    from django.db import connections, models
    from django.db.backends.postgresql.psycopg_any import DateRange
    from django.db.models import Avg, Count, F, Q, Sum, Value
    from django.db.models.functions import Concat, TruncMonth
    from shop.models import Customer, Order

    customers = Customer.objects.using(using)
    orders = Order.objects.using(using)
    made = customers.bulk_create(
        Customer(
            name=f"customer {n}",
            joined=dt.date(2024, n, 1),
            profile={"n": n, "deep": {"list": [1, "%s", None]}},
            tags=["a", f"tag {n}"],
        )
        for n in range(1, 6)
    )
    assert all(customer.pk for customer in made)
    orders.bulk_create(
        [
            Order(
                customer=made[n % 5],
                total=Decimal(n) / 4,
                took=dt.timedelta(minutes=n),
                paper=b"\0%s",
                during=DateRange(dt.date(2024, 1, 1), dt.date(2024, 2, 1)),
            )
            for n in range(1000)
        ],
        batch_size=300,
    )
    order = orders.select_related("customer").order_by("pk")[7]
    assert (order.total, order.took) == (Decimal("1.75"), dt.timedelta(minutes=7))
    assert bytes(order.paper) == b"\0%s" and order.at.tzinfo is not None
    assert order.during.upper == dt.date(2024, 2, 1)
    assert order.customer.profile["deep"]["list"] == [1, "%s", None]

    totals = orders.aggregate(Sum("total"), Avg("total"), n=Count("pk", filter=Q(total__gt=100)))
    assert totals["total__sum"] == Decimal("124875") and totals["n"] == 599
    assert customers.filter(profile__deep__list__1="%s").count() == 5
    assert customers.filter(profile__n__gte=4).count() == 2
    assert customers.filter(tags__contains=["tag 3"]).get().name == "customer 3"
    assert customers.filter(Q(name__endswith="1") | ~Q(joined__month__lt=5)).count() == 2
    months = customers.annotate(month=TruncMonth("joined"))
    per_month = months.values("month").annotate(n=Count("*"))
    assert len(per_month) == 5
    grouped = customers.annotate(n=Count("orders"), all=ArrayAgg("orders__pk")).order_by("pk")
    assert [customer.n for customer in grouped] == [200] * 5 and len(grouped[0].all) == 200
    updated = orders.filter(total__lt=1).update(total=F("total") + 1)
    assert updated == 4
    customers.update(name=Concat(F("name"), Value("!")))
    assert customers.filter(name="customer 1!").exists()
    same = customers.bulk_create(
        [Customer(name="customer 1!", joined=dt.date(2020, 1, 1))],
        update_conflicts=True,
        unique_fields=["name"],
        update_fields=["joined"],
    )
    assert customers.get(pk=same[0].pk).joined == dt.date(2020, 1, 1)
    assert customers.get_or_create(name="new", defaults={"joined": dt.date(2024, 1, 1)})[1]
    # A cursor on the server.
    assert sum(1 for _ in orders.iterator(chunk_size=100)) == 1000
    prefetched = customers.prefetch_related(models.Prefetch("orders", orders.order_by("pk")))
    assert sum(len(customer.orders.all()) for customer in prefetched) == 1000
    raw = customers.raw("SELECT * FROM shop_customer WHERE name = %s", ["new"])
    assert [customer.name for customer in raw] == ["new"]
    with connections[using].cursor() as cursor:
        cursor.execute("SELECT %s, %s::text[]", [1, ["a", "b"]])
        assert cursor.fetchone() == (1, ["a", "b"])
    assert customers.filter(pk__in=[customer.pk for customer in made]).count() == 5


def transactions(using: str) -> None:
    from django.db import DataError, IntegrityError, connections, transaction
    from shop.models import Customer, Order

    customers = Customer.objects.using(using)
    before = customers.count()
    with transaction.atomic(using=using):
        customers.create(name="kept", joined=dt.date(2024, 1, 1))
        try:
            with transaction.atomic(using=using):
                customers.create(name="kept", joined=dt.date(2024, 1, 1))
        except IntegrityError as ex:
            assert type(ex.__cause__) is psycoxide.errors.UniqueViolation
        else:
            raise AssertionError("the name is taken")
        try:
            with transaction.atomic(using=using):
                customers.create(name="x" * 51, joined=dt.date(2024, 1, 1))
        except DataError as ex:
            assert type(ex.__cause__) is psycoxide.errors.StringDataRightTruncation
        locked = customers.select_for_update().get(name="kept")
        save = transaction.savepoint(using=using)
        locked.delete()
        transaction.savepoint_rollback(save, using=using)
    assert customers.count() == before + 1
    try:
        with transaction.atomic(using=using):
            Order.objects.using(using).all().delete()
            raise KeyError
    except KeyError:
        pass
    assert Order.objects.using(using).count() == 1000
    told: list[int] = []
    with transaction.atomic(using=using):
        transaction.on_commit(lambda: told.append(1), using=using)
        assert not told
    assert told == [1]
    connections[using].close()
    assert customers.count() == before + 1


async def asynchronously() -> None:
    from asgiref.sync import sync_to_async
    from django.db import connections
    from django.db.models import Count
    from shop.models import Customer

    customer = await Customer.objects.acreate(name="async", joined=dt.date(2024, 1, 1))
    assert (await Customer.objects.aget(name="async")).pk == customer.pk
    names = [row.name async for row in Customer.objects.order_by("pk")]
    assert names[-1] == "async"
    counts: dict[str, Any] = await Customer.objects.aaggregate(Count("pk"))
    assert counts["pk__count"] == len(names)
    assert [row async for row in Customer.objects.aiterator(chunk_size=2)]
    await customer.adelete()
    assert not await Customer.objects.filter(name="async").aexists()
    # The thread that did all this has connections of its own.
    await sync_to_async(connections.close_all)()


def main() -> None:
    from django.core.management import call_command
    from django.db import connections

    with connections["default"].cursor() as cursor:
        cursor.execute("CREATE EXTENSION IF NOT EXISTS hstore")
    migrations()
    call_command("flush", verbosity=0, interactive=False)
    for using in ("default", "on_the_server"):
        queries(using)
        transactions(using)
        call_command("flush", verbosity=0, interactive=False)
    asyncio.run(asynchronously())
    call_command("migrate", "shop", "zero", verbosity=0)
    assert not {"shop_customer"} & set(connections["default"].introspection.table_names())
    connections.close_all()


if __name__ == "__main__":
    configure()
    main()

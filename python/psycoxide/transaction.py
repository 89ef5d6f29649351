"""The module of psycopg's where transaction blocks are found."""

from ._async.transaction import AsyncTransaction as AsyncTransaction
from ._base.transaction import OutOfOrderTransactionNesting as OutOfOrderTransactionNesting
from ._base.transaction import Rollback as Rollback
from ._sync.transaction import Transaction as Transaction

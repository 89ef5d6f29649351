"""Types of the database: what is known about them, and the adapters, a module for each family."""

from .._typeinfo import TypeInfo as TypeInfo
from .._typeinfo import TypesRegistry as TypesRegistry

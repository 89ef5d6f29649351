"""psycoxide under psycopg's name.

Importing this replaces it, in `sys.modules`, by the alias which `psycoxide.install_as_psycopg()`
makes; so `psycopg.rows` and the others are psycoxide's own modules.
"""

from typing import TYPE_CHECKING

import psycoxide

if TYPE_CHECKING:
    from psycoxide import *  # noqa: F403

# Says to install_as_psycopg() that this is not the real psycopg.
__psycoxide_alias__ = True

psycoxide.install_as_psycopg()

#!/usr/bin/env bash
# Makes the environment of `make bench`: psycoxide as it would be distributed, and its peers. Run
# again it replaces psycoxide only.
#   environment.sh FOLDER      PYTHON: the interpreter of .venv, which has maturin
set -euo pipefail
folder=$1
cd "$(dirname "$0")/.."

[ -x "$folder/bin/python" ] || "$PYTHON" -m venv "$folder"
pip=("$folder/bin/python" -m pip --disable-pip-version-check)
# The same interpreter as for .venv, so that cargo has nothing to build again.
rm -rf .build/wheels
"$PYTHON" -m maturin build --release --locked --interpreter "$PYTHON" --out .build/wheels
"${pip[@]}" install --quiet --force-reinstall --no-deps .build/wheels/*.whl
"${pip[@]}" install --quiet "psycoxide[bench]"
# psycopg's C implementation has no wheel: it needs a compiler, pg_config and libpq. In a folder of
# its own, because it has to have the version of the psycopg which it is used by.
[ -d "$folder/psycopg_c" ] ||
    "${pip[@]}" install --quiet --target "$folder/psycopg_c" "psycopg[c]" ||
    echo "psycopg[c] cannot be built here (it needs libpq-dev): its rows will say so"

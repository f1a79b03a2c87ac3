#!/usr/bin/env bash
# The whole test suite on a fresh machine: virtual environment, lint, types, tests.
#   bash tools/test.sh [arguments of pytest; -n 0 for one process, which --pdb needs]
# TF_GANTTS_VENV    where the environment is made (.venv-test)
# TF_GANTTS_PYTHON  which Python makes it (the first of 3.11 and 3.12 that is found)
# TF_GANTTS_LOCK    versions to install (docker/requirements-2.21.txt); `none` for the newest that
#                   setup.cfg allows
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. tools/venv.sh

# pesq has no wheels: pip compiles it. Where no compiler can be had, pip says so.
command -v gcc >/dev/null || apt_install gcc libc6-dev python3-dev || true
# The pages are opened in a browser. Where there is none, their tests are skipped, with a reason.
command -v chromium google-chrome >/dev/null || apt_install chromium || true

lock=${TF_GANTTS_LOCK:-docker/requirements-2.21.txt}
constraints=(docker/requirements-test.txt)
[ "$lock" = none ] && constraints=() || constraints+=("$lock")
ensure_venv "${TF_GANTTS_VENV:-.venv-test}" test "${constraints[@]}"

python -m ruff check --quiet --config tools/ruff.toml tf_gantts tools tests
python -m ruff format --check --quiet --config tools/ruff.toml tf_gantts tools tests ||
    fail "not formatted; run: ruff format --config tools/ruff.toml tf_gantts tools tests"
python -m mypy --config-file setup.cfg --no-error-summary tf_gantts
# As many files at a time as there are cores; at most four, since each process takes up to 4 GB.
exec python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile \
    --timeout=1200 --durations=20 --durations-min=1 "$@"

#!/usr/bin/env bash
# Sets up, builds and runs the whole test suite; continuous integration calls this.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR/../app
source "$(dirname -- "${BASH_SOURCE[0]}")/../app/setup.sh"

usage() {
    cat <<'TEXT'
Usage: tests/run.sh [--help] [CTEST OPTION...]

Installs what is missing (as app/quickstart.sh does), builds the preset dev and, with AddressSanitizer and UndefinedBehaviorSanitizer, the
parts that are free of LibTorch, and runs their tests. Options are CTest's: tests/run.sh -R store runs the tests with that in their name.
Skipped tests are printed last. Exit: 0 all passed or were skipped, 1 a test failed, 2 something to mend.
TEXT
}

if [[ ${1:-} == --help || ${1:-} == -h ]]; then usage && exit; fi

export CTEST_PARALLEL_LEVEL="${CTEST_PARALLEL_LEVEL:-2}"
reports=()
failed=0

run_tests() { # PRESET CTEST-OPTIONS
    local preset=$1 folder="$SETUP_ROOT/build/$1"
    shift
    phase "test $preset"
    rm -f -- "$folder/tests.xml"
    ctest --test-dir "$folder" --output-on-failure --output-junit "$folder/tests.xml" "$@" || failed=1
    reports+=("$folder/tests.xml")
}

phase "look at this computer"
setup_torch_plan
setup_need_space "$SETUP_ROOT" 5
setup_packages "${SETUP_BUILD_PACKAGES[@]}" "${SETUP_TEST_PACKAGES[@]}"
setup_torch

setup_build dev -- all
run_tests dev "$@"
setup_build asan -- torch_free_tests
run_tests asan -L torch_free "$@"

phase_summary
"$SETUP_PYTHON" -B "$SETUP_ROOT/tests/summary.py" "${reports[@]}" || failed=1
exit "$failed"

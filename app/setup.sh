# Set-up shared by app/quickstart.sh and tests/run.sh: Debian packages, LibTorch, seconds of each phase.
# Source it from bash with `set -euo pipefail`; it only defines functions and variables.
# shellcheck shell=bash disable=SC2034

SETUP_APP="$(cd -P -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)"
SETUP_ROOT="$(dirname -- "$SETUP_APP")"
SETUP_TORCH_VERSION=2.11.0
SETUP_PYTHON="${MICROTOME_PYTHON:-/usr/bin/python3}"
SETUP_CUDA=0        # 1: the CUDA side of LibTorch is wanted too
TORCH_ROOT=""       # set by setup_torch: the folder with lib/libtorch_cpu.so

# Names of Debian 12; Ubuntu 24.04 has the same.
SETUP_BUILD_PACKAGES=(build-essential cmake ninja-build pkg-config ccache ca-certificates python3 python3-venv
    qt6-base-dev qt6-svg-dev libqcustomplot-dev libhdf5-dev zlib1g-dev libeigen3-dev nlohmann-json3-dev libcli11-dev
    libpcre2-dev libicu-dev libssl-dev libcurl4-openssl-dev fonts-dejavu-core)
SETUP_TEST_PACKAGES=(hdf5-tools python3-h5py libopenmpi-dev)

say() { printf '%s\n' "$*"; }
warn() { printf '%s\n' "$*" >&2; }
# A mistake that the user can mend: one line that names it.
fail() { warn "$*"; exit 2; }

# --- seconds of each phase

SETUP_PHASES=()
SETUP_PHASE=""
SETUP_PHASE_FROM=0
SETUP_BEGAN=${EPOCHREALTIME/[.,]/}

phase_end() {
    [[ -n $SETUP_PHASE ]] || return 0
    local now=${EPOCHREALTIME/[.,]/}
    SETUP_PHASES+=("$(((now - SETUP_PHASE_FROM) / 100000)) $SETUP_PHASE")
    SETUP_PHASE=""
}

phase() { # NAME: ends the phase before it
    phase_end
    SETUP_PHASE=$1 SETUP_PHASE_FROM=${EPOCHREALTIME/[.,]/}
    printf '\n== %s\n' "$1"
}

seconds_of() { printf '%d.%d' $(($1 / 10)) $(($1 % 10)); } # tenths

phase_summary() {
    phase_end
    local entry now=${EPOCHREALTIME/[.,]/}
    printf '\n%8s  phase\n' seconds
    for entry in ${SETUP_PHASES[@]+"${SETUP_PHASES[@]}"}; do printf '%8s  %s\n' "$(seconds_of "${entry%% *}")" "${entry#* }"; done
    printf '%8s  %s\n' "$(seconds_of $(((now - SETUP_BEGAN) / 100000)))" total
}

# --- the computer

setup_has_gpu() { command -v nvidia-smi >/dev/null && nvidia-smi -L 2>/dev/null | grep -q GPU; }

setup_has_display() { [[ -n ${DISPLAY:-} || -n ${WAYLAND_DISPLAY:-} ]]; }

# Compilers at a time: one a core, each with 1.5 GB of memory.
setup_jobs() {
    local cores memory
    cores=$(nproc)
    memory=$(awk '/^MemAvailable:/ {print int($2 / 1500000)}' /proc/meminfo)
    ((memory >= 1)) || memory=1
    printf '%d' $((cores < memory ? cores : memory))
}

setup_need_space() { # FOLDER GIGABYTES
    local free
    free=$(df -Pk -- "$1" | awk 'NR == 2 {print int($4 / 1000000)}')
    ((free >= $2)) || fail "$1: expected $2 GB of free disk space, got $free GB"
}

# --- Debian packages

setup_installed() { dpkg-query -W -f '${db:Status-Status}\n' "$1" 2>/dev/null | grep -qx installed; }

setup_missing_packages() { # PACKAGE...
    local package
    for package; do setup_installed "$package" || printf '%s\n' "$package"; done
}

setup_apt() { # APT-GET ARGUMENTS, as root
    local words=(env DEBIAN_FRONTEND=noninteractive)
    [[ -z ${http_proxy:-} ]] || words+=("http_proxy=$http_proxy")
    [[ -z ${https_proxy:-} ]] || words+=("https_proxy=$https_proxy")
    words+=(apt-get -y -q -o DPkg::Lock::Timeout=300 "$@")
    if ((EUID == 0)); then "${words[@]}"; else sudo -- "${words[@]}"; fi
}

setup_can_be_root() {
    ((EUID == 0)) && return 0
    command -v sudo >/dev/null || return 1
    [[ -t 0 ]] || sudo -n true 2>/dev/null
}

setup_packages() { # PACKAGE...: says which are missing and installs them
    command -v dpkg-query >/dev/null || fail "dpkg-query: expected Debian 12 or Ubuntu 24.04, got another system (needed there: $*)"
    local missing
    mapfile -t missing < <(setup_missing_packages "$@")
    if ((${#missing[@]} == 0)); then
        say "Debian packages: all there"
        return
    fi
    local command="apt-get install --no-install-recommends ${missing[*]}"
    say "Debian packages to install: ${missing[*]}"
    setup_can_be_root || fail "sudo: expected a way to become root, got none; run as root: $command"
    phase "download Debian packages"
    local fetch=(install --no-install-recommends --download-only "${missing[@]}")
    # The lists may be absent or too old: then one update, and once more.
    setup_apt "${fetch[@]}" >/dev/null 2>&1 || { setup_apt update && setup_apt "${fetch[@]}"; } ||
        fail "apt-get: expected to download the packages, got the error above; by hand: $command"
    phase "install Debian packages"
    local told
    told="$(setup_apt install --no-install-recommends "${missing[@]}" 2>&1)" || {
        tail -n 20 <<<"$told" >&2
        fail "apt-get: expected to install the packages, got the error above; by hand: $command"
    }
}

# --- LibTorch

setup_is_torch() { # FOLDER: a LibTorch of the supported version
    local header="$1/include/torch/headeronly/version.h"
    [[ -f $1/lib/libtorch_cpu.so && -f $header ]] || return 1
    grep -qx '#define TORCH_VERSION_MAJOR 2' "$header" && grep -qx '#define TORCH_VERSION_MINOR 11' "$header"
}

setup_loads() { # LIBRARY
    "$SETUP_PYTHON" -I -c 'import ctypes, sys; ctypes.CDLL(sys.argv[1])' "$1"
}

setup_importable_torch() { # prints the folder of the torch that python3 imports
    local python
    for python in python3 "$SETUP_PYTHON"; do
        "$python" -c 'import importlib.util as u; print(list(u.find_spec("torch").submodule_search_locations)[0])' 2>/dev/null && return
    done
    return 1
}

setup_cache() { printf '%s' "${XDG_CACHE_HOME:-$HOME/.cache}/microtome"; }

setup_environment() { # KIND (cpu or cuda): where this script puts it
    printf '%s/torch-%s' "$(setup_cache)" "$SETUP_TORCH_VERSION"
    [[ $1 == cpu ]] || printf -- '-%s' "$1"
}

setup_torch_inside() { # ENVIRONMENT: prints its torch folder
    local found
    for found in "$1"/lib/python3*/site-packages/torch; do
        if setup_is_torch "$found"; then printf '%s' "$found" && return; fi
    done
    return 1
}

setup_find_torch() { # sets TORCH_ROOT, or returns 1; resources/cmake/MicrotomeTorch.cmake has the same order
    local found
    if [[ -n ${Torch_DIR:-} ]]; then
        TORCH_ROOT="$(realpath -m -- "$Torch_DIR/../../..")"
        setup_is_torch "$TORCH_ROOT" || fail "Torch_DIR: expected share/cmake/Torch of LibTorch 2.11, got '$Torch_DIR'"
        return
    fi
    if [[ -n ${LIBTORCH:-} ]]; then
        setup_is_torch "$LIBTORCH" || fail "LIBTORCH: expected the folder of LibTorch 2.11, got '$LIBTORCH'"
        TORCH_ROOT=$LIBTORCH
        return
    fi
    found="$(setup_importable_torch || true)"
    if setup_is_torch "$found" && { ((!SETUP_CUDA)) || setup_loads "$found/lib/libtorch_cuda.so" 2>/dev/null; }; then
        TORCH_ROOT=$found
        return
    fi
    TORCH_ROOT="$(setup_torch_inside "$(setup_environment cuda)" || { ((!SETUP_CUDA)) && setup_torch_inside "$(setup_environment cpu)"; })"
}

setup_torch_plan() { # says what setup_torch is going to do
    if setup_find_torch; then
        say "LibTorch $SETUP_TORCH_VERSION: $TORCH_ROOT"
    elif ((SETUP_CUDA)); then
        say "LibTorch $SETUP_TORCH_VERSION with its CUDA side to fetch: 2.5 GB, unpacked 4 GB in $(setup_environment cuda)"
    else
        say "LibTorch $SETUP_TORCH_VERSION to fetch: 0.6 GB, unpacked 1.3 GB in $(setup_environment cpu)"
    fi
}

setup_pip() { # ENVIRONMENT ARGUMENTS: its pip, deaf to PYTHONPATH and to settings that install elsewhere; proxy, index and certificate hold
    local environment=$1
    shift
    env -u PIP_TARGET -u PIP_PREFIX -u PIP_ROOT PIP_USER=0 PIP_NO_INPUT=1 PIP_DISABLE_PIP_VERSION_CHECK=1 "$environment/bin/python3" -I -m pip "$@"
}

setup_fetch_torch() { # KIND ENVIRONMENT: makes it under a temporary name, tries it, renames it
    local kind=$1 environment=$2 part="$2.part" wanted="$SETUP_APP/torch-$1.txt" library
    SETUP_PART=$part
    trap 'rm -rf -- "$SETUP_PART"' EXIT
    phase "download LibTorch"
    "$SETUP_PYTHON" -I -m venv "$part" || fail "$SETUP_PYTHON: expected to make a virtual environment, got the error above (python3-venv)"
    setup_pip "$part" download --no-cache-dir --no-deps --only-binary :all: --require-hashes -r "$wanted" -d "$part/wheels" ||
        fail "pip: expected to download LibTorch, got the error above (https_proxy, PIP_INDEX_URL and PIP_CERT are respected)"
    phase "unpack LibTorch"
    setup_pip "$part" install --no-index --find-links "$part/wheels" --no-deps --require-hashes --no-compile -q -r "$wanted" ||
        fail "pip: expected to install LibTorch, got the error above"
    rm -rf -- "$part/wheels"
    library="$(setup_torch_inside "$part")/lib/libtorch_$kind.so"
    setup_loads "$library" || fail "$library: expected a library that loads, got the error above"
    mv -T -- "$part" "$environment"
    trap - EXIT
}

setup_torch() { # finds or fetches LibTorch and sets TORCH_ROOT
    setup_find_torch && return
    [[ $(uname -m) == x86_64 ]] || fail "LibTorch: expected an x86-64 computer, got $(uname -m); set LIBTORCH to the folder of a LibTorch 2.11 of your own"
    local kind=cpu gigabytes=4 cache lock environment
    ((!SETUP_CUDA)) || kind=cuda gigabytes=9
    cache="$(setup_cache)" environment="$(setup_environment "$kind")"
    { mkdir -p -- "$cache" && : >>"$cache/lock"; } 2>/dev/null ||
        fail "$cache: expected a folder to write to, got one that is read-only; set XDG_CACHE_HOME to another"
    exec {lock}>>"$cache/lock"
    flock -n "$lock" || { say "Waiting for another set-up to finish" && flock "$lock"; }
    if ! setup_torch_inside "$environment" >/dev/null; then # else the other one has made it
        rm -rf -- "$cache"/torch-*.part "$environment" # left by an interrupted set-up: we hold the lock
        setup_need_space "$cache" "$gigabytes"
        setup_fetch_torch "$kind" "$environment"
    fi
    exec {lock}>&-
    TORCH_ROOT="$(setup_torch_inside "$environment")"
}

# --- CMake

setup_build() { # PRESET CMAKE-ARGUMENTS... -- TARGET...: configures and builds, a phase each
    local preset=$1 arguments=()
    shift
    while (($#)) && [[ $1 != -- ]]; do arguments+=("$1") && shift; done
    shift || true
    phase "configure $preset"
    LIBTORCH=$TORCH_ROOT cmake -S "$SETUP_ROOT" --preset "$preset" ${arguments[@]+"${arguments[@]}"}
    phase "build $preset"
    cmake --build "$SETUP_ROOT/build/$preset" -j "$(setup_jobs)" --target "$@"
}

#!/bin/bash
# app/setup.sh on computers that lack this or that. Python, pip, apt-get, dpkg-query and df are stand-ins first in PATH, so nothing is installed
# and no network is needed; the rest is real. Where this runs as root, the user is nobody, so that permissions count.
# Usage: test_setup.sh SOURCE_FOLDER
# shellcheck disable=SC2016
set -uo pipefail
source_folder=$1
here="$(mktemp -d)" && chmod 755 "$here"
trap 'rm -rf -- "$here"' EXIT
as_user=()
if ((EUID == 0)); then as_user=("$(type -P setpriv)" --reuid=65534 --regid=65534 --clear-groups); fi
failures=0

fake() { # NAME: reads the script from stdin
    { printf '#!/bin/bash\n' && cat; } >"$FAKES/$1" && chmod 755 "$FAKES/$1"
}

# A new computer: every package there, root through sudo, plenty of space, no torch, an empty cache in a folder with a space in its name.
begin() { # NAME OF THE CASE
    name=$1
    box="$here/$((++cases)) case" && FAKES="$box/fakes" && mkdir -p "$box/app" "$FAKES" "$box/home"
    cp "$source_folder"/app/{*.sh,*.txt} "$box/app/"
    cp "$source_folder/tests/setup/python3" "$FAKES/python3"
    : >"$FAKES/log"
    fake dpkg-query <<<'[[ " ${FAKE_MISSING:-} " == *" ${!#} "* ]] && exit 1; printf "installed\n"'
    fake apt-get <<<'printf "apt-get %s\n" "$*" >>"$FAKES/log"; [[ $* != *download-only* || -z ${FAKE_STALE:-} || -f $FAKES/updated ]] || exit 100; [[ $* != *update* ]] || : >"$FAKES/updated"'
    fake sudo <<<'[[ $1 != -n ]] || exit "${FAKE_SUDO:-0}"; printf "sudo\n" >>"$FAKES/log"; shift; exec "$@"'
    fake df <<<'printf "h\n/dev/x 1 1 %s000000 1%% /\n" "${FAKE_FREE:-100}"'
    ((EUID != 0)) || chown -R 65534:65534 "$box"
    settings=("FAKES=$FAKES" "PATH=$FAKES:/usr/bin:/bin" "HOME=$box/home" "XDG_CACHE_HOME=$box/home/my cache" "MICROTOME_PYTHON=$FAKES/python3")
    cache="$box/home/my cache/microtome"
}

setup() { # COMMAND: runs it after sourcing setup.sh; leaves $status and $output
    output="$(env -i "${settings[@]}" "${as_user[@]}" bash -c 'set -euo pipefail; source "$0/app/setup.sh"; eval "$1"' "$box" "$1" </dev/null 2>&1)"
    status=$?
}

expect() { # TEXT CONDITION...: a [[ ]] expression
    if ! eval "[[ $2 ]]"; then
        printf 'FAILED %s: expected %s\nstatus %s\n%s\nlog:\n%s\n\n' "$name" "$1" "${status:-}" "${output:-}" "$(<"$FAKES/log")"
        ((failures++))
    fi
}

is_torch() { # FOLDER MINOR: makes one
    mkdir -p "$1/lib" "$1/include/torch/headeronly" "$1/share/cmake/Torch" && : >"$1/lib/libtorch_cpu.so"
    printf '#define TORCH_VERSION_MAJOR 2\n#define TORCH_VERSION_MINOR %s\n' "$2" >"$1/include/torch/headeronly/version.h"
}

log() { cat "$FAKES/log"; }
cases=0

begin "all packages there"
setup 'setup_packages cmake ninja-build'
expect "success" '$status == 0'
expect "no word to sudo or apt-get" '-z $(log)'

begin "packages missing"
settings+=("FAKE_MISSING=cmake qt6-base-dev")
setup 'setup_packages build-essential cmake qt6-base-dev'
expect "success" '$status == 0'
expect "both named before anything is done" '"$output" == *"to install: cmake qt6-base-dev"*'
expect "a download, then the installation" '$(log | grep -c "^apt-get .*install .*cmake qt6-base-dev$") == 2'
expect "those only" '$(log) != *build-essential*'
expect "no question and a wait for the lock" '$(log) == *"-y -q -o DPkg::Lock::Timeout=300"*'
expect "no update when the lists are there" '$(log) != *update*'
expect "sudo, where not root" '$(log) == *sudo*'

begin "package lists too old"
settings+=("FAKE_MISSING=cmake" "FAKE_STALE=1")
setup 'setup_packages cmake'
expect "success after one update" '$status == 0 && $(log | grep -c "^apt-get.* update$") == 1'

begin "no sudo"
rm "$FAKES/sudo"
settings+=("FAKE_MISSING=cmake ccache")
settings[1]="PATH=$FAKES:$box/bin"
mkdir "$box/bin" && for tool in bash env cat dirname grep mkdir; do ln -s "$(type -P $tool)" "$box/bin/$tool"; done
setup 'setup_packages cmake ccache'
expect "exit 2" '$status == 2'
expect "the exact command" '"$output" == *"apt-get install --no-install-recommends cmake ccache"*'

begin "sudo that would ask where nobody can answer"
settings+=("FAKE_MISSING=cmake" "FAKE_SUDO=1")
setup 'setup_packages cmake'
expect "exit 2, nothing run" '$status == 2 && -z $(log)'

begin "LibTorch fetched"
settings+=("PIP_INDEX_URL=https://example.org/simple" "PIP_TARGET=/elsewhere")
setup 'setup_torch && printf "root=%s\n" "$TORCH_ROOT" && phase_summary'
expect "success" '$status == 0'
expect "its folder" '"$output" == *"root=$cache/torch-2.11.0/lib/python3.11/site-packages/torch"*'
expect "hashes checked" '$(log) == *"download"*"--require-hashes"*"torch-cpu.txt"*'
expect "the user's index, not the user's target" '$(log) == *"PIP_INDEX_URL=https://example.org/simple PIP_TARGET="$'"'\n'"'* && $(log) != *elsewhere*'
expect "nothing left over" '-z $(find "$cache" -name "*.part*" -o -name wheels)'
expect "seconds of the phases" '"$output" == *"download LibTorch"*"unpack LibTorch"*total*'
: >"$FAKES/log"
setup 'setup_torch'
expect "the second time: no pip" '$status == 0 && -z $(log)'

begin "download fails"
settings+=("FAKE_DOWNLOAD=1")
setup 'setup_torch'
expect "exit 2, nothing left" '$status == 2 && -z $(find "$cache" -name "torch-*")'

begin "a library that does not load"
settings+=("FAKE_PROBE=1")
setup 'setup_torch'
expect "exit 2, nothing left" '$status == 2 && -z $(find "$cache" -name "torch-*")'

for signal in KILL TERM INT; do
    begin "interrupted by $signal"
    env -i "${settings[@]}" FAKE_SECONDS=20 setsid env --default-signal=INT "${as_user[@]}" bash -c 'set -euo pipefail; source "$0/app/setup.sh"; setup_torch' "$box" >/dev/null 2>&1 &
    for ((i = 0; i < 500; i++)); do [[ -z $(log) ]] || break; sleep 0.02; done
    expect "to be in the middle" '-d $cache/torch-2.11.0.part && ! -e $cache/torch-2.11.0'
    kill -"$signal" -- "-$!"
    wait $! 2>/dev/null
    setup 'setup_torch && printf "%s\n" "$TORCH_ROOT"'
    expect "the next one to succeed" '$status == 0 && -f "$cache/torch-2.11.0/lib/python3.11/site-packages/torch/lib/libtorch_cpu.so"'
    expect "nothing left over" '-z $(find "$cache" -name "*.part*")'
done

begin "two at once"
settings+=("FAKE_SECONDS=0.4")
for i in 1 2; do
    env -i "${settings[@]}" "${as_user[@]}" bash -c 'set -euo pipefail; source "$0/app/setup.sh"; setup_torch; printf "%s\n" "$TORCH_ROOT"' "$box" >"$box/out$i" 2>&1 &
done
wait
expect "one download" '$(log | grep -c "pip download") == 1'
expect "both to have it" '$(tail -qn 1 "$box/out1" "$box/out2" | grep -c "^$cache/torch-2.11.0/") == 2'

begin "a cache that cannot be written"
mkdir "$box/home/my cache" && chmod 555 "$box/home/my cache"
setup 'setup_torch'
expect "exit 2 that names it" '$status == 2 && "$output" == *"$cache"*"read-only"*XDG_CACHE_HOME*'

begin "a full disk"
settings+=("FAKE_FREE=3")
setup 'setup_torch'
expect "exit 2 that says how much" '$status == 2 && "$output" == *"expected 4 GB"*"got 3 GB"* && -z $(log)'

begin "LibTorch's order"
is_torch "$box/explicit" 11 && is_torch "$box/variable" 11 && is_torch "$box/importable" 11 && is_torch "$box/old" 9
is_torch "$cache/torch-2.11.0/lib/python3.11/site-packages/torch" 11
settings+=("FAKE_TORCH=$box/importable" "LIBTORCH=$box/variable" "Torch_DIR=$box/explicit/share/cmake/Torch")
for expected in explicit variable importable "home/my cache/microtome"; do
    setup 'setup_torch && printf "%s\n" "$TORCH_ROOT"'
    expect "$expected" '$status == 0 && "$output" == "$box/$expected"*'
    unset 'settings[-1]'
done
settings+=("FAKE_TORCH=$box/old")
setup 'setup_torch && printf "%s\n" "$TORCH_ROOT"'
expect "an old importable torch to be passed over" '"$output" == "$cache/torch-2.11.0"*'
settings+=("LIBTORCH=$box/old")
setup 'setup_torch'
expect "exit 2 for an old LIBTORCH" '$status == 2 && "$output" == *LIBTORCH*"$box/old"*'
expect "never a download" '-z $(log)'

begin "options"
setup '"$0/app/quickstart.sh" --help'
expect "help" '$status == 0 && "$output" == *--no-gui*'
setup '"$0/app/quickstart.sh" --nogui'
expect "exit 2 for an unknown one" '$status == 2 && "$output" == *--nogui*'

printf '%d cases, %d failures\n' "$cases" "$failures"
((failures == 0))

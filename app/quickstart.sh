#!/usr/bin/env bash
# From a fresh computer to a first circuit: installs what is needed, builds, runs activation patching on the bundled model, opens the app.
set -euo pipefail
source "$(dirname -- "${BASH_SOURCE[0]}")/setup.sh"

usage() {
    cat <<'TEXT'
Usage: app/quickstart.sh [--no-gui] [--cuda] [--help]

Installs the Debian packages and the LibTorch that Microtome needs (it says which), builds it, finds the circuit of a sentence in the
bundled model and opens the app.

  --no-gui   do not open the app
  --cuda     fetch LibTorch's CUDA side too (the default where nvidia-smi shows a GPU)
  --help     this text

LibTorch is looked for in $Torch_DIR, $LIBTORCH, python3 (an importable torch 2.11), ${XDG_CACHE_HOME:-~/.cache}/microtome; else it is
fetched into the last one. https_proxy, PIP_INDEX_URL and PIP_CERT are respected. Exit: 0 done, 2 something to mend (one line says what).
TEXT
}

gui=1
setup_has_gpu && SETUP_CUDA=1
for argument; do
    case $argument in
        --no-gui) gui=0 ;;
        --cuda) SETUP_CUDA=1 ;;
        --help | -h) usage && exit ;;
        *) fail "$argument: expected --no-gui, --cuda or --help" ;;
    esac
done

phase "look at this computer"
packages=("${SETUP_BUILD_PACKAGES[@]}")
[[ -z ${WAYLAND_DISPLAY:-} ]] || packages+=(qt6-wayland)
setup_torch_plan
setup_need_space "$SETUP_ROOT" 2
setup_packages "${packages[@]}"
setup_torch

# Kernels for a GPU are built where they can run. A warning of a compiler that we have not met stops nobody here.
kernels=OFF
((!SETUP_CUDA)) || kernels=AUTO
setup_build release -DMICROTOME_CUDA=$kernels -DMICROTOME_WERROR=OFF -- microtome microtome-gui

phase "activation patching"
results="$SETUP_ROOT/results/quickstart"
"$SETUP_ROOT/build/release/bin/microtome" activation-patching --preset attn_head_out_all_pos --metric logit_diff_recovery \
    --clean "when tom and ann went to the park , tom gave a ball to" \
    --corrupt "when tom and mary went to the park , tom gave a ball to" --answer ann --foil mary --out "$results"
phase_summary

say
say "Each number above: how much of the answer comes back when that head's output is copied from the clean run into the corrupted one"
say "(0: nothing, 1: all; below 0: the head works against the answer)."
say "Results: $results (manifest.json, result.json, result.h5, a CSV and an SVG of each view)"
say "The command: $SETUP_ROOT/build/release/bin/microtome --help"
if ((gui)) && setup_has_display; then
    say "Opening the app: $SETUP_ROOT/build/release/bin/microtome-gui"
    exec "$SETUP_ROOT/build/release/bin/microtome-gui"
fi

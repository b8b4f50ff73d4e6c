#!/usr/bin/env bash
# From nothing to a trained multi-task model: set-up, build, weights, data, training, scores, use.
# Safe to run again: what is there is not made twice, and an interrupted training goes on.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
cd "$repo"
[ $# -eq 0 ] || die "takes no arguments; it writes to demo/ and to $cache"

say "1/6 set-up"
scripts/setup.sh --build --weights

say "2/6 build"
scripts/build.sh --program
began=$SECONDS

say "3/6 writing the demo's three tasks to demo/data"
python3 scripts/make_demo_data.py demo/data

options=(
  --task_file demo/data/tasks.json --init_checkpoint "$minilm" --max_seq_length 64
  --adapter pals --adapter_size 102 --sample rr --dropout 0.05 --train_batch_size 32 --eval_batch_size 100
  --learning_rate 2e-5 --warmup_proportion 0.2 --max_steps 320 --num_train_epochs 4
)
# A run of other options or other data is no use; one of the same is gone on with.
mark=$(cat demo/data/* <(echo "${options[@]}") | sha256sum)
if [ "$(cat demo/mark 2>/dev/null || true)" != "$mark" ]; then
  rm -rf demo/untrained demo/run
  echo "$mark" >demo/mark
fi

say "4/6 scoring the untrained model (pretrained weights, fresh adapters and classifiers)"
[ -s demo/untrained/eval_results.json ] ||
  build/pals train "${options[@]}" --do_eval --output_dir demo/untrained >/dev/null

if [ -s demo/run/eval_results.json ]; then
  say "5/6 training: demo/run holds the finished run (remove the folder to train again)"
else
  say "5/6 training: one encoder, three tasks, PALs of size 102, 320 steps"
  build/pals train "${options[@]}" --do_train --do_eval --output_dir demo/run >/dev/null
fi
echo
echo "Dev scores; the dev files use words that were never trained on:"
python3 scripts/demo_table.py demo/data demo/untrained/eval_results.json demo/run/eval_results.json
echo

say "6/6 three sentences, classified with demo/run/best"
sentences=(
  "The soup was anything but bland, and we ordered it twice."
  "Everybody praised the hotel, but our room was cold and dirty."
  "I would not call this novel boring."
)
printf '%s\n' "${sentences[@]}" |
  build/pals predict --model demo/run/best --task sentiment |
  paste - <(printf '%s\n' "${sentences[@]}")
echo
say "done, $((SECONDS - began)) s after the build. Try: echo 'What a day!' | build/pals predict --model demo/run/best --task sentiment"

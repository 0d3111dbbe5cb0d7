#!/usr/bin/env bash
# usage: fuzz.sh SECONDS [TARGET...]
# Fuzzes each target for so long, one after the other. What fails is kept in findings/, and the
# next target goes on. Each target's last line tells its executions and its processor time.
set -euo pipefail
cd "$(dirname "$0")"

seconds="${1:?usage: fuzz.sh SECONDS [TARGET...]}"
shift
targets=("$@")
((${#targets[@]})) || targets=(json workflow lift ui catalog validate patch placeholders diff_merge)

binaries="${CARGO_TARGET_DIR:-target}/x86_64-unknown-linux-gnu/release"
cargo build --quiet --release --bins
mkdir -p findings
[[ -d corpus ]] || "$binaries/seeds" corpus

failed=0
for target in "${targets[@]}"; do
  log="findings/$target.log"
  TIMEFORMAT="$target: %U s of processor time, %R s by the clock"
  time "$binaries/$target" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=2048 -max_len=32768 \
    -print_final_stats=1 -artifact_prefix="findings/$target-" "corpus/$target" 2>"$log" || {
    failed=1
    echo "$target: FAILED, see $log"
  }
  executions="$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")"
  echo "$target: ${executions:-an unknown number of} executions"
done
exit "$failed"

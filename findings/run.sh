#!/usr/bin/env bash
# Run the findings, or those named, and say of each whether it is still as recorded.
#   bash findings/run.sh [NAME ...]
# Exits 1 if one has changed, 2 if none could be run.
set -u
trap 'exit 130' INT TERM
folder=${FINDINGS_FOLDER:-$(cd "$(dirname "$0")" && pwd)}
limit=${FINDINGS_LIMIT:-600}  # seconds that one may take
same=0 changed=0 failed=0

if [ $# -eq 0 ]; then
  for script in "$folder"/*.sh; do
    name=$(basename "$script" .sh)
    [ "$name" = run ] || set -- "$@" "$name"
  done
fi

for name in "$@"; do
  printf '%-34s ' "$name"
  begin=$SECONDS
  timeout "$limit" bash "$folder/$name.sh" >/dev/null 2>&1
  case $? in
    0) verdict=same same=$((same + 1)) ;;
    1) verdict=changed changed=$((changed + 1)) ;;
    *) verdict='could not run' failed=$((failed + 1)) ;;
  esac
  printf '%s (%d s)\n' "$verdict" $((SECONDS - begin))
done

echo "$same the same, $changed changed, $failed could not be run."
[ "$changed" -eq 0 ] || exit 1
[ $((same + changed)) -gt 0 ] || exit 2

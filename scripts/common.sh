# shellcheck shell=bash
# What the project's scripts share. Source it after `set -euo pipefail`.

say() { printf '==> %s\n' "$*"; }
note() { printf '    %s\n' "$*"; }
die() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

cache_folder() { printf '%s/quantc' "${XDG_CACHE_HOME:-${HOME:?HOME is not set}/.cache}"; }

# as_root COMMAND...: runs it as root, with sudo where needed.
as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    die "'$1' must run as root and there is no sudo; run this script as root"
  fi
}

# run_logged LOG COMMAND...: keeps the output in LOG, prints its last line every 15 seconds, and its end when the command fails.
run_logged() {
  local log=$1 started=$SECONDS next=15 pid code=0
  shift
  "$@" >"$log" 2>&1 </dev/null &
  pid=$!
  # An interrupt does not reach background commands of a script by itself.
  # shellcheck disable=SC2064
  trap "kill $pid 2>/dev/null; exit 130" INT TERM
  while kill -0 "$pid" 2>/dev/null; do
    sleep 1
    if [ $((SECONDS - started)) -ge "$next" ]; then
      next=$((SECONDS - started + 15))
      note "$((SECONDS - started)) s: $(tail -n 1 "$log" | tr -d '\r' | cut -c 1-110)"
    fi
  done
  wait "$pid" || code=$?
  trap - INT TERM
  if [ "$code" -ne 0 ]; then
    tail -n 30 "$log" >&2
    die "'$1' failed with exit code $code; everything it said is in $log"
  fi
}

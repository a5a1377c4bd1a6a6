# shellcheck shell=bash
# What the scripts that compare two programs share. Sourced.

say() { echo "==> $*" >&2; }
fail() {
  echo "error: $*" >&2
  exit 1
}

# parse_options NAME... -- "$@": sets the variable NAME for every --name=value; the caller has a function `usage`.
parse_options() {
  local known=" " argument name
  while [ "$1" != -- ]; do
    known+="$1 "
    shift
  done
  shift
  for argument in "$@"; do
    if [ "$argument" = --help ]; then
      usage
      exit 0
    fi
    name=${argument%%=*}
    name=${name#--}
    name=${name//-/_}
    if [[ $argument != --*=* ]] || [[ $known != *" $name "* ]]; then
      echo "error: $argument: unknown option; see --help" >&2
      exit 2
    fi
    printf -v "$name" %s "${argument#*=}"
  done
}

need_programs() { # those of $build
  local program missing=()
  for program in "$@"; do
    [ -x "${build:?}/bin/$program" ] || missing+=("$program")
  done
  [ ${#missing[@]} -eq 0 ] || fail "$build/bin: not built: ${missing[*]}; run cmake --build $build --target $*"
}

exit_commands=()
at_exit() { exit_commands+=("$1"); }
run_exit_commands() {
  local command
  for command in "${exit_commands[@]}"; do eval "$command"; done
}
trap run_exit_commands EXIT

# Sets `folder` to an absolute path and `keep` to yes where the caller named it; a temporary one goes at the end.
# shellcheck disable=SC2034
make_folder() {
  keep=yes
  if [ -z "${folder:-}" ]; then
    keep=no
    folder=$(mktemp -d)
    at_exit "rm -rf '$folder'"
  fi
  mkdir -p "$folder"
  folder=$(cd "$folder" && pwd)
}

id_of() { sha256sum <<<"$1" | cut -c1-12; }

# record KEY VALUE...: appends one JSON object to $results. A value with # in front is a number.
record() {
  local line='' value
  while [ $# -gt 0 ]; do
    value=$2
    if [[ $value == \#* ]]; then
      value=${value#\#}
    else
      value=${value//\\/\\\\}
      value=\"${value//\"/\\\"}\"
    fi
    line+="${line:+, }\"$1\": $value"
    shift 2
  done
  echo "{$line}" >>"${results:?}"
}

machine() {
  local model
  model=$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1)
  echo "${model:-$(uname -m)}, $(nproc) processors, $(awk '/MemTotal/ { printf "%.0f GB", $2 / 1e6 }' /proc/meminfo)"
}

commit() { git describe --always --dirty 2>/dev/null || echo unknown; }

# Results of one folder are only comparable when they were made with the same settings.
same_settings() {
  local file=${folder:?}/settings
  [ ! -f "$file" ] || [ "$(cat "$file")" = "$1" ] || fail "$folder has results of other settings ($(cat "$file")); take another --folder"
  echo "$1" >"$file"
}

# Percent of the processors that other programs use, over one second.
busy_percent() {
  local first second
  first=$(sed -n 1p /proc/stat)
  sleep 1
  second=$(sed -n 1p /proc/stat)
  awk -v a="$first" -v b="$second" 'BEGIN {
    split(a, x); n = split(b, y)
    for (i = 2; i <= 9 && i <= n; i++) total += y[i] - x[i]
    idle = y[5] - x[5] + y[6] - x[6]
    printf "%.0f", (total > 0 ? 100 * (total - idle) / total : 0)
  }'
}

# Says so, and records it, where the machine is not quiet: threads that spin while they wait suffer most from that, so ratios mean nothing then.
note_busy() {
  local busy
  busy=$(busy_percent)
  record busy "$busy % of the processors before the first measurement"
  if [ "$busy" -gt 5 ]; then say "warning: other programs use $busy % of the processors; these figures will mean nothing"; fi
}

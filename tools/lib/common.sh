# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# What the scripts in tools/ share: where the tree is, how they speak, how they become root, how they reach the engine.
# Sourced, never run. The script that sources it has set `set -euo pipefail`.

# shellcheck disable=SC2034 # For the scripts that source this.
CRONIUM_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cronium_script=${0##*/}

if [[ -t 1 && -z ${NO_COLOR:-} ]]; then
  cronium_bold=$'\e[1m' cronium_red=$'\e[31m' cronium_reset=$'\e[0m'
else
  cronium_bold='' cronium_red='' cronium_reset=''
fi

# A line of progress: what happens, with the seconds since the script began.
say() { printf '%s[%s %3ds]%s %s\n' "$cronium_bold" "$cronium_script" "$SECONDS" "$cronium_reset" "$*"; }

# A heading before a stage that takes a while.
stage() { printf '\n%s=== %s   (%dm%02ds since the start)%s\n' "$cronium_bold" "$*" $((SECONDS / 60)) $((SECONDS % 60)) "$cronium_reset"; }

warn() { printf '%s%s: %s%s\n' "$cronium_red" "$cronium_script" "$*" "$cronium_reset" >&2; }

# Ends the script. The message says what is wrong and what to do.
die() {
  warn "$*"
  exit 1
}

# Prints the comment block at the top of the calling script: its help.
usage() { sed -n '3,/^[^#]/{/^#/s/^# \{0,1\}//p}' "$0"; }

as_root() {
  if ((EUID == 0)); then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    die "this needs root, and there is no sudo: run it as root: $*"
  fi
}

# Where slow results that can be made again are kept: CRONIUM_CACHE_DIR, else the user's or (for root) the system's cache.
cache_dir() {
  local dir=${CRONIUM_CACHE_DIR:-}
  if [[ -z $dir ]]; then
    if [[ -n ${XDG_CACHE_HOME:-} ]]; then
      dir=$XDG_CACHE_HOME/cronium
    elif ((EUID == 0)); then
      dir=/var/cache/cronium
    else
      dir=$HOME/.cache/cronium
    fi
  fi
  mkdir -p "$dir"
  printf '%s\n' "$dir"
}

# Waits until a command succeeds: wait_until SECONDS COMMAND... Fails when the time is over.
wait_until() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@"; do
    ((SECONDS < deadline)) || return 1
    sleep 0.1
  done
}

# Does an engine answer on its socket? Works with and without a docker client.
engine_answers() {
  local socket=/var/run/docker.sock
  if command -v docker >/dev/null; then
    timeout 10 docker version --format '{{.Server.Version}}' >/dev/null 2>&1 && return
  fi
  [[ -S $socket ]] && command -v curl >/dev/null &&
    as_root curl -fsS --max-time 10 --unix-socket "$socket" http://engine/_ping >/dev/null 2>&1
}

# The docker client, as a user who may speak to the engine.
engine() {
  if [[ -z ${cronium_docker:-} ]]; then
    if ((EUID == 0)) || timeout 10 docker version >/dev/null 2>&1; then
      cronium_docker=docker
    else
      cronium_docker='as_root docker'
    fi
  fi
  $cronium_docker "$@"
}

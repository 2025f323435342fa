# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# For scripts that source it:  . /usr/local/bin/cronium.sh
#
# The helpers are programs, and first on a job's PATH, so nothing needs this file; it makes each a function as well, which
# also works where a script has replaced PATH. POSIX sh. Sourcing always succeeds, outside a job too: there the first call
# fails, and says why.

# The program behind all of them: where a job has it, else beside this file as bash knows that, else on PATH.
_cronium_helper=/opt/cronium/bin/cronium-helper
# shellcheck disable=SC3028  # BASH_SOURCE is asked for with a default, which every shell takes
if [ ! -x "$_cronium_helper" ]; then
  if [ -n "${BASH_SOURCE-}" ] && [ -x "${BASH_SOURCE%/*}/../bin/cronium-helper" ]; then
    _cronium_helper=${BASH_SOURCE%/*}/../bin/cronium-helper
  elif [ -n "${BASH_SOURCE-}" ] && [ -x "${BASH_SOURCE%/*}/cronium-helper" ]; then
    _cronium_helper=${BASH_SOURCE%/*}/cronium-helper
  else
    _cronium_helper=$(command -v cronium-helper) || _cronium_helper=
  fi
fi

_cronium_call() {
  if [ -n "$_cronium_helper" ]; then
    "$_cronium_helper" "$@"
    return
  fi
  echo "$1: not inside a Cronium job: the program cronium-helper is not here" >&2
  return 1
}

cronium_input() { _cronium_call cronium_input "$@"; }
cronium_output() { _cronium_call cronium_output "$@"; }
cronium_get_variable() { _cronium_call cronium_get_variable "$@"; }
cronium_set_variable() { _cronium_call cronium_set_variable "$@"; }
cronium_delete_variable() { _cronium_call cronium_delete_variable "$@"; }
cronium_variable_exists() { _cronium_call cronium_variable_exists "$@"; }
cronium_increment_variable() { _cronium_call cronium_increment_variable "$@"; }
cronium_append_variable() { _cronium_call cronium_append_variable "$@"; }
cronium_set_condition() { _cronium_call cronium_set_condition "$@"; }
cronium_event() { _cronium_call cronium_event "$@"; }
cronium_event_field() { _cronium_call cronium_event_field "$@"; }
cronium_execute_tool_action() { _cronium_call cronium_execute_tool_action "$@"; }
cronium_send_email() { _cronium_call cronium_send_email "$@"; }
cronium_send_slack_message() { _cronium_call cronium_send_slack_message "$@"; }
cronium_send_discord_message() { _cronium_call cronium_send_discord_message "$@"; }
cronium_info() { _cronium_call cronium_info "$@"; }

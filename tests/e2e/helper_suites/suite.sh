# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# Every helper command, in any POSIX shell. README.md says how it is run.
set -u
transport=$1 prefix=$2 failed=0
case $transport in
  socket) unset CRONIUM_RUNTIME_API ;;
  name) unset CRONIUM_RUNTIME_SOCKET ;;
esac

# is NAME WANTED SEEN
is() {
  if [ "$2" = "$3" ]; then
    echo "ok $1"
  else
    echo "FAIL $1: wanted <$2>, saw <$3>"
    failed=1
  fi
}

# has NAME TEXT SEEN: the text is somewhere in it.
has() {
  case $3 in
    *"$2"*) echo "ok $1" ;;
    *) is "$1" "... $2 ..." "$3" ;;
  esac
}

# Prints what a command that must fail says, and how it exits.
failing() { if "$@" 2>&1; then echo "status 0"; else echo "status $?"; fi; }

info=$(cronium_info)
case $transport in
  socket) has "cronium_info names the socket" "unix:$CRONIUM_RUNTIME_SOCKET (reachable)" "$info" ;;
  name) has "cronium_info names the URL" "$CRONIUM_RUNTIME_API (reachable)" "$info" ;;
esac
case $info in
  *"$CRONIUM_EXECUTION_TOKEN"*) echo "FAIL cronium_info does not print the token" && failed=1 ;;
  *) echo "ok cronium_info does not print the token" ;;
esac

is "cronium_input prints the input" '{"who":"Ada","n":[1,null]}' "$(cronium_input)"

has "cronium_event prints the event as JSON" "\"executionId\":\"$CRONIUM_EXECUTION_ID\"" "$(cronium_event | tr -d ' ' 2>/dev/null || cronium_event)"
is "cronium_event_field prints a field" "$CRONIUM_JOB_ID" "$(cronium_event_field jobId)"
is "cronium_event_field prints the attempt" 1 "$(cronium_event_field attempt)"

cronium_set_variable "$prefix/text" "two  words ✓"
is "cronium_get_variable prints text" "two  words ✓" "$(cronium_get_variable "$prefix/text")"
cronium_set_variable "$prefix/object" '{"z":1,"a":[true,null,"x"]}'
is "cronium_get_variable prints JSON" '{"z":1,"a":[true,null,"x"]}' "$(cronium_get_variable "$prefix/object")"
cronium_set_variable "$prefix/big" 9007199254740993
is "cronium_get_variable keeps all digits" 9007199254740993 "$(cronium_get_variable "$prefix/big")"
cronium_set_variable "$prefix/false" false
is "cronium_get_variable prints false" false "$(cronium_get_variable "$prefix/false")"
cronium_set_variable "$prefix/zero" 0
is "cronium_get_variable prints 0" 0 "$(cronium_get_variable "$prefix/zero")"
cronium_set_variable "$prefix/empty" '""'
is "cronium_get_variable prints nothing for empty text" "" "$(cronium_get_variable "$prefix/empty")"
cronium_set_variable "$prefix/null" null
is "cronium_get_variable prints null" null "$(cronium_get_variable "$prefix/null")"
printf '01234\n' | cronium_set_variable "$prefix/zip" -
is "cronium_set_variable reads standard input" 01234 "$(cronium_get_variable "$prefix/zip")"
cronium_set_variable "$prefix/a b?c%2F/ü" odd
is "cronium_get_variable takes any key" odd "$(cronium_get_variable "$prefix/a b?c%2F/ü")"
is "cronium_get_variable prints nothing for what is not set" "status 0" "$(failing cronium_get_variable "$prefix/unset")"

cronium_set_variable "$prefix/deleted" 1
is "cronium_variable_exists says yes" "status 0" "$(failing cronium_variable_exists "$prefix/deleted")"
is "cronium_variable_exists says yes to null" "status 0" "$(failing cronium_variable_exists "$prefix/null")"
is "cronium_delete_variable deletes" "status 0" "$(failing cronium_delete_variable "$prefix/deleted")"
is "cronium_variable_exists says no" "status 1" "$(failing cronium_variable_exists "$prefix/deleted")"

is "cronium_increment_variable counts from nothing" 1 "$(cronium_increment_variable "$prefix/count")"
is "cronium_increment_variable adds" 51 "$(cronium_increment_variable "$prefix/count" 50)"
is "cronium_increment_variable subtracts" 42 "$(cronium_increment_variable "$prefix/count" -9)"
is "cronium_increment_variable adds a fraction" 0.75 "$(cronium_increment_variable "$prefix/ratio" 0.75)"
has "cronium_increment_variable refuses text" "status 1" "$(failing cronium_increment_variable "$prefix/text")"

cronium_append_variable "$prefix/list" a ,
cronium_append_variable "$prefix/list" b ,
cronium_append_variable "$prefix/list" c
is "cronium_append_variable appends" a,bc "$(cronium_get_variable "$prefix/list")"
has "cronium_append_variable refuses a number" "status 1" "$(failing cronium_append_variable "$prefix/zero" x)"

for word in false 0 no off true 1 yes on; do
  is "cronium_set_condition takes $word" "status 0" "$(failing cronium_set_condition "$word")"
done
has "cronium_set_condition refuses other words" "status 1" "$(failing cronium_set_condition perhaps)"

cronium_output '"replaced"'
is "cronium_output takes an argument" "status 0" "$(failing cronium_output '{"suite":"done","n":[0,false,""]}')"

if [ "${3-}" = send ]; then
  has "cronium_send_email says that there is no credential" credential "$(failing cronium_send_email a@example.org s b --cc b@example.org --html)"
  has "cronium_send_slack_message says that there is no credential" credential "$(failing cronium_send_slack_message '#ops' t --username u)"
  has "cronium_send_discord_message says that there is no credential" credential "$(failing cronium_send_discord_message 1 t --embed '{}')"
  said=$(failing cronium_execute_tool_action webhook request '{"path":"x"}')
  has "cronium_execute_tool_action says that there is no credential" credential "$said"
  has "cronium_execute_tool_action fails" "status 1" "$said"
fi

said=$(failing cronium_set_variable "" x)
has "a failure is status 1" "status 1" "$said"
has "a failure says which command failed" "cronium_set_variable: " "$said"

exit $failed

# SPDX-License-Identifier: Apache-2.0
"""Runs the checks: `python3 -m runtime_contract --help`."""

import argparse
import concurrent.futures
import json
import sys
import traceback

from runtime_contract import checks, suites


def address_of(args):
    if args.socket:
        return args.socket
    host, _, port = args.tcp.rpartition(":")
    return host, int(port)


def run(check, api):
    """What is wrong; empty if nothing is."""
    try:
        check.function(api)
        return ""
    except AssertionError as error:
        line = traceback.extract_tb(error.__traceback__)[-1]
        return f"{error or line.line}"
    except Exception:  # Whatever it is, the other checks go on.
        return traceback.format_exc()


def main():
    parser = argparse.ArgumentParser(prog="runtime_contract", description="Holds the runtime API to its contract.")
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--socket", metavar="PATH", help="unix socket of the API")
    where.add_argument("--tcp", metavar="HOST:PORT", help="address of the API")
    where.add_argument("--list", action="store_true", help="print the checks and leave")
    parser.add_argument("--only", metavar="WORD", help="checks whose group or name has this word")
    parser.add_argument("--json", action="store_true", help="a JSON object for each check: group, name, wrong")
    args = parser.parse_args()
    chosen = suites.chosen(args.only)
    if args.list:
        for check in chosen:
            print(f"{check.group:12}  {check.name}")
        return 0
    api = checks.Api(address_of(args), checks.own_environment("CRONIUM_EXECUTION_ID"),
                     checks.own_environment("CRONIUM_EXECUTION_TOKEN"))
    failed = 0
    # Side by side, since some wait; and a server has several clients anyway.
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        for check, wrong in zip(chosen, pool.map(lambda one: run(one, api), chosen)):
            failed += bool(wrong)
            if args.json:
                print(json.dumps({"group": check.group, "name": check.name, "wrong": wrong}), flush=True)
            else:
                print(f"{'FAIL' if wrong else 'ok  '}  {check.group}: {check.name}{': ' + wrong if wrong else ''}", flush=True)
    if not args.json:
        print(f"{len(chosen)} checks, {failed} failed")
    return 1 if failed or not chosen else 0


if __name__ == "__main__":
    sys.exit(main())

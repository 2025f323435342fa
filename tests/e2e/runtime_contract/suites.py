# SPDX-License-Identifier: Apache-2.0
"""The whole list of checks, in the order in which they are shown."""

# Importing a module puts its checks on the list.
from runtime_contract import check_routes, check_tokens, check_keys, check_values  # noqa: F401
from runtime_contract import check_bodies, check_protocol, check_etags, check_writes, check_tools, check_limits  # noqa: F401
from runtime_contract.checks import CHECKS, SPECIAL_GROUPS


def chosen(word=None):
    """Those whose group or name has the word; without one, all but the special groups."""
    if word:
        return [check for check in CHECKS if word in check.group or word in check.name]
    return [check for check in CHECKS if check.group not in SPECIAL_GROUPS]

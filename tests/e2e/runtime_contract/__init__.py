# SPDX-License-Identifier: Apache-2.0
"""A client that holds the runtime API to its contract. README.md tells how it is run."""

# SPDX-License-Identifier: Apache-2.0
"""Starts real clusters on this machine for the tests, and looks at them from outside. See docs/testing.md."""

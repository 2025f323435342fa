# SPDX-License-Identifier: Apache-2.0
"""The parts of tests/chaos/run. README.md beside it says what is done and what must hold."""

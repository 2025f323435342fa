# SPDX-License-Identifier: Apache-2.0
"""Every fault point of the programs (docs/faults.md), and the test that kills a process at it.

tools/lint compares this list with that page and with the code, so that no point is without a test. It imports nothing: tools/lint
reads it too.
"""

# Passed in the life of every job: test_crash_points.py crashes at the passes that are given, counted from just before the job's creation
# or, for points that come late, from when its script runs.
BEFORE_THE_JOB = {
    "controller.log_append": [1, 2],
    "controller.store.commit": [1, 2, 3, 4],
    "controller.store.committed": [1, 2, 3, 4],
    "controller.logs.write": [1, 2],
    "controller.logs.synced": [1, 2],
    "agent.journal.commit": [1, 2, 3, 4, 5],
    "agent.journal.committed": [1, 2, 3, 4, 5],
    "agent.run.made": [1],
    "agent.create.before": [1],
    "agent.created": [1],
    "agent.lease.written": [1],
    "agent.started": [1],
    "agent.report.sent": [1, 2, 3],
    "agent.report.acknowledged": [1, 2],
    "agent.status.taken": [1, 2],
    "agent.logs.taken": [1, 2],
    "agent.logs.indexed": [1, 2],
    "gateway.call.sent": [1, 3],
    "gateway.call.answered": [1, 3],
}
WHILE_IT_RUNS = {
    "agent.logs.acknowledged": [1],
    "agent.removed": [1],
    "agent.logs.removed": [1],
}

# Tested where what leads there is: the file names the point.
ELSEWHERE = {
    "controller.keys.written": "tests/controller/process/secrets_keys_test.cc",
    "controller.action.begun": "tests/e2e/test_tool_actions.py",
    "controller.action.sent": "tests/e2e/test_tool_actions.py",
    "controller.logs.removed": "tests/e2e/test_retention.py",
    "controller.logs.segment": "tests/controller/logs/log_kill_test.cc",
    "controller.logs.index": "tests/controller/logs/log_kill_test.cc",
    "controller.logs.indexed": "tests/controller/logs/log_kill_test.cc",
}

# No crash: they switch a planted defect on.
DEFECTS = {
    "controller.skip_log_barrier": "tests/e2e/test_log_completeness.py",
    "controller.logs.seam_off_by_one": "tests/sim/world.cc",
}

ALL = {**BEFORE_THE_JOB, **WHILE_IT_RUNS, **ELSEWHERE, **DEFECTS}

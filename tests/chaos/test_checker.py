# SPDX-License-Identifier: Apache-2.0
"""The checks of the chaos suite find what they are there to find."""

import pathlib
import sys

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parent), str(pathlib.Path(__file__).resolve().parents[1] / "e2e")]
sys.dont_write_bytecode = True

import dataclasses  # noqa: E402

import pytest  # noqa: E402

from chaos import process_logs  # noqa: E402
from chaos.checker import Checker  # noqa: E402
from chaos.records import Attempt, Fault, JobRecord, Run  # noqa: E402
from chaos.witness import Event  # noqa: E402


@dataclasses.dataclass(frozen=True)
class Plan:
    number: int = 0
    lines: int = 3
    exit_code: int = 7
    stdout: bytes = b"one\ntwo\nthree\n"
    stderr: bytes = b"burst\n"


def exited(number=1, **changes):
    fields = {"id": f"exec_{number}", "node": "node-1", "number": number, "state": "FAILED", "reason": "EXITED", "exit_code": 7,
              "assigned": 100.0, "ended": 110.0, "stdout": Plan.stdout, "stderr": Plan.stderr, **changes}
    return Attempt(**fields)


def lost(number=1, **changes):
    return exited(number, **{"state": "LOST", "reason": "NODE_LOST", "exit_code": None, "stdout": b"one\n", "stderr": b"", **changes})


def job(*attempts, **changes):
    return JobRecord(**{"id": "job_0", "number": 0, "state": "FAILED", "reason": "EXITED", "exit_code": 7,
                        "attempts": list(attempts) or [exited()], **changes})


def event(what, execution="exec_1"):
    return Event(105.0, what, 0, execution, "node-1")


def run(*jobs, events=None, faults=(), answered=None, variables=None):
    jobs = jobs or (job(),)
    if events is None:
        events = [event(what, jobs[0].attempts[-1].id) for what in ("BEGIN", "WROTE", "END")]
    if variables is None:
        variables = {0: len(jobs[0].attempts)}
    return Run(plans=[Plan()], answered={0: "job_0"} if answered is None else answered, jobs=list(jobs), events=events,
               variables=variables, faults=list(faults), max_attempts=3, lost_after=10)


def only_violation(of):
    violations = Checker(of).violations
    assert len(violations) == 1, violations
    return violations[0]


@pytest.mark.parametrize("good", [
    run(),
    run(job(lost(1), exited(2))),
    run(job(lost(1), lost(2), lost(3, reason="LEASE_ENDED"), reason="LEASE_ENDED", exit_code=None), events=[]),
])
def test_what_is_right_is_no_violation(good):
    assert not Checker(good).violations


@pytest.mark.parametrize(("bad", "wanted"), [
    (run(answered={}), "was not answered for"),
    (run(answered={0: "job_other"}), "was answered with job_other"),
    (run(job(), job(id="job_again")), "the controller has ['job_0', 'job_again']"),
    (run(job(), job(number=9)), "nobody submitted job 9"),
    (run(job(state="RUNNING")), "did not end"),
    (run(job(attempts=[]), events=[]), "has the attempts []"),
    (run(job(lost(1), exited(3))), "has the attempts [1, 3]"),
    (run(job(exited(1), exited(2))), "another attempt followed"),
    (run(job(lost(1), lost(2), reason="NODE_LOST", exit_code=None), events=[]), "after 2 of 3 attempts"),
    (run(job(exit_code=8)), "rather than"),
    (run(job(exited(reason="SIGNALLED"))), "rather than"),
    (run(job(exited(exit_code=255))), "rather than"),
    (run(events=[event("BEGIN"), event("END"), event("VIOLATION", "exec_2")]), "ran at once"),
    (run(events=[event("BEGIN")]), "came to its end 0 times"),
    (run(job(lost(1), exited(2)), events=[event("BEGIN"), event("BEGIN"), event("BEGIN", "exec_2"), event("END", "exec_2")]),
     "the script of exec_1 began 2 times"),
    (run(job(exited(stdout=b"one\ntwo\n"))), "and is not marked UNCERTAIN"),
    (run(job(exited(stderr=b""))), "and is not marked UNCERTAIN"),
    (run(job(exited(log_error="entry 9 follows entry 7"))), "entry 9 follows entry 7"),
    (run(job(lost(1, stdout=b"one\nthree\n"), exited(2))), "has 'three' where 'two' was written"),
    (run(job(lost(1, stdout=b"one\none\n"), exited(2))), "has 'one' where 'two' was written"),
    (run(job(lost(1, stdout=Plan.stdout + b"four\n"), exited(2))), "goes on after its 3 lines"),
    (run(variables={}), "its variable is of attempt 0"),
    (run(job(lost(1), exited(2)), variables={0: 1}), "its variable is of attempt 1"),
    (run(variables={0: 2}), "its variable is of attempt 2"),
    (run(job(exited(stdout=b"one\n", uncertain=True))), "nothing happened on node-1"),
])
def test_what_is_wrong_is_found(bad, wanted):
    assert wanted in only_violation(bad)


def together(node="node-1", begin=104.0):
    return [Fault(begin, begin + 2, "containers killed", f"engine of {node}", node),
            Fault(begin - 1, begin + 1, "killed", f"agent of {node}", node)]


def test_an_uncertain_log_is_excused_where_agent_and_init_died_together():
    uncertain = job(exited(stdout=b"one\n", uncertain=True))
    checker = Checker(run(uncertain, faults=together()))
    assert not checker.violations
    assert checker.figures["ended logs UNCERTAIN because agent and init died together"] == 1


def test_an_uncertain_log_is_excused_where_its_node_was_out_of_contact():
    uncertain = job(exited(stdout=b"one\n", uncertain=True))
    cut = Fault(108.0, 125.0, "cut for long", "cable of node-1", "node-1")
    assert not Checker(run(uncertain, faults=[cut])).violations
    short = dataclasses.replace(cut, end=110.0)
    assert "nothing happened on node-1" in only_violation(run(uncertain, faults=[short]))


@pytest.mark.parametrize("elsewhere", [together(node="node-2"), together(begin=500.0), together()[:1], together()[1:]])
def test_an_uncertain_log_is_not_excused_by_what_happened_elsewhere(elsewhere):
    uncertain = job(exited(stdout=b"one\n", uncertain=True))
    assert "nothing happened on node-1" in only_violation(run(uncertain, faults=elsewhere))


def test_errors_in_logs_are_found_unless_a_full_disk_explains_them():
    text = "2026-01-01T00:00:00.000Z error journal cannot be written error=\"disk full\"\n" \
           "2026-01-01T00:00:00.000Z warning whatever it is\n" \
           "2026-01-01T00:00:00.000Z error a change of the core was refused reason=INTERNAL\n" \
           "terminate called after throwing an instance of 'std::bad_alloc'\n"
    found = process_logs.unexpected({"agent of node-1": text})
    assert [line.split(": ", 1)[1] for line in found] == [
        "a change of the core was refused", "terminate called after throwing an instance of 'std::bad_alloc'"]

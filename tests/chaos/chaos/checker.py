# SPDX-License-Identifier: Apache-2.0
"""What must hold once a run is over. README.md has it in words."""

import collections

_ENDED = {"SUCCEEDED", "FAILED", "TIMED_OUT", "CANCELLED"}
# Around an end that was reported late, or whose log was given up for: heartbeats, graces, a restart.
_SLACK_SECONDS = 30


class Checker:
    """`violations`: what does not hold, a sentence each. `figures`: how many there were of what."""

    def __init__(self, run):
        self._run = run
        self.violations = []
        self.figures = collections.Counter()
        self._plans = {plan.number: plan for plan in run.plans}
        self._begun = collections.Counter(event.execution for event in run.events if event.what == "BEGIN")
        self._finished = collections.Counter(event.execution for event in run.events if event.what == "END")
        self._wrote = {event.execution for event in run.events if event.what == "WROTE"}
        self._check_submissions()
        self._check_witness()
        for job in run.jobs:
            self._check_job(job)

    def _wrong(self, text):
        self.violations.append(text)

    def _check_submissions(self):
        by_number = collections.defaultdict(list)
        for job in self._run.jobs:
            by_number[job.number].append(job.id)
        for plan in self._run.plans:
            answer, listed = self._run.answered.get(plan.number), by_number.pop(plan.number, [])
            if answer is None:
                self._wrong(f"job {plan.number} was not answered for")
            elif listed != [answer]:
                self._wrong(f"job {plan.number} was answered with {answer}, and the controller has {listed or 'none'}")
        for number, listed in by_number.items():
            self._wrong(f"nobody submitted job {number}, and the controller has {listed}")

    def _check_witness(self):
        for event in self._run.events:
            if event.what == "VIOLATION":
                self._wrong(f"two attempts of job {event.job} ran at once: {event.execution} on {event.node} found its lock held")
        for execution, count in self._begun.items():
            if count > 1:
                self._wrong(f"the script of {execution} began {count} times")

    def _check_job(self, job):
        self.figures[f"jobs {job.state} {job.reason}"] += 1
        self.figures["attempts"] += len(job.attempts)
        self.figures["most attempts of a job"] = max(self.figures["most attempts of a job"], len(job.attempts))
        plan = self._plans.get(job.number)
        if plan is None:
            return
        name = f"job {job.number} ({job.id})"
        if job.state not in _ENDED:
            self._wrong(f"{name} did not end: it is {job.state}")
            return
        numbers = [attempt.number for attempt in job.attempts]
        if not numbers or numbers != list(range(1, len(numbers) + 1)):
            self._wrong(f"{name} has the attempts {numbers}")
            return
        self._check_variable(name, job)
        for attempt in job.attempts:
            self._check_log(name, plan, attempt)
            if attempt is not job.attempts[-1] and attempt.state != "LOST":
                self._wrong(f"{name}: {attempt.id} ended {attempt.state} {attempt.reason} and another attempt followed")
        self._check_end(name, plan, job)

    def _check_variable(self, name, job):
        """The newest attempt whose write was answered has set it, or a later one whose answer was lost."""
        wrote = [attempt.number for attempt in job.attempts if attempt.id in self._wrote]
        self.figures["variables set"] += len(wrote)
        seen = self._run.variables.get(job.number, 0)
        if seen < max(wrote, default=0) or seen > len(job.attempts):
            self._wrong(f"{name}: its variable is of attempt {seen}, and those of the attempts {wrote} were answered")

    def _check_end(self, name, plan, job):
        last = job.attempts[-1]
        if last.state == "LOST":
            self.figures["jobs that used up their attempts"] += 1
            if len(job.attempts) != self._run.max_attempts or job.state != "FAILED":
                self._wrong(f"{name} is {job.state} after {len(job.attempts)} of {self._run.max_attempts} attempts, the last one LOST")
            return
        wanted = ("SUCCEEDED" if plan.exit_code == 0 else "FAILED", "EXITED", plan.exit_code)
        for what, seen in ((last.id, (last.state, last.reason, last.exit_code)), ("it", (job.state, job.reason, job.exit_code))):
            if seen != wanted:
                self._wrong(f"{name}: {what} ended {seen} rather than {wanted}: {last.message}")
                return
        if self._begun[last.id] != 1 or self._finished[last.id] != 1:
            self._wrong(f"{name}: {last.id} is said to have exited; its script began {self._begun[last.id]} times "
                        f"and came to its end {self._finished[last.id]} times")

    def _check_log(self, name, plan, attempt):
        self.figures[f"attempts {attempt.state} {attempt.reason}"] += 1
        if attempt.log_error:
            self._wrong(f"{name}: the log of {attempt.id}: {attempt.log_error}")
        whole = True
        for stream, wanted in (("stdout", plan.stdout), ("stderr", plan.stderr)):
            seen = getattr(attempt, stream)
            whole = whole and seen == wanted
            if not wanted.startswith(seen):
                self._wrong(f"{name}: {stream} of {attempt.id} {_difference(seen, wanted)}")
        if attempt.reason != "EXITED":
            # Lost; or wrong, as _check_end says.
            return
        if attempt.uncertain:
            self.figures[f"ended logs UNCERTAIN, {'whole all the same' if whole else 'not whole'}"] += 1
            why = self._why_uncertain(attempt)
            self.figures[f"ended logs UNCERTAIN because {why or 'of nothing'}"] += 1
            if not why:
                self._wrong(f"{name}: the log of {attempt.id} is UNCERTAIN, and nothing happened on {attempt.node} that could be why")
        elif not whole:
            self._wrong(f"{name}: {attempt.id} ended {attempt.state} {attempt.reason} with {len(attempt.stdout.splitlines())} "
                        f"of {plan.lines} lines, and is not marked UNCERTAIN")
        else:
            self.figures["ended logs whole"] += 1

    def _why_uncertain(self, attempt):
        """What of the faults explains a log of unknown end: empty where nothing does."""
        near = [fault for fault in self._run.faults if fault.node in ("", attempt.node)
                and fault.overlaps(attempt.assigned, attempt.ended + self._run.lost_after + _SLACK_SECONDS)]
        killed = [fault for fault in near if fault.kind in ("containers killed", "engine ends containers")]
        agent_away = [fault for fault in near if fault.target == f"agent of {attempt.node}"]
        if any(fault.overlaps(other.begin, other.end) for fault in killed for other in agent_away):
            return "agent and init died together"
        # The controller gives up what is still to come of a log as it gives up an execution: docs/protocol.md, P11. Contact takes a
        # while to come back after the fault itself.
        between = ("controller", f"agent of {attempt.node}", f"cable of {attempt.node}")
        if any(fault.target in between and fault.end - fault.begin >= self._run.lost_after / 2 for fault in near):
            return "its node was out of contact"
        return ""


def _difference(seen, wanted):
    """Where a log leaves what was to be written."""
    seen, wanted = seen.decode(errors="replace").splitlines(), wanted.decode().splitlines()
    for number, line in enumerate(seen):
        if number >= len(wanted):
            return f"goes on after its {len(wanted)} lines: {line!r}"
        if line != wanted[number]:
            return f"has {line!r} where {wanted[number]!r} was written"
    return "ends otherwise than written"

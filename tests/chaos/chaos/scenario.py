# SPDX-License-Identifier: Apache-2.0
"""One run from beginning to end: the cluster, the jobs, the faults, and all that there is to know afterwards."""

import random
import time

import grpc

from chaos import collect, jobs
from chaos.faults import Schedule
from chaos.records import Run
from harness.api import ENDED
from harness.protos import job_pb2
from harness.waiting import wait_for

# These only end a run that hangs.
_SUBMIT_DEADLINE = 120
_END_DEADLINE = 600
_IDLE_DEADLINE = 120
# The part of the time over which jobs are submitted; a few of them sooner, so that they run while things break.
_SUBMITTING = 0.85
_LONGEST_PERIOD = 0.5


class Scenario:
    def __init__(self, world, options, journal):
        self._world, self._options, self._journal = world, options, journal
        self.api = world.cluster.api
        self.plans = jobs.plan(options.jobs, options.lines, options.seed)
        period = min(_LONGEST_PERIOD, _SUBMITTING * options.seconds / options.jobs)
        self.submitter = jobs.Submitter(self.api, self.plans, period, f"chaos-{options.seed}")
        self.end_seconds = 0
        # Scripts that began before everything was mended.
        self.begun_in_torment = 0

    def canary(self):
        """A job that is there twice, on two hosts, must be noticed: else the locks prove nothing. Returns what the witness then knows."""
        # A number of its own, after those of the others.
        twin = jobs.Plan(len(self.plans), lines=200, burst=10, pause=0.2, exit_code=0, stubborn=False)
        hosts = self._world.hosts[:2]
        twins = [self.api.create(jobs.job_spec(twin, node=host.name)).id for host in hosts]
        seen = [event for event in wait_for("the twin's violation", lambda: self._violations_of(twin.number))]
        for twin_id in twins:
            self.api.cancel(twin_id)
            self.api.wait_ended(twin_id)
        return twin.number, seen

    def _violations_of(self, number):
        return [event for event in self._world.witness.events if event.what == "VIOLATION" and event.job == number]

    def torment(self):
        """Returns what ended by itself meanwhile, in words."""
        schedule = Schedule(self._options.seed, self._world, self._journal, self._options.pace)
        self.submitter.start()
        try:
            schedule.run(self._options.seconds, condition=lambda: not self._world.fallen() and not self.submitter.error)
        finally:
            schedule.close()
            self.begun_in_torment = sum(event.what == "BEGIN" for event in self._world.witness.events)
            self._world.let_go()
        return self._world.fallen()

    def mend(self):
        self._journal.say("everything is mended")
        self._world.mend()
        self._world.wait_well()
        self._journal.say("everything is well")

    def wait_ended(self):
        begin = time.monotonic()
        self.submitter.join(_SUBMIT_DEADLINE)
        wait_for("every job to end", lambda: not self.unended() or self._world.fallen(), _END_DEADLINE)
        self.end_seconds = time.monotonic() - begin

    def unended(self):
        names = [job_pb2.JobState.Name(state).removeprefix("JOB_STATE_") for state in job_pb2.JobState.values()
                 if state not in ENDED and state != job_pb2.JOB_STATE_UNSPECIFIED]
        return [job.id for name in names for job in collect.list_jobs(self.api, filter=f"state={name}")]

    def wait_idle(self):
        """Once all jobs have ended nothing of them is left on the hosts."""
        for host in self._world.hosts:
            wait_for(f"the containers of {host.name} to be gone", lambda host=host: host.engine.containers() == [], _IDLE_DEADLINE)
            wait_for(f"the run folders of {host.name} to be gone",
                     lambda host=host: not list((host.node.folder / "agent/run").iterdir()), _IDLE_DEADLINE)

    def ask_again(self):
        """What is wrong with the answers that a repeated submission gets, in words."""
        wrong = []
        for plan in random.Random(self._options.seed).sample(self.plans, min(100, len(self.plans))):
            first = self.submitter.answered.get(plan.number)
            try:
                again = self.submitter.submit(plan)
            except grpc.RpcError as error:
                again = str(error)
            if again != first:
                wrong.append(f"job {plan.number} was answered with {first}, and asked for again with {again}")
        return wrong

    def records(self, leave_out):
        """leave_out: the number of the canary's."""
        listed = [collect.record(self.api, job) for job in collect.list_jobs(self.api)
                  if job.spec.labels[jobs.LABEL] != str(leave_out)]
        return Run(plans=self.plans, answered=self.submitter.answered, jobs=listed,
                   events=[event for event in self._world.witness.events if event.job != leave_out],
                   variables=collect.variables(self.api), faults=self._journal.faults, max_attempts=jobs.MAX_ATTEMPTS, lost_after=jobs.LOST_AFTER)

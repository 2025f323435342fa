# SPDX-License-Identifier: Apache-2.0
"""What the test files share: clusters, skipping with a reason, and the logs of all processes beside a failure."""

import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
sys.dont_write_bytecode = True

from harness import leftovers, requirements, settings  # noqa: E402

# ctest shows a test file as skipped where pytest exits with this: CMakeLists.txt.
_SKIPPED = 77

_clusters = []


def pytest_configure():
    if not requirements.missing():
        leftovers.sweep()


def pytest_collection_modifyitems(items):
    reason = requirements.missing()
    if reason:
        for item in items:
            item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="module")
def make_cluster(request):
    """Makes clusters that live as long as the test file runs. Options: harness.cluster.Cluster."""
    # Not above, since what it imports takes the tools that may be missing.
    from harness.cluster import Cluster

    made = []

    def make(**options):
        logs = settings.LOGS / request.module.__name__ / f"cluster-{len(made)}"
        for old in logs.glob("*.log"):
            old.unlink()
        cluster = Cluster(logs, **options)
        made.append(cluster)
        _clusters.append(cluster)
        return cluster

    yield make
    for cluster in made:
        _clusters.remove(cluster)
    errors = []
    for cluster in made:
        try:
            cluster.close()
        except AssertionError as error:
            errors.append(str(error))
    assert not errors, "\n".join(errors)


@pytest.fixture(scope="module")
def cluster(make_cluster):
    """One controller and one node. A file that needs another cluster has a fixture of this name of its own."""
    return make_cluster()


@pytest.fixture(scope="module")
def api(cluster):
    return cluster.api


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    del item, call
    report = (yield).get_result()
    if report.failed:
        for cluster in _clusters:
            for name, path, tail in cluster.log_tails():
                report.sections.append((f"end of the log of the {name} ({path})", tail))


def pytest_sessionfinish(session, exitstatus):
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if exitstatus == 0 and reporter.stats.get("skipped") and not reporter.stats.get("passed"):
        session.exitstatus = _SKIPPED

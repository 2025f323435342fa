# SPDX-License-Identifier: Apache-2.0
"""The images that jobs run in: who they run as, what comes first, where the helpers are, and how large they are."""

import re
import subprocess

import pytest

from harness import engine, settings
from harness.testing import assert_succeeded

IMAGES = {"cronium/bash": "bash", "cronium/python": "python3", "cronium/node": "node"}
HELPERS = ["cronium_input", "cronium_output", "cronium_get_variable", "cronium_set_variable", "cronium_delete_variable",
           "cronium_variable_exists", "cronium_increment_variable", "cronium_append_variable", "cronium_set_condition", "cronium_event",
           "cronium_event_field", "cronium_execute_tool_action", "cronium_send_email", "cronium_send_slack_message",
           "cronium_send_discord_message", "cronium_info"]


@pytest.mark.parametrize("image", IMAGES)
def test_the_image_names_an_ordinary_user_a_working_folder_and_what_made_it(image):
    config = engine.inspect(image)["Config"]

    assert config["User"] == "1000:1000"
    assert config["WorkingDir"] == "/workspace"
    assert config["Cmd"] == [IMAGES[image]]
    assert set(config["Labels"]) >= {"org.cronium.version", "org.cronium.recipe"}


@pytest.mark.parametrize("image", IMAGES)
def test_nothing_in_the_image_makes_a_user_another(image):
    found = engine.docker("run", "--rm", "--network", "none", "--user", "0", "--entrypoint", "find", image,
                          "/", "-xdev", "-perm", "/6000", "-type", "f")

    assert found == ""


@pytest.mark.parametrize("image", IMAGES)
def test_a_job_runs_as_that_user_below_an_init_process_that_reaps_orphans(cluster, image):
    outcome = assert_succeeded(cluster.api.run(r"""#!/bin/sh
    echo "user: $(id -un) $(id -u):$(id -g)"
    echo "init: $(cat /proc/1/comm)"
    # An orphan: its parent ends first. Once it has ended nothing of it is left, not even as a zombie.
    orphan=$(sh -c 'sh -c "exit 3" & echo $!')
    while [ -e "/proc/$orphan" ]; do :; done
    echo "the orphan is gone"
    """, image=image))

    assert outcome.stdout.decode().splitlines() == ["user: cronium 1000:1000", "init: cronium-init", "the orphan is gone"]


@pytest.mark.parametrize("image", IMAGES)
def test_the_helpers_are_on_the_default_paths(cluster, image):
    outcome = assert_succeeded(cluster.api.run(
        '#!/bin/sh\nfor name; do command -v "$name" || echo "no $name"; done\n. /usr/local/bin/cronium.sh && type cronium_input | head -n 1\n',
        image=image, args=HELPERS))

    *paths, function = outcome.stdout.decode().splitlines()
    assert paths == [f"/opt/cronium/bin/{name}" for name in HELPERS]
    assert "function" in function


def test_python_and_node_find_their_modules_from_any_folder(cluster):
    python = cluster.api.submit("import os; os.chdir('/tmp'); import cronium; print(cronium.__file__)", image="cronium/python",
                                interpreter=["python3"])
    node = cluster.api.submit("process.chdir('/tmp'); console.log(require.resolve('cronium'))", image="cronium/node", interpreter=["node"])

    assert assert_succeeded(cluster.api.outcome(python)).stdout.endswith(b"/cronium/__init__.py\n")
    assert assert_succeeded(cluster.api.outcome(node)).stdout.endswith(b"/cronium/index.js\n")


def test_build_images_prints_each_size_and_makes_nothing_anew_that_is_as_it_should_be():
    before = {image: engine.inspect(image)["Id"] for image in IMAGES}

    done = subprocess.run([settings.ROOT / "tools/build-images"], capture_output=True, text=True, timeout=300)

    assert done.returncode == 0, done.stderr
    for image in IMAGES:
        [size] = re.findall(rf"{image} +(\d+\.\d) MB  unchanged", done.stdout)
        assert float(size) == pytest.approx(engine.inspect(image)["Size"] / 1e6, abs=0.1)
    assert before == {image: engine.inspect(image)["Id"] for image in IMAGES}

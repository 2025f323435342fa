# SPDX-License-Identifier: Apache-2.0
"""Every example of docs/scripting.md does in a job what the page says."""

import json
import re
import sys

import grpc
import pytest

from harness import settings
from harness.peers import HOST, Certificates, HttpsPeer, MailServer
from harness.protos import variable_service_pb2
from harness.testing import assert_succeeded
from harness.waiting import seconds

sys.path.insert(0, str(settings.ROOT / "tests/runtime-gateway/helpers"))
from extract_examples import SUFFIXES, extract  # noqa: E402

EXAMPLES = extract()
IDS = [f"{example.name} in {example.language}" for example in EXAMPLES]
IMAGES = {"bash": ("cronium/bash", ["bash", "-eu"]), "python": ("cronium/python", ["python3"]), "js": ("cronium/node", ["node"])}
KEYS = sorted({key for example in EXAMPLES
               for key in [*example.variables, *example.then.get("variables", ()), *example.then.get("absent", ())]})


def keys_of(example):
    """The variables that an example may touch: those of the page that its code names."""
    return {key for key in KEYS if key in example.variables or re.search(rf"\b{re.escape(key)}\b", example.code)}


def batches():
    """All examples in groups within which no two touch the same variable."""
    groups = []
    for number, example in enumerate(EXAMPLES):
        for group in groups:
            if len(group) < 8 and not any(keys_of(EXAMPLES[other]) & keys_of(example) for other in group):
                group.append(number)
                break
        else:
            groups.append([number])
    return groups


@pytest.fixture(scope="module")
def peers(tmp_path_factory):
    """Whom the examples send to: a web server in place of Slack, Discord and hooks.example.org, and a mail server."""
    certificates = Certificates(tmp_path_factory.mktemp("peers"))
    web, mail = HttpsPeer(certificates), MailServer(certificates, True, "ops", "secret")
    yield certificates, web, mail
    web.close()
    mail.close()


@pytest.fixture(scope="module")
def cluster(make_cluster, peers):
    certificates, web, mail = peers
    cluster = make_cluster(controller_flags=["--outbound-allow", f"{HOST}/32", "--outbound-ca-file", str(certificates.ca)])
    for name, kind, secret in (
            ("email", "smtp", {"host": HOST, "port": mail.port, "user": "ops", "password": "secret", "from": "ops@example.org"}),
            ("slack", "slack", {"bot_token": "xoxb-1", "api_url": web.url + "/slack"}),
            ("discord", "discord", {"bot_token": "1", "api_url": web.url + "/discord"})):
        cluster.cli.output("credentials", "create", name, "-", "--kind", kind, "--grant", "default", stdin=json.dumps(secret).encode())
    # As these answer what they took.
    web.answers["/slack"] = 200, {"Content-Type": "application/json"}, b'{"ok": true}'
    web.answers["/discord"] = 200, {"Content-Type": "application/json"}, b'{"id": "1"}'
    return cluster


def prepare(cluster, example):
    for key in keys_of(example) - set(example.variables):
        try:
            cluster.api.variables.DeleteVariable(variable_service_pb2.DeleteVariableRequest(key=key), timeout=seconds(10))
        except grpc.RpcError as error:
            assert error.code() == grpc.StatusCode.NOT_FOUND, error
    for key, value in example.variables.items():
        cluster.api.set_variable(key, json.dumps(value))


def start(cluster, example, folder, web):
    code = example.code.replace("https://hooks.example.org", web.url)
    if example.language == "mjs":
        # As a person would, since it takes the client to tell by the name that this is a module.
        path = folder / f"script{SUFFIXES['mjs']}"
        path.write_text(code, encoding="utf-8")
        return cluster.cli.output("run", "--detach", "--input", json.dumps(example.input), str(path)).strip()
    image, interpreter = IMAGES[example.language]
    return cluster.api.submit(code, image=image, interpreter=interpreter, input_json=json.dumps(example.input), cpu_millis=250)


def state(cluster, example):
    """What the page may promise of variables, as it is now."""
    found = {}
    for key in keys_of(example):
        request = variable_service_pb2.ListVariablesRequest(prefix=key)
        for variable in cluster.api.variables.ListVariables(request, timeout=seconds(10)).variables:
            if variable.key == key:
                found[key] = json.loads(variable.value_json)
    return found


@pytest.fixture(scope="module")
def ran(cluster, peers, tmp_path_factory):
    """By the example's number: its outcome, its result, and its variables afterwards."""
    done = {}
    for group in batches():
        jobs = {}
        for number in group:
            prepare(cluster, EXAMPLES[number])
            jobs[number] = start(cluster, EXAMPLES[number], tmp_path_factory.mktemp("example"), peers[1])
        for number, job in jobs.items():
            outcome = cluster.api.outcome(job)
            done[number] = outcome, cluster.api.result(job), state(cluster, EXAMPLES[number])
    return done


@pytest.fixture(scope="module")
def environment(cluster):
    """The variables of a job's environment that the page may name."""
    shown = assert_succeeded(cluster.api.run("env")).stdout.decode()
    return dict(line.split("=", 1) for line in shown.splitlines() if line.startswith("CRONIUM_RUNTIME_"))


@pytest.mark.parametrize("number", range(len(EXAMPLES)), ids=IDS)
def test_an_example_does_what_the_page_says(ran, environment, number):
    example = EXAMPLES[number]
    outcome, result, variables = ran[number]

    assert_succeeded(outcome)
    prints = re.sub(r"\$(\w+)", lambda found: environment[found[1]], example.prints)
    assert (outcome.stdout.decode().rstrip("\n"), outcome.stderr.decode()) == (prints, "")
    if "output" in example.then:
        assert json.loads(result.output_json) == example.then["output"]
    if "condition" in example.then:
        assert result.HasField("condition") and result.condition is example.then["condition"]
    for key, value in example.then.get("variables", {}).items():
        assert variables.get(key, "not set") == value, key
    for key in example.then.get("absent", []):
        assert key not in variables


def test_what_the_examples_send_arrives_from_each_language(ran, peers):
    assert len(ran) == len(EXAMPLES)
    _certificates, web, mail = peers
    sent = {example.name: example.then["actions"][0]["params"] for example in EXAMPLES if "actions" in example.then}
    requests = [(request.path, request.json) for request in web.take()]

    assert [body for path, body in requests if path == "/deploy"] == [sent["tool-action"]["body"]] * 3
    for path, example, fields in (("/slack/chat.postMessage", "slack", ["channel", "text", "username", "icon_emoji"]),
                                  ("/discord/channels/1234567890/messages", "discord", ["content", "embeds"])):
        bodies = [body for seen, body in requests if seen == path]
        assert [[body[field] for field in fields] for body in bodies] == [[sent[example][field] for field in fields]] * 3
    assert len(requests) == 9
    for one in mail.take(3):
        assert sorted(one.recipients) == sorted(sent["email"]["to"] + sent["email"]["cc"])
        assert one.message["Subject"] == sent["email"]["subject"]
        assert sent["email"]["body"] in one.message.get_body(("html",)).get_content()

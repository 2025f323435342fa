# SPDX-License-Identifier: Apache-2.0
"""Mails, Slack and Discord messages and webhooks from scripts in every language, to real servers on this machine; and what
must never happen: a secret where it can be seen, or a message that is sent twice."""

import base64
import json
import pathlib

import pytest

from harness import engine
from harness.protos import audit_pb2
from harness.testing import assert_succeeded
from harness.waiting import wait_for

pytest.importorskip("aiosmtpd", reason="needs python3-aiosmtpd: run tools/setup")

from harness.peers import HOST, Certificates, HttpsPeer, MailServer  # noqa: E402

PASSWORD = "smtp-Passw0rd-kept-secret"
SLACK_TOKEN = "xoxb-slack-token-kept-secret"
SLACK_PATH = "/services/T0/B0/slack-webhook-kept-secret"
DISCORD_TOKEN = "discord-token-kept-secret"
DISCORD_PATH = "/api/webhooks/12/discord-webhook-kept-secret"
HOOK_TOKEN = "hook-token-kept-secret"
# The last is what SMTP makes of user and password.
SECRETS = [PASSWORD, SLACK_TOKEN, SLACK_PATH.split("/")[-1], DISCORD_TOKEN, DISCORD_PATH.split("/")[-1], HOOK_TOKEN,
           base64.b64encode(f"\0ops\0{PASSWORD}".encode()).decode()]


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    return Certificates(tmp_path_factory.mktemp("peers"))


@pytest.fixture(scope="module")
def https_peer(certificates):
    peer = HttpsPeer(certificates)
    yield peer
    peer.close()


@pytest.fixture(autouse=True)
def nothing_left(https_peer):
    yield
    https_peer.answers.clear()
    https_peer.take()


@pytest.fixture(scope="module")
def mail_servers(certificates):
    servers = {"starttls": MailServer(certificates, True, "ops", PASSWORD),
               "tls": MailServer(certificates, False, "ops", PASSWORD)}
    yield servers
    for server in servers.values():
        server.close()


@pytest.fixture(scope="module")
def cluster(make_cluster, certificates, https_peer, mail_servers):
    cluster = make_cluster(controller_flags=("--outbound-allow", f"{HOST}/32", "--outbound-ca-file",
                                             str(certificates.ca)))
    url = https_peer.url
    cluster.create = lambda name, kind, secret, *grants: cluster.cli.output(
        "credentials", "create", name, "-", "--kind", kind, *[w for g in grants for w in ("--grant", g)],
        stdin=json.dumps(secret).encode())
    for security, server in mail_servers.items():
        cluster.create("email" if security == "starttls" else "email-tls", "smtp",
                       {"host": HOST, "port": server.port, "security": security, "user": "ops", "password": PASSWORD,
                        "from": "Operations <ops@example.org>"}, "default")
    cluster.create("slack", "slack", {"webhook_url": url + SLACK_PATH}, "default")
    cluster.create("slack-bot", "slack", {"bot_token": SLACK_TOKEN, "api_url": url + "/slack/api"}, "default")
    cluster.create("discord", "discord", {"webhook_url": url + DISCORD_PATH}, "default")
    cluster.create("discord-bot", "discord", {"bot_token": DISCORD_TOKEN, "api_url": url + "/discord/api/v10"},
                   "default")
    cluster.create("hooks", "webhook", {"base_url": url + "/hooks", "headers": {"X-Token": HOOK_TOKEN}}, "default")
    return cluster


def audit(cluster, job_id):
    return cluster.cli.json("audit", "list", "--job", job_id).get("records", [])


SHELL = r"""
set -eu
cronium_send_email "ada@example.org, bob@example.org" "Grüße ✓" "<b>All well</b>" --cc ops@example.org --bcc boss@example.org --html
cronium_execute_tool_action email send_message '{"to":"ada@example.org","subject":"tls","body":"b","credential":"email-tls"}' >/dev/null
cronium_send_slack_message "#ops" "deployed 1.5" --username deploy --icon-emoji :rocket:
cronium_execute_tool_action slack send_message '{"channel":"#ops","text":"by bot","credential":"slack-bot"}'
cronium_send_discord_message 1234567890 "hello @everyone" --embed '{"title": "1.5"}'
cronium_execute_tool_action discord send_message '{"channelId":"1234567890","content":"by bot","credential":"discord-bot"}'
cronium_execute_tool_action webhook request '{"path":"deploy?x=1","body":{"version": 1.50},"credential":"hooks"}'
"""

PYTHON = r"""
import cronium, json
show = lambda value: print(json.dumps(value))
show(cronium.send_email(["ada@example.org", "bob@example.org"], "Grüße ✓", "<b>All well</b>", cc="ops@example.org",
                        bcc=["boss@example.org"], html=True))
cronium.send_email("ada@example.org", "tls", "b", credential="email-tls")
show(cronium.send_slack_message("#ops", "deployed 1.5", username="deploy", icon_emoji=":rocket:"))
show(cronium.send_slack_message("#ops", "by bot", credential="slack-bot"))
show(cronium.send_discord_message("1234567890", "hello @everyone", embeds=[{"title": "1.5"}]))
show(cronium.send_discord_message("1234567890", "by bot", credential="discord-bot"))
show(cronium.execute_tool_action("webhook", "request", {"path": "deploy?x=1", "body": {"version": 1.5}, "credential": "hooks"}))
"""

NODE = r"""
const cronium = require("cronium");
const show = (value) => console.log(JSON.stringify(value));
async function main() {
  show(await cronium.sendEmail(["ada@example.org", "bob@example.org"], "Grüße ✓", "<b>All well</b>",
                               { cc: "ops@example.org", bcc: ["boss@example.org"], html: true }));
  await cronium.sendEmail({ to: "ada@example.org", subject: "tls", body: "b", credential: "email-tls" });
  show(await cronium.sendSlackMessage("#ops", "deployed 1.5", { username: "deploy", icon_emoji: ":rocket:" }));
  show(await cronium.sendSlackMessage("#ops", "by bot", { credential: "slack-bot" }));
  show(await cronium.sendDiscordMessage("1234567890", "hello @everyone", { embeds: [{ title: "1.5" }] }));
  show(await cronium.sendDiscordMessage("1234567890", "by bot", { credential: "discord-bot" }));
  show(await cronium.executeToolAction("webhook", "request",
                                       { path: "deploy?x=1", body: { version: 1.5 }, credential: "hooks" }));
}
main();
"""

LANGUAGES = [("cronium/bash", ["bash"], SHELL), ("cronium/test-busybox", ["sh"], SHELL),
             ("cronium/python", ["python3"], PYTHON), ("cronium/node", ["node"], NODE)]


def check_mails(mail_servers):
    [mail] = mail_servers["starttls"].take()
    assert mail.encrypted
    assert mail.sender == "ops@example.org"
    assert mail.recipients == ["ada@example.org", "bob@example.org", "ops@example.org", "boss@example.org"]
    message = mail.message
    assert message["Subject"] == "Grüße ✓"
    assert message["From"] == "Operations <ops@example.org>"
    assert message["To"] == "ada@example.org, bob@example.org"
    assert message["Cc"] == "ops@example.org" and message["Bcc"] is None
    assert message["Date"] and message["Message-ID"].endswith("@example.org>")
    assert message.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]
    assert message.get_body(["html"]).get_content().strip() == "<b>All well</b>"
    assert message.get_body(["plain"]).get_content().strip() == "All well"
    [mail] = mail_servers["tls"].take()
    assert mail.encrypted and mail.message["Subject"] == "tls"


def check_requests(requests):
    slack, slack_bot, discord, discord_bot, hook = requests
    assert (slack.method, slack.path) == ("POST", SLACK_PATH)
    assert slack.headers["content-type"].startswith("application/json")
    assert "authorization" not in slack.headers
    assert slack.json == {"channel": "#ops", "text": "deployed 1.5", "username": "deploy", "icon_emoji": ":rocket:"}

    assert (slack_bot.method, slack_bot.path) == ("POST", "/slack/api/chat.postMessage")
    assert slack_bot.headers["authorization"] == f"Bearer {SLACK_TOKEN}"
    assert slack_bot.headers["content-type"] == "application/json; charset=utf-8"
    assert slack_bot.json == {"channel": "#ops", "text": "by bot"}

    assert (discord.method, discord.path) == ("POST", DISCORD_PATH + "?wait=true")
    assert discord.json == {"content": "hello @everyone", "embeds": [{"title": "1.5"}],
                            "allowed_mentions": {"parse": []}}

    assert (discord_bot.method, discord_bot.path) == ("POST", "/discord/api/v10/channels/1234567890/messages")
    assert discord_bot.headers["authorization"] == f"Bot {DISCORD_TOKEN}"
    assert discord_bot.headers["user-agent"].startswith("DiscordBot (")
    assert discord_bot.json == {"content": "by bot", "allowed_mentions": {"parse": []}}

    assert (hook.method, hook.path) == ("POST", "/hooks/deploy?x=1")
    assert hook.headers["x-token"] == HOOK_TOKEN
    assert hook.json == {"version": 1.5}


@pytest.mark.parametrize("image, interpreter, script", LANGUAGES, ids=[c[0] for c in LANGUAGES])
def test_everything_arrives_as_its_documentation_has_it(cluster, https_peer, mail_servers, image, interpreter, script):
    message = b'{"id": "99", "content": "x"}'
    https_peer.answers = {
        SLACK_PATH: (200, {"Content-Type": "text/html"}, b"ok"),
        "/slack/api": (200, {}, b'{"ok": true, "channel": "C1", "ts": "1503435956.000247"}'),
        DISCORD_PATH: (200, {}, message), "/discord": (200, {}, message),
        "/hooks": (201, {"Content-Type": "text/plain"}, b"thanks")}

    outcome = assert_succeeded(cluster.api.run(script, image=image, interpreter=interpreter))

    check_mails(mail_servers)
    check_requests(https_peer.take())
    mail, slack, slack_bot, discord, discord_bot, hook = map(json.loads, outcome.stdout.splitlines())
    assert mail["recipients"] == 4 and mail["message_id"].startswith("<exec_")
    assert slack == {"ok": True}
    assert slack_bot == {"ok": True, "channel": "C1", "ts": "1503435956.000247"}
    assert discord == discord_bot == {"id": "99", "content": "x"}
    assert hook["status"] == 201 and hook["body"] == "thanks" and hook["headers"]["content-type"] == "text/plain"
    records = audit(cluster, outcome.job.id)
    assert [(r["tool"], r["credential"], r["outcome"]) for r in records[::-1]] == [
        (tool, credential, "AUDIT_OUTCOME_SUCCEEDED") for tool, credential in [
            ("email", "email"), ("email", "email-tls"), ("slack", "slack"), ("slack", "slack-bot"),
            ("discord", "discord"), ("discord", "discord-bot"), ("webhook", "hooks")]]
    assert records[-1]["recipients"] == 4 and records[-1]["target"].startswith(f"{HOST}:")
    assert records[0]["executionId"] and records[0]["status"] == 201


def test_what_the_other_side_refuses_fails_the_call_with_its_reason(cluster, https_peer, mail_servers):
    https_peer.answers = {"/slack/api": (200, {}, b'{"ok": false, "error": "channel_not_found"}'),
                          DISCORD_PATH: (400, {}, b'{"message": "Cannot send an empty message", "code": 50006}')}
    mail_servers["starttls"].refusals = ["550 no such user"]
    script = r"""
    cronium_execute_tool_action slack send_message '{"channel":"x","text":"t","credential":"slack-bot"}' && exit 9
    cronium_send_discord_message 1 hi && exit 9
    cronium_send_email nobody@example.org s b && exit 9
    cronium_execute_tool_action email send_message '{"to":"nobody","body":"b"}' && exit 9
    cronium_execute_tool_action fax send '{}' && exit 9
    exit 0
    """

    outcome = assert_succeeded(cluster.api.run(script))

    errors = outcome.stderr.decode().splitlines()
    assert "channel_not_found" in errors[0]
    assert "Cannot send an empty message" in errors[1]
    assert "550 no such user" in errors[2]
    assert "params.to[0]: is not local@domain" in errors[3]
    assert "there is no tool" in errors[4]
    assert mail_servers["starttls"].held == 0
    outcomes = [(r["outcome"], r["reason"], r.get("status")) for r in audit(cluster, outcome.job.id)[::-1]]
    assert outcomes == [("AUDIT_OUTCOME_FAILED", "ACTION_REFUSED", status) for status in (200, 400, 550)]


def test_what_may_be_sent_again_is(cluster, https_peer, mail_servers):
    https_peer.answers = {SLACK_PATH: [(429, {"Retry-After": "1"}, b"slow down"), (200, {}, b"ok")]}
    mail_servers["starttls"].refusals = ["451 busy"]

    outcome = assert_succeeded(cluster.api.run(
        'cronium_send_slack_message c text >/dev/null && cronium_send_email a@example.org s b >/dev/null'))

    assert len(https_peer.take()) == 2
    mail_servers["starttls"].take()
    assert [r["tries"] for r in audit(cluster, outcome.job.id)] == [2, 2]


def test_addresses_that_are_not_allowed_are_refused(cluster):
    script = """cronium_execute_tool_action webhook request '{"method":"GET","url":"http://127.0.0.2/"}'"""

    outcome = cluster.api.run(script)

    assert outcome.job.exit_code == 1
    assert b"127.0.0.2" in outcome.stderr and b"--outbound-allow" in outcome.stderr
    [record] = audit(cluster, outcome.job.id)
    assert record["reason"] == "OUTBOUND_ADDRESS_REFUSED"


def test_a_credential_is_sent_nowhere_but_to_its_base_url(cluster, https_peer):
    url = f"{https_peer.url}/elsewhere"
    script = f"""cronium_execute_tool_action webhook request '{{"url":"{url}","credential":"hooks"}}'"""

    outcome = cluster.api.run(script)

    assert outcome.job.exit_code == 1 and b"params.url" in outcome.stderr
    assert not https_peer.take()


def test_a_server_whose_certificate_nobody_vouches_for_gets_nothing(cluster, tmp_path):
    stranger = HttpsPeer(Certificates(tmp_path))
    try:
        script = f"""cronium_execute_tool_action webhook request '{{"url":"{stranger.url}/x","body":"b"}}'"""
        outcome = cluster.api.run(script)
        assert outcome.job.exit_code == 1
        assert not stranger.take()
        assert audit(cluster, outcome.job.id)[0]["reason"] == "OUTBOUND_TLS_UNTRUSTED"
    finally:
        stranger.close()


def test_a_revoked_grant_is_an_error_that_says_so(cluster, https_peer):
    script = 'cronium_send_slack_message c text --username x'
    cluster.cli.output("credentials", "update", "slack", "--revoke", "default")
    cluster.cli.output("credentials", "update", "slack-bot", "--revoke", "default")
    try:
        outcome = cluster.api.run(script)
    finally:
        cluster.cli.output("credentials", "update", "slack", "--grant", "default")
        cluster.cli.output("credentials", "update", "slack-bot", "--grant", "default")

    assert outcome.job.exit_code == 1
    assert b"credential slack is not granted to the namespace default" in outcome.stderr
    assert not https_peer.take()
    https_peer.answers = {SLACK_PATH: (200, {}, b"ok")}
    assert_succeeded(cluster.api.run(script))


def test_the_command_line_shows_no_secret_and_checks_what_it_is_given(cluster):
    cli = cluster.cli
    shown = cli.output("credentials", "list") + cli.output("credentials", "get", "email") + \
        json.dumps(cli.json("credentials", "list")) + cli.output("audit", "list", "--all-namespaces", "--limit", "0")
    assert not [secret for secret in SECRETS if secret in shown]
    assert f"{HOST}:" in shown and "credential.create" in shown

    wrong = cli.run("credentials", "create", "bad", "-", "--kind", "smtp", stdin=b'{"pasword":"hunter2-hunter2"}')
    assert wrong.returncode == 125 and b"pasword" in wrong.stderr and b"hunter2" not in wrong.stderr
    wrong = cli.run("credentials", "create", "bad", "-", "--kind", "slack",
                    stdin=b'{"webhook_url":"http://example.org/x"}')
    assert wrong.returncode == 125 and b"secret.slack.webhook_url" in wrong.stderr
    wrong = cli.run("credentials", "create", "email", "-", "--kind", "slack", stdin=b'{"bot_token":"xoxb-other"}')
    assert wrong.returncode == 125 and b"exists" in wrong.stderr

    cluster.create("short-lived", "slack", {"bot_token": "xoxb-other"})
    assert cli.json("credentials", "get", "short-lived").get("namespaces") is None
    cli.output("credentials", "delete", "short-lived")
    assert cli.run("credentials", "get", "short-lived").returncode == 125
    operations = [r["operation"] for r in cli.json("audit", "list", "--all-namespaces")["records"]]
    assert operations[:2] == ["credential.delete", "credential.create"]


def files_with(folder, secrets):
    """Files below the folder that hold one of the secrets."""
    found = []
    for path in pathlib.Path(folder).rglob("*"):
        if path.is_file() and not path.is_symlink():
            data = path.read_bytes()
            found += [f"{path}: {secret}" for secret in secrets if secret.encode() in data]
    return found


def test_secrets_are_in_no_container_log_or_file(cluster, https_peer):
    https_peer.answers = {"/hooks": (200, {}, json.dumps({"echo": f"Token {HOOK_TOKEN}"}).encode())}
    script = r"""
    cronium_execute_tool_action webhook request '{"path":"echo","credential":"hooks"}'
    env; cat /proc/1/environ /proc/self/environ
    find /run/cronium -type f ! -name "cronium*" -exec cat {} + 2>/dev/null
    printf "%s-%s\n" all seen
    until cronium_variable_exists tool-actions/go; do sleep 0.2; done
    """
    job_id = cluster.api.submit(script)
    cluster.api.wait_for_output(job_id, b"all-seen")
    inspected = json.dumps(engine.inspect(cluster.containers_of(job_id)[0])).encode()
    cluster.api.set_variable("tool-actions/go", "true")
    outcome = assert_succeeded(cluster.api.outcome(job_id))

    assert b'"echo": "Token ***"' in outcome.stdout
    seen = inspected + outcome.stdout + outcome.stderr
    assert not [secret for secret in SECRETS if secret.encode() in seen]
    # With the database, its journal, the logs, and everything of the node.
    assert not files_with(cluster.folder, SECRETS)
    assert not files_with(cluster.logs, SECRETS)
    mode = (cluster.data / "secrets.key").stat().st_mode & 0o777
    assert mode == 0o600


@pytest.mark.parametrize("point, delivered", [("controller.action.begun", 0), ("controller.action.sent", 1)])
def test_a_crash_in_between_is_told_and_nothing_is_sent_twice(cluster, mail_servers, point, delivered):
    server = mail_servers["starttls"]
    cluster.controller.stop()
    cluster.controller.faults = f"{point}=crash"
    cluster.start_controller()
    cluster.wait_ready()
    job_id = cluster.api.submit("cronium_send_email ada@example.org once body")
    wait_for("the controller to crash", lambda: not cluster.controller.alive)
    cluster.controller.faults = ""
    cluster.start_controller()
    outcome = cluster.api.outcome(job_id)

    assert outcome.job.exit_code == 1, outcome.describe()
    assert b"it may or may not have been sent, and is not sent again" in outcome.stderr
    if delivered:
        assert len(server.take()) == 1
    assert server.held == 0
    [record] = audit(cluster, job_id)
    assert record["outcome"] == audit_pb2.AuditOutcome.Name(audit_pb2.AUDIT_OUTCOME_UNKNOWN)


def test_a_controller_that_stops_finishes_what_it_sends(cluster, https_peer):
    https_peer.answers = {SLACK_PATH: [(429, {"Retry-After": "1"}, b"slow down"), (200, {}, b"ok")]}
    job_id = cluster.api.submit("cronium_send_slack_message c text")
    taken = []
    wait_for("the first try", lambda: taken.extend(https_peer.take()) or taken)
    assert cluster.controller.stop() == 0
    cluster.start_controller()

    assert_succeeded(cluster.api.outcome(job_id))
    assert len(taken) + len(https_peer.take()) == 2


def test_the_sealing_key_is_changed_and_everything_still_opens(cluster, https_peer):
    key_file = cluster.data / "secrets.key"
    before = key_file.read_text()
    cluster.controller.stop()
    try:
        said = cluster.controller_command("rotate-secrets-key", "--drop-old-keys")
        assert "Sealed 7 credentials" in said
        old_key = [line.split()[0] for line in before.splitlines() if not line.startswith("#")]
        assert old_key[0] not in key_file.read_text()
    finally:
        cluster.start_controller()
    https_peer.answers = {SLACK_PATH: (200, {}, b"ok")}
    assert_succeeded(cluster.api.run("cronium_send_slack_message c text"))


def test_a_controller_without_its_key_says_what_to_do(cluster):
    key_file = cluster.data / "secrets.key"
    kept = key_file.read_bytes()
    cluster.controller.stop()
    key_file.unlink()
    try:
        cluster.controller.start()
        assert cluster.controller.wait() == 1
        assert "secrets.key: is missing, and 7 credentials are sealed with it" in cluster.controller.log_text()
    finally:
        key_file.write_bytes(kept)
        key_file.chmod(0o600)
        cluster.start_controller()

# SPDX-License-Identifier: Apache-2.0
"""What each function asks for, and what it returns."""

import json
import unittest

import cronium
from cases import ClientCase, with_both_clients_over_both_transports
from fake_api import data, failure, reply


@with_both_clients_over_both_transports
class Functions(ClientCase):
    def expect(self, method, target, body=None):
        """The only request so far."""
        self.assertEqual(len(self.api.requests), 1)
        request = self.api.requests[0]
        self.assertEqual((request.method, request.target), (method, target))
        if body is None:
            self.assertEqual(request.body, b"")
        else:
            self.assertEqual(request.json, body)
            self.assertEqual(request.headers["content-type"], "application/json")
        return request

    def test_input_is_the_data_of_the_answer(self):
        self.api.answers.append(data({"items": [1, 2]}))
        self.assertEqual(self.client.input(), {"items": [1, 2]})
        self.expect("GET", "/executions/exec_1/input")

    def test_input_that_is_false_zero_or_empty_comes_as_it_is(self):
        for value in (False, 0, "", None, [], {}):
            self.api.answers.append(data(value))
            result = self.client.input()
            self.assertEqual((type(result), result), (type(value), value))

    def test_output_is_sent_as_data(self):
        self.assertIsNone(self.client.output({"done": True}))
        self.expect("POST", "/executions/exec_1/output", {"data": {"done": True}})

    def test_get_variable_returns_the_value(self):
        self.api.answers.append(data({"key": "color", "value": "red"}))
        self.assertEqual(self.client.get_variable("color"), "red")
        self.expect("GET", "/executions/exec_1/variables/color")

    def test_get_variable_returns_a_value_that_is_null_rather_than_the_default(self):
        self.api.answers.append(data({"key": "color", "value": None}))
        self.assertIsNone(self.client.get_variable("color", "default"))

    def test_get_variable_returns_the_default_where_it_is_not_set(self):
        for default in (None, 0, {"a": 1}):
            self.api.answers.append(failure(404, "variable not found", "VARIABLE_NOT_FOUND"))
            self.assertEqual(self.client.get_variable("color", default), default)
        self.assertEqual(len(self.api.requests), 3)

    def test_get_variable_knows_an_unset_variable_by_its_message_too(self):
        body = {"success": False, "error": "Not Found", "message": "variable not found"}
        self.api.answers.append(reply(404, body))
        self.assertIsNone(self.client.get_variable("color"))

    def test_get_variable_raises_where_something_else_is_not_found(self):
        self.api.answers.append(failure(404, "no such route", "NOT_FOUND"))
        with self.assertRaises(cronium.CroniumAPIError) as raised:
            self.client.get_variable("color", "default")
        self.assertEqual(raised.exception.status_code, 404)

    def test_set_variable_puts_the_value(self):
        self.assertIsNone(self.client.set_variable("color", {"r": 255}))
        self.expect("PUT", "/executions/exec_1/variables/color", {"value": {"r": 255}})

    def test_set_variable_can_set_null(self):
        self.client.set_variable("color", None)
        self.expect("PUT", "/executions/exec_1/variables/color", {"value": None})

    def test_delete_variable_is_true_where_it_was_set(self):
        self.assertIs(self.client.delete_variable("color"), True)
        self.expect("DELETE", "/executions/exec_1/variables/color")

    def test_delete_variable_is_false_where_it_was_not_set(self):
        self.api.answers.append(failure(404, "variable not found", "VARIABLE_NOT_FOUND"))
        self.assertIs(self.client.delete_variable("color"), False)

    def test_increment_variable_adds_one_and_returns_the_new_value(self):
        self.api.answers.append(data({"key": "n", "value": 8}))
        self.assertEqual(self.client.increment_variable("n"), 8)
        self.expect("POST", "/executions/exec_1/variables/n/increment", {"by": 1})

    def test_increment_variable_adds_what_it_is_told(self):
        self.api.answers.append(data({"key": "n", "value": 0.75}))
        self.assertEqual(self.client.increment_variable("n", -0.25), 0.75)
        self.expect("POST", "/executions/exec_1/variables/n/increment", {"by": -0.25})

    def test_increment_variable_takes_numbers_only(self):
        for by in ("1", True, None):
            with self.assertRaisesRegex(cronium.CroniumError, "by must be an int or a float"):
                self.client.increment_variable("n", by)

    def test_append_variable_sends_text_and_separator(self):
        self.assertIsNone(self.client.append_variable("log", "line", "\n"))
        target = "/executions/exec_1/variables/log/append"
        self.expect("POST", target, {"text": "line", "separator": "\n"})

    def test_append_variable_puts_nothing_between_by_default(self):
        self.client.append_variable("log", "line")
        target = "/executions/exec_1/variables/log/append"
        self.expect("POST", target, {"text": "line", "separator": ""})

    def test_append_variable_takes_text_only(self):
        with self.assertRaisesRegex(cronium.CroniumError, "text must be a str, not 5"):
            self.client.append_variable("log", 5)
        with self.assertRaisesRegex(cronium.CroniumError, "separator must be a str, not None"):
            self.client.append_variable("log", "a", None)

    def test_set_condition_sends_a_bool(self):
        self.assertIsNone(self.client.set_condition(False))
        self.expect("POST", "/executions/exec_1/condition", {"condition": False})

    def test_set_condition_takes_a_bool_only(self):
        for condition in ("false", 0, None):
            with self.assertRaisesRegex(cronium.CroniumError, "condition must be True or False"):
                self.client.set_condition(condition)
        self.assertEqual(self.api.requests, [])

    def test_event_is_the_context(self):
        self.api.answers.append(data({"id": "evt_1", "attempt": 2}))
        self.assertEqual(self.client.event(), {"id": "evt_1", "attempt": 2})
        self.expect("GET", "/executions/exec_1/context")

    def test_execute_tool_action_returns_the_result(self):
        self.api.answers.append(reply(200, {"success": True, "data": {"status": 204}}))
        result = self.client.execute_tool_action("webhook", "request", {"url": "https://a/"})
        self.assertEqual(result, {"status": 204})
        body = {"tool": "webhook", "action": "request", "params": {"url": "https://a/"}}
        self.expect("POST", "/tool-actions/execute", body)

    def test_execute_tool_action_takes_its_parameters_as_config_too(self):
        self.assertIsNone(self.client.execute_tool_action("webhook", "request", config={"a": 1}))
        body = {"tool": "webhook", "action": "request", "params": {"a": 1}}
        self.expect("POST", "/tool-actions/execute", body)
        with self.assertRaisesRegex(cronium.CroniumError, "give one of them"):
            self.client.execute_tool_action("webhook", "request", {}, config={})

    def test_execute_tool_action_raises_where_the_action_failed(self):
        self.api.answers.append(reply(200, {"success": False, "error": "no such channel"}))
        with self.assertRaises(cronium.CroniumAPIError) as raised:
            self.client.execute_tool_action("slack", "send_message", {})
        self.assertEqual(str(raised.exception), "no such channel (HTTP 200)")

    def expect_message(self, tool, params):
        body = {"tool": tool, "action": "send_message", "params": params}
        self.expect("POST", "/tool-actions/execute", body)

    def test_send_email_makes_lists_of_addresses(self):
        self.client.send_email("a@x.org, b@x.org", "S", "B", cc="c@x.org", html=True)
        self.expect_message(
            "email",
            {
                "to": ["a@x.org", "b@x.org"],
                "cc": ["c@x.org"],
                "subject": "S",
                "body": "B",
                "html": True,
            },
        )

    def test_send_email_takes_lists_as_they_are(self):
        self.client.send_email(['"Doe, J" <j@x.org>'], subject="S", body="B", bcc=["d@x.org"])
        self.expect_message(
            "email", {"to": ['"Doe, J" <j@x.org>'], "bcc": ["d@x.org"], "subject": "S", "body": "B"}
        )

    def test_send_slack_message_passes_its_options_on(self):
        self.client.send_slack_message("#ops", "up", icon_emoji=":up:", blocks=[])
        self.expect_message(
            "slack", {"channel": "#ops", "text": "up", "icon_emoji": ":up:", "blocks": []}
        )

    def test_send_discord_message_passes_its_options_on(self):
        self.client.send_discord_message("123", "up", embeds=[{"title": "t"}])
        self.expect_message(
            "discord", {"channelId": "123", "content": "up", "embeds": [{"title": "t"}]}
        )

    def test_a_key_is_encoded_as_one_segment_of_the_path(self):
        keys = {
            "a/b": "a%2Fb",
            "../x?y#z": "..%2Fx%3Fy%23z",
            "a b%20+": "a%20b%2520%2B",
            "grün/日本": "gr%C3%BCn%2F%E6%97%A5%E6%9C%AC",
            "AZaz09-._~": "AZaz09-._~",
            "increment": "increment",
        }
        for key, encoded in keys.items():
            self.client.set_variable(key, 1)
            target = "/executions/exec_1/variables/" + encoded
            self.assertEqual(self.api.requests[-1].target, target)

    def test_a_key_that_cannot_be_one_is_refused_before_it_is_sent(self):
        for key in ("", "x" * 257, "é" * 129, "a\nb", "a\x7f", "\ud800", 5, None, b"a"):
            with self.assertRaisesRegex(cronium.CroniumError, "key must be a str of 1 to 256"):
                self.client.get_variable(key)
        self.assertEqual(self.api.requests, [])
        self.client.set_variable("é" * 128, 1)

    def test_every_call_carries_the_token_and_says_who_asks(self):
        self.client.output(1)
        headers = self.api.requests[0].headers
        self.assertEqual(headers["authorization"], "Bearer secret.to.ken")
        self.assertEqual(headers["user-agent"], "cronium-python")
        self.assertIn("host", headers)

    def test_calls_with_an_effect_carry_an_idempotency_key_of_their_own(self):
        self.client.set_variable("a", 1)
        self.client.set_variable("a", 1)
        self.client.delete_variable("a")
        self.client.set_condition(True)
        self.client.execute_tool_action("a", "b", {})
        keys = [request.headers["idempotency-key"] for request in self.api.requests]
        self.assertEqual(len(set(keys)), 5)
        for key in keys:
            self.assertRegex(key, r"^[0-9a-f]{32}$")

    def test_calls_without_an_effect_carry_no_idempotency_key(self):
        self.api.answers.extend([data(1), data({"key": "a", "value": 1}), data({})])
        self.client.input()
        self.client.get_variable("a")
        self.client.event()
        for request in self.api.requests:
            self.assertNotIn("idempotency-key", request.headers)

    def test_an_execution_id_never_alters_the_path(self):
        self.set_environ(**dict(self.api.environ, CRONIUM_EXECUTION_ID="a/../b"))
        self.client.output(1)
        self.assertEqual(self.api.requests[0].target, "/executions/a%2F..%2Fb/output")


@with_both_clients_over_both_transports
class Values(ClientCase):
    def sent(self, value):
        """What stands for `value` in the request."""
        self.client.output(value)
        body = self.api.requests[-1].body
        self.assertEqual(body[:8], b'{"data":')
        return body[8:-1].decode("utf-8")

    def received(self, text):
        self.api.answers.append(reply(200, ('{"success":true,"data":%s}' % text).encode("utf-8")))
        return self.client.input()

    def test_integers_of_any_size_keep_every_digit(self):
        for number in (2**53 + 1, 2**63 - 1, -(2**63), 2**64, 10**400):
            self.assertEqual(self.sent(number), str(number))
            self.assertEqual(self.received(str(number)), number)

    def test_floats_come_back_as_they_were(self):
        for number in (0.1, 1e-7, 1.7976931348623157e308, 5e-324, 0.30000000000000004, -0.0):
            self.assertEqual(repr(self.received(self.sent(number))), repr(number))

    def test_a_float_stays_one(self):
        self.assertEqual(self.sent(1.0), "1.0")
        self.assertIs(type(self.received("1.0")), float)

    def test_text_is_sent_as_utf_8(self):
        text = 'grün "日本" \U0001f600 \\ \n \u0000'
        sent = self.sent(text)
        self.assertIn("grün", sent)
        self.assertEqual(self.received(sent), text)

    def test_half_a_surrogate_pair_is_sent_as_an_escape(self):
        self.assertEqual(self.sent("ü\ud800"), '"\\u00fc\\ud800"')
        self.assertEqual(self.received('"\\ud800"'), "\ud800")

    def test_the_order_of_keys_is_kept(self):
        text = '{"b":1,"a":{"10":1,"2":2}}'
        self.assertEqual(self.sent(json.loads(text)), text)

    def test_what_json_does_not_have_is_refused_before_it_is_sent(self):
        loop = []
        loop.append(loop)
        for value, reason in (
            (float("nan"), "NaN or an infinity"),
            ([float("-inf")], "NaN or an infinity"),
            ({1, 2}, "set is not JSON serializable"),
            (loop, "Circular reference"),
        ):
            with self.assertRaisesRegex(
                cronium.CroniumError, "cannot be sent as JSON: .*" + reason
            ):
                self.client.set_variable("a", value)
        self.assertEqual(self.api.requests, [])

    def test_deep_nesting_comes_through(self):
        text = "[" * 100 + "]" * 100
        self.assertEqual(self.sent(self.received(text)), text)

    def test_a_value_of_8_mib_is_sent_and_received_whole(self):
        text = "é" * (4 * 1024 * 1024 - 50)
        self.api.answers.append(reply())
        self.client.output(text)
        self.assertEqual(self.api.requests[0].json, {"data": text})
        self.assertEqual(self.received(json.dumps(text, ensure_ascii=False)), text)

    def test_a_value_beyond_8_mib_is_refused_before_it_is_sent(self):
        with self.assertRaisesRegex(cronium.CroniumError, "at most 8 MiB"):
            self.client.output("x" * (8 * 1024 * 1024))
        self.assertEqual(self.api.requests, [])


if __name__ == "__main__":
    unittest.main()

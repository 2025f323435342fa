# SPDX-License-Identifier: Apache-2.0
"""What becomes of calls that fail, and of connections that end."""

import pickle
import socket
import threading
import traceback
import unittest
from unittest import mock

import cronium
from cases import ClientCase, with_both_clients_over_both_transports
from fake_api import data, failure, reply


def hang_up(request, sock):
    """An answer: the connection ends without one."""
    return None


@with_both_clients_over_both_transports
class Refusals(ClientCase):
    def refusal(self, answer):
        self.api.answers.append(answer)
        with self.assertRaises(cronium.CroniumAPIError) as raised:
            self.client.output(1)
        return raised.exception

    def test_an_error_tells_status_message_and_reason(self):
        error = self.refusal(failure(403, "execution ID mismatch", "EXECUTION_ID_MISMATCH"))
        self.assertIsInstance(error, cronium.CroniumError)
        self.assertEqual(error.status_code, 403)
        self.assertEqual(error.message, "execution ID mismatch")
        self.assertEqual(error.code, "EXECUTION_ID_MISMATCH")
        self.assertEqual(str(error), "execution ID mismatch (HTTP 403)")

    def test_an_error_survives_pickling(self):
        error = pickle.loads(pickle.dumps(self.refusal(failure(403, "no", "WHY"))))
        self.assertEqual((error.status_code, error.message, error.code), (403, "no", "WHY"))

    def test_an_error_body_may_have_no_message(self):
        self.assertEqual(self.refusal(reply(400, {"error": "Bad Request"})).message, "Bad Request")

    def test_an_error_body_may_be_anything(self):
        for body in (b"", b"<html>", b"[]", b'"no"', b"{}"):
            error = self.refusal(reply(400, body))
            self.assertEqual(str(error), "the runtime API refused the call (HTTP 400)")

    def test_what_the_script_did_wrong_is_not_tried_again(self):
        for status in (400, 401, 403, 404, 405, 409, 412, 413):
            self.refusal(failure(status))
        self.assertEqual(len(self.api.requests), 8)

    def test_an_action_whose_outcome_is_unknown_is_not_tried_again(self):
        error = self.refusal(failure(500, "sent or not", "OUTCOME_UNKNOWN"))
        self.assertEqual(error.code, "OUTCOME_UNKNOWN")
        self.assertEqual(len(self.api.requests), 1)

    def test_a_success_that_is_no_json_is_an_error(self):
        for body in (b"", b"ok", b"\xff", b'{"data":', b"[1]"):
            self.api.answers.append(reply(200, body))
            with self.assertRaisesRegex(cronium.CroniumError, "the runtime API's answer"):
                self.client.input()

    def test_a_success_without_the_result_is_an_error(self):
        for body in ({}, {"success": True, "data": None}, {"success": True, "data": {}}):
            self.api.answers.append(reply(200, body))
            with self.assertRaisesRegex(cronium.CroniumError, "lacks the result"):
                self.client.get_variable("a")

    def test_the_reason_for_refusing_a_body_is_told_although_it_was_not_read(self):
        early = failure(413, "body: at most 1048576 bytes", "BODY_TOO_LARGE", Connection="close")
        self.api.on_head = lambda headers: early
        with self.assertRaises(cronium.CroniumAPIError) as raised:
            self.client.set_variable("a", "x" * (6 * 1024 * 1024))
        self.assertEqual(raised.exception.status_code, 413)

    def test_the_token_is_in_no_error(self):
        self.set_environ(**dict(self.api.environ, CRONIUM_RETRY_FOR="0"))
        self.api.answers.extend([failure(403), failure(503), hang_up, hang_up])
        for _ in range(3):
            with self.assertRaises(cronium.CroniumError) as raised:
                self.client.output(1)
            error = raised.exception
            told = "".join(traceback.format_exception(type(error), error, error.__traceback__))
            self.assertNotIn("secret", told + repr(error) + repr(vars(error)))
        self.assertNotIn("secret", repr(self.client.__dict__))


@with_both_clients_over_both_transports
class Retries(ClientCase):
    def test_what_may_pass_is_tried_again(self):
        self.record_sleeps()
        for status in (429, 500, 502, 503, 504):
            self.api.answers.append(failure(status))
        self.api.answers.append(data("at last"))
        self.assertEqual(self.client.input(), "at last")
        self.assertEqual(len(self.api.requests), 6)

    def test_every_try_of_a_call_has_the_same_idempotency_key_and_body(self):
        self.record_sleeps()
        self.api.answers.extend([failure(503), hang_up, hang_up, failure(429)])
        self.client.set_variable("a", 1)
        self.assertEqual(len(self.api.requests), 5)
        for request in self.api.requests:
            self.assertEqual(
                (request.headers["idempotency-key"], request.body),
                (self.api.requests[0].headers["idempotency-key"], b'{"value":1}'),
            )

    def test_delays_double_up_to_five_seconds_and_vary(self):
        slept = self.record_sleeps()
        self.api.answers.extend([failure(503)] * 10)
        self.client.output(1)
        for delay, full in zip(slept, (0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5, 5, 5, 5)):
            self.assertGreaterEqual(delay, full / 2)
            self.assertLessEqual(delay, full)
        self.assertEqual(len(set(slept)), 10)

    def test_retry_after_is_waited_for(self):
        slept = self.record_sleeps()
        self.api.answers.extend([failure(503, Retry_After="7"), failure(429, Retry_After="60")])
        self.client.output(1)
        self.assertTrue(7 <= slept[0] <= 7.1 and 60 <= slept[1] <= 60.1, slept)

    def test_a_date_as_retry_after_is_passed_over(self):
        slept = self.record_sleeps()
        date = "Fri, 31 Dec 2100 23:59:59 GMT"
        self.api.answers.append(failure(503, Retry_After=date))
        self.client.output(1)
        self.assertLessEqual(slept[0], 0.1)

    def test_cronium_retry_for_says_when_to_give_up(self):
        self.set_environ(**dict(self.api.environ, CRONIUM_RETRY_FOR="0"))
        self.api.answers.append(failure(503, "the controller cannot be reached", "AWAY"))
        with self.assertRaises(cronium.CroniumAPIError) as raised:
            self.client.output(1)
        self.assertEqual(
            str(raised.exception),
            "the controller cannot be reached; gave up after 1 try, CRONIUM_RETRY_FOR is 0 s "
            "(HTTP 503)",
        )
        self.assertEqual(raised.exception.code, "AWAY")
        self.assertEqual(len(self.api.requests), 1)

    def test_a_retry_after_beyond_cronium_retry_for_is_not_waited_for(self):
        self.set_environ(**dict(self.api.environ, CRONIUM_RETRY_FOR="20.5"))
        slept = self.record_sleeps()
        self.api.answers.append(failure(429, Retry_After="21"))
        with self.assertRaisesRegex(cronium.CroniumAPIError, "gave up after 1 try"):
            self.client.output(1)
        self.assertEqual(slept, [])

    def test_an_api_that_is_not_there_is_a_timeout_once_given_up(self):
        self.set_environ(**dict(self.api.environ, CRONIUM_RETRY_FOR="0"))
        self.api.stop()
        self.addCleanup(self.api.start)
        with self.assertRaises(cronium.CroniumTimeoutError) as raised:
            self.client.input()
        self.assertRegex(
            str(raised.exception),
            r"^cannot reach the runtime API at (unix:/|http://127).*: .*; gave up after 1 try, ",
        )
        self.assertIsInstance(raised.exception.__cause__, OSError)

    def test_an_api_that_comes_back_is_found(self):
        self.client.output(1)
        self.api.stop()
        slept = []

        def come_back(delay):
            slept.append(delay)
            if len(slept) == 3:
                self.api.start()

        async def come_back_async(delay):
            come_back(delay)

        with mock.patch("time.sleep", come_back), mock.patch("asyncio.sleep", come_back_async):
            self.client.output(2)
        self.assertEqual(len(slept), 3)
        self.assertEqual(self.api.requests[-1].json, {"data": 2})

    def test_a_try_without_an_answer_ends_after_its_time(self):
        self.set_environ(**dict(self.api.environ, CRONIUM_RETRY_FOR="0"))
        never = threading.Event()
        self.addCleanup(never.set)
        self.api.answers.append(lambda request, sock: never.wait() and None)
        module = "_client" if self.client_kind == "blocking" else "_aio"
        with mock.patch("cronium.{}.TRY_TIMEOUT_S".format(module), 0.05):
            with self.assertRaisesRegex(cronium.CroniumTimeoutError, "no answer within 0.05 s"):
                self.client.output(1)

    def test_an_answer_that_trickles_ends_a_try_as_well(self):
        self.set_environ(**dict(self.api.environ, CRONIUM_RETRY_FOR="0"))
        done = threading.Event()
        self.addCleanup(done.set)

        def trickle(request, sock):
            sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
            while not done.wait(0.005):
                sock.sendall(b" ")

        self.api.answers.append(trickle)
        module = "_client" if self.client_kind == "blocking" else "_aio"
        with mock.patch("cronium.{}.TRY_TIMEOUT_S".format(module), 0.05):
            with self.assertRaises(cronium.CroniumTimeoutError):
                self.client.output(1)


@with_both_clients_over_both_transports
class Connections(ClientCase):
    def connections(self):
        return [request.connection for request in self.api.requests]

    def test_a_connection_is_kept_for_the_next_call(self):
        for number in range(3):
            self.client.output(number)
        self.assertEqual(self.connections(), [1, 1, 1])

    def test_a_connection_is_kept_after_an_error(self):
        self.api.answers.append(failure(403))
        with self.assertRaises(cronium.CroniumAPIError):
            self.client.output(1)
        self.client.output(2)
        self.assertEqual(self.connections(), [1, 1])

    def test_a_connection_that_the_server_closes_is_not_used_again(self):
        self.api.answers.append(reply(200, None, Connection="close"))
        self.client.output(1)
        self.client.output(2)
        self.assertEqual(self.connections(), [1, 2])

    def test_a_kept_connection_that_has_ended_is_replaced_at_once(self):
        slept = self.record_sleeps()
        self.client.output(1)
        self.api.stop()
        self.api.start()
        self.client.output(2)
        self.assertEqual(self.connections(), [1, 2])
        self.assertEqual(slept, [])

    def test_a_kept_connection_that_ends_during_a_call_is_replaced_at_once(self):
        slept = self.record_sleeps()
        self.api.answers.extend([reply(), hang_up])
        self.client.output(1)
        self.client.output(2)
        self.assertEqual(self.connections(), [1, 1, 2])
        keys = [request.headers["idempotency-key"] for request in self.api.requests]
        self.assertEqual(keys[1], keys[2])
        self.assertEqual(slept, [])

    def test_an_answer_that_is_cut_off_is_tried_again(self):
        self.record_sleeps()

        def cut(request, sock):
            sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")

        self.api.answers.extend([cut, data(5)])
        self.assertEqual(self.client.input(), 5)

    def test_what_is_no_http_is_tried_again(self):
        self.record_sleeps()
        self.api.answers.extend([b"SSH-2.0-x\r\n", data(5)])
        self.assertEqual(self.client.input(), 5)

    def test_what_a_server_says_unasked_is_not_taken_for_an_answer(self):
        self.api.answers.append(reply() + reply(408))
        self.client.output(1)
        self.api.answers.append(data("mine"))
        self.assertEqual(self.client.input(), "mine")
        self.assertEqual(self.connections(), [1, 2])

    def test_close_ends_what_is_kept_and_a_later_call_connects_anew(self):
        self.client.output(1)
        self.client.disconnect()
        self.client.output(2)
        self.assertEqual(self.connections(), [1, 2])

    def test_answers_in_chunks_and_after_interim_ones_are_understood(self):
        body = b'{"success":true,"data":"' + b"x" * 70000 + b'"}'
        chunks = b"".join(
            b"%x;a=b\r\n%s\r\n" % (len(piece), piece) for piece in (body[:10], body[10:])
        )
        head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        interim = b"HTTP/1.1 102 Processing\r\nA: b\r\n\r\n"
        self.api.answers.append(interim + head + chunks + b"0\r\nTrailer: x\r\n\r\n")
        self.assertEqual(self.client.input(), "x" * 70000)
        self.client.output(1)
        self.assertEqual(self.connections(), [1, 1])


class Names(unittest.TestCase):
    def test_a_host_that_cannot_be_resolved_is_a_failure_to_reach_the_api(self):
        environ = {
            "CRONIUM_RUNTIME_API": "http://nowhere.invalid:1",
            "CRONIUM_EXECUTION_TOKEN": "t",
            "CRONIUM_EXECUTION_ID": "e",
            "CRONIUM_RETRY_FOR": "0",
        }
        unknown = socket.gaierror(socket.EAI_NONAME, "unknown")
        with mock.patch.dict("os.environ", environ, clear=True):
            with mock.patch("socket.getaddrinfo", side_effect=unknown):
                with self.assertRaisesRegex(cronium.CroniumTimeoutError, "nowhere.invalid:1"):
                    cronium.Cronium().input()


if __name__ == "__main__":
    unittest.main()

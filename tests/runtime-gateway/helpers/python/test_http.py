# SPDX-License-Identifier: Apache-2.0
"""Responses taken apart, without a wire."""

import unittest

from cronium import _http


def parse(data, pieces=None, ended=False):
    """The response after `data`, fed in pieces of that size, and then perhaps the end."""
    response = _http.Response()
    size = pieces or len(data) or 1
    for begin in range(0, len(data), size):
        response.feed(data[begin : begin + size])
    if ended:
        response.feed(b"")
    return response


SIZED = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nRetry-After: 3\r\n\r\nhello"
CHUNKED = (
    b"HTTP/1.1 503 No\r\ntransfer-encoding: Chunked\r\n\r\n"
    b"3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\nA: b\r\n\r\n"
)
INTERIM = b"HTTP/1.1 100 Continue\r\n\r\n" + SIZED


class Response(unittest.TestCase):
    def test_is_the_same_however_its_bytes_are_cut(self):
        for data, status in ((SIZED, 200), (CHUNKED, 503), (INTERIM, 200)):
            for pieces in range(1, len(data) + 1):
                response = parse(data, pieces)
                self.assertTrue(response.complete and response.keep_alive)
                self.assertEqual((response.status, response.body), (status, b"hello"))

    def test_is_not_complete_before_its_last_byte(self):
        for data in (SIZED, CHUNKED, INTERIM):
            for length in range(1, len(data)):
                self.assertFalse(parse(data[:length]).complete)

    def test_that_is_cut_off_is_broken(self):
        for data in (SIZED, CHUNKED, INTERIM):
            for length in range(0, len(data)):
                with self.assertRaises(ConnectionError):
                    parse(data[:length], ended=True)

    def test_without_a_length_goes_on_to_the_end_of_the_connection(self):
        response = parse(b"HTTP/1.1 200 OK\r\n\r\nhello")
        self.assertFalse(response.complete)
        response.feed(b" you")
        response.feed(b"")
        self.assertEqual((response.complete, response.body), (True, b"hello you"))
        self.assertFalse(response.keep_alive)

    def test_without_content_has_no_body(self):
        self.assertTrue(parse(b"HTTP/1.1 204 No Content\r\n\r\n").complete)

    def test_keeps_its_connection_unless_it_says_otherwise(self):
        self.assertFalse(parse(SIZED.replace(b"1.1", b"1.0")).keep_alive)
        self.assertFalse(parse(SIZED.replace(b"Retry-After", b"Connection: Close\r\nX")).keep_alive)
        self.assertFalse(parse(SIZED + b"more").keep_alive)

    def test_may_end_its_lines_without_a_carriage_return(self):
        self.assertEqual(parse(SIZED.replace(b"\r\n", b"\n")).body, b"hello")

    def test_tells_after_how_many_seconds_to_retry(self):
        self.assertEqual(parse(SIZED).retry_after_s, 3)
        for text in (b"soon", b"-1", b"1.5", b"\xb2", b"9999999999", b""):
            self.assertIsNone(parse(SIZED.replace(b": 3", b": " + text)).retry_after_s)

    def test_that_is_no_http_is_broken(self):
        for line in (b"SSH-2.0", b"HTTP/2 200", b"HTTP/1.1", b"HTTP/1.1 xxx", b""):
            with self.assertRaisesRegex(ConnectionError, "not HTTP"):
                parse(line + b"\r\n\r\n")

    def test_with_a_garbled_size_is_broken(self):
        for size in (b"five", b"-5", b"+5", b"5 5", b"", b"0x5", b"1" * 17):
            with self.assertRaisesRegex(ConnectionError, "not a number"):
                parse(b"HTTP/1.1 200 OK\r\nContent-Length: " + size + b"\r\n\r\n")
        for size in (b"g", b"-5", b"", b";x"):
            with self.assertRaisesRegex(ConnectionError, "not a number"):
                parse(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + size + b"\r\n")

    def test_beyond_its_limits_is_broken_before_it_is_read(self):
        sized = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (_http.MAX_BODY_BYTES + 1)
        chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n%x\r\n" % (
            _http.MAX_BODY_BYTES
        )
        for data in (sized, chunked):
            with self.assertRaisesRegex(ConnectionError, "larger than 8 MiB"):
                parse(data)
        for data in (b"x" * 70000, b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 20000):
            with self.assertRaisesRegex(ConnectionError, "header received is too large"):
                parse(data)
        endless = parse(b"HTTP/1.1 200 OK\r\n\r\n")
        with self.assertRaisesRegex(ConnectionError, "larger than 8 MiB"):
            for _ in range(9):
                endless.feed(b"x" * (1024 * 1024))


if __name__ == "__main__":
    unittest.main()

# SPDX-License-Identifier: Apache-2.0
"""Who may call: the token of the execution that is named, and nobody else."""

import base64
import json

from runtime_contract.checks import check, expect_error, expect_ok

_GROUP = "tokens"


def _calls(api):
    """Every route that wants a token, with a body that it would take."""
    for rest in ("input", "context", "condition", "variables", "variables/a"):
        yield "GET", api.path(rest), None
    yield "POST", api.path("output"), {"data": 1}
    yield "POST", api.path("condition"), {"condition": True}
    yield "PUT", api.path("variables/a"), {"value": 1}
    yield "DELETE", api.path("variables/a"), None
    yield "POST", "/tool-actions/execute", {"tool": "webhook", "action": "request", "params": {}}


def _refuses(api, token):
    expect_error(api.call("GET", api.path("input"), token=token), 401, message=".")


def _encode(part):
    return base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()


def _parts(token):
    head, claims, signature = token.split(".")
    decode = lambda part: json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))  # noqa: E731
    return decode(head), decode(claims), signature


@check(_GROUP, "without a token every route but health and ready is 401")
def _(api):
    for method, target, body in _calls(api):
        expect_error(api.call(method, target, body, token=None), 401, "TOKEN_MISSING")


@check(_GROUP, "a token that is none is 401, on every route")
def _(api):
    for method, target, body in _calls(api):
        expect_error(api.call(method, target, body, token="not.a.token"), 401, "TOKEN_INVALID")


@check(_GROUP, "only Bearer is understood, in any case")
def _(api):
    for scheme in ("Basic", "Token", "JWT"):
        expect_error(api.call("GET", api.path("input"), token=None, headers=[("Authorization", f"{scheme} {api.token}")]), 401)
    expect_error(api.call("GET", api.path("input"), token=None, headers=[("Authorization", api.token)]), 401)
    expect_ok(api.call("GET", api.path("input"), token=None, headers=[("Authorization", f"bearer {api.token}")]))


@check(_GROUP, "a token in the query or a cookie does not count")
def _(api):
    for target, headers in ((api.path(f"input?token={api.token}"), []), (api.path(f"input?access_token={api.token}"), []),
                            (api.path("input"), [("Cookie", f"token={api.token}")])):
        expect_error(api.call("GET", target, token=None, headers=headers), 401)


@check(_GROUP, "the claims are as promised")
def _(api):
    head, claims, _signature = _parts(api.token)
    assert head["alg"] not in ("none", "HS256"), head
    missing = {"executionId", "jobId", "eventId", "userId", "scope", "iss", "aud", "sub", "iat", "nbf", "exp", "jti"} - set(claims)
    assert not missing, missing
    assert claims["scope"] == "execution" and claims["executionId"] == api.execution, claims


@check(_GROUP, "a token that was changed is 401")
def _(api):
    head, claims, signature = _parts(api.token)
    raw_head, raw_claims, _ = api.token.split(".")
    _refuses(api, f"{raw_head}.{_encode({**claims, 'exp': claims['exp'] + 1})}.{signature}")
    _refuses(api, f"{raw_head}.{_encode({**claims, 'scope': 'admin'})}.{signature}")
    _refuses(api, f"{_encode({**head, 'kid': 'other'})}.{raw_claims}.{signature}")
    # The first letter: the last one has bits that mean nothing.
    _refuses(api, f"{raw_head}.{raw_claims}.{'B' if signature[0] == 'A' else 'A'}{signature[1:]}")
    for cut in (f"{raw_head}.{raw_claims}.", f"{raw_head}.{raw_claims}", raw_head, f"{api.token}.x", f"x{api.token}", "..", "." * 500):
        _refuses(api, cut)


@check(_GROUP, "no signature, and one of another kind, are 401")
def _(api):
    head, _claims, signature = _parts(api.token)
    claims = api.token.split(".")[1]
    for name in ("none", "None", "NONE", "nOnE", "HS256", "RS256", ""):
        _refuses(api, f"{_encode({**head, 'alg': name})}.{claims}.")
        _refuses(api, f"{_encode({**head, 'alg': name})}.{claims}.{signature}")


@check(_GROUP, "the path names another execution: 403 execution ID mismatch")
def _(api):
    for method, target, body in _calls(api):
        if target.startswith("/executions/"):
            for other in ("exec_000000000000", api.execution[:-1], api.execution + "0", api.execution.swapcase(), "%00"):
                elsewhere = target.replace(api.execution, other)
                expect_error(api.call(method, elsewhere, body), 403, message="^execution ID mismatch")


@check(_GROUP, "no answer repeats the token")
def _(api):
    for response in (api.call("GET", api.path("input")), api.call("GET", api.path("nothing")), api.call("GET", api.path("context")),
                     api.call("GET", api.path("input"), token=api.token + "x")):
        assert api.token[-20:] not in response.text

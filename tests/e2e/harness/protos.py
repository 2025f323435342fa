# SPDX-License-Identifier: Apache-2.0
"""The wire contract in Python, generated from protos/ when the tests start."""

import atexit
import os
import shutil
import subprocess
import sys
import tempfile

from harness import settings

# Forking with gRPC's own handlers is slow and talks on stderr; our children exec at once.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")


def _generate():
    folder = tempfile.mkdtemp(prefix=f"{settings.RUN}-protos-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    protos = settings.ROOT / "protos"
    sources = [str(p.relative_to(protos)) for p in sorted(protos.rglob("*.proto"))]
    subprocess.run(
        ["protoc", f"--proto_path={protos}", f"--python_out={folder}", f"--grpc_python_out={folder}",
         f"--plugin=protoc-gen-grpc_python={shutil.which('grpc_python_plugin')}", *sources], check=True)
    sys.path.insert(0, folder)


_generate()

# pylint: disable=wrong-import-position,unused-import
from cronium.v1 import agent_service_pb2, agent_service_pb2_grpc  # noqa: E402
from cronium.v1 import audit_pb2, audit_service_pb2, audit_service_pb2_grpc  # noqa: E402
from cronium.v1 import credential_pb2, credential_service_pb2, credential_service_pb2_grpc  # noqa: E402
from cronium.v1 import job_pb2, job_service_pb2, job_service_pb2_grpc  # noqa: E402
from cronium.v1 import log_pb2, node_pb2, node_service_pb2, node_service_pb2_grpc  # noqa: E402
from cronium.v1 import runtime_service_pb2, runtime_service_pb2_grpc  # noqa: E402
from cronium.v1 import variable_service_pb2, variable_service_pb2_grpc  # noqa: E402
from google.rpc import error_details_pb2, status_pb2  # noqa: E402

// SPDX-License-Identifier: Apache-2.0
#include "tools/bench/log_programs/bare_log_stream.h"

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <memory>

#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "common/rpc/status.h"
#include "common/shutdown.h"
#include "cronium/v1/agent_service.grpc.pb.h"
#include "tools/bench/log_programs/bench_line.h"

namespace cronium::bench {
namespace {

// As the agent's: what one execution may have in one message (LogSenderOptions).
constexpr size_t kBytesOfOneLog = 128 * 1024;
// As the controller's.
constexpr int kMaxReceiveBytes = 4 << 20;

class Sink : public v1::AgentService::Service {
 public:
  using Stream = grpc::ServerReaderWriter<v1::UploadLogsResponse, v1::UploadLogsRequest>;

  grpc::Status UploadLogs(grpc::ServerContext* /*context*/, Stream* stream) override {
    v1::UploadLogsRequest request;
    while (stream->Read(&request)) {
    }
    return grpc::Status::OK;
  }
};

v1::UploadLogsRequest MakeMessage(size_t bytes) {
  const std::string block = MakeLineBlock();
  v1::UploadLogsRequest request;
  for (size_t left = bytes; left > 0;) {
    const size_t size = std::min(left, kBytesOfOneLog);
    v1::ExecutionLogChunks* const log = request.mutable_batch()->add_logs();
    log->set_execution_id("exec_000000000000");
    v1::LogChunk* const chunk = log->add_chunks();
    chunk->set_stream(v1::LOG_STREAM_STDOUT);
    chunk->set_first_seq(1);
    chunk->set_entry_count(static_cast<uint32_t>(size / kLineBytes));
    chunk->set_data(block.substr(0, size));
    left -= size;
  }
  return request;
}

}  // namespace

absl::Status ServeBareLogStream(const TlsFiles& tls) {
  absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> credentials = ServerTls(tls);
  if (!credentials.ok()) return credentials.status();
  Sink sink;
  int port = 0;
  grpc::ServerBuilder builder;
  ApplyServerArguments(&builder, kMaxReceiveBytes);
  builder.AddListeningPort("127.0.0.1:0", *credentials, &port);
  builder.RegisterService(&sink);
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (server == nullptr) return absl::UnavailableError("cannot listen on the loopback");
  absl::PrintF("serves port=%d\n", port);
  std::fflush(stdout);
  WaitForShutdownSignal();
  server->Shutdown();
  server->Wait();
  return absl::OkStatus();
}

absl::StatusOr<double> RunBareLogStream(const std::string& address, const TlsFiles& tls,
                                        size_t message_bytes, absl::Duration duration) {
  const absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> credentials = ClientTls(tls);
  if (!credentials.ok()) return credentials.status();
  const auto stub = v1::AgentService::NewStub(grpc::CreateCustomChannel(
      address, *credentials, ClientChannelArguments(/*own_connection=*/true)));
  const v1::UploadLogsRequest message = MakeMessage(message_bytes);
  grpc::ClientContext context;
  const auto stream = stub->UploadLogs(&context);
  // The handshake is no part of it.
  stream->Write(message);
  const absl::Time start = absl::Now();
  int64_t messages = 0;
  while (absl::Now() - start < duration && stream->Write(message)) ++messages;
  stream->WritesDone();
  const grpc::Status status = stream->Finish();
  if (!status.ok()) return FromGrpcStatus(status);
  return static_cast<double>(messages) * static_cast<double>(message_bytes) /
         absl::ToDoubleSeconds(absl::Now() - start);
}

}  // namespace cronium::bench

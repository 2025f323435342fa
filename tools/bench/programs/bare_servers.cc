// SPDX-License-Identifier: Apache-2.0
#include "tools/bench/programs/bare_servers.h"

#include <grpcpp/grpcpp.h>
#include <microhttpd.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/file.h"
#include "common/shutdown.h"
#include "cronium/v1/runtime_service.grpc.pb.h"

namespace cronium::bench {
namespace {

// As of the gateway's http/server.cc, with its default of --max-head-bytes.
constexpr size_t kConnectionMemoryBytes = 40 * 1024;

absl::StatusOr<UniqueFd> Listen(const std::string& path) {
  UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof(address.sun_path) - 1);
  if (bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0 ||
      listen(fd.get(), 1024) != 0) {
    return ErrnoError(path, "cannot listen", errno);
  }
  return fd;
}

// The same answer to everything, once the request's body is over.
MHD_Result Answer(void* response, MHD_Connection* connection, const char* /*url*/,
                  const char* /*method*/, const char* /*version*/, const char* /*data*/,
                  size_t* data_size, void** state) {
  static int begun;
  if (*state == nullptr) {
    *state = &begun;
    return MHD_YES;
  }
  if (*data_size > 0) {
    *data_size = 0;
    return MHD_YES;
  }
  return MHD_queue_response(connection, MHD_HTTP_OK, static_cast<MHD_Response*>(response));
}

class Echo : public v1::RuntimeService::CallbackService {
 public:
  explicit Echo(std::string value) : value_(std::move(value)) {}

  grpc::ServerUnaryReactor* ReadVariable(grpc::CallbackServerContext* context,
                                         const v1::ReadVariableRequest* request,
                                         v1::ReadVariableResponse* response) override {
    response->mutable_variable()->set_key(request->key());
    response->mutable_variable()->set_value_json(value_);
    grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
    reactor->Finish(grpc::Status::OK);
    return reactor;
  }

 private:
  const std::string value_;
};

void SayServes(const std::string& details) {
  absl::PrintF("serves %s\n", details);
  std::fflush(stdout);
}

}  // namespace

absl::Status ServeBareHttp(const std::string& socket, int loops, int max_connections,
                           const std::string& answer) {
  const absl::StatusOr<UniqueFd> fd = Listen(socket);
  if (!fd.ok()) return fd.status();
  MHD_Response* response = MHD_create_response_from_buffer(
      answer.size(), const_cast<char*>(answer.data()), MHD_RESPMEM_PERSISTENT);
  MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, "application/json");
  std::vector<MHD_Daemon*> daemons;
  for (int i = 0; i < loops; ++i) {
    daemons.push_back(
        MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD, 0, nullptr, nullptr, Answer, response,
                         MHD_OPTION_LISTEN_SOCKET, fd->get(),                                  //
                         MHD_OPTION_CONNECTION_LIMIT, static_cast<unsigned>(max_connections),  //
                         MHD_OPTION_CONNECTION_TIMEOUT, 60U,                                   //
                         MHD_OPTION_CONNECTION_MEMORY_LIMIT, kConnectionMemoryBytes,           //
                         MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1, MHD_OPTION_END));
    if (daemons.back() == nullptr) return absl::InternalError("cannot start the HTTP server");
  }
  SayServes(socket);
  WaitForShutdownSignal();
  for (MHD_Daemon* daemon : daemons) MHD_stop_daemon(daemon);
  MHD_destroy_response(response);
  return absl::OkStatus();
}

absl::Status ServeBareGrpc(const TlsFiles& tls, const std::string& value) {
  absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> credentials = ServerTls(tls);
  if (!credentials.ok()) return credentials.status();
  Echo echo(value);
  int port = 0;
  grpc::ServerBuilder builder;
  ApplyServerArguments(&builder, 1 << 20);
  builder.AddListeningPort("127.0.0.1:0", *credentials, &port);
  builder.RegisterService(&echo);
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (server == nullptr) return absl::UnavailableError("cannot listen on the loopback");
  SayServes(absl::StrCat("port=", port));
  WaitForShutdownSignal();
  server->Shutdown();
  server->Wait();
  return absl::OkStatus();
}

}  // namespace cronium::bench

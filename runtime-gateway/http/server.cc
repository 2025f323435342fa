// SPDX-License-Identifier: Apache-2.0
#include "runtime-gateway/http/server.h"

#include <microhttpd.h>

#include <algorithm>
#include <chrono>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/log.h"
#include "runtime-gateway/http/exchange.h"

namespace cronium::gateway {
namespace {

// Of one connection: the head, a window of the body, and the answer's head. libmicrohttpd reads a
// head into half of it, and answers a larger one itself.
constexpr size_t kConnectionMemoryBytes = 64 * 1024;

// One epoll loop. Several of them share a listening socket, rather than libmicrohttpd's own pool of
// threads, whose quiescing aborts the process when a thread takes the socket out of its epoll set
// at the same moment.
struct Loop {
  std::shared_ptr<ExchangeContext> context;
  Transport transport;
  MHD_Daemon* daemon = nullptr;
};

using ExchangePointer = std::shared_ptr<Exchange>;

void* OnTarget(void* loop_pointer, const char* target, MHD_Connection* connection) {
  auto* loop = static_cast<Loop*>(loop_pointer);
  return new ExchangePointer(std::make_shared<Exchange>(
      loop->context, loop->transport, target == nullptr ? "" : target, connection));
}

MHD_Result OnEvent(void* /*loop*/, MHD_Connection* /*connection*/, const char* /*url*/,
                   const char* method, const char* /*version*/, const char* data, size_t* data_size,
                   void** exchange) {
  return (*static_cast<ExchangePointer*>(*exchange))->OnEvent(method, data, data_size);
}

void OnEnd(void* /*loop*/, MHD_Connection* /*connection*/, void** exchange,
           MHD_RequestTerminationCode code) {
  auto* pointer = static_cast<ExchangePointer*>(std::exchange(*exchange, nullptr));
  if (pointer == nullptr) return;
  (*pointer)->OnEnd(code);
  delete pointer;
}

void OnConnection(void* loop, MHD_Connection* /*connection*/, void** /*socket_context*/,
                  MHD_ConnectionNotificationCode code) {
  Metrics* metrics = static_cast<Loop*>(loop)->context->metrics;
  if (code == MHD_CONNECTION_NOTIFY_STARTED) {
    metrics->ConnectionOpened();
  } else {
    metrics->ConnectionClosed();
  }
}

// The target is taken apart and decoded by the handler, since `a%2Fb` and `a/b` differ until it is
// known what is asked for.
size_t KeepEscaped(void* /*unused*/, MHD_Connection* /*connection*/, char* text) {
  return std::strlen(text);
}

void OnLogLine(void* /*unused*/, const char* format, va_list arguments) {
  char line[512];
  std::vsnprintf(line, sizeof(line), format, arguments);
  LogDebug("http", {{"detail", absl::StripAsciiWhitespace(line)}});
}

}  // namespace

struct HttpServer::Impl {
  Impl(const ServerOptions& given, std::vector<Listener> given_listeners)
      : options(given),
        listeners(std::move(given_listeners)),
        context(std::make_shared<ExchangeContext>(given.max_body_memory_bytes)) {}

  MHD_Daemon* StartLoop(Loop* loop, int fd, int max_connections) const;

  const ServerOptions options;
  std::vector<Listener> listeners;
  const std::shared_ptr<ExchangeContext> context;
  std::vector<std::unique_ptr<Loop>> loops;
  bool accepting = true;
};

MHD_Daemon* HttpServer::Impl::StartLoop(Loop* loop, int fd, int max_connections) const {
  const auto idle_seconds =
      static_cast<unsigned>(std::max<int64_t>(1, absl::ToInt64Seconds(options.idle_timeout)));
  return MHD_start_daemon(
      MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG,
      /*port=*/0, nullptr, nullptr, OnEvent, loop,     //
      MHD_OPTION_EXTERNAL_LOGGER, OnLogLine, nullptr,  // first, so that it gets what the others say
      MHD_OPTION_LISTEN_SOCKET, fd,                    //
      MHD_OPTION_CONNECTION_LIMIT, static_cast<unsigned>(max_connections),  //
      MHD_OPTION_CONNECTION_TIMEOUT, idle_seconds,                          //
      MHD_OPTION_CONNECTION_MEMORY_LIMIT, kConnectionMemoryBytes,           //
      MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1,                                 //
      MHD_OPTION_URI_LOG_CALLBACK, OnTarget, loop,                          //
      MHD_OPTION_UNESCAPE_CALLBACK, KeepEscaped, nullptr,                   //
      MHD_OPTION_NOTIFY_COMPLETED, OnEnd, nullptr,                          //
      MHD_OPTION_NOTIFY_CONNECTION, OnConnection, loop,                     //
      MHD_OPTION_END);
}

absl::StatusOr<std::unique_ptr<HttpServer>> HttpServer::Start(const ServerOptions& options,
                                                              std::vector<Listener> listeners,
                                                              Handler* handler, Metrics* metrics,
                                                              const Clock* clock) {
  auto impl = std::make_unique<Impl>(options, std::move(listeners));
  const std::shared_ptr<ExchangeContext> context = impl->context;
  context->handler = handler;
  context->metrics = metrics;
  context->clock = clock;
  context->max_head_bytes = options.max_head_bytes;
  context->request_timeout = options.request_timeout;
  metrics->set_body_bytes([context] { return context->bodies.used(); });
  // From here on the destructor ends what was started.
  std::unique_ptr<HttpServer> server(new HttpServer(std::move(impl)));
  for (const Listener& listener : server->impl_->listeners) {
    const int threads = listener.transport() == Transport::kUnixSocket ? options.threads : 1;
    for (int i = 0; i < threads; ++i) {
      auto loop = std::make_unique<Loop>(Loop{context, listener.transport()});
      loop->daemon = server->impl_->StartLoop(loop.get(), listener.fd(),
                                              std::max(1, options.max_connections / threads));
      if (loop->daemon == nullptr) {
        return absl::InternalError(
            absl::StrCat(listener.address(), ": cannot start the HTTP server"));
      }
      server->impl_->loops.push_back(std::move(loop));
    }
    LogInfo("listening", {{"address", listener.address()}});
  }
  return server;
}

HttpServer::HttpServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

HttpServer::~HttpServer() { Stop(); }

void HttpServer::StopAccepting() {
  if (!std::exchange(impl_->accepting, false)) return;
  impl_->context->closing = true;
  for (const auto& loop : impl_->loops) MHD_quiesce_daemon(loop->daemon);
  for (Listener& listener : impl_->listeners) listener.Shut();
}

bool HttpServer::WaitUntilIdle(absl::Duration timeout) {
  ExchangeContext& context = *impl_->context;
  const auto end = std::chrono::steady_clock::now() + absl::ToChronoNanoseconds(timeout);
  MutexLock lock(&context.mutex);
  while (context.active > 0) {
    const auto left = end - std::chrono::steady_clock::now();
    if (left <= left.zero()) return false;
    context.none.WaitFor(&context.mutex, left);
  }
  return true;
}

void HttpServer::Stop() {
  StopAccepting();
  ExchangeContext& context = *impl_->context;
  {
    // libmicrohttpd cannot stop while a connection is suspended.
    MutexLock lock(&context.mutex);
    while (context.suspended > 0) context.none.Wait(&context.mutex);
  }
  for (const auto& loop : impl_->loops) MHD_stop_daemon(loop->daemon);
  impl_->loops.clear();
  for (Listener& listener : impl_->listeners) listener.Close();
}

}  // namespace cronium::gateway

// SPDX-License-Identifier: Apache-2.0
#include "runtime-gateway/http/server.h"

#include <microhttpd.h>

#include <algorithm>
#include <chrono>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <thread>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/log.h"
#include "common/thread_name.h"
#include "runtime-gateway/http/exchange.h"

namespace cronium::gateway {
namespace {

// Of one connection: the head, a window of the body, and the answer's head. libmicrohttpd reads a
// head into half of it, answers a larger one itself, and clears all of it after each request: more
// than is needed costs time.
size_t ConnectionMemoryBytes(size_t max_head_bytes) { return 2 * max_head_bytes + 8 * 1024; }

// Connections of a loop past its limit, while those that are ended for them still close.
constexpr int kRoomWhileClosing = 64;

// One epoll loop. Several of them share a listening socket, rather than libmicrohttpd's own pool of
// threads, whose quiescing aborts the process when a thread takes the socket out of its epoll set
// at the same moment.
struct Loop {
  Loop(std::shared_ptr<ExchangeContext> given_context, Transport given_transport, size_t limit)
      : context(std::move(given_context)),
        transport(given_transport),
        connections(limit, context->clock) {}

  const std::shared_ptr<ExchangeContext> context;
  const Transport transport;
  ConnectionList connections;
  MHD_Daemon* daemon = nullptr;
};

using ExchangePointer = std::shared_ptr<Exchange>;

// What libmicrohttpd keeps for us with each connection.
ConnectionList::Handle* PlaceOf(MHD_Connection* connection) {
  const MHD_ConnectionInfo* info =
      MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
  return static_cast<ConnectionList::Handle*>(info->socket_context);
}

void* OnTarget(void* loop_pointer, const char* target, MHD_Connection* connection) {
  auto* loop = static_cast<Loop*>(loop_pointer);
  return new ExchangePointer(std::make_shared<Exchange>(loop->context, loop->transport,
                                                        target == nullptr ? "" : target, connection,
                                                        &loop->connections, *PlaceOf(connection)));
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

void OnConnection(void* loop_pointer, MHD_Connection* connection, void** place,
                  MHD_ConnectionNotificationCode code) {
  auto* loop = static_cast<Loop*>(loop_pointer);
  Metrics* metrics = loop->context->metrics;
  if (code == MHD_CONNECTION_NOTIFY_STARTED) {
    metrics->ConnectionOpened();
    const MHD_ConnectionInfo* info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    auto* handle = new ConnectionList::Handle();
    metrics->ConnectionsEnded(loop->connections.Add(info->connect_fd, handle));
    *place = handle;
  } else {
    metrics->ConnectionClosed();
    auto* handle = static_cast<ConnectionList::Handle*>(std::exchange(*place, nullptr));
    loop->connections.Remove(*handle);
    delete handle;
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
  // Ends connections that keep us waiting too long; until Stop.
  void KeepTime();

  const ServerOptions options;
  std::vector<Listener> listeners;
  const std::shared_ptr<ExchangeContext> context;
  std::vector<std::unique_ptr<Loop>> loops;
  bool accepting = true;

  std::thread timekeeper;
  Mutex mutex;
  CondVar stop_changed;
  bool stopped ABSL_GUARDED_BY(mutex) = false;
};

MHD_Daemon* HttpServer::Impl::StartLoop(Loop* loop, int fd, int max_connections) const {
  const auto idle_seconds =
      static_cast<unsigned>(std::max<int64_t>(1, absl::ToInt64Seconds(options.idle_timeout)));
  return MHD_start_daemon(
      MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG,
      /*port=*/0, nullptr, nullptr, OnEvent, loop,     //
      MHD_OPTION_EXTERNAL_LOGGER, OnLogLine, nullptr,  // first, so that it gets what the others say
      MHD_OPTION_LISTEN_SOCKET, fd,                    //
      MHD_OPTION_CONNECTION_LIMIT, static_cast<unsigned>(max_connections),                //
      MHD_OPTION_CONNECTION_TIMEOUT, idle_seconds,                                        //
      MHD_OPTION_CONNECTION_MEMORY_LIMIT, ConnectionMemoryBytes(options.max_head_bytes),  //
      MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1,                                               //
      MHD_OPTION_URI_LOG_CALLBACK, OnTarget, loop,                                        //
      MHD_OPTION_UNESCAPE_CALLBACK, KeepEscaped, nullptr,                                 //
      MHD_OPTION_NOTIFY_COMPLETED, OnEnd, nullptr,                                        //
      MHD_OPTION_NOTIFY_CONNECTION, OnConnection, loop,                                   //
      MHD_OPTION_END);
}

void HttpServer::Impl::KeepTime() {
  SetThreadName("http-time");
  const absl::Duration patience = options.idle_timeout + options.request_timeout;
  const absl::Duration period = std::clamp(patience / 8, absl::Milliseconds(1), absl::Seconds(5));
  MutexLock lock(&mutex);
  while (!stopped) {
    stop_changed.WaitFor(&mutex, absl::ToChronoNanoseconds(period));
    for (const auto& loop : loops) {
      context->metrics->ConnectionsEnded(loop->connections.EndThoseWaiting(patience));
    }
  }
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
      const int limit = std::max(1, options.max_connections / threads);
      auto loop = std::make_unique<Loop>(context, listener.transport(), limit);
      loop->daemon = server->impl_->StartLoop(loop.get(), listener.fd(), limit + kRoomWhileClosing);
      if (loop->daemon == nullptr) {
        return absl::InternalError(
            absl::StrCat(listener.address(), ": cannot start the HTTP server"));
      }
      server->impl_->loops.push_back(std::move(loop));
    }
    LogInfo("listening", {{"address", listener.address()}});
  }
  server->impl_->timekeeper = std::thread([impl = server->impl_.get()] { impl->KeepTime(); });
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
  {
    MutexLock lock(&impl_->mutex);
    impl_->stopped = true;
    impl_->stop_changed.NotifyAll();
  }
  if (impl_->timekeeper.joinable()) impl_->timekeeper.join();
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

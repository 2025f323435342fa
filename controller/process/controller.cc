// SPDX-License-Identifier: Apache-2.0
#include "controller/process/controller.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "common/clock.h"
#include "common/executor.h"
#include "common/file.h"
#include "common/ids.h"
#include "common/log.h"
#include "common/pki/pki.h"
#include "controller/actions/action_sender.h"
#include "controller/actions/tool_actions.h"
#include "controller/api/job_feed.h"
#include "controller/api/presenter.h"
#include "controller/api/server.h"
#include "controller/api/session_hub.h"
#include "controller/auth/authenticator.h"
#include "controller/core/core_thread.h"
#include "controller/core/lifecycle.h"
#include "controller/http_jobs/http_job_runner.h"
#include "controller/logs/log_store.h"
#include "controller/outbound/transfer_loop.h"
#include "controller/process/disk_watch.h"
#include "controller/process/secrets_keys.h"
#include "controller/retention/retention.h"
#include "controller/store/commit_queue.h"
#include "controller/store/idempotency_sweeper.h"
#include "controller/store/sqlite/sqlite_store.h"

namespace cronium::controller {
namespace {

constexpr int kExecutorThreads = 2;
constexpr absl::Duration kFlushTimeout = absl::Seconds(10);

// Spreads the core's durable outputs to who must know.
class Effects : public CoreEffects {
 public:
  Effects(LiveExecutions* live, JobFeed* feed, SessionHub* hub, LogStore* logs,
          HttpJobRunner* http_jobs)
      : live_(live), feed_(feed), hub_(hub), logs_(logs), http_jobs_(http_jobs) {}

  void OnExecution(const ExecutionChange& change) override {
    live_->Update(change);
    if (IsEnded(change.execution.state())) {
      logs_->Finish(LogKeyOf(change.execution), change.execution.log().uncertain());
    }
  }
  void OnJob(const v1::Job& job) override { feed_->Publish(job); }
  void OnSend(const Send& send) override { hub_->Deliver(send); }
  void OnEndSession(const EndSession& end) override {
    LogWarning("a session was superseded",
               {{"connection", end.connection}, {"reason", end.reason.message()}});
    hub_->End(end);
  }
  void OnHttp(const HttpCommand& command) override { http_jobs_->Execute(command); }

 private:
  LiveExecutions* const live_;
  JobFeed* const feed_;
  SessionHub* const hub_;
  LogStore* const logs_;
  HttpJobRunner* const http_jobs_;
};

class ControllerImpl : public Controller {
 public:
  ~ControllerImpl() override { Stop(absl::ZeroDuration()); }

  absl::Status Open(const ControllerOptions& options) {
    outbound_ = std::make_unique<TransferLoop>(options.outbound);
    // One after the other: each needs what the one before has opened.
    if (absl::Status status = OpenStores(options.data); !status.ok()) return status;
    if (absl::Status status = OpenAuth(options); !status.ok()) return status;
    if (absl::Status status = StartCore(options.core); !status.ok()) return status;
    StartActions(options.actions);
    ServerOptions server;
    server.listen = options.listen;
    server.dev = options.dev;
    server.tls = {options.data.ca_certificate(), options.data.certificate(), options.data.key()};
    MakeDiskWatch(options);
    absl::StatusOr<std::unique_ptr<Server>> started = Server::Start(server, MakeServices());
    if (!started.ok()) return started.status();
    server_ = *std::move(started);
    server_->SetServing(true);
    disk_watch_->Start();
    retention_ =
        std::make_unique<Retention>(options.retention, options.retention_period, &clock_,
                                    store_.get(), logs_.get(), core_thread_.get(), Commit());
    retention_->Start();
    return absl::OkStatus();
  }

  int port() const override { return server_->port(); }

  void Stop(absl::Duration grace) override {
    // From the outside in: no new calls, then the core, then what the core writes to. Actions
    // first, since the server waits for their calls, and they may take longer than its grace.
    if (actions_ != nullptr) actions_->Stop(grace);
    if (server_ != nullptr) server_->Shutdown(grace);
    if (executor_ != nullptr) executor_->Stop();
    if (outbound_ != nullptr) outbound_->Stop();
    if (disk_watch_ != nullptr) disk_watch_->Stop();
    if (retention_ != nullptr) retention_->AskToStop();
    if (core_thread_ != nullptr) core_thread_->Stop();
    if (logs_ != nullptr) logs_->Shutdown(kFlushTimeout);
    if (sweeper_ != nullptr) sweeper_->Stop();
    if (commits_ != nullptr) commits_->Shutdown(kFlushTimeout);
    if (retention_ != nullptr) retention_->Stop();
    if (server_ != nullptr) {
      LogCommits();
      LogRefusals();
    }
    server_.reset();
  }

 private:
  // How well group commit worked: changes to groups.
  void LogCommits() const {
    const CommitCounters counters = commits_->counters();
    LogInfo("commits made", {{"groups", counters.groups},
                             {"changes", counters.changes},
                             {"largest_group", counters.largest_group},
                             {"failures", counters.failures}});
  }

  void LogRefusals() const {
    for (const auto& [reason, count] : authenticator_->Refusals()) {
      LogInfo("calls refused", {{"reason", reason}, {"count", count}});
    }
  }

  absl::Status OpenStores(const DataDir& data) {
    if (absl::Status status = MakeDirectories(data.path, 0700); !status.ok()) return status;
    absl::StatusOr<std::unique_ptr<SqliteStore>> store = SqliteStore::Open({data.database()});
    if (!store.ok()) return store.status();
    store_ = *std::move(store);
    LogStoreOptions options;
    options.dir = data.logs();
    absl::StatusOr<std::unique_ptr<LogStore>> logs = LogStore::Open(options);
    if (!logs.ok()) return logs.status();
    logs_ = *std::move(logs);
    commits_ = std::make_unique<CommitQueue>(store_.get());
    absl::StatusOr<std::unique_ptr<Sealer>> sealer = OpenSealer(data, store_.get());
    if (!sealer.ok()) return sealer.status();
    sealer_ = *std::move(sealer);
    sweeper_ = std::make_unique<IdempotencySweeper>(&clock_, commits_.get());
    return absl::OkStatus();
  }

  void MakeDiskWatch(const ControllerOptions& options) {
    DiskWatchOptions watch;
    watch.folders = {options.data.path, options.data.logs()};
    watch.reserve_bytes = options.disk_reserve_bytes;
    disk_watch_ = std::make_unique<DiskWatch>(
        std::move(watch), ReadDiskSpace, [this] { return commits_->Health(); },
        [this](const absl::Status& status) { OnDiskChange(status); });
  }

  // Queries and running jobs go on; what is written for them fits into the reserve. Logs do not:
  // they wait in the agents' spools.
  void OnDiskChange(const absl::Status& status) {
    logs_->Pause(status);
    core_thread_->PostUrgent(
        HoldPlacement{status.ok() ? "" : "DISK_FULL", std::string(status.message())});
    server_->SetAcceptingJobs(status.ok());
  }

  absl::Status OpenAuth(const ControllerOptions& options) {
    std::string cluster = "dev";
    absl::StatusOr<std::string> token_key = ReadFile(options.data.token_key());
    if (options.dev && !token_key.ok()) token_key = TokenSigner::GenerateKeyPem();
    if (!token_key.ok()) return NotSetUp(token_key.status());
    if (!options.dev) {
      absl::StatusOr<std::string> ca = ReadFile(options.data.ca_certificate());
      if (!ca.ok()) return NotSetUp(ca.status());
      absl::StatusOr<std::string> name = ClusterOfCa(*ca);
      if (!name.ok()) return name.status();
      cluster = *std::move(name);
    }
    absl::StatusOr<std::unique_ptr<ExecutionTokens>> tokens =
        ExecutionTokens::Create(*token_key, options.rate_limits);
    if (!tokens.ok()) return tokens.status();
    tokens_ = *std::move(tokens);
    absl::StatusOr<AccessTable> access = AccessTable::Build(ServiceNames());
    if (!access.ok()) return access.status();
    authenticator_.emplace(*std::move(access), cluster, options.dev, store_.get(), tokens_.get(),
                           &live_);
    hub_ = std::make_unique<SessionHub>(tokens_.get());
    return absl::OkStatus();
  }

  static absl::Status NotSetUp(const absl::Status& status) {
    return absl::FailedPreconditionError(absl::StrCat(
        status.message(), "; run `cronium-controller init` first, or use --dev on the loopback"));
  }

  absl::Status StartCore(const CoreOptions& options) {
    absl::StatusOr<LiveState> state = store_->LoadLiveState();
    if (!state.ok()) return state.status();
    absl::flat_hash_map<std::string, uint64_t> durable;
    for (const v1::Execution& execution : state->executions) {
      absl::StatusOr<LogState> log = logs_->Summary(LogKeyOf(execution));
      if (!log.ok()) return log.status();
      durable[execution.id()] = log->durable_seq;
    }
    LogInfo("state loaded", {{"jobs", state->jobs.size()},
                             {"executions", state->executions.size()},
                             {"nodes", state->nodes.size()}});
    core_ = std::make_unique<Core>(options, &ids_);
    Output loaded;
    core_->Load(*std::move(state), durable, clock_.Now(), &loaded);
    // They are durable already, and a script's call that comes before the first commit must find
    // its execution alive.
    for (const ExecutionChange& change : loaded.executions) {
      if (!IsEnded(change.execution.state())) live_.Update(change);
    }
    http_jobs_ = std::make_unique<HttpJobRunner>(
        outbound_.get(), logs_.get(), &clock_,
        [this](HttpOutcome outcome) { core_thread_->PostUrgent(std::move(outcome)); });
    effects_ = std::make_unique<Effects>(&live_, &feed_, hub_.get(), logs_.get(), http_jobs_.get());
    core_thread_ = std::make_unique<CoreThread>(core_.get(), &clock_, Commit(), effects_.get());
    core_thread_->Start(std::move(loaded));
    executor_ = std::make_unique<Executor>(kExecutorThreads);
    return absl::OkStatus();
  }

  void StartActions(const ToolActionOptions& options) {
    audit_ = options.audit;
    sender_ = std::make_unique<LoopSender>(outbound_.get());
    actions_ = std::make_unique<ToolActions>(
        options, ToolActions::Parts{&clock_, store_.get(), Commit(), sealer_.get(), sender_.get()});
  }

  CommitFunction Commit() {
    return [this](std::vector<Change> changes, CommitQueue::Done done) {
      commits_->Submit(std::move(changes), std::move(done));
    };
  }

  Services MakeServices() {
    Services services;
    services.clock = &clock_;
    services.ids = &ids_;
    services.store = store_.get();
    services.logs = logs_.get();
    services.core = core_thread_.get();
    services.commit = Commit();
    services.authenticator = &*authenticator_;
    services.tokens = tokens_.get();
    services.live = &live_;
    services.feed = &feed_;
    services.hub = hub_.get();
    services.sealer = sealer_.get();
    services.actions = actions_.get();
    services.audit = audit_;
    services.executor = executor_.get();
    services.may_accept_jobs = [this] { return disk_watch_->status(); };
    return services;
  }

  // In the order of their dependence: what is below uses what is above.
  RealClock clock_;
  RandomIdSource ids_;
  std::unique_ptr<SqliteStore> store_;
  std::unique_ptr<Sealer> sealer_;
  std::unique_ptr<LogStore> logs_;
  std::unique_ptr<TransferLoop> outbound_;
  AuditLimits audit_;
  std::unique_ptr<LoopSender> sender_;
  std::unique_ptr<ToolActions> actions_;
  LiveExecutions live_;
  JobFeed feed_{clock_.Now()};
  std::unique_ptr<ExecutionTokens> tokens_;
  std::optional<Authenticator> authenticator_;
  std::unique_ptr<SessionHub> hub_;
  std::unique_ptr<HttpJobRunner> http_jobs_;
  std::unique_ptr<Effects> effects_;
  std::unique_ptr<Core> core_;
  std::unique_ptr<CommitQueue> commits_;
  std::unique_ptr<IdempotencySweeper> sweeper_;
  std::unique_ptr<CoreThread> core_thread_;
  std::unique_ptr<Executor> executor_;
  std::unique_ptr<DiskWatch> disk_watch_;
  std::unique_ptr<Server> server_;
  std::unique_ptr<Retention> retention_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Controller>> Controller::Start(const ControllerOptions& options) {
  auto controller = std::make_unique<ControllerImpl>();
  if (absl::Status status = controller->Open(options); !status.ok()) return status;
  return controller;
}

}  // namespace cronium::controller

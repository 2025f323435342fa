// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/world.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/fault.h"
#include "common/proto_time.h"
#include "common/protocol_rules.h"
#include "controller/core/lifecycle.h"
#include "controller/core/spec.h"

namespace cronium::sim {
namespace {

// After the last fault: the longest job, three times, with everything it may wait for.
constexpr absl::Duration kTimeToEnd = absl::Minutes(25);
// For agents to forget what has ended: an image of a spool, a removal that failed.
constexpr absl::Duration kTimeToForget = absl::Minutes(2);
// For readers that are slow, and for what should not happen any more.
constexpr absl::Duration kTimeToSettle = absl::Seconds(10);
// How long a job stays after its end.
constexpr absl::Duration kRetention = absl::Minutes(1);

}  // namespace

// One who calls CreateJob until it is answered.
struct World::Caller {
  std::string request_id;
  v1::JobSpec spec;
  bool answered = false;
  uint64_t tries = 0;
  // When it is to be cancelled after its answer; infinite for never.
  absl::Duration cancel_after = absl::InfiniteDuration();
};

World::World(const WorldOptions& options)
    : options_(options),
      scheduler_(options.seed, options.trace),
      checker_(&scheduler_),
      store_(&checker_),
      logs_(&checker_),
      commits_(&scheduler_, "commits", /*transactions=*/true),
      log_files_(&scheduler_, "log files", /*transactions=*/false),
      clock_(&scheduler_, scheduler_.random()->Between(-300, 300)) {
  SetFaultHook([this](absl::string_view name) { return PointReached(name); });
  no_proof_ = random()->Chance(0.3);
  kill_chance_ = random()->Chance(0.5) ? 0.002 : 0;
  aim_chance_ = random()->Chance(0.5) ? random()->Unit() : 0;
  fault_end_ = random()->Between(absl::Seconds(60), absl::Seconds(240));
  machine_.scheduler = &scheduler_;
  machine_.clock = &clock_;
  machine_.store = &store_;
  machine_.logs = &logs_;
  machine_.commits = &commits_;
  machine_.log_files = &log_files_;
  machine_.tokens = options.tokens;
  machine_.ids = &ids_;
  machine_.options.heartbeat_period = absl::Seconds(random()->Between(2, 6));
  machine_.options.skip_log_barrier = options.bug == Bug::kTerminalBeforeLog;
  machine_.options.apply_replayed_reports = options.bug == Bug::kReplayedReport;
  machine_.options.skip_fence = options.bug == Bug::kSessionNotFenced;
  if (options.bug == Bug::kLeaseWrongWayRound) machine_.options.lease_side = LeaseSide::kAgent;
  machine_.answer_early = options.bug == Bug::kAnswerBeforeCommit;
  store_.SetListener([this](const v1::Execution& execution) { AimAtEnd(execution); });
  MakeHosts();
}

World::~World() {
  followers_.clear();
  watchers_.clear();
  controller_.reset();
  impostor_.reset();
  hosts_.clear();
  SetFaultHook(nullptr);
}

bool World::PointReached(absl::string_view name) {
  if (name == "controller.logs.seam_off_by_one") return options_.bug == Bug::kSeamOffByOne;
  // Whichever agent it is that has come by.
  if (SimAgent::at_work() && faulty() && kill_chance_ > 0 && random()->Chance(KillChanceAt(name))) {
    scheduler_.Trace("world", "an agent is to die at ", name);
    throw Killed();
  }
  return false;
}

// Each seed has a few points that it aims at.
double World::KillChanceAt(absl::string_view point) {
  const auto it = point_chances_.find(point);
  if (it != point_chances_.end()) return it->second;
  const double chance = random()->Chance(0.15) ? 0.05 : kill_chance_;
  point_chances_.emplace(point, chance);
  return chance;
}

void World::MakeHosts() {
  const int64_t count = random()->Between(2, 3);
  for (int64_t i = 1; i <= count; ++i) {
    const std::string name = absl::StrCat("host-", i);
    hosts_.push_back(std::make_unique<SimHost>(&scheduler_, &checker_, name, name,
                                               absl::StrCat(options_.folder, "/", name), Peers()));
    hosts_.back()->disk()->kill_chance = kill_chance_;
  }
  if (no_proof_) {
    impostor_ = std::make_unique<SimHost>(&scheduler_, &checker_, "impostor", "host-1",
                                          absl::StrCat(options_.folder, "/impostor"), Peers());
  }
}

AgentPeers World::Peers() {
  return {
      .session = [this](const std::string& node,
                        std::shared_ptr<SessionCall> call) -> std::shared_ptr<SessionCall::End> {
        return controller_ == nullptr ? nullptr : controller_->AcceptSession(node, call);
      },
      .log = [this](const std::string& node,
                    std::shared_ptr<LogCall> call) -> std::shared_ptr<LogCall::End> {
        return controller_ == nullptr ? nullptr : controller_->AcceptLog(node, call);
      }};
}

void World::StartController() {
  if (controller_ != nullptr) return;
  scheduler_.Trace("controller", "starts");
  controller_ = std::make_unique<SimController>(machine_);
  feed_ = std::make_unique<controller::JobFeed>(clock_.Now());
  controller_->SetWatcher([this](const v1::Job& job) {
    feed_->Publish(job);
    for (const auto& follower : followers_) {
      if (follower->job_id() == job.id()) follower->OnJobChange();
    }
  });
  ConnectReaders();
}

// Each in its own time.
void World::ConnectReaders() {
  const auto soon = [this] { return random()->Between(absl::Milliseconds(100), absl::Seconds(3)); };
  for (const auto& follower : followers_) {
    scheduler_.After(soon(), [this, f = follower.get()] {
      if (controller_ != nullptr) f->Connect();
    });
  }
  for (const auto& watcher : watchers_) {
    scheduler_.After(soon(), [this, w = watcher.get()] {
      if (controller_ != nullptr) w->Connect(feed_.get());
    });
  }
}

void World::CrashController() {
  if (controller_ == nullptr) return;
  scheduler_.Trace("controller", "is killed");
  controller_.reset();
  for (const auto& follower : followers_) follower->Disconnect();
  for (const auto& watcher : watchers_) watcher->Disconnect();
  feed_.reset();
}

// ---- Callers

v1::JobSpec World::RandomSpec() {
  ScriptPlan plan;
  plan.lines = static_cast<int>(random()->Between(0, 30));
  plan.line_bytes = static_cast<int>(random()->Between(10, 60));
  plan.period_us = random()->Between(1'000, 800'000);
  if (random()->Chance(0.07)) {
    // A flood: more than FIFO, spool and window hold.
    plan.lines = static_cast<int>(random()->Between(90, 140));
    plan.line_bytes = 900;
    plan.period_us = 500;
  } else if (random()->Chance(0.2)) {
    plan.period_us = random()->Between(1'000'000, 3'000'000);
  }
  plan.exit_code = random()->Chance(0.8) ? 0 : 3;
  plan.ignores_term = random()->Chance(0.3);
  plan.stop_grace_ms = random()->Between(200, 4000);

  v1::JobSpec spec;
  spec.mutable_container()->set_image("bash");
  spec.mutable_container()->mutable_script()->set_content(plan.Text());
  SetDuration(absl::Milliseconds(plan.stop_grace_ms),
              spec.mutable_timeouts()->mutable_stop_grace());
  SetDuration(absl::Seconds(random()->Between(20, 60)), spec.mutable_timeouts()->mutable_prepare());
  SetDuration(absl::Seconds(random()->Between(30, 200)), spec.mutable_timeouts()->mutable_run());
  SetDuration(absl::Seconds(random()->Between(10, 40)), spec.mutable_lost_after());
  if (!no_proof_ && random()->Chance(0.2)) spec.set_on_lost(v1::LOST_ACTION_KEEP);
  controller::FillSpecDefaults(&spec);
  return spec;
}

void World::PlanJobs() {
  const int64_t count = random()->Between(6, 20);
  unanswered_ = count;
  for (int64_t i = 1; i <= count; ++i) {
    auto caller = std::make_shared<Caller>();
    caller->request_id = absl::StrCat("request-", i);
    caller->spec = RandomSpec();
    if (random()->Chance(0.15)) {
      caller->cancel_after = random()->Between(absl::ZeroDuration(), absl::Seconds(30));
    }
    scheduler_.At(random()->Between(absl::ZeroDuration(), fault_end_ * 0.8),
                  [this, caller] { Submit(caller); });
  }
}

// As JobServiceImpl::CreateJob: the store first, then the core. Tries again until it has an answer.
void World::Submit(const std::shared_ptr<Caller>& caller) {
  if (caller->answered) return;
  scheduler_.After(random()->Between(absl::Milliseconds(500), absl::Seconds(5)),
                   [this, caller] { Submit(caller); });
  if (controller_ == nullptr) return;
  if (caller->tries++ > 0) RuleApplied(34);  // docs/protocol.md P34
  const auto answered = [this, caller](const absl::StatusOr<v1::Job>& job) {
    if (!job.ok()) return;
    checker_.OnAnswered(caller->request_id, job->id());
    if (std::exchange(caller->answered, true)) return;
    --unanswered_;
    scheduler_.Trace("caller", caller->request_id, " is answered with ", job->id());
    answered_.insert(job->id());
    LookAt(job->id());
    if (caller->cancel_after == absl::InfiniteDuration()) return;
    scheduler_.After(caller->cancel_after, [this, id = job->id()] { Cancel(id); });
  };
  const absl::StatusOr<std::optional<v1::Job>> earlier =
      store_.FindJobByRequestId("default", caller->request_id);
  if (earlier->has_value()) {
    answered(**earlier);
    return;
  }
  v1::Job job;
  job.set_id(ids_.NewId(kJobIdPrefix));
  job.set_namespace_("default");
  job.set_request_id(caller->request_id);
  *job.mutable_spec() = caller->spec;
  controller_->Post(controller::SubmitJob{std::move(job)}, answered);
}

// Some callers follow the log of what they have asked for, some watch its state.
void World::LookAt(const std::string& job_id) {
  if (random()->Chance(0.4)) {
    followers_.push_back(std::make_unique<Follower>(&scheduler_, &store_, &logs_, job_id));
    followers_.back()->Connect();
  }
  if (random()->Chance(0.3)) {
    watchers_.push_back(std::make_unique<Watcher>(&scheduler_, &checker_, &store_, job_id));
    watchers_.back()->Connect(feed_.get());
  }
}

bool World::IsLookedAt(const std::string& job_id) const {
  return std::any_of(followers_.begin(), followers_.end(),
                     [&](const auto& f) { return f->job_id() == job_id && !f->ended(); }) ||
         std::any_of(watchers_.begin(), watchers_.end(),
                     [&](const auto& w) { return w->job_id() == job_id && !w->ended(); });
}

// As retention does: what has ended a while ago goes. Its list may be old: some of it lives.
void World::Collect() {
  scheduler_.After(random()->Between(absl::Seconds(10), absl::Seconds(40)), [this] { Collect(); });
  if (controller_ == nullptr) return;
  controller::CollectJobs collect;
  for (const auto& [id, job] : store_.jobs()) {
    // Nobody asks for it again.
    if (!answered_.contains(id) || IsLookedAt(id)) continue;
    const bool old = checker_.EndedBefore(id, scheduler_.now() - kRetention);
    const bool lives = !controller::IsEnded(job.state());
    if (old || (lives && random()->Chance(0.3))) {
      collect.jobs.push_back({id, job.namespace_(), job.request_id()});
    }
  }
  if (!collect.jobs.empty()) controller_->Post(std::move(collect), [](const auto&) {});
}

void World::Cancel(const std::string& job_id) {
  if (controller_ == nullptr) {
    scheduler_.After(absl::Seconds(1), [this, job_id] { Cancel(job_id); });
    return;
  }
  scheduler_.Trace("caller", "cancels ", job_id);
  controller_->Post(controller::CancelJob{job_id, "no longer needed"}, [](const auto&) {});
}

// ---- The run

void World::Run() {
  PlanJobs();
  PlanFaults();
  if (random()->Chance(0.5)) Collect();
  watchers_.push_back(std::make_unique<Watcher>(&scheduler_, &checker_, &store_, ""));
  StartController();
  for (const auto& host : hosts_) host->StartAgent();
  if (kill_chance_ > 0) {
    commits_.SetCrash(kill_chance_, [this] { ControllerFault(); });
    log_files_.SetCrash(kill_chance_, [this] { ControllerFault(); });
  }
  while (scheduler_.RunOne(fault_end_)) {
  }
  Heal();
  const absl::Duration end = fault_end_ + kTimeToEnd;
  while (!checker_.AllEnded()) {
    if (!scheduler_.RunOne(end)) {
      scheduler_.Fail(absl::StrCat("jobs do not end:", checker_.Unended()));
    }
  }
  absl::Duration time = scheduler_.now();
  const absl::Duration forgotten = time + kTimeToForget;
  const auto run_for = [&](absl::Duration some) {
    time += some;
    while (scheduler_.RunOne(time)) {
    }
  };
  while (time < forgotten && !IsQuiet()) run_for(absl::Seconds(1));
  run_for(kTimeToSettle);
  // An engine may have carried something out meanwhile: the agent finds it with its next sweep.
  while (time < forgotten && !IsQuiet()) run_for(absl::Seconds(1));
  if (!checker_.AllEnded()) {
    scheduler_.Fail(absl::StrCat("a job came late and did not end:", checker_.Unended()));
  }
  checker_.CheckEnd();
  for (const auto& follower : followers_) {
    if (!follower->ended())
      scheduler_.Fail(absl::StrCat("nobody ends who follows ", follower->job_id()));
  }
  for (const auto& watcher : watchers_) watcher->CheckEnd();
  if (const std::string leftovers = Leftovers(); !leftovers.empty()) {
    scheduler_.Fail(absl::StrCat("agents still hold what has ended:", leftovers));
  }
}

std::string World::Leftovers() const {
  std::string leftovers;
  for (const auto& host : hosts_) absl::StrAppend(&leftovers, host->Leftovers());
  return leftovers;
}

// Every caller has its answer, and nobody has anything left to do.
bool World::IsQuiet() const {
  return unanswered_ == 0 && checker_.AllEnded() && Leftovers().empty() &&
         std::all_of(followers_.begin(), followers_.end(),
                     [](const auto& follower) { return follower->ended(); });
}

}  // namespace cronium::sim

// SPDX-License-Identifier: Apache-2.0
#include "controller/actions/tool_actions.h"

#include <openssl/sha.h>

#include <algorithm>
#include <chrono>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "common/error.h"
#include "common/fault.h"
#include "common/ids.h"
#include "common/log.h"
#include "controller/actions/action_record.h"

namespace cronium::controller {
namespace {

constexpr size_t kMaxKeyBytes = 128;
// For what was broken off to be recorded; a store that fails would hold the stop up for ever.
constexpr auto kBreakOffTime = std::chrono::seconds(10);
constexpr absl::Duration kFirstPause = absl::Milliseconds(250);

std::string Sha256(absl::string_view text) {
  std::string digest(SHA256_DIGEST_LENGTH, '\0');
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(),
         reinterpret_cast<unsigned char*>(digest.data()));
  return digest;
}

std::string DigestOf(const ToolActionCall& call) {
  return Sha256(SealingContext({"tool_action", call.tool, call.action, call.params_json}));
}

absl::Status CheckKey(const std::string& key) {
  Violations violations;
  const bool printable =
      std::all_of(key.begin(), key.end(), [](char c) { return c >= 0x20 && c < 0x7f; });
  if (key.size() > kMaxKeyBytes || !printable) {
    violations.Add("idempotency_key",
                   absl::StrCat("is not up to ", kMaxKeyBytes, " characters of printable ASCII"));
  }
  return violations.ToStatus();
}

absl::Status Stopping() {
  return MakeRetryableError(absl::StatusCode::kUnavailable, "CONTROLLER_STOPPING",
                            "the controller is being stopped", absl::Seconds(1));
}

absl::Status TooMany(int limit) {
  return MakeRetryableError(
      absl::StatusCode::kResourceExhausted, "TOO_MANY_ACTIONS",
      absl::StrCat("the controller executes ", limit,
                   " tool actions already, which is the limit (--max-tool-actions); try again"),
      absl::Seconds(1));
}

absl::Status KeyReused(const std::string& key) {
  return MakeError(absl::StatusCode::kAlreadyExists, "IDEMPOTENCY_KEY_REUSED",
                   absl::StrCat("the idempotency key ", key, " was used for another call"),
                   {{"key", key}});
}

}  // namespace

// Stages follow each other, so all but what is guarded belongs to the one that runs.
struct ToolActions::Running {
  ToolActionCall call;
  IdempotencyKey once;
  PlannedAction planned;
  int64_t begin_ns = 0;
  absl::Time begin_time;
  int tries = 0;
  // Guarded by ToolActions::mutex_.
  std::vector<Done> waiting;
  ActionSender::Id sending = 0;
};

ToolActions::ToolActions(ToolActionOptions options, Parts parts)
    : options_(options), parts_(std::move(parts)) {}

ToolActions::~ToolActions() {
  Stop(absl::ZeroDuration());
  MutexLock lock(&mutex_);
  while (!running_.empty() || answering_ > 0) changed_.Wait(&mutex_);
}

void ToolActions::Execute(ToolActionCall call, Done done) {
  if (absl::Status status = CheckKey(call.idempotency_key); !status.ok()) return done(status);
  const RunningPtr running = Admit(&call, std::move(done));
  if (running == nullptr) return;
  ActionRequest request;
  request.name_space = running->call.name_space;
  request.tool = running->call.tool;
  request.action = running->call.action;
  request.params_json = running->call.params_json;
  request.now = running->begin_time;
  request.unique = absl::StrCat(running->call.execution_id, ".",
                                absl::BytesToHexString(Sha256(running->once.key)).substr(0, 24));
  absl::StatusOr<PlannedAction> planned = PlanAction(parts_.store, *parts_.sealer, request);
  if (planned.ok()) running->planned = *std::move(planned);
  // What was done is answered as it was, even where it could not be done any more.
  if (AnswerFromRecord(running)) return;
  if (!planned.ok()) return Answer(running, planned.status());
  Begin(running);
}

ToolActions::RunningPtr ToolActions::Admit(ToolActionCall* call, Done done) {
  auto running = std::make_shared<Running>();
  running->once.execution_id = call->execution_id;
  running->once.key = call->idempotency_key.empty() ? absl::StrCat("once-", RandomBase62(22))
                                                    : call->idempotency_key;
  running->once.digest = DigestOf(*call);
  running->begin_time = running->once.time = parts_.clock->Now();
  running->begin_ns = parts_.clock->BoottimeNs();
  running->call = std::move(*call);
  absl::Status refused;
  {
    MutexLock lock(&mutex_);
    const Key key(running->once.execution_id, running->once.key);
    const auto same = running_.find(key);
    if (stopping_) {
      refused = Stopping();
    } else if (same != running_.end() && same->second->once.digest == running->once.digest) {
      // Each waiter is a call of its own, which the gateway's limits bound.
      same->second->waiting.push_back(std::move(done));
      return nullptr;
    } else if (same != running_.end()) {
      refused = KeyReused(running->once.key);
    } else if (static_cast<int>(running_.size()) >= options_.max_under_way) {
      refused = TooMany(options_.max_under_way);
    } else {
      running->waiting.push_back(std::move(done));
      running_.emplace(key, running);
      return running;
    }
  }
  done(refused);
  return nullptr;
}

bool ToolActions::AnswerFromRecord(const RunningPtr& running) {
  if (running->call.idempotency_key.empty()) return false;
  absl::StatusOr<std::optional<IdempotencyRecord>> record =
      parts_.store->FindIdempotencyRecord(running->once.execution_id, running->once.key);
  if (!record.ok()) {
    Answer(running, record.status());
  } else if (!record->has_value()) {
    return false;
  } else if ((*record)->digest != running->once.digest) {
    Answer(running, KeyReused(running->once.key));
  } else if ((*record)->done) {
    Answer(running, AnswerOfStored((*record)->result));
  } else {
    // Nothing of this process is under way with this key, so it was another one's that ended.
    ActionResult result;
    result.outcome_unknown = true;
    result.code = "CONTROLLER_STOPPED";
    result.error =
        "the controller ended while it executed this action: it may or may not have been sent, and "
        "is not sent again. Find out at the other side; a call with a new idempotency key sends it";
    Complete(running, std::move(result));
  }
  return true;
}

void ToolActions::Begin(const RunningPtr& running) {
  std::vector<Change> changes;
  changes.push_back(BeginEffect{running->once});
  parts_.commit(std::move(changes),
                [this, running](const absl::StatusOr<std::vector<ChangeResult>>& results) {
                  absl::Status status = results.ok() ? results->front().status() : results.status();
                  if (!status.ok()) return Answer(running, status);
                  FaultOn("controller.action.begun");
                  Send(running);
                });
}

absl::Duration ToolActions::TimeLeft(const Running& running) const {
  return options_.timeout - absl::Nanoseconds(parts_.clock->BoottimeNs() - running.begin_ns);
}

void ToolActions::Send(const RunningPtr& running) {
  ++running->tries;
  const absl::Duration left = std::max(TimeLeft(*running), absl::Milliseconds(1));
  Track(running, parts_.sender->Send(running->planned.plan, left, [this, running](auto result) {
    OnResult(running, std::move(result));
  }));
}

void ToolActions::Track(const RunningPtr& running, ActionSender::Id id) {
  bool cancel;
  {
    MutexLock lock(&mutex_);
    // Ids grow, and what was started later may have come here first.
    running->sending = std::max(running->sending, id);
    cancel = breaking_off_;
  }
  if (cancel) parts_.sender->Cancel(id);
}

void ToolActions::OnResult(const RunningPtr& running, ActionResult result) {
  bool breaking_off;
  {
    MutexLock lock(&mutex_);
    breaking_off = breaking_off_;
  }
  if (result.retry_after.has_value() && !breaking_off && running->tries < options_.max_tries) {
    const absl::Duration pause =
        std::max(*result.retry_after, kFirstPause * (int64_t{1} << (running->tries - 1)));
    if (pause < TimeLeft(*running)) {
      Track(running, parts_.sender->After(pause, [this, running, result](bool passed) {
        if (passed) {
          Send(running);
        } else {
          Complete(running, result);
        }
      }));
      return;
    }
  }
  Complete(running, std::move(result));
}

void ToolActions::Complete(const RunningPtr& running, ActionResult result) {
  FaultOn("controller.action.sent");
  ActionFacts facts;
  facts.name_space = running->call.name_space;
  facts.job_id = running->call.job_id;
  facts.execution_id = running->call.execution_id;
  facts.tool = running->call.tool;
  facts.action = running->call.action;
  facts.credential = running->planned.credential;
  facts.target = running->planned.plan.target;
  facts.recipients = running->planned.plan.recipients;
  facts.tries = running->tries;
  facts.time = running->begin_time;
  facts.duration = absl::Nanoseconds(parts_.clock->BoottimeNs() - running->begin_ns);
  const v1::ExecuteToolActionResponse response =
      ActionResponse(facts, result, running->planned.plan.secrets);
  LogInfo("tool action executed", {{"execution", facts.execution_id},
                                   {"tool", facts.tool},
                                   {"target", facts.target},
                                   {"success", result.success},
                                   {"reason", response.code()},
                                   {"status", result.status},
                                   {"tries", facts.tries}});
  std::vector<Change> changes;
  changes.push_back(FinishEffect{running->once, StoredResponse(response)});
  changes.push_back(AppendAudit{ActionAuditRecord(facts, result), options_.audit});
  if (!facts.credential.empty()) {
    changes.push_back(TouchCredential{facts.credential, facts.time});
  }
  parts_.commit(std::move(changes), [this, running, response](
                                        const absl::StatusOr<std::vector<ChangeResult>>& results) {
    // Where it could not be recorded, a repeated call finds the intent: it is not sent twice.
    if (!results.ok()) return Answer(running, results.status());
    Answer(running, AnswerOf(response));
  });
}

void ToolActions::Answer(const RunningPtr& running,
                         const absl::StatusOr<v1::ExecuteToolActionResponse>& answer) {
  std::vector<Done> waiting;
  {
    MutexLock lock(&mutex_);
    waiting.swap(running->waiting);
    running_.erase(Key(running->once.execution_id, running->once.key));
    ++answering_;
  }
  for (const Done& done : waiting) done(answer);
  MutexLock lock(&mutex_);
  --answering_;
  changed_.NotifyAll();
}

void ToolActions::Stop(absl::Duration grace) {
  std::vector<ActionSender::Id> sending;
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
    const auto deadline = std::chrono::steady_clock::now() + absl::ToChronoNanoseconds(grace);
    while (!running_.empty()) {
      const auto left = deadline - std::chrono::steady_clock::now();
      if (left <= left.zero() || !changed_.WaitFor(&mutex_, left)) break;
    }
    breaking_off_ = true;
    for (const auto& [key, running] : running_) {
      if (running->sending != 0) sending.push_back(running->sending);
    }
  }
  for (const ActionSender::Id id : sending) parts_.sender->Cancel(id);
  MutexLock lock(&mutex_);
  const auto deadline = std::chrono::steady_clock::now() + kBreakOffTime;
  while (!running_.empty() || answering_ > 0) {
    const auto left = deadline - std::chrono::steady_clock::now();
    if (left <= left.zero() || !changed_.WaitFor(&mutex_, left)) break;
  }
}

}  // namespace cronium::controller

// SPDX-License-Identifier: Apache-2.0
#include "runtime-gateway/upstream/variable_reader.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "common/error.h"
#include "cronium/v1/runtime_service.pb.h"
#include "runtime-gateway/upstream/controller_client.h"

namespace cronium::gateway {
namespace {

using Clock = std::chrono::steady_clock;

// Two keep both sides busy; with more, each would carry less.
constexpr int kMostUnderWay = 2;
constexpr size_t kMostItems = 128;
// A read whose time is nearly over is not sent again.
constexpr auto kLeastTimeLeft = std::chrono::milliseconds(100);

// Says nothing of the single reads: the call did not come through.
bool IsUnreachable(const absl::Status& status) {
  return (status.code() == absl::StatusCode::kUnavailable ||
          status.code() == absl::StatusCode::kDeadlineExceeded) &&
         ErrorReason(status).empty();
}

absl::StatusOr<v1::Variable> ResultOf(v1::ReadVariablesResponse::Item* item) {
  if (item->has_variable()) return std::move(*item->mutable_variable());
  absl::Status status = FromProto(item->error());
  if (status.ok()) return absl::InternalError("the controller answered a read with nothing");
  return status;
}

}  // namespace

void VariableReader::Read(std::string execution_token, std::string key, Done done) {
  {
    MutexLock lock(&mutex_);
    waiting_.push_back({std::move(execution_token), std::move(key), std::move(done),
                        Clock::now() + absl::ToChronoNanoseconds(retry_for_)});
  }
  Pump();
}

void VariableReader::Pump() {
  while (true) {
    auto items = std::make_shared<Items>();
    {
      MutexLock lock(&mutex_);
      if (waiting_.empty() || under_way_ >= kMostUnderWay) return;
      ++under_way_;
      const auto end =
          waiting_.begin() + static_cast<ptrdiff_t>(std::min(waiting_.size(), kMostItems));
      items->assign(std::make_move_iterator(waiting_.begin()), std::make_move_iterator(end));
      waiting_.erase(waiting_.begin(), end);
    }
    Send(items);
  }
}

void VariableReader::Send(const std::shared_ptr<Items>& items) {
  v1::ReadVariablesRequest request;
  absl::flat_hash_map<absl::string_view, int> tokens;
  Clock::time_point deadline = items->front().deadline;
  for (const Item& item : *items) {
    const auto [token, is_new] =
        tokens.emplace(item.execution_token, request.execution_tokens_size());
    if (is_new) request.add_execution_tokens(item.execution_token);
    v1::ReadVariablesRequest::Item* out = request.add_items();
    out->set_execution_token(token->second);
    out->set_key(item.key);
    deadline = std::min(deadline, item.deadline);
  }
  CallOptions options;
  options.within = std::max(absl::FromChrono(deadline - Clock::now()), absl::Milliseconds(1));
  client_->Call<v1::ReadVariablesRequest, v1::ReadVariablesResponse>(
      &ControllerClient::Async::ReadVariables, options, std::move(request),
      [this, items](CallResult<v1::ReadVariablesResponse> result) {
        {
          MutexLock lock(&mutex_);
          --under_way_;
        }
        if (result.response.ok()) {
          OnAnswer(std::move(*items), *std::move(result.response));
        } else {
          OnFailure(std::move(*items), result.response.status());
        }
      });
}

void VariableReader::OnAnswer(Items items, v1::ReadVariablesResponse response) {
  if (response.items_size() == 0) {
    OnFailure(std::move(items), absl::InternalError("the controller answered none of the reads"));
    return;
  }
  const auto rest = items.begin() + std::min<ptrdiff_t>(std::ssize(items), response.items_size());
  WaitAgain({std::make_move_iterator(rest), std::make_move_iterator(items.end())});
  items.erase(rest, items.end());
  // The next call is on its way while these answers are built.
  Pump();
  for (size_t i = 0; i < items.size(); ++i) {
    items[i].done(ResultOf(response.mutable_items(static_cast<int>(i))));
  }
}

void VariableReader::OnFailure(Items items, const absl::Status& status) {
  Items again, over;
  // The call ended with the time of its first reads; others have more.
  const bool may_pass = IsUnreachable(status);
  for (Item& item : items) {
    const bool has_time = Clock::now() + kLeastTimeLeft < item.deadline;
    (may_pass && has_time ? again : over).push_back(std::move(item));
  }
  WaitAgain(std::move(again));
  Pump();
  for (const Item& item : over) item.done(status);
}

void VariableReader::WaitAgain(Items items) {
  if (items.empty()) return;
  MutexLock lock(&mutex_);
  waiting_.insert(waiting_.begin(), std::make_move_iterator(items.begin()),
                  std::make_move_iterator(items.end()));
}

}  // namespace cronium::gateway

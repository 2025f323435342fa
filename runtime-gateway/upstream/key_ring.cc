// SPDX-License-Identifier: Apache-2.0
#include "runtime-gateway/upstream/key_ring.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/log.h"
#include "runtime-gateway/upstream/timer.h"

namespace cronium::gateway {

KeyRing::KeyRing(ControllerClient* client, const Clock* clock, Metrics* metrics,
                 absl::Duration min_interval)
    : client_(client),
      clock_(clock),
      metrics_(metrics),
      min_interval_ns_(absl::ToInt64Nanoseconds(min_interval)),
      verifier_(*TokenVerifier::Create({})),
      last_begin_ns_(clock->BoottimeNs() - min_interval_ns_) {}

KeyRing::~KeyRing() {
  Shutdown();
  MutexLock lock(&mutex_);
  while (busy_) changed_.Wait(&mutex_);
}

std::shared_ptr<const TokenVerifier> KeyRing::verifier() const {
  MutexLock lock(&mutex_);
  return verifier_;
}

bool KeyRing::has_keys() const {
  MutexLock lock(&mutex_);
  return has_keys_;
}

void KeyRing::Refresh(std::function<void(absl::Status)> done) {
  {
    MutexLock lock(&mutex_);
    if (!stopping_) {
      next_.push_back(std::move(done));
      if (!busy_) FetchWhenDue();
      return;
    }
  }
  done(StoppingError());
}

void KeyRing::Want() {
  MutexLock lock(&mutex_);
  if (!stopping_ && !busy_) FetchWhenDue();
}

void KeyRing::Shutdown() {
  MutexLock lock(&mutex_);
  stopping_ = true;
  if (pause_ != nullptr) pause_->Cancel();
}

// Always by way of an alarm, so that the fetch begins on a thread that holds nothing.
void KeyRing::FetchWhenDue() {
  busy_ = true;
  const int64_t pause_ns = std::max<int64_t>(
      0, stopping_ ? 0 : last_begin_ns_ + min_interval_ns_ - clock_->BoottimeNs());
  pause_ = StartTimer(absl::Nanoseconds(pause_ns), [this](bool /*passed*/) { Fetch(); });
}

void KeyRing::Fetch() {
  {
    MutexLock lock(&mutex_);
    last_begin_ns_ = clock_->BoottimeNs();
    current_ = std::exchange(next_, {});
  }
  metrics_->KeysFetched();
  client_->Call<v1::GetTokenKeysRequest, v1::GetTokenKeysResponse>(
      &ControllerClient::Async::GetTokenKeys, CallOptions{}, {},
      [this](CallResult<v1::GetTokenKeysResponse> result) { OnFetched(std::move(result)); });
}

void KeyRing::OnFetched(CallResult<v1::GetTokenKeysResponse> result) {
  absl::Status status = result.response.status();
  if (status.ok()) status = TakeOver(*result.response);
  if (!status.ok()) LogWarning("cannot fetch the token keys", {{"reason", status}});
  Waiters waiters;
  {
    MutexLock lock(&mutex_);
    waiters = std::exchange(current_, {});
    // Who waits for the next fetch would wait twice as long for the same failure.
    if (!status.ok()) {
      for (auto& done : std::exchange(next_, {})) waiters.push_back(std::move(done));
    }
  }
  for (const auto& done : waiters) done(status);
  MutexLock lock(&mutex_);
  if (!next_.empty()) {
    FetchWhenDue();
    return;
  }
  busy_ = false;
  changed_.NotifyAll();
}

absl::Status KeyRing::TakeOver(const v1::GetTokenKeysResponse& response) {
  if (response.issuer() != kTokenIssuer || response.audience() != kTokenAudience) {
    return absl::InternalError(absl::StrCat("the controller issues tokens as ", response.issuer(),
                                            " for ", response.audience(), "; this gateway takes ",
                                            kTokenIssuer, " for ", kTokenAudience));
  }
  std::vector<TokenPublicKey> keys;
  for (const v1::TokenKey& key : response.keys()) keys.push_back({key.id(), key.public_key_pem()});
  absl::StatusOr<std::unique_ptr<TokenVerifier>> verifier = TokenVerifier::Create(keys);
  if (!verifier.ok()) {
    return absl::InternalError(
        absl::StrCat("the controller's token keys cannot be used: ", verifier.status().message()));
  }
  LogInfo("token keys fetched", {{"keys", keys.size()}});
  MutexLock lock(&mutex_);
  verifier_ = *std::move(verifier);
  has_keys_ = true;
  return absl::OkStatus();
}

}  // namespace cronium::gateway

// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_TESTS_AGENT_RUNTIME_ANSWERS_H_
#define CRONIUM_TESTS_AGENT_RUNTIME_ANSWERS_H_

#include <chrono>
#include <future>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/runtime/container_runtime.h"

namespace cronium::agent {

// The answer of an asynchronous call, to wait for.
template <typename T>
class Answer {
 public:
  std::function<void(T)> Done() const {
    return [promise = promise_](T value) { promise->set_value(std::move(value)); };
  }
  // Waits for it; an error after two minutes, which no passing test waits for.
  T Get() {
    if (future_.wait_for(std::chrono::minutes(2)) != std::future_status::ready) {
      return absl::DeadlineExceededError("the test waited two minutes for an answer");
    }
    return future_.get();
  }
  bool Ready() const {
    return future_.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
  }

 private:
  std::shared_ptr<std::promise<T>> promise_ = std::make_shared<std::promise<T>>();
  std::future<T> future_ = promise_->get_future();
};

// The runtime's calls as ordinary functions.
class Blocking {
 public:
  explicit Blocking(ContainerRuntime* runtime) : runtime_(runtime) {}

  absl::Status PrepareImage(const std::string& image) {
    Answer<absl::Status> answer;
    runtime_->PrepareImage(image, nullptr, answer.Done());
    return answer.Get();
  }
  absl::StatusOr<std::string> Create(const ContainerConfig& config) {
    Answer<absl::StatusOr<std::string>> answer;
    runtime_->Create(config, answer.Done());
    return answer.Get();
  }
  absl::Status Start(const std::string& name) {
    Answer<absl::Status> answer;
    runtime_->Start(name, answer.Done());
    return answer.Get();
  }
  absl::StatusOr<ExitInfo> Wait(const std::string& name) {
    Answer<absl::StatusOr<ExitInfo>> answer;
    runtime_->Wait(name, answer.Done());
    return answer.Get();
  }
  absl::Status Kill(const std::string& name, int signal) {
    Answer<absl::Status> answer;
    runtime_->Kill(name, signal, answer.Done());
    return answer.Get();
  }
  absl::Status Remove(const std::string& name, bool force) {
    Answer<absl::Status> answer;
    runtime_->Remove(name, force, answer.Done());
    return answer.Get();
  }
  absl::StatusOr<std::vector<ContainerInfo>> List(
      const std::map<std::string, std::string>& labels) {
    Answer<absl::StatusOr<std::vector<ContainerInfo>>> answer;
    runtime_->ListOurs(labels, answer.Done());
    return answer.Get();
  }
  absl::StatusOr<EngineInfo> Ping() {
    Answer<absl::StatusOr<EngineInfo>> answer;
    runtime_->Ping(answer.Done());
    return answer.Get();
  }

 private:
  ContainerRuntime* const runtime_;
};

}  // namespace cronium::agent

#endif  // CRONIUM_TESTS_AGENT_RUNTIME_ANSWERS_H_

// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_TESTS_RUNTIME_GATEWAY_HTTP_FAKE_CONTROLLER_H_
#define CRONIUM_TESTS_RUNTIME_GATEWAY_HTTP_FAKE_CONTROLLER_H_

#include <grpcpp/grpcpp.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/mutex.h"
#include "common/token/token.h"
#include "cronium/v1/runtime_service.grpc.pb.h"

namespace cronium::gateway {

// A small RuntimeService that works, in memory: every call must bring a good token, and a node that
// says its name. Thread-safe.
class FakeRuntimeService final : public v1::RuntimeService::CallbackService {
 public:
  FakeRuntimeService();

  // A new signing key; tokens of the old ones stay good.
  void RotateKey();
  std::string Sign(const TokenClaims& claims) const;
  // The PEM of the newest key, for those who forge.
  std::string public_key_pem() const;

  void SetInput(const std::string& json);
  std::string output() const;
  std::optional<bool> condition() const;
  // The value's JSON text; empty where it is unset.
  std::string variable(const std::string& key) const;
  void SetVariable(const std::string& key, const std::string& json);

  // The next `count` calls, of any kind but GetTokenKeys, fail so, `after_effect` or instead of it.
  void FailNext(int count, const absl::Status& status, bool after_effect = false);
  // Calls are kept waiting while this is on, GetTokenKeys excepted.
  void Hold(bool on);
  // Returns when that many calls wait.
  void AwaitHeld(int count);

  // What the next tool actions are answered.
  void SetActionAnswer(const v1::ExecuteToolActionResponse& answer);
  v1::ExecuteToolActionRequest last_action() const;
  // How many variables one call has asked for, at most.
  int most_reads() const;
  // Of one call that asks for more; as where values are large.
  void AnswerAtMost(int reads);

  int key_fetches() const;
  int calls() const;
  // The node that the last call's certificate named, or else what it brought as cronium-dev-node.
  std::string last_node() const;
  // Of the last call that changes something.
  std::string last_idempotency_key() const;

 private:
  using Reactor = grpc::ServerUnaryReactor;
  using Context = grpc::CallbackServerContext;
  struct Entry {
    std::string json;
    int64_t revision;
  };

  Reactor* GetTokenKeys(Context* context, const v1::GetTokenKeysRequest*,
                        v1::GetTokenKeysResponse* response) override;
  Reactor* GetInput(Context* context, const v1::GetInputRequest*,
                    v1::GetInputResponse* response) override;
  Reactor* SetOutput(Context* context, const v1::SetOutputRequest* request,
                     v1::SetOutputResponse*) override;
  Reactor* GetContext(Context* context, const v1::GetContextRequest*,
                      v1::GetContextResponse* response) override;
  Reactor* GetCondition(Context* context, const v1::GetConditionRequest*,
                        v1::GetConditionResponse* response) override;
  Reactor* SetCondition(Context* context, const v1::SetConditionRequest* request,
                        v1::SetConditionResponse*) override;
  Reactor* ReadVariables(Context* context, const v1::ReadVariablesRequest* request,
                         v1::ReadVariablesResponse* response) override;
  Reactor* ScanVariables(Context* context, const v1::ScanVariablesRequest* request,
                         v1::ScanVariablesResponse* response) override;
  Reactor* WriteVariable(Context* context, const v1::WriteVariableRequest* request,
                         v1::WriteVariableResponse* response) override;
  Reactor* RemoveVariable(Context* context, const v1::RemoveVariableRequest* request,
                          v1::RemoveVariableResponse*) override;
  // Adds integers, once for each key.
  Reactor* IncrementVariable(Context* context, const v1::IncrementVariableRequest* request,
                             v1::IncrementVariableResponse* response) override;
  Reactor* AppendVariable(Context* context, const v1::AppendVariableRequest* request,
                          v1::AppendVariableResponse* response) override;

  Reactor* ExecuteToolAction(Context* context, const v1::ExecuteToolActionRequest* request,
                             v1::ExecuteToolActionResponse* response) override;

  // Checks who calls, then runs work under the lock and finishes the call with what it returns; or
  // keeps it, see Hold.
  Reactor* Answer(Context* context, std::function<absl::Status(const TokenClaims&)> work);
  // The same for a call of the node itself.
  Reactor* AnswerNode(Context* context, std::function<absl::Status()> work);
  Reactor* AnswerAs(Context* context, absl::StatusOr<TokenClaims> claims,
                    std::function<absl::Status(const TokenClaims&)> work)
      ABSL_LOCKS_EXCLUDED(mutex_);
  absl::Status AuthenticateNode(const Context& context) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::StatusOr<TokenClaims> Authenticate(const Context& context)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status RunWork(const TokenClaims& claims,
                       const std::function<absl::Status(const TokenClaims&)>& work)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void ResetVerifier() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  mutable Mutex mutex_;
  CondVar changed_;
  std::vector<std::unique_ptr<TokenSigner>> signers_ ABSL_GUARDED_BY(mutex_);
  std::unique_ptr<TokenVerifier> verifier_ ABSL_GUARDED_BY(mutex_);
  std::string input_ ABSL_GUARDED_BY(mutex_) = "null";
  std::string output_ ABSL_GUARDED_BY(mutex_);
  v1::ExecuteToolActionRequest last_action_ ABSL_GUARDED_BY(mutex_);
  v1::ExecuteToolActionResponse action_answer_ ABSL_GUARDED_BY(mutex_);
  std::optional<bool> condition_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, Entry> variables_ ABSL_GUARDED_BY(mutex_);
  int64_t revision_ ABSL_GUARDED_BY(mutex_) = 0;
  int failures_left_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Status failure_ ABSL_GUARDED_BY(mutex_);
  bool fail_after_effect_ ABSL_GUARDED_BY(mutex_) = false;
  bool hold_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::function<void()>> held_ ABSL_GUARDED_BY(mutex_);
  int most_reads_ ABSL_GUARDED_BY(mutex_) = 0;
  int most_answers_ ABSL_GUARDED_BY(mutex_) = 256;
  int key_fetches_ ABSL_GUARDED_BY(mutex_) = 0;
  int calls_ ABSL_GUARDED_BY(mutex_) = 0;
  std::string last_node_ ABSL_GUARDED_BY(mutex_);
  std::string last_idempotency_key_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, v1::IncrementVariableResponse> counted_ ABSL_GUARDED_BY(mutex_);
};

// Serves a FakeRuntimeService on a free port of the loopback, which it keeps when it goes away and
// comes back.
class FakeController {
 public:
  // In clear text, unless credentials are given.
  explicit FakeController(std::shared_ptr<grpc::ServerCredentials> credentials = nullptr);
  ~FakeController();

  FakeRuntimeService* service() { return &service_; }
  // HOST:PORT.
  const std::string& address() const { return address_; }

  // Breaks every connection and refuses new ones.
  void GoAway();
  void ComeBack();

 private:
  const std::shared_ptr<grpc::ServerCredentials> credentials_;
  FakeRuntimeService service_;
  std::string address_ = "127.0.0.1:0";
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace cronium::gateway

#endif  // CRONIUM_TESTS_RUNTIME_GATEWAY_HTTP_FAKE_CONTROLLER_H_

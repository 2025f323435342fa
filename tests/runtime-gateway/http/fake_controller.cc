// SPDX-License-Identifier: Apache-2.0
#include "tests/runtime-gateway/http/fake_controller.h"

#include <gtest/gtest.h>

#include <chrono>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/error.h"
#include "common/rpc/credentials.h"
#include "common/rpc/status.h"

namespace cronium::gateway {
namespace {

std::string MetadataOf(const grpc::CallbackServerContext& context, const char* key) {
  const auto found = context.client_metadata().find(key);
  return found == context.client_metadata().end()
             ? ""
             : std::string(found->second.data(), found->second.size());
}

absl::Status NotFound(const std::string& key) {
  return MakeError(absl::StatusCode::kNotFound, "VARIABLE_NOT_FOUND",
                   absl::StrCat("there is no variable ", key));
}

std::string EtagOf(int64_t revision) { return absl::StrCat("r", revision); }

}  // namespace

FakeRuntimeService::FakeRuntimeService() { RotateKey(); }

void FakeRuntimeService::RotateKey() {
  MutexLock lock(&mutex_);
  signers_.push_back(TokenSigner::FromPem(TokenSigner::GenerateKeyPem().value()).value());
  ResetVerifier();
}

void FakeRuntimeService::ResetVerifier() {
  std::vector<TokenPublicKey> keys;
  for (const auto& signer : signers_) keys.push_back(signer->public_key());
  verifier_ = TokenVerifier::Create(keys).value();
}

std::string FakeRuntimeService::Sign(const TokenClaims& claims) const {
  MutexLock lock(&mutex_);
  return signers_.back()->Sign(claims).value();
}

std::string FakeRuntimeService::public_key_pem() const {
  MutexLock lock(&mutex_);
  return signers_.back()->public_key().pem;
}

void FakeRuntimeService::SetInput(const std::string& json) {
  MutexLock lock(&mutex_);
  input_ = json;
}

std::string FakeRuntimeService::output() const {
  MutexLock lock(&mutex_);
  return output_;
}

std::optional<bool> FakeRuntimeService::condition() const {
  MutexLock lock(&mutex_);
  return condition_;
}

std::string FakeRuntimeService::variable(const std::string& key) const {
  MutexLock lock(&mutex_);
  const auto found = variables_.find(key);
  return found == variables_.end() ? "" : found->second.json;
}

void FakeRuntimeService::SetVariable(const std::string& key, const std::string& json) {
  MutexLock lock(&mutex_);
  variables_[key] = {json, ++revision_};
}

void FakeRuntimeService::SetActionAnswer(const v1::ExecuteToolActionResponse& answer) {
  MutexLock lock(&mutex_);
  action_answer_ = answer;
}

v1::ExecuteToolActionRequest FakeRuntimeService::last_action() const {
  MutexLock lock(&mutex_);
  return last_action_;
}

void FakeRuntimeService::FailNext(int count, const absl::Status& status, bool after_effect) {
  MutexLock lock(&mutex_);
  failures_left_ = count;
  failure_ = status;
  fail_after_effect_ = after_effect;
}

void FakeRuntimeService::Hold(bool on) {
  std::vector<std::function<void()>> released;
  {
    MutexLock lock(&mutex_);
    hold_ = on;
    if (!on) released = std::exchange(held_, {});
  }
  for (const auto& finish : released) finish();
}

void FakeRuntimeService::AwaitHeld(int count) {
  MutexLock lock(&mutex_);
  while (static_cast<int>(held_.size()) < count) changed_.Wait(&mutex_);
}

int FakeRuntimeService::most_reads() const {
  MutexLock lock(&mutex_);
  return most_reads_;
}

void FakeRuntimeService::AnswerAtMost(int reads) {
  MutexLock lock(&mutex_);
  most_answers_ = reads;
}

int FakeRuntimeService::key_fetches() const {
  MutexLock lock(&mutex_);
  return key_fetches_;
}

int FakeRuntimeService::calls() const {
  MutexLock lock(&mutex_);
  return calls_;
}

std::string FakeRuntimeService::last_node() const {
  MutexLock lock(&mutex_);
  return last_node_;
}

std::string FakeRuntimeService::last_idempotency_key() const {
  MutexLock lock(&mutex_);
  return last_idempotency_key_;
}

absl::Status FakeRuntimeService::AuthenticateNode(const Context& context) {
  const std::optional<PeerIdentity> peer = PeerOf(*context.auth_context());
  last_node_ = peer.has_value() ? peer->node : MetadataOf(context, "cronium-dev-node");
  if (!last_node_.empty()) return absl::OkStatus();
  return MakeError(absl::StatusCode::kUnauthenticated, "NODE_CERTIFICATE_REQUIRED",
                   "this call is for nodes");
}

absl::StatusOr<TokenClaims> FakeRuntimeService::Authenticate(const Context& context) {
  if (absl::Status node = AuthenticateNode(context); !node.ok()) return node;
  return verifier_->Verify(MetadataOf(context, "cronium-execution-token"), absl::Now());
}

absl::Status FakeRuntimeService::RunWork(
    const TokenClaims& claims, const std::function<absl::Status(const TokenClaims&)>& work) {
  ++calls_;
  const bool fail = failures_left_ > 0;
  if (fail) --failures_left_;
  if (fail && !fail_after_effect_) return failure_;
  absl::Status status = work(claims);
  return fail ? failure_ : status;
}

grpc::ServerUnaryReactor* FakeRuntimeService::Answer(
    Context* context, std::function<absl::Status(const TokenClaims&)> work) {
  absl::StatusOr<TokenClaims> claims;
  {
    MutexLock lock(&mutex_);
    claims = Authenticate(*context);
  }
  return AnswerAs(context, std::move(claims), std::move(work));
}

grpc::ServerUnaryReactor* FakeRuntimeService::AnswerNode(Context* context,
                                                         std::function<absl::Status()> work) {
  absl::StatusOr<TokenClaims> claims = TokenClaims();
  {
    MutexLock lock(&mutex_);
    if (absl::Status node = AuthenticateNode(*context); !node.ok()) claims = node;
  }
  return AnswerAs(context, std::move(claims),
                  [work = std::move(work)](const TokenClaims&) { return work(); });
}

grpc::ServerUnaryReactor* FakeRuntimeService::AnswerAs(
    Context* context, absl::StatusOr<TokenClaims> claims,
    std::function<absl::Status(const TokenClaims&)> work) {
  Reactor* reactor = context->DefaultReactor();
  absl::Status status = claims.status();
  if (status.ok()) {
    MutexLock lock(&mutex_);
    if (hold_) {
      held_.push_back([this, reactor, work = std::move(work), claims = *claims] {
        absl::Status late;
        {
          MutexLock late_lock(&mutex_);
          late = RunWork(claims, work);
        }
        reactor->Finish(ToGrpcStatus(late));
      });
      changed_.NotifyAll();
      return reactor;
    }
    status = RunWork(*claims, work);
  }
  reactor->Finish(ToGrpcStatus(status));
  return reactor;
}

grpc::ServerUnaryReactor* FakeRuntimeService::GetTokenKeys(Context* context,
                                                           const v1::GetTokenKeysRequest*,
                                                           v1::GetTokenKeysResponse* response) {
  Reactor* reactor = context->DefaultReactor();
  {
    MutexLock lock(&mutex_);
    ++key_fetches_;
    for (auto it = signers_.rbegin(); it != signers_.rend(); ++it) {
      v1::TokenKey* key = response->add_keys();
      key->set_id((*it)->public_key().id);
      key->set_public_key_pem((*it)->public_key().pem);
    }
  }
  response->set_issuer(std::string(kTokenIssuer));
  response->set_audience(std::string(kTokenAudience));
  reactor->Finish(grpc::Status::OK);
  return reactor;
}

grpc::ServerUnaryReactor* FakeRuntimeService::GetInput(Context* context, const v1::GetInputRequest*,
                                                       v1::GetInputResponse* response) {
  return Answer(context, [this, response](const TokenClaims&) ABSL_NO_THREAD_SAFETY_ANALYSIS {
    response->set_input_json(input_);
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* FakeRuntimeService::SetOutput(Context* context,
                                                        const v1::SetOutputRequest* request,
                                                        v1::SetOutputResponse*) {
  return Answer(context, [this, request](const TokenClaims&) ABSL_NO_THREAD_SAFETY_ANALYSIS {
    last_idempotency_key_ = request->idempotency_key();
    output_ = request->output_json();
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* FakeRuntimeService::ExecuteToolAction(
    Context* context, const v1::ExecuteToolActionRequest* request,
    v1::ExecuteToolActionResponse* response) {
  const auto work = [this, request, response](const TokenClaims&) ABSL_NO_THREAD_SAFETY_ANALYSIS {
    last_action_ = *request;
    *response = action_answer_;
    return absl::OkStatus();
  };
  return Answer(context, work);
}

grpc::ServerUnaryReactor* FakeRuntimeService::GetContext(Context* context,
                                                         const v1::GetContextRequest*,
                                                         v1::GetContextResponse* response) {
  return Answer(context, [response](const TokenClaims& claims) {
    response->set_execution_id(claims.execution_id);
    response->set_job_id(claims.job_id);
    response->set_event_id(claims.event_id);
    response->set_event_name("nightly \"report\"");
    response->set_event_type("script");
    response->set_user_id(claims.user_id);
    response->mutable_start_time()->set_seconds(1'700'000'000);
    response->mutable_start_time()->set_nanos(250'000'000);
    response->set_attempt(2);
    (*response->mutable_metadata()->mutable_fields())["team"].set_string_value("ops");
    response->set_namespace_("default");
    response->set_node("web-1");
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* FakeRuntimeService::GetCondition(Context* context,
                                                           const v1::GetConditionRequest*,
                                                           v1::GetConditionResponse* response) {
  return Answer(context, [this, response](const TokenClaims&) ABSL_NO_THREAD_SAFETY_ANALYSIS {
    if (condition_.has_value()) response->set_condition(*condition_);
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* FakeRuntimeService::SetCondition(Context* context,
                                                           const v1::SetConditionRequest* request,
                                                           v1::SetConditionResponse*) {
  return Answer(context, [this, request](const TokenClaims&) ABSL_NO_THREAD_SAFETY_ANALYSIS {
    last_idempotency_key_ = request->idempotency_key();
    condition_ = request->condition();
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* FakeRuntimeService::ReadVariables(Context* context,
                                                            const v1::ReadVariablesRequest* request,
                                                            v1::ReadVariablesResponse* response) {
  return AnswerNode(context, [this, request, response]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    most_reads_ = std::max(most_reads_, request->items_size());
    for (const auto& item : request->items()) {
      if (response->items_size() == most_answers_) break;
      v1::ReadVariablesResponse::Item* out = response->add_items();
      const auto claims =
          verifier_->Verify(request->execution_tokens(item.execution_token()), absl::Now());
      const auto found = variables_.find(item.key());
      if (!claims.ok() || found == variables_.end()) {
        *out->mutable_error() = ToProto(claims.ok() ? NotFound(item.key()) : claims.status());
        continue;
      }
      out->mutable_variable()->set_key(item.key());
      out->mutable_variable()->set_value_json(found->second.json);
      out->mutable_variable()->set_etag(EtagOf(found->second.revision));
    }
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* FakeRuntimeService::ScanVariables(Context* context,
                                                            const v1::ScanVariablesRequest* request,
                                                            v1::ScanVariablesResponse* response) {
  return Answer(
      context,
      [this, request, response](const TokenClaims&) ABSL_NO_THREAD_SAFETY_ANALYSIS -> absl::Status {
        const int page_size = request->page_size() == 0 ? 100 : request->page_size();
        // The page token is the last key of the page before.
        auto it = request->page_token().empty() ? variables_.lower_bound(request->prefix())
                                                : variables_.upper_bound(request->page_token());
        for (; it != variables_.end() && absl::StartsWith(it->first, request->prefix()); ++it) {
          if (response->variables_size() == page_size) {
            response->set_next_page_token(response->variables(page_size - 1).key());
            break;
          }
          v1::Variable* variable = response->add_variables();
          variable->set_key(it->first);
          variable->set_value_json(it->second.json);
        }
        return absl::OkStatus();
      });
}

grpc::ServerUnaryReactor* FakeRuntimeService::WriteVariable(Context* context,
                                                            const v1::WriteVariableRequest* request,
                                                            v1::WriteVariableResponse* response) {
  return Answer(
      context,
      [this, request, response](const TokenClaims&) ABSL_NO_THREAD_SAFETY_ANALYSIS -> absl::Status {
        last_idempotency_key_ = request->idempotency_key();
        const auto found = variables_.find(request->key());
        if (!request->etag().empty() &&
            (found == variables_.end() || EtagOf(found->second.revision) != request->etag())) {
          return MakeError(absl::StatusCode::kAborted, "ETAG_MISMATCH", "changed meanwhile");
        }
        variables_[request->key()] = {request->value_json(), ++revision_};
        response->set_etag(EtagOf(revision_));
        return absl::OkStatus();
      });
}

grpc::ServerUnaryReactor* FakeRuntimeService::RemoveVariable(
    Context* context, const v1::RemoveVariableRequest* request, v1::RemoveVariableResponse*) {
  return Answer(
      context, [this, request](const TokenClaims&) ABSL_NO_THREAD_SAFETY_ANALYSIS -> absl::Status {
        last_idempotency_key_ = request->idempotency_key();
        const auto found = variables_.find(request->key());
        if (found == variables_.end()) return NotFound(request->key());
        if (!request->etag().empty() && EtagOf(found->second.revision) != request->etag()) {
          return MakeError(absl::StatusCode::kAborted, "ETAG_MISMATCH", "changed meanwhile");
        }
        variables_.erase(found);
        return absl::OkStatus();
      });
}

grpc::ServerUnaryReactor* FakeRuntimeService::IncrementVariable(
    Context* context, const v1::IncrementVariableRequest* request,
    v1::IncrementVariableResponse* response) {
  return Answer(context,
                [this, request, response](const TokenClaims&)
                    ABSL_NO_THREAD_SAFETY_ANALYSIS -> absl::Status {
                      last_idempotency_key_ = request->idempotency_key();
                      const auto counted = counted_.find(request->idempotency_key());
                      if (counted != counted_.end() && !counted->first.empty()) {
                        *response = counted->second;
                        return absl::OkStatus();
                      }
                      Entry& entry = variables_[request->key()];
                      int64_t present = 0, by = 0;
                      if (!absl::SimpleAtoi(request->by_json(), &by) ||
                          (!entry.json.empty() && !absl::SimpleAtoi(entry.json, &present))) {
                        return absl::FailedPreconditionError("only integers are added here");
                      }
                      entry = {absl::StrCat(present + by), ++revision_};
                      response->set_value_json(entry.json);
                      response->set_etag(EtagOf(entry.revision));
                      counted_[request->idempotency_key()] = *response;
                      return absl::OkStatus();
                    });
}

grpc::ServerUnaryReactor* FakeRuntimeService::AppendVariable(
    Context* context, const v1::AppendVariableRequest* request,
    v1::AppendVariableResponse* response) {
  return Answer(context,
                [this, request, response](const TokenClaims&)
                    ABSL_NO_THREAD_SAFETY_ANALYSIS -> absl::Status {
                      last_idempotency_key_ = request->idempotency_key();
                      const auto inner = [](const std::string& quoted) {
                        return quoted.empty() ? "" : quoted.substr(1, quoted.size() - 2);
                      };
                      Entry& entry = variables_[request->key()];
                      const std::string present = inner(entry.json);
                      entry = {absl::StrCat("\"", present,
                                            present.empty() ? "" : inner(request->separator_json()),
                                            inner(request->text_json()), "\""),
                               ++revision_};
                      response->set_etag(EtagOf(revision_));
                      return absl::OkStatus();
                    });
}

FakeController::FakeController(std::shared_ptr<grpc::ServerCredentials> credentials)
    : credentials_(credentials == nullptr ? DevServerCredentials() : std::move(credentials)) {
  ComeBack();
}

FakeController::~FakeController() { GoAway(); }

void FakeController::GoAway() {
  if (server_ == nullptr) return;
  service_.Hold(false);
  server_->Shutdown(std::chrono::system_clock::now());
  server_.reset();
}

void FakeController::ComeBack() {
  grpc::ServerBuilder builder;
  int port = 0;
  ApplyServerArguments(&builder, 16 << 20);
  builder.AddListeningPort(address_, credentials_, &port);
  builder.RegisterService(&service_);
  server_ = builder.BuildAndStart();
  if (server_ == nullptr) {
    ADD_FAILURE() << "cannot listen on " << address_;
    return;
  }
  address_ = absl::StrCat("127.0.0.1:", port);
}

}  // namespace cronium::gateway

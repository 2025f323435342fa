// SPDX-License-Identifier: Apache-2.0
#include "controller/api/variables.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/error.h"
#include "common/json.h"
#include "common/proto_time.h"
#include "controller/api/page_token.h"
#include "controller/core/variable_math.h"

namespace cronium::controller {
namespace {

constexpr size_t kMaxKeyBytes = 256;

absl::Status CheckJsonString(absl::string_view field, const std::string& json) {
  Violations violations;
  if (absl::Status valid = ValidateJson(json); !valid.ok()) {
    violations.Add(field, valid.message());
  } else if (!IsJsonString(json)) {
    violations.Add(field, "is not a string");
  }
  return violations.ToStatus();
}

}  // namespace

void CommitOne(const Services& services, Change change, VariableDone done) {
  std::vector<Change> changes;
  changes.push_back(std::move(change));
  services.commit(std::move(changes),
                  [done = std::move(done)](absl::StatusOr<std::vector<ChangeResult>> results) {
                    done(results.ok() ? results->front() : results.status());
                  });
}

absl::Status CheckVariableKey(const std::string& key) {
  Violations violations;
  if (key.empty() || key.size() > kMaxKeyBytes) {
    violations.Add("key",
                   absl::StrCat("has ", key.size(), " bytes; 1 to ", kMaxKeyBytes, " are allowed"));
  } else if (!IsUtf8(key)) {
    violations.Add("key", "is not UTF-8");
  } else if (std::any_of(key.begin(), key.end(), [](char c) { return absl::ascii_iscntrl(c); })) {
    violations.Add("key", "must not hold control characters");
  }
  return violations.ToStatus();
}

absl::StatusOr<v1::Variable> ReadVariable(const Services& services, const std::string& name_space,
                                          const std::string& key) {
  if (absl::Status status = CheckVariableKey(key); !status.ok()) return status;
  return services.store->GetVariable(name_space, key);
}

absl::StatusOr<VariablePage> ListVariables(const Services& services, const std::string& name_space,
                                           const std::string& prefix, int page_size,
                                           const std::string& page_token) {
  absl::StatusOr<int> size = ResolvePageSize(page_size);
  if (!size.ok()) return size.status();
  const std::string list = absl::StrCat("variables/", name_space, "/", prefix);
  absl::StatusOr<std::string> after = ReadPageToken(list, page_token);
  if (!after.ok()) return after.status();
  VariableQuery query;
  query.name_space = name_space;
  query.prefix = prefix;
  query.after_key = *std::move(after);
  query.limit = *size;
  absl::StatusOr<Page<v1::Variable>> stored = services.store->ListVariables(query);
  if (!stored.ok()) return stored.status();
  VariablePage page;
  page.variables = std::move(stored->items);
  if (stored->more) page.next_page_token = MakePageToken(list, page.variables.back().key());
  return page;
}

void WriteVariable(const Services& services, v1::Variable variable, const std::string& etag,
                   IdempotencyKey once, VariableDone done) {
  if (absl::Status status = CheckVariableKey(variable.key()); !status.ok()) return done(status);
  Violations violations;
  if (variable.value_json().size() > kMaxVariableBytes) {
    violations.Add("value_json",
                   absl::StrCat("has ", variable.value_json().size(), " bytes; at most ",
                                kMaxVariableBytes, " are allowed"));
  } else if (absl::Status json = ValidateJson(variable.value_json()); !json.ok()) {
    violations.Add("value_json", json.message());
  }
  if (!violations.empty()) return done(violations.ToStatus());
  SetTime(services.clock->Now(), variable.mutable_update_time());
  CommitOne(services, SetVariable{std::move(variable), etag, std::move(once)}, std::move(done));
}

void RemoveVariable(const Services& services, const std::string& name_space, const std::string& key,
                    const std::string& etag, IdempotencyKey once, Done done) {
  if (absl::Status status = CheckVariableKey(key); !status.ok()) return done(status);
  CommitOne(
      services, DeleteVariable{name_space, key, etag, std::move(once)},
      [done = std::move(done)](absl::StatusOr<std::string> result) { done(result.status()); });
}

void Increment(const Services& services, IncrementVariable change,
               std::function<void(absl::StatusOr<v1::Variable>)> done) {
  absl::Status status = CheckVariableKey(change.variable.key());
  if (status.ok() && !IsJsonNumber(change.by_json)) {
    Violations violations;
    violations.Add("by_json", "is not a number");
    status = violations.ToStatus();
  }
  if (!status.ok()) return done(status);
  SetTime(services.clock->Now(), change.variable.mutable_update_time());
  CommitOne(services, std::move(change), [done = std::move(done)](const ChangeResult& result) {
    v1::Variable variable;
    if (result.ok() && variable.ParseFromString(*result)) return done(std::move(variable));
    done(result.ok() ? absl::DataLossError("the store's result of an increment is damaged")
                     : result.status());
  });
}

void Append(const Services& services, AppendVariable change, VariableDone done) {
  if (change.separator_json.empty()) change.separator_json = "\"\"";
  for (const absl::Status& status :
       {CheckVariableKey(change.variable.key()), CheckJsonString("text_json", change.text_json),
        CheckJsonString("separator_json", change.separator_json)}) {
    if (!status.ok()) return done(status);
  }
  SetTime(services.clock->Now(), change.variable.mutable_update_time());
  CommitOne(services, std::move(change), std::move(done));
}

}  // namespace cronium::controller

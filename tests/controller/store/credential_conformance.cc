// SPDX-License-Identifier: Apache-2.0
// Credentials and audit records, of every store.
#include <gmock/gmock.h>

#include "absl/strings/str_cat.h"
#include "common/error.h"
#include "common/proto_time.h"
#include "tests/controller/store/store_conformance.h"

namespace cronium::controller {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

InsertCredential MakeInsert(const std::string& name, std::vector<std::string> namespaces,
                            v1::CredentialKind kind = v1::CREDENTIAL_KIND_SMTP) {
  InsertCredential insert;
  insert.credential.set_name(name);
  insert.credential.set_kind(kind);
  for (const std::string& name_space : namespaces) insert.credential.add_namespaces(name_space);
  insert.credential.set_target("mail.example.org:587");
  insert.sealed = std::string("\0sealed\xff", 8);
  return insert;
}

AppendAudit MakeAudit(const std::string& job, int64_t seconds,
                      const std::string& name_space = "default") {
  AppendAudit append;
  append.record.set_namespace_(name_space);
  append.record.set_job_id(job);
  append.record.set_tool("email");
  append.record.mutable_time()->set_seconds(seconds);
  return append;
}

std::vector<std::string> Names(const absl::StatusOr<Page<StoredCredential>>& page) {
  std::vector<std::string> names;
  EXPECT_TRUE(page.ok()) << page.status();
  if (page.ok()) {
    for (const StoredCredential& item : page->items) names.push_back(item.credential.name());
  }
  return names;
}

std::vector<std::string> Jobs(const absl::StatusOr<Page<v1::AuditRecord>>& page) {
  std::vector<std::string> jobs;
  EXPECT_TRUE(page.ok()) << page.status();
  if (page.ok()) {
    for (const v1::AuditRecord& record : page->items) jobs.push_back(record.job_id());
  }
  return jobs;
}

}  // namespace

TEST_P(StoreConformance, ACredentialComesBackAsItWasPutAlsoAfterReopening) {
  const std::string etag = CommitOne(MakeInsert("ops", {"default", "team-b"}));
  Reopen();
  const auto stored = store().GetCredential("ops");
  ASSERT_TRUE(stored.ok()) << stored.status();
  EXPECT_EQ(stored->sealed, std::string("\0sealed\xff", 8));
  EXPECT_EQ(stored->credential.etag(), etag);
  EXPECT_THAT(stored->credential.namespaces(), ElementsAre("default", "team-b"));
  EXPECT_FALSE(stored->credential.has_last_use_time());
}

TEST_P(StoreConformance, ACredentialsNameIsTakenOnce) {
  CommitOne(MakeInsert("ops", {}));
  EXPECT_EQ(ErrorReason(Commit({MakeInsert("ops", {})})[0].status()), "CREDENTIAL_EXISTS");
  EXPECT_EQ(ErrorReason(store().GetCredential("other").status()), "CREDENTIAL_NOT_FOUND");
}

TEST_P(StoreConformance, CredentialsAreListedByGrantAndKind) {
  CommitOne(MakeInsert("b", {"default"}));
  CommitOne(MakeInsert("a", {"default", "team-b"}, v1::CREDENTIAL_KIND_SLACK));
  CommitOne(MakeInsert("c", {"team-b"}));
  EXPECT_THAT(Names(store().ListCredentials({})), ElementsAre("a", "b", "c"));
  EXPECT_THAT(Names(store().ListCredentials({.name_space = "default"})), ElementsAre("a", "b"));
  EXPECT_THAT(
      Names(store().ListCredentials({.name_space = "team-b", .kind = v1::CREDENTIAL_KIND_SMTP})),
      ElementsAre("c"));
  const auto page = store().ListCredentials({.after_name = "a", .limit = 1});
  EXPECT_THAT(Names(page), ElementsAre("b"));
  EXPECT_TRUE(page->more);
  EXPECT_FALSE(store().ListCredentials({.after_name = "b", .limit = 1})->more);
}

TEST_P(StoreConformance, UpdatingACredentialTakesItsEtagAndReplacesItsGrants) {
  const std::string etag = CommitOne(MakeInsert("ops", {"default"}));
  UpdateCredential update;
  update.credential = MakeInsert("ops", {"team-b"}).credential;
  update.sealed = "new";
  update.expected_etag = "no-such";
  EXPECT_EQ(ErrorReason(Commit({update})[0].status()), "ETAG_MISMATCH");
  update.expected_etag = etag;
  const std::string next = CommitOne(update);
  EXPECT_NE(next, etag);
  EXPECT_THAT(Names(store().ListCredentials({.name_space = "default"})), IsEmpty());
  EXPECT_EQ(store().GetCredential("ops")->sealed, "new");
  update.credential.set_name("other");
  EXPECT_EQ(ErrorReason(Commit({update})[0].status()), "CREDENTIAL_NOT_FOUND");
}

TEST_P(StoreConformance, ADeletedCredentialLeavesNoGrant) {
  const std::string etag = CommitOne(MakeInsert("ops", {"default"}));
  EXPECT_EQ(ErrorReason(Commit({DeleteCredential{"ops", "x"}})[0].status()), "ETAG_MISMATCH");
  CommitOne(DeleteCredential{"ops", etag});
  EXPECT_EQ(ErrorReason(Commit({DeleteCredential{"ops", ""}})[0].status()), "CREDENTIAL_NOT_FOUND");
  EXPECT_NE(CommitOne(MakeInsert("ops", {})), etag);
  EXPECT_THAT(Names(store().ListCredentials({.name_space = "default"})), IsEmpty());
}

TEST_P(StoreConformance, AUseIsNotedAndLeavesTheEtag) {
  const std::string etag = CommitOne(MakeInsert("ops", {}));
  CommitOne(TouchCredential{"ops", absl::FromUnixSeconds(7)});
  CommitOne(TouchCredential{"gone", absl::FromUnixSeconds(7)});
  EXPECT_EQ(store().GetCredential("ops")->credential.etag(), etag);
  EXPECT_EQ(ToTime(store().GetCredential("ops")->credential.last_use_time()),
            absl::FromUnixSeconds(7));
}

TEST_P(StoreConformance, CredentialsHaveALimit) {
  std::vector<Change> changes;
  for (int i = 0; i < kMaxCredentials; ++i) {
    changes.push_back(MakeInsert(absl::StrCat("c", i), {}));
  }
  for (const ChangeResult& result : Commit(std::move(changes))) EXPECT_TRUE(result.ok());
  EXPECT_EQ(ErrorReason(Commit({MakeInsert("one-more", {})})[0].status()), "TOO_MANY_CREDENTIALS");
}

TEST_P(StoreConformance, AuditRecordsAreNewestFirstAndFiltered) {
  for (int i = 1; i <= 4; ++i) {
    CommitOne(MakeAudit(absl::StrCat("job_", i), 100 * i, i % 2 == 0 ? "even" : "odd"));
  }
  EXPECT_THAT(Jobs(store().ListAudit({})), ElementsAre("job_4", "job_3", "job_2", "job_1"));
  EXPECT_THAT(Jobs(store().ListAudit({.name_space = "even"})), ElementsAre("job_4", "job_2"));
  EXPECT_THAT(Jobs(store().ListAudit({.job_id = "job_3"})), ElementsAre("job_3"));
  EXPECT_THAT(Jobs(store().ListAudit(
                  {.since = absl::FromUnixSeconds(200), .until = absl::FromUnixSeconds(400)})),
              ElementsAre("job_3", "job_2"));
  const auto page = store().ListAudit({.limit = 3});
  EXPECT_TRUE(page->more);
  EXPECT_THAT(Jobs(store().ListAudit({.before_id = page->items.back().id(), .limit = 3})),
              ElementsAre("job_1"));
}

TEST_P(StoreConformance, TheOldestAuditRecordsGo) {
  AppendAudit append = MakeAudit("job_1", 1000);
  append.limits = {3, absl::Seconds(100)};
  for (int i = 1; i <= 5; ++i) {
    append.record.set_job_id(absl::StrCat("job_", i));
    CommitOne(append);
  }
  EXPECT_THAT(Jobs(store().ListAudit({})), ElementsAre("job_5", "job_4", "job_3"));
  append.record.set_job_id("later");
  append.record.mutable_time()->set_seconds(1101);
  CommitOne(append);
  EXPECT_THAT(Jobs(store().ListAudit({})), ElementsAre("later"));
}

TEST_P(StoreConformance, AnAuditRecordComesWithAChangeThatWasMadeAndWithNoOther) {
  InsertCredential insert = MakeInsert("ops", {});
  insert.audit = MakeAudit("made", 1);
  CommitOne(insert);
  insert.audit = MakeAudit("refused", 2);
  EXPECT_FALSE(Commit({insert})[0].ok());
  EXPECT_THAT(Jobs(store().ListAudit({})), ElementsAre("made"));
}

}  // namespace cronium::controller

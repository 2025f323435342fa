// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_TESTS_CONTROLLER_STORE_STORE_CONFORMANCE_H_
#define CRONIUM_TESTS_CONTROLLER_STORE_STORE_CONFORMANCE_H_

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>

#include "controller/core/store.h"

// What every Store must do. An implementation joins with
//   INSTANTIATE_TEST_SUITE_P(Sqlite, StoreConformance, testing::Values(StoreUnderTest{...}));
namespace cronium::controller {

// One empty database, gone when destroyed.
class StoreFixture {
 public:
  virtual ~StoreFixture() = default;
  // The database opened; what was opened before is closed first.
  virtual Store& Open() = 0;
};

struct StoreUnderTest {
  std::string name;
  std::function<std::unique_ptr<StoreFixture>()> make;
};

class StoreConformance : public testing::TestWithParam<StoreUnderTest> {
 protected:
  void SetUp() override {
    fixture_ = GetParam().make();
    store_ = &fixture_->Open();
  }
  void Reopen() { store_ = &fixture_->Open(); }
  Store& store() { return *store_; }

  // Commits and expects that the commit as a whole succeeds.
  std::vector<ChangeResult> Commit(std::vector<Change> changes);
  // The same for one change, which is expected to succeed; its value.
  std::string CommitOne(Change change);
  void EndedJob(const std::string& id, int64_t create_ns, int64_t end_ns,
                const std::string& name_space = "default", const std::string& output = "12345");

 private:
  std::unique_ptr<StoreFixture> fixture_;
  Store* store_ = nullptr;
};

// The part about what scripts change: an execution exec_a of job_a is there. To be instantiated,
// too.
class EffectsConformance : public StoreConformance {
 protected:
  void SetUp() override;
  // Ends exec_a.
  void End(int64_t end_time_s);
  // Of a variable in `default`; "not there".
  std::string Value(const std::string& key);
};

}  // namespace cronium::controller

#endif  // CRONIUM_TESTS_CONTROLLER_STORE_STORE_CONFORMANCE_H_

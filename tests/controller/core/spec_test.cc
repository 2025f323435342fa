// SPDX-License-Identifier: Apache-2.0
#include "controller/core/spec.h"

#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "common/error.h"
#include "google/rpc/error_details.pb.h"

namespace cronium::controller {
namespace {

v1::JobSpec Valid() {
  v1::JobSpec spec;
  spec.mutable_container()->set_image("cronium/bash");
  spec.mutable_container()->mutable_script()->set_content("echo hello");
  return spec;
}

std::string Fields(const absl::Status& status) {
  std::string fields;
  const google::rpc::Status proto = ToProto(status);
  for (const auto& detail : proto.details()) {
    google::rpc::BadRequest bad;
    if (!detail.UnpackTo(&bad)) continue;
    for (const auto& violation : bad.field_violations()) fields += violation.field() + ";";
  }
  return fields;
}

TEST(Spec, WithAnImageAndAScriptIsEnough) { EXPECT_TRUE(ValidateSpec(Valid(), "spec").ok()); }

TEST(Spec, ThatIsEmptyNamesWhatIsMissing) {
  EXPECT_EQ(Fields(ValidateSpec({}, "spec")), "spec.container;");
  v1::JobSpec spec;
  spec.mutable_container();
  EXPECT_EQ(Fields(ValidateSpec(spec, "spec")),
            "spec.container.image;spec.container.script.content;");
}

struct Case {
  const char* field;
  std::function<void(v1::JobSpec*)> spoil;
};

class BadSpec : public testing::TestWithParam<Case> {};

TEST_P(BadSpec, NamesItsField) {
  v1::JobSpec spec = Valid();
  GetParam().spoil(&spec);
  const absl::Status status = ValidateSpec(spec, "spec");
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Fields(status), std::string(GetParam().field) + ";") << status;
}

INSTANTIATE_TEST_SUITE_P(
    Fields, BadSpec,
    testing::Values(
        Case{"spec.container.image", [](auto* s) { s->mutable_container()->set_image("a b"); }},
        Case{
            "spec.container.network",
            [](auto* s) { s->mutable_container()->set_network(static_cast<v1::NetworkMode>(99)); }},
        Case{"spec.on_lost", [](auto* s) { s->set_on_lost(static_cast<v1::LostAction>(9)); }},
        Case{"spec.container.user", [](auto* s) { s->mutable_container()->set_user("root"); }},
        Case{"spec.container.working_dir",
             [](auto* s) { s->mutable_container()->set_working_dir("x"); }},
        Case{"spec.container.env[1X]",
             [](auto* s) { (*s->mutable_container()->mutable_env())["1X"] = ""; }},
        Case{"spec.container.env[CRONIUM_RETRY_FOR_]",
             [](auto* s) {
               // The one that is for scripts to set.
               (*s->mutable_container()->mutable_env())["CRONIUM_RETRY_FOR"] = "10";
               (*s->mutable_container()->mutable_env())["CRONIUM_RETRY_FOR_"] = "10";
             }},
        Case{"spec.container.env[CRONIUM_JOB_ID]",
             [](auto* s) { (*s->mutable_container()->mutable_env())["CRONIUM_JOB_ID"] = ""; }},
        Case{"spec.container.resources.memory_bytes",
             [](auto* s) { s->mutable_container()->mutable_resources()->set_memory_bytes(1024); }},
        Case{"spec.container.resources.pids",
             [](auto* s) { s->mutable_container()->mutable_resources()->set_pids(-1); }},
        Case{"spec.container.script.content",
             [](auto* s) {
               s->mutable_container()->mutable_script()->set_content(
                   std::string(kMaxScriptBytes + 1, '#'));
             }},
        Case{"spec.container",
             [](auto* s) {
               s->mutable_container()->mutable_script()->set_content(
                   std::string(kMaxSpecBytes + 1, '#'));
             }},
        Case{"spec.placement.node", [](auto* s) { s->mutable_placement()->set_node("A!"); }},
        Case{"spec.input_json", [](auto* s) { s->set_input_json("{\"a\":"); }},
        Case{"spec.timeouts.run",
             [](auto* s) { s->mutable_timeouts()->mutable_run()->set_seconds(-5); }},
        Case{"spec.timeouts.run",
             [](auto* s) { s->mutable_timeouts()->mutable_run()->set_seconds(31 * 86400); }},
        Case{"spec.lost_after", [](auto* s) { s->mutable_lost_after()->set_seconds(1); }},
        Case{"spec.priority", [](auto* s) { s->set_priority(5000); }},
        Case{"spec.max_attempts", [](auto* s) { s->set_max_attempts(11); }},
        Case{"spec.labels[]", [](auto* s) { (*s->mutable_labels())[""] = "x"; }}));

TEST(Spec, ShowsItsDefaultsOnceTheyAreFilledIn) {
  v1::JobSpec spec = Valid();
  FillSpecDefaults(&spec);
  EXPECT_EQ(spec.container().resources().cpu_millis(), 500);
  EXPECT_EQ(spec.container().resources().memory_bytes(), 512 << 20);
  EXPECT_EQ(spec.container().user(), "1000:1000");
  EXPECT_EQ(spec.timeouts().run().seconds(), 3600);
  EXPECT_EQ(spec.input_json(), "null");
  const std::string once = spec.SerializeAsString();
  FillSpecDefaults(&spec);
  EXPECT_EQ(spec.SerializeAsString(), once);
  EXPECT_TRUE(ValidateSpec(spec, "spec").ok());
}

}  // namespace
}  // namespace cronium::controller

// SPDX-License-Identifier: Apache-2.0
// What the loop does with tasks and timers; transfers are tested with what uses it
// (tests/controller/outbound, tests/agent/runtime).
#include "common/curl/curl_loop.h"

#include <future>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace cronium {
namespace {

using testing::ElementsAre;

// Runs on the loop's thread and returns when it has.
void RunOn(CurlLoop* loop, std::function<void()> task) {
  std::promise<void> done;
  ASSERT_TRUE(loop->Post([&] {
    task();
    done.set_value();
  }));
  done.get_future().wait();
}

TEST(CurlLoop, RunsTasksInTheirOrderAndThoseOfTasksAfterThem) {
  CurlLoop loop({}, [] {});
  std::vector<std::string> order;
  std::promise<void> done;
  ASSERT_TRUE(loop.Post([&] {
    order.push_back("first");
    loop.Post([&] {
      order.push_back("of the first");
      done.set_value();
    });
    order.push_back("still the first");
  }));
  done.get_future().wait();
  loop.Stop();
  EXPECT_THAT(order, ElementsAre("first", "still the first", "of the first"));
}

TEST(CurlLoop, FiresTimersByWhenTheyAreDue) {
  CurlLoop loop({}, [] {});
  std::vector<int> order;
  std::promise<void> done;
  RunOn(&loop, [&] {
    loop.StartTimer(loop.NewId(), CurlDueNs(absl::Milliseconds(20)), [&](absl::Status status) {
      order.push_back(2);
      EXPECT_TRUE(status.ok());
      done.set_value();
    });
    loop.StartTimer(loop.NewId(), CurlDueNs(absl::Milliseconds(5)),
                    [&](absl::Status) { order.push_back(1); });
    const CurlLoop::Id dropped = loop.NewId();
    loop.StartTimer(dropped, CurlDueNs(absl::ZeroDuration()),
                    [&](absl::Status) { order.push_back(3); });
    loop.DropTimer(dropped);
  });
  done.get_future().wait();
  loop.Stop();
  EXPECT_THAT(order, ElementsAre(1, 2));
}

TEST(CurlLoop, EndsATimerOnce) {
  CurlLoop loop({}, [] {});
  std::vector<absl::Status> ends;
  const CurlLoop::Id id =
      loop.After(absl::Hours(1), [&](absl::Status status) { ends.push_back(status); });
  RunOn(&loop, [&] {
    loop.EndTimer(id, absl::AbortedError("enough"));
    loop.EndTimer(id, absl::AbortedError("too much"));
  });
  loop.Stop();
  EXPECT_THAT(ends, ElementsAre(absl::AbortedError("enough")));
}

TEST(CurlLoop, StoppingEndsWhatIsThereAndWhatThatAsksFor) {
  std::vector<std::string> order;
  CurlLoop loop({}, [&] { order.push_back("on_stop"); });
  loop.After(absl::Hours(1), [&](absl::Status status) {
    EXPECT_TRUE(absl::IsCancelled(status));
    order.push_back("timer");
    loop.After(absl::Hours(1), [&](absl::Status again) {
      EXPECT_TRUE(absl::IsCancelled(again));
      order.push_back("its timer");
    });
  });
  loop.Stop();
  EXPECT_THAT(order, ElementsAre("on_stop", "timer", "on_stop", "its timer"));
}

TEST(CurlLoop, TakesNothingOnceItHasStopped) {
  CurlLoop loop({}, [] {});
  loop.Stop();
  EXPECT_FALSE(loop.Post([] { FAIL(); }));
  absl::Status end;
  loop.After(absl::Hours(1), [&](absl::Status status) { end = status; });
  EXPECT_TRUE(absl::IsCancelled(end));
  loop.Stop();
}

}  // namespace
}  // namespace cronium

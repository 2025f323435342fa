// SPDX-License-Identifier: Apache-2.0
#include "common/mailbox.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <set>
#include <thread>
#include <vector>

namespace cronium {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(MailboxTest, EverythingSentIsReceivedAtOnceAndInOrder) {
  Mailbox<int> mailbox(10);
  EXPECT_TRUE(mailbox.Send(1));
  EXPECT_TRUE(mailbox.TrySend(2));
  EXPECT_TRUE(mailbox.SendUrgent(3));
  EXPECT_THAT(mailbox.Receive(), ElementsAre(1, 2, 3));
}

TEST(MailboxTest, ReceiveReturnsEmptyAfterItsTimeout) {
  Mailbox<int> mailbox(10);
  EXPECT_THAT(mailbox.Receive(std::chrono::milliseconds(1)), IsEmpty());
  EXPECT_THAT(mailbox.Receive(std::chrono::nanoseconds(0)), IsEmpty());
}

TEST(MailboxTest, AFullBoxRefusesATryAndLeavesTheItem) {
  Mailbox<std::unique_ptr<int>> mailbox(1);
  EXPECT_TRUE(mailbox.Send(std::make_unique<int>(1)));
  auto item = std::make_unique<int>(2);
  EXPECT_FALSE(mailbox.TrySend(std::move(item)));
  ASSERT_NE(item, nullptr);
  EXPECT_EQ(*item, 2);
}

TEST(MailboxTest, UrgentItemsGoPastTheCapacity) {
  Mailbox<int> mailbox(1);
  EXPECT_TRUE(mailbox.Send(1));
  EXPECT_TRUE(mailbox.SendUrgent(2));
  EXPECT_THAT(mailbox.Receive(), ElementsAre(1, 2));
}

TEST(MailboxTest, AFullBoxHoldsItsSenderUntilThereIsRoom) {
  Mailbox<int> mailbox(1);
  EXPECT_TRUE(mailbox.Send(1));
  std::thread sender([&] { EXPECT_TRUE(mailbox.Send(2)); });
  std::vector<int> received = mailbox.Receive();
  while (received.size() < 2) {
    for (int item : mailbox.Receive()) received.push_back(item);
  }
  sender.join();
  EXPECT_THAT(received, ElementsAre(1, 2));
}

TEST(MailboxTest, AClosedBoxTakesNothingMoreAndGivesWhatItHas) {
  Mailbox<int> mailbox(2);
  EXPECT_TRUE(mailbox.Send(1));
  mailbox.Close();
  EXPECT_TRUE(mailbox.closed());
  EXPECT_FALSE(mailbox.Send(2));
  EXPECT_FALSE(mailbox.TrySend(2));
  EXPECT_FALSE(mailbox.SendUrgent(2));
  EXPECT_THAT(mailbox.Receive(), ElementsAre(1));
  EXPECT_THAT(mailbox.Receive(), IsEmpty());
}

TEST(MailboxTest, ClosingWakesWhoWaitsOnEitherSide) {
  Mailbox<int> full(1);
  EXPECT_TRUE(full.Send(1));
  std::thread sender([&] { EXPECT_FALSE(full.Send(2)); });
  Mailbox<int> empty(1);
  std::thread receiver([&] { EXPECT_THAT(empty.Receive(), IsEmpty()); });
  full.Close();
  empty.Close();
  sender.join();
  receiver.join();
}

TEST(MailboxTest, ManySendersLoseNothingThroughASmallBox) {
  constexpr int kSenders = 4, kEach = 5'000;
  Mailbox<int> mailbox(3);
  std::vector<std::thread> senders;
  for (int s = 0; s < kSenders; ++s) {
    senders.emplace_back([&mailbox, s] {
      for (int i = 0; i < kEach; ++i) EXPECT_TRUE(mailbox.Send(s * kEach + i));
    });
  }
  std::vector<int> last(kSenders, -1);
  int count = 0;
  while (count < kSenders * kEach) {
    const std::vector<int> batch = mailbox.Receive();
    EXPECT_LE(batch.size(), 3u);
    for (const int item : batch) {
      EXPECT_GT(item % kEach, last[item / kEach]) << "out of order";
      last[item / kEach] = item % kEach;
      ++count;
    }
  }
  for (std::thread& sender : senders) sender.join();
}

}  // namespace
}  // namespace cronium

// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <future>
#include <random>
#include <string>

#include "job_run.h"

namespace cronium::agent::init {
namespace {

std::string RandomBytes(size_t length, unsigned seed) {
  std::mt19937 generator(seed);
  std::string bytes(length, '\0');
  for (char& c : bytes) c = static_cast<char>(generator());
  return bytes;
}

TEST(InitOutput, ComesBackByteForByteOnBothStreams) {
  JobRun job;
  const std::string out = RandomBytes(3 << 20, 1);
  const std::string err = RandomBytes(2 << 20, 2);
  std::ofstream(job.Path("out.bin"), std::ios::binary) << out;
  std::ofstream(job.Path("err.bin"), std::ios::binary) << err;
  job.WriteScript("#!/bin/sh\ncat " + job.Path("err.bin") + " >&2 & cat " + job.Path("out.bin") +
                  "; wait\n");
  job.Start();
  auto err_read = std::async(std::launch::async, [&job] { return job.err().ReadAll(); });
  EXPECT_TRUE(job.out().ReadAll() == out);
  EXPECT_TRUE(err_read.get() == err);
  EXPECT_EQ(job.Wait(), 0);
}

TEST(InitOutput, IsWaitedForUntilASlowReaderHasReadItAll) {
  JobRun job;
  job.WriteScript("#!/bin/sh\nprintf 0123456789; printf abcde >&2; exit 7\n");
  job.Start();
  job.status().AwaitStarted();
  EXPECT_EQ(job.status().ReadLine(), "ended exit 7");
  EXPECT_TRUE(job.Running());
  EXPECT_EQ(job.out().Read(9), "012345678");
  EXPECT_EQ(job.err().Read(5), "abcde");
  EXPECT_TRUE(job.Running());
  EXPECT_EQ(job.out().Read(1), "9");
  EXPECT_EQ(job.status().ReadLine(), "drained");
  EXPECT_EQ(job.Wait(), 7);
}

TEST(InitOutput, OutlivesAReaderThatDies) {
  JobRun job;
  job.WriteScript(
      "#!/bin/sh\nset -e\necho one\nread x <$GO\necho two\necho >&2\nread x <$GO\necho 3\n");
  job.Start();
  EXPECT_EQ(job.out().ReadLine(), "one");
  job.CloseOut();
  job.Go();
  job.err().ReadLine();  // "two" was written while nobody read
  job.Go();
  job.ReopenOut();
  EXPECT_EQ(job.out().ReadAll(), "two\n3\n");
  EXPECT_EQ(job.Wait(), 0);
}

TEST(InitOutput, IsKeptForAReaderThatComesAfterTheEnd) {
  JobRun job;
  job.CloseOut();
  job.WriteScript("#!/bin/sh\necho late\n");
  job.Start();
  job.status().AwaitStarted();
  EXPECT_EQ(job.status().ReadLine(), "ended exit 0");
  job.ReopenOut();
  EXPECT_EQ(job.out().ReadAll(), "late\n");
  EXPECT_EQ(job.Wait(), 0);
}

TEST(InitOutput, OfAWriterThatOutpacesItsReaderBlocksTheWriterAndLosesNothing) {
  JobRun job;
  job.WriteScript("#!/bin/sh\ni=0; while [ $i -lt 40000 ]; do echo line $i; i=$((i+1)); done\n");
  job.Start();
  std::string expected;
  for (int i = 0; i < 40000; ++i) expected += "line " + std::to_string(i) + "\n";
  std::string output;
  while (true) {
    const std::string part = job.out().Read(4999);
    output += part;
    if (part.size() < 4999) break;
  }
  EXPECT_TRUE(output == expected);
  EXPECT_EQ(job.Wait(), 0);
}

// What it says of the end must outlive it: the engine may not know.
TEST(InitOutput, IsFollowedByAStatusThatIsWaitedForToo) {
  JobRun job(/*read_status=*/false);
  job.WriteScript("#!/bin/sh\necho done; exit 3\n");
  job.Start();
  EXPECT_EQ(job.out().ReadLine(), "done");
  FifoReader status(job.Path("status"));
  EXPECT_EQ(status.ReadLine(), "starting");
  status.ReadLine();
  EXPECT_EQ(status.ReadLine(), "ended exit 3");
  EXPECT_EQ(status.Read(7), "drained");
  EXPECT_TRUE(job.Running());
  EXPECT_EQ(status.ReadAll(), "\n");
  EXPECT_EQ(job.Wait(), 3);
}

TEST(InitOutput, GoesOnWhenNobodyReadsTheStatusAndInitStaysUntilTheLeaseEnds) {
  JobRun job(/*read_status=*/false);
  job.WriteLease(std::to_string(BootNs() + 500 * kMs));
  job.WriteScript("#!/bin/sh\necho done\n");
  // More than the FIFO holds: init's own lines will not fit.
  const int fd = open(job.Path("status").c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC);
  const std::string filling(65536, 'x');
  ASSERT_EQ(write(fd, filling.data(), filling.size()), 65536);
  job.Start();
  EXPECT_EQ(job.out().ReadAll(), "done\n");
  EXPECT_EQ(job.Wait(), 0);
  close(fd);
}

}  // namespace
}  // namespace cronium::agent::init

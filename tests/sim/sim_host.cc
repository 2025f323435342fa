// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/sim_host.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "agent/logs/log_index.h"

namespace cronium::sim {

SimHost::SimHost(Scheduler* scheduler, Checker* checker, std::string name, std::string node,
                 std::string folder, AgentPeers peers)
    : scheduler_(scheduler),
      name_(std::move(name)),
      node_(std::move(node)),
      folder_(std::move(folder)),
      peers_(std::move(peers)),
      clock_(scheduler, scheduler->random()->Between(-300, 300)),
      link_(scheduler),
      engine_(scheduler, checker, this, name_) {
  std::filesystem::remove_all(folder_);
  std::filesystem::create_directories(folder_);
}

SimHost::~SimHost() {
  agent_.reset();
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

void SimHost::After(absl::Duration delay, std::function<void()> event) {
  scheduler_->After(delay, [this, boots = boots_, event = std::move(event)] {
    if (boots != boots_) return;
    if (suspended_) {
      deferred_.push_back(event);
    } else {
      event();
    }
  });
}

void SimHost::Poke() {
  if (agent_ != nullptr) agent_->OnHostEvent();
}

void SimHost::StartAgent() {
  wanted_ = true;
  if (agent_ != nullptr) return;
  scheduler_->Trace(name_, "agent starts");
  AgentSetup setup;
  setup.node = node_;
  setup.boot_id = absl::StrCat(name_, "-boot-", boots_);
  setup.new_state_id = absl::StrCat(name_, "-state-", states_);
  setup.folder = folder_;
  setup.peers = peers_;
  setup.on_died = [this] { OnAgentDied(); };
  agent_ = std::make_unique<SimAgent>(scheduler_, this, &link_, &engine_, &disk_, std::move(setup));
  agent_->SetSlow(slow_);
}

void SimHost::OnAgentDied() {
  KillAgent();
  wanted_ = true;
  After(scheduler_->random()->Between(absl::Milliseconds(100), absl::Seconds(5)), [this] {
    if (wanted_) StartAgent();
  });
}

void SimHost::KillAgent() {
  wanted_ = false;
  if (agent_ == nullptr) return;
  scheduler_->Trace(name_, "agent is killed");
  agent_.reset();
  engine_.ForgetWaiters();
}

void SimHost::StopAgent(bool stopped) {
  if (agent_ == nullptr) return;
  scheduler_->Trace(name_, stopped ? "agent is stopped" : "agent goes on");
  agent_->SetStopped(stopped);
}

void SimHost::SetSlow(absl::Duration latency) {
  slow_ = latency;
  if (agent_ != nullptr) agent_->SetSlow(latency);
}

void SimHost::Suspend(bool suspended) {
  if (suspended_ == suspended) return;
  scheduler_->Trace(name_, suspended ? "is suspended" : "resumes");
  suspended_ = suspended;
  engine_.Freeze(suspended);
  if (suspended) return;
  for (const auto& event : std::exchange(deferred_, {})) {
    scheduler_->After(absl::ZeroDuration(), [this, boots = boots_, event] {
      if (boots == boots_) event();
    });
  }
}

void SimHost::Reboot() {
  scheduler_->Trace(name_, "loses power and boots again");
  agent_.reset();
  wanted_ = false;
  ++boots_;
  suspended_ = false;
  deferred_.clear();
  clock_.Reboot();
  engine_.OnReboot();
  DamageSpool();
}

// Nothing there is synced.
void SimHost::DamageSpool() {
  std::error_code error;
  std::vector<std::string> spools;
  for (const auto& entry : std::filesystem::directory_iterator(folder_ + "/spool", error)) {
    if (entry.is_directory()) spools.push_back(entry.path().string());
  }
  std::sort(spools.begin(), spools.end());
  for (const std::string& spool : spools) {
    const uint64_t dice = scheduler_->random()->Below(4);
    if (dice == 0) {
      std::filesystem::remove_all(spool, error);
    } else if (dice == 1) {
      const std::string index = spool + "/index";
      const uint64_t size = std::filesystem::file_size(index, error);
      if (error || size <= agent::LogIndex::kHeaderBytes) continue;
      const uint64_t records =
          (size - agent::LogIndex::kHeaderBytes) / agent::LogIndex::kRecordBytes;
      const uint64_t kept = scheduler_->random()->Below(records + 1);
      std::filesystem::resize_file(
          index, agent::LogIndex::kHeaderBytes + kept * agent::LogIndex::kRecordBytes, error);
    }
  }
}

void SimHost::Wipe() {
  scheduler_->Trace(name_, "the agent's state folder is emptied");
  agent_.reset();
  wanted_ = false;
  engine_.ForgetWaiters();
  ++states_;
  disk_.content = {};
  std::filesystem::remove_all(folder_);
  std::filesystem::create_directories(folder_);
}

std::string SimHost::Leftovers() const {
  std::string text;
  for (const agent::JournaledExecution& execution : disk_.content.executions) {
    absl::StrAppend(&text, "\n  ", name_, " journal ", execution.assignment.execution_id(), " ",
                    v1::ExecutionState_Name(execution.record.state),
                    execution.record.end_acknowledged ? " acknowledged" : "",
                    execution.record.discarded ? " discarded" : "");
  }
  for (const agent::ContainerInfo& container : engine_.List({})) {
    // An engine may carry out a create long after it was answered with a timeout; what that leaves
    // never runs, and goes when the agent next starts.
    if (container.state == agent::ContainerState::kCreated) continue;
    absl::StrAppend(&text, "\n  ", name_, " container ", container.name);
  }
  return text;
}

}  // namespace cronium::sim

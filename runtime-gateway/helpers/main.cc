// SPDX-License-Identifier: Apache-2.0
// cronium-helper: one static binary, linked under each cronium_* name.
#include "runtime-gateway/helpers/command.h"

int main(int argc, char** argv) {
  return cronium::gateway::helpers::RunCommand({argv, argv + argc});
}

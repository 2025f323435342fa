// SPDX-License-Identifier: Apache-2.0
#ifndef CRONIUM_RUNTIME_GATEWAY_HELPERS_EXCHANGE_H_
#define CRONIUM_RUNTIME_GATEWAY_HELPERS_EXCHANGE_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "runtime-gateway/helpers/http_response.h"
#include "runtime-gateway/helpers/settings.h"

namespace cronium::gateway::helpers {

// CLOCK_MONOTONIC in milliseconds.
int64_t NowMs();

// Sends `request` over a new connection and reads the response, all of it before `deadline_ms`.
// Listens while it sends: a server may answer before it has read all, and read no further.
// An empty result means that `response` is whole; else it says why there is none.
std::string Exchange(const Endpoint& endpoint, std::string_view request, int64_t deadline_ms,
                     HttpResponse* response);

}  // namespace cronium::gateway::helpers

#endif  // CRONIUM_RUNTIME_GATEWAY_HELPERS_EXCHANGE_H_

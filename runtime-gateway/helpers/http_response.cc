// SPDX-License-Identifier: Apache-2.0
#include "runtime-gateway/helpers/http_response.h"

#include <algorithm>
#include <utility>

namespace cronium::gateway::helpers {
namespace {

constexpr const char* kTooLarge = "the response's body is larger than 8 MiB";

char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool EqualsIgnoringCase(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return Lower(x) == Lower(y); });
}

std::string_view Trim(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return "";
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

// Digits of `base` only, and at most 15 of them, which is far from overflow.
std::optional<size_t> ParseDigits(std::string_view text, size_t base) {
  if (text.empty() || text.size() > 15) return std::nullopt;
  size_t value = 0;
  for (const char c : text) {
    const char lower = Lower(c);
    size_t digit = base;
    if (c >= '0' && c <= '9') digit = static_cast<size_t>(c - '0');
    if (lower >= 'a' && lower <= 'f') digit = static_cast<size_t>(lower - 'a') + 10;
    if (digit >= base) return std::nullopt;
    value = value * base + digit;
  }
  return value;
}

}  // namespace

bool HttpResponse::Feed(std::string_view bytes) {
  while (!bytes.empty() && !Over()) {
    if (state_ == State::kSizedBody || state_ == State::kChunkData ||
        state_ == State::kBodyUntilEnd) {
      TakeBody(&bytes);
      continue;
    }
    const size_t newline = bytes.find('\n');
    const size_t length = newline == std::string_view::npos ? bytes.size() : newline + 1;
    if (!CountHead(length)) break;
    line_.append(bytes.substr(0, length));
    bytes.remove_prefix(length);
    if (newline == std::string_view::npos) break;
    line_.pop_back();
    if (!line_.empty() && line_.back() == '\r') line_.pop_back();
    TakeLine(line_);
    line_.clear();
  }
  return Over();
}

bool HttpResponse::CountHead(size_t bytes) {
  if (state_ == State::kChunkSize || state_ == State::kChunkEnd) {
    if (line_.size() + bytes > kMaxChunkLineBytes) Break("the response's chunks are garbled");
  } else {
    head_bytes_ += bytes;
    if (head_bytes_ > kMaxResponseHeadBytes) Break("the response's header is larger than 64 KiB");
  }
  return !Over();
}

bool HttpResponse::FeedEnd() {
  if (state_ == State::kBodyUntilEnd) {
    state_ = State::kWhole;
  } else if (!Over()) {
    Break("the connection ended before the response did");
  }
  return true;
}

void HttpResponse::TakeLine(std::string_view line) {
  switch (state_) {
    case State::kStatusLine:
      TakeStatusLine(line);
      break;
    case State::kFields:
      line.empty() ? EndFields() : TakeField(line);
      break;
    case State::kChunkSize:
      TakeChunkSize(line);
      break;
    case State::kChunkEnd:
      line.empty() ? void(state_ = State::kChunkSize) : Break("the response's chunks are garbled");
      break;
    case State::kTrailers:
      if (line.empty()) state_ = State::kWhole;
      break;
    default:
      break;
  }
}

void HttpResponse::TakeStatusLine(std::string_view line) {
  // HTTP/1.x SP 3DIGIT [SP reason]
  const std::optional<size_t> status =
      ParseDigits(line.substr(std::min<size_t>(9, line.size()), 3), 10);
  const bool ends = line.size() == 12 || (line.size() > 12 && line[12] == ' ');
  if (!line.starts_with("HTTP/1.") || !ends || line[8] != ' ' || !status || *status < 100) {
    Break("the answer is not an HTTP/1.1 response");
    return;
  }
  status_ = static_cast<int>(*status);
  content_length_.reset();
  retry_after_s_.reset();
  chunked_ = false;
  state_ = State::kFields;
}

void HttpResponse::TakeField(std::string_view line) {
  const size_t colon = line.find(':');
  if (colon == std::string_view::npos || colon == 0) {
    Break("the response's header is garbled");
    return;
  }
  const std::string_view name = line.substr(0, colon);
  const std::string_view value = Trim(line.substr(colon + 1));
  if (EqualsIgnoringCase(name, "content-length")) {
    const std::optional<size_t> length = ParseDigits(value, 10);
    if (!length || (content_length_ && *content_length_ != *length)) {
      Break("the response's Content-Length is garbled");
      return;
    }
    content_length_ = length;
  } else if (EqualsIgnoringCase(name, "transfer-encoding")) {
    if (!EqualsIgnoringCase(value, "chunked")) {
      Break("the response's Transfer-Encoding is not known: " + std::string(value.substr(0, 100)));
      return;
    }
    chunked_ = true;
  } else if (EqualsIgnoringCase(name, "retry-after")) {
    const std::optional<size_t> seconds = ParseDigits(value, 10);
    if (seconds) retry_after_s_ = static_cast<int>(std::min<size_t>(*seconds, 1'000'000));
  }
}

void HttpResponse::EndFields() {
  if (status_ < 200) {
    state_ = State::kStatusLine;
  } else if (status_ == 204 || status_ == 304) {
    state_ = State::kWhole;
  } else if (chunked_) {
    state_ = State::kChunkSize;
  } else if (!content_length_) {
    state_ = State::kBodyUntilEnd;
  } else if (*content_length_ > kMaxResponseBodyBytes) {
    Break(kTooLarge);
  } else {
    left_ = *content_length_;
    state_ = left_ == 0 ? State::kWhole : State::kSizedBody;
  }
}

void HttpResponse::TakeChunkSize(std::string_view line) {
  const std::optional<size_t> size = ParseDigits(Trim(line.substr(0, line.find(';'))), 16);
  if (!size) {
    Break("the response's chunks are garbled");
  } else if (*size > kMaxResponseBodyBytes - body_.size()) {
    Break(kTooLarge);
  } else {
    left_ = *size;
    state_ = left_ == 0 ? State::kTrailers : State::kChunkData;
  }
}

void HttpResponse::TakeBody(std::string_view* bytes) {
  if (state_ == State::kBodyUntilEnd) left_ = kMaxResponseBodyBytes - body_.size();
  const size_t length = std::min(left_, bytes->size());
  body_.append(bytes->substr(0, length));
  bytes->remove_prefix(length);
  left_ -= length;
  if (state_ == State::kBodyUntilEnd) {
    if (!bytes->empty()) Break(kTooLarge);
  } else if (left_ == 0) {
    state_ = state_ == State::kSizedBody ? State::kWhole : State::kChunkEnd;
  }
}

void HttpResponse::Break(std::string error) {
  error_ = std::move(error);
  state_ = State::kBroken;
}

}  // namespace cronium::gateway::helpers

// SPDX-License-Identifier: Apache-2.0
#include "controller/logs/frame.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "controller/logs/hash.h"
#include "cronium/v1/agent_service.pb.h"
#include "google/protobuf/io/coded_stream.h"

namespace cronium::controller::logs {
namespace {

static_assert(std::endian::native == std::endian::little, "the files are little-endian");

constexpr absl::string_view kFileMagic("CRNLOG1\n", 8);
constexpr absl::string_view kMagic("\xc7LF1", 4);
constexpr size_t kMaxIdBytes = 24;
constexpr int kLevel = 1;
// No payload of ours is larger when decompressed; a damaged one may claim to be.
constexpr uint64_t kMaxDecompressedBytes = 2 * kMaxFrameBytes;

// Offsets in the header.
enum Field : size_t {
  kKindAt = 4,
  kIdSizeAt = 5,
  kIdAt = 8,
  kFirstSeqAt = 32,
  kLastSeqAt = 40,
  kBytesBeforeAt = 48,
  kDataBytesAt = 56,
  kPayloadBytesAt = 60,
  kPrevOffsetAt = 64,
  kMaxTimeBeforeAt = 72,
  kMaxTimeAt = 80,
  kSyncedOffsetAt = 88,
  // 96 to 119 are zero.
  kHashAt = 120,
};

template <typename T>
void Put(char* header, Field at, T value) {
  std::memcpy(header + at, &value, sizeof(value));
}

template <typename T>
void Get(absl::string_view header, Field at, T* value) {
  std::memcpy(value, header.data() + at, sizeof(*value));
}

}  // namespace

std::string EncodeFileHeader(uint64_t seed) {
  std::string bytes(kFileMagic);
  bytes.append(reinterpret_cast<const char*>(&seed), sizeof(seed));
  const uint64_t hash = Hash(0, bytes);
  bytes.append(reinterpret_cast<const char*>(&hash), sizeof(hash));
  return bytes;
}

std::optional<uint64_t> DecodeFileHeader(absl::string_view bytes) {
  if (bytes.size() < kFileHeaderBytes) return std::nullopt;
  uint64_t seed = 0;
  std::memcpy(&seed, bytes.data() + kFileMagic.size(), sizeof(seed));
  if (bytes.substr(0, kFileHeaderBytes) != EncodeFileHeader(seed)) return std::nullopt;
  return seed;
}

void EncodeHeader(uint64_t seed, FrameHeader* header, std::string* out) {
  char bytes[kFrameHeaderBytes] = {};
  kMagic.copy(bytes, kMagic.size());
  bytes[kKindAt] = static_cast<char>(header->kind);
  const size_t id_size = std::min(header->execution_id.size(), kMaxIdBytes);
  bytes[kIdSizeAt] = static_cast<char>(id_size);
  header->execution_id.copy(bytes + kIdAt, id_size);
  Put(bytes, kFirstSeqAt, header->first_seq);
  Put(bytes, kLastSeqAt, header->last_seq);
  Put(bytes, kBytesBeforeAt, header->bytes_before);
  Put(bytes, kDataBytesAt, header->data_bytes);
  Put(bytes, kPayloadBytesAt, header->payload_bytes);
  Put(bytes, kPrevOffsetAt, header->prev_offset);
  Put(bytes, kMaxTimeBeforeAt, header->max_time_before_ns);
  Put(bytes, kMaxTimeAt, header->max_time_ns);
  Put(bytes, kSyncedOffsetAt, header->synced_offset);
  header->hash = Hash(seed, {bytes, kHashAt});
  Put(bytes, kHashAt, header->hash);
  out->append(bytes, sizeof(bytes));
}

std::optional<FrameHeader> DecodeHeader(uint64_t seed, absl::string_view bytes) {
  if (bytes.size() < kFrameHeaderBytes || bytes.substr(0, kMagic.size()) != kMagic) {
    return std::nullopt;
  }
  FrameHeader header;
  Get(bytes, kHashAt, &header.hash);
  if (header.hash != Hash(seed, bytes.substr(0, kHashAt))) return std::nullopt;
  header.kind = static_cast<FrameKind>(bytes[kKindAt]);
  const size_t id_size = static_cast<unsigned char>(bytes[kIdSizeAt]);
  if (id_size > kMaxIdBytes) return std::nullopt;
  header.execution_id = std::string(bytes.substr(kIdAt, id_size));
  Get(bytes, kFirstSeqAt, &header.first_seq);
  Get(bytes, kLastSeqAt, &header.last_seq);
  Get(bytes, kBytesBeforeAt, &header.bytes_before);
  Get(bytes, kDataBytesAt, &header.data_bytes);
  Get(bytes, kPayloadBytesAt, &header.payload_bytes);
  Get(bytes, kPrevOffsetAt, &header.prev_offset);
  Get(bytes, kMaxTimeBeforeAt, &header.max_time_before_ns);
  Get(bytes, kMaxTimeAt, &header.max_time_ns);
  Get(bytes, kSyncedOffsetAt, &header.synced_offset);
  if (header.payload_bytes > ZSTD_COMPRESSBOUND(kMaxDecompressedBytes)) return std::nullopt;
  return header;
}

size_t FindMagic(absl::string_view bytes, size_t from) { return bytes.find(kMagic, from); }

FrameEncoder::FrameEncoder() : context_(ZSTD_createCCtx()) {
  ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_compressionLevel, kLevel);
  ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_checksumFlag, 1);
}

void FrameEncoder::Encode(uint64_t seed, FrameHeader* header, absl::string_view payload,
                          std::string* out) {
  const size_t bound = ZSTD_compressBound(payload.size());
  if (compressed_.size() < bound) compressed_.resize(bound);
  // Cannot fail: the output has room for the worst case, and the context exists.
  const size_t size = ZSTD_compress2(context_.get(), compressed_.data(), compressed_.size(),
                                     payload.data(), payload.size());
  header->payload_bytes = static_cast<uint32_t>(size);
  EncodeHeader(seed, header, out);
  out->append(compressed_, 0, size);
}

absl::Status FrameDecoder::Decompress(absl::string_view payload) {
  const unsigned long long size = ZSTD_getFrameContentSize(payload.data(), payload.size());
  // The two error values of zstd are larger than any limit.
  if (size > kMaxDecompressedBytes) return absl::DataLossError("no zstd frame of a log");
  buffer_.resize(size);
  if (context_ == nullptr) context_.reset(ZSTD_createDCtx());
  const size_t result = ZSTD_decompressDCtx(context_.get(), buffer_.data(), buffer_.size(),
                                            payload.data(), payload.size());
  if (ZSTD_isError(result) || result != size) {
    return absl::DataLossError(
        absl::StrCat("zstd: ", ZSTD_isError(result) ? ZSTD_getErrorName(result) : "wrong size"));
  }
  return absl::OkStatus();
}

absl::Status FrameDecoder::Check(absl::string_view payload) { return Decompress(payload); }

absl::StatusOr<std::vector<v1::LogChunk>> FrameDecoder::Decode(absl::string_view payload) {
  if (absl::Status status = Decompress(payload); !status.ok()) return status;
  v1::ExecutionLogChunks message;
  if (!message.ParseFromString(buffer_)) return absl::DataLossError("no log chunks");
  std::vector<v1::LogChunk> chunks;
  chunks.reserve(message.chunks_size());
  for (v1::LogChunk& chunk : *message.mutable_chunks()) chunks.push_back(std::move(chunk));
  return chunks;
}

// A payload is a v1::ExecutionLogChunks without its id, one field after another.
void AppendChunk(const v1::LogChunk& chunk, std::string* payload) {
  using google::protobuf::io::CodedOutputStream;
  constexpr uint8_t kTag = v1::ExecutionLogChunks::kChunksFieldNumber << 3 | 2;  // length-delimited
  const size_t size = chunk.ByteSizeLong();
  uint8_t prefix[1 + 10] = {kTag};
  uint8_t* const end = CodedOutputStream::WriteVarint64ToArray(size, prefix + 1);
  payload->append(reinterpret_cast<const char*>(prefix), end - prefix);
  const size_t start = payload->size();
  payload->resize(start + size);
  chunk.SerializeWithCachedSizesToArray(reinterpret_cast<uint8_t*>(payload->data() + start));
}

size_t AppendedBytes(const v1::LogChunk& chunk) {
  // Tag and length, and the fields beside data: stream 2, first_seq 11, entry_count 6, time 20,
  // data's own tag and length 6.
  return chunk.data().size() + 6 + 2 + 11 + 6 + 20 + 6;
}

}  // namespace cronium::controller::logs

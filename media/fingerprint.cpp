#include "media/fingerprint.hpp"

#include <xxhash.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <vector>

namespace troupe::media {

namespace {

constexpr int64_t end_bytes = 64 * 1024;
constexpr int64_t piece_bytes = 16 * 1024;
constexpr int64_t pieces = 7;

struct state_deleter {
  void operator()(XXH3_state_t* p) const noexcept {
    XXH3_freeState(p);
  }
};

/// Hashes what is there of [offset, offset+length): a file cut meanwhile just hashes differently.
result<void> add(XXH3_state_t& hash, const source_file& file, int64_t offset, int64_t length) {
  std::vector<char> buffer(static_cast<size_t>(length));
  while (length > 0) {
    auto n = file.read(buffer.data(), static_cast<size_t>(length), offset);
    if (!n)
      return n.error();
    if (*n == 0)
      break;
    XXH3_128bits_update(&hash, buffer.data(), *n);
    offset += static_cast<int64_t>(*n);
    length -= static_cast<int64_t>(*n);
  }
  return {};
}

} // namespace

result<std::string> fingerprint(const source_file& file) {
  auto bytes = file.size();
  if (!bytes)
    return bytes.error();
  std::unique_ptr<XXH3_state_t, state_deleter> hash{XXH3_createState()};
  if (!hash)
    throw std::bad_alloc();
  XXH3_128bits_reset(hash.get());
  const int64_t size = *bytes;
  XXH3_128bits_update(hash.get(), &size, sizeof size);
  if (size <= 2 * end_bytes + pieces * piece_bytes) {
    TROUPE_TRY(add(*hash, file, 0, size));
  } else {
    TROUPE_TRY(add(*hash, file, 0, end_bytes));
    const int64_t step = (size - 2 * end_bytes) / (pieces + 1);
    for (int64_t i = 1; i <= pieces; ++i)
      TROUPE_TRY(add(*hash, file, end_bytes + i * step, piece_bytes));
    TROUPE_TRY(add(*hash, file, size - end_bytes, end_bytes));
  }
  auto digest = XXH3_128bits_digest(hash.get());
  char text[33];
  std::snprintf(text, sizeof text, "%016llx%016llx", static_cast<unsigned long long>(digest.high64),
                static_cast<unsigned long long>(digest.low64));
  return std::string(text);
}

} // namespace troupe::media

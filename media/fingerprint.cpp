#include "media/fingerprint.hpp"

#include "media/hash.hpp"

#include <algorithm>
#include <vector>

namespace troupe::media {

namespace {

constexpr int64_t end_bytes = 64 * 1024;
constexpr int64_t piece_bytes = 16 * 1024;
constexpr int64_t pieces = 7;

/// Hashes what is there of [offset, offset+length): a file cut meanwhile just hashes differently.
result<void> add(hash128& hash, const source_file& file, int64_t offset, int64_t length) {
  std::vector<char> buffer(static_cast<size_t>(length));
  while (length > 0) {
    auto n = file.read(buffer.data(), static_cast<size_t>(length), offset);
    if (!n)
      return n.error();
    if (*n == 0)
      break;
    hash.add(buffer.data(), *n);
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
  hash128 hash;
  const int64_t size = *bytes;
  hash.add(&size, sizeof size);
  if (size <= 2 * end_bytes + pieces * piece_bytes) {
    TROUPE_TRY(add(hash, file, 0, size));
  } else {
    TROUPE_TRY(add(hash, file, 0, end_bytes));
    const int64_t step = (size - 2 * end_bytes) / (pieces + 1);
    for (int64_t i = 1; i <= pieces; ++i)
      TROUPE_TRY(add(hash, file, end_bytes + i * step, piece_bytes));
    TROUPE_TRY(add(hash, file, size - end_bytes, end_bytes));
  }
  return hash.text();
}

} // namespace troupe::media

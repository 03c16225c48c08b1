#include "host/cache_map.hpp"

#include "host/posix.hpp"
#include "host/system_error.hpp"

#include <xxhash.h>

#include <cerrno>
#include <charconv>
#include <cstdio>
#include <fcntl.h>
#include <optional>

namespace troupe::host {

namespace {

constexpr std::string_view magic = "troupe source map 1\n";
constexpr size_t checksum_size = 32;
/// A map of a million spans is not one of ours.
constexpr size_t max_map_bytes = 64 << 20;
constexpr mode_t map_mode = 0640;

/// Takes text off the front.
class reader {
public:
  explicit reader(std::string_view text) : text_(text) {
  }

  bool skip(std::string_view what) {
    if (!text_.starts_with(what))
      return false;
    text_.remove_prefix(what.size());
    return true;
  }
  std::optional<uint64_t> number() {
    uint64_t out = 0;
    auto end = text_.data() + text_.size();
    auto parsed = std::from_chars(text_.data(), end, out);
    if (parsed.ec != std::errc{})
      return std::nullopt;
    text_.remove_prefix(static_cast<size_t>(parsed.ptr - text_.data()));
    return out;
  }
  std::optional<std::string> bytes(uint64_t count) {
    if (count > text_.size())
      return std::nullopt;
    std::string out{text_.substr(0, count)};
    text_.remove_prefix(count);
    return out;
  }
  bool at_end() const {
    return text_.empty();
  }

private:
  std::string_view text_;
};

std::optional<cache_map> read_fields(reader in) {
  cache_map out;
  if (!in.skip(magic) || !in.skip("key "))
    return std::nullopt;
  auto length = in.number();
  if (!length || !in.skip(" "))
    return std::nullopt;
  auto key = in.bytes(*length);
  if (!key || !in.skip("\nsize "))
    return std::nullopt;
  out.key = std::move(*key);
  auto size = in.number();
  if (!size || !in.skip("\n"))
    return std::nullopt;
  out.size = *size;
  while (in.skip("span ")) {
    auto begin = in.number();
    auto dash = in.skip("-");
    auto end = in.number();
    auto after_last = out.present.empty() || (begin && *begin > out.present.back().end);
    if (!begin || !dash || !end || !in.skip("\n") || !after_last || *begin >= *end || *end > out.size)
      return std::nullopt;
    out.present.push_back({*begin, *end});
  }
  return in.at_end() ? std::optional{std::move(out)} : std::nullopt;
}

} // namespace

std::string xxh128_of(std::string_view text) {
  auto sum = XXH3_128bits(text.data(), text.size());
  static constexpr char digits[] = "0123456789abcdef";
  std::string out;
  for (auto half : {sum.high64, sum.low64})
    for (int shift = 60; shift >= 0; shift -= 4)
      out += digits[half >> shift & 15U];
  return out;
}

std::string encode(const cache_map& x) {
  std::string out{magic};
  out += "key " + std::to_string(x.key.size()) + " " + x.key + "\nsize " + std::to_string(x.size) + "\n";
  for (auto& span : x.present)
    out += "span " + std::to_string(span.begin) + "-" + std::to_string(span.end) + "\n";
  return out + xxh128_of(out);
}

result<cache_map> decode_cache_map(std::string_view text) {
  const error damaged{errc::io, "a map of the cache is damaged"};
  if (text.size() < checksum_size)
    return damaged;
  auto body = text.substr(0, text.size() - checksum_size);
  if (xxh128_of(body) != text.substr(body.size()))
    return damaged;
  auto out = read_fields(reader{body});
  return out ? result<cache_map>{std::move(*out)} : damaged;
}

result<void> write_cache_map(const std::string& path, const cache_map& x) {
  auto fresh = path + std::string{fresh_suffix};
  unique_fd fd{::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, map_mode)};
  if (!fd)
    return system_error(errno, "create", fresh);
  auto written = write_all(fd.get(), encode(x), fresh);
  if (written && ::fsync(fd.get()) != 0)
    written = system_error(errno, "sync", fresh);
  if (written && ::rename(fresh.c_str(), path.c_str()) != 0)
    written = system_error(errno, "replace", path);
  if (!written) {
    ::unlink(fresh.c_str());
    return written;
  }
  return sync_folder(parent_of(path));
}

result<cache_map> read_cache_map(const std::string& path, struct stat& facts) {
  unique_fd fd{::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC)};
  if (!fd || ::fstat(fd.get(), &facts) != 0)
    return system_error(errno, "open", path);
  auto text = read_all(fd.get(), max_map_bytes, path);
  return text ? decode_cache_map(*text) : result<cache_map>{std::move(text).error()};
}

} // namespace troupe::host

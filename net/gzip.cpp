#include "net/gzip.hpp"

#include <zlib.h>

#include <array>

namespace troupe::net {

std::shared_ptr<const std::string> gzip(std::string_view text) {
  z_stream z{};
  constexpr int gzip_window = 15 + 16;
  if (deflateInit2(&z, 5, Z_DEFLATED, gzip_window, 8, Z_DEFAULT_STRATEGY) != Z_OK)
    return nullptr;
  auto out = std::make_shared<std::string>();
  out->resize(text.size());
  z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  z.avail_in = static_cast<uInt>(text.size());
  z.next_out = reinterpret_cast<Bytef*>(out->data());
  z.avail_out = static_cast<uInt>(out->size());
  auto done = deflate(&z, Z_FINISH) == Z_STREAM_END;
  out->resize(z.total_out);
  deflateEnd(&z);
  if (!done)
    return nullptr;
  return out;
}

std::shared_ptr<const std::string> gzip_cached(const std::shared_ptr<const std::string>& text, std::string_view etag) {
  struct entry {
    std::weak_ptr<const std::string> text;
    std::string etag;
    std::shared_ptr<const std::string> zipped;
  };
  thread_local std::array<entry, 16> entries;
  thread_local size_t next = 0;
  for (auto& e : entries)
    if (e.etag == etag && e.text.lock() == text)
      return e.zipped;
  auto zipped = gzip(*text);
  entries[next++ % entries.size()] = {text, std::string{etag}, zipped};
  return zipped;
}

} // namespace troupe::net

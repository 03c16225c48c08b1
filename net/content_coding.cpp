#include "net/content_coding.hpp"

#include "net/headers.hpp"

#include <brotli/encode.h>
#include <zlib.h>

#include <array>

namespace troupe::net {

namespace {

// Made while somebody waits: about the same time for both, and brotli's result is the smaller one.
constexpr int gzip_level = 5;
constexpr int brotli_quality = 5;
/// Bits of brotli's window: 256 KiB, more than any list; the default's tables cost megabytes an answer.
constexpr int brotli_window = 18;

std::shared_ptr<const std::string> gzip(std::string_view text) {
  z_stream z{};
  constexpr int gzip_window = 15 + 16;
  if (deflateInit2(&z, gzip_level, Z_DEFLATED, gzip_window, 8, Z_DEFAULT_STRATEGY) != Z_OK)
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

std::shared_ptr<const std::string> brotli(std::string_view text) {
  auto out = std::make_shared<std::string>();
  out->resize(text.size());
  auto size = out->size();
  auto done = BrotliEncoderCompress(brotli_quality, brotli_window, BROTLI_MODE_TEXT, text.size(),
                                    reinterpret_cast<const uint8_t*>(text.data()), &size,
                                    reinterpret_cast<uint8_t*>(out->data()));
  if (done != BROTLI_TRUE || size >= text.size())
    return nullptr;
  out->resize(size);
  return out;
}

} // namespace

std::string_view to_string(content_coding x) noexcept {
  switch (x) {
  case content_coding::gzip:
    return "gzip";
  case content_coding::brotli:
    return "br";
  default:
    return "identity";
  }
}

content_coding choose_coding(std::string_view accept_encoding) {
  auto liking = [&](std::string_view name) { return quality_in(accept_encoding, name, true); };
  auto br = liking("br").value_or(0);
  // x-gzip is another name for it (RFC 9110, 8.4.1.3).
  auto gz = liking("gzip").value_or(0);
  if (auto old = quality_in(accept_encoding, "x-gzip", false); old && !quality_in(accept_encoding, "gzip", false))
    gz = *old;
  // Not named, it is taken, but nobody asked for it.
  auto plain = quality_in(accept_encoding, "identity", false).value_or(0);
  if (br > 0 && br >= gz && br >= plain)
    return content_coding::brotli;
  return gz > 0 && gz >= plain ? content_coding::gzip : content_coding::identity;
}

std::shared_ptr<const std::string> encode(content_coding coding, std::string_view text) {
  switch (coding) {
  case content_coding::gzip:
    return gzip(text);
  case content_coding::brotli:
    return brotli(text);
  default:
    return nullptr;
  }
}

std::shared_ptr<const std::string> encode_cached(content_coding coding, const std::shared_ptr<const std::string>& text,
                                                 std::string_view etag) {
  struct entry {
    content_coding coding = content_coding::identity;
    std::weak_ptr<const std::string> text;
    std::string etag;
    std::shared_ptr<const std::string> coded;
  };
  thread_local std::array<entry, 16> entries;
  thread_local size_t next = 0;
  for (auto& e : entries)
    if (e.coding == coding && e.etag == etag && e.text.lock() == text)
      return e.coded;
  auto coded = encode(coding, *text);
  entries[next++ % entries.size()] = {coding, text, std::string{etag}, coded};
  return coded;
}

} // namespace troupe::net

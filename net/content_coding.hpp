#pragma once

// Content codings of text answers: which one a client gets, and the coded text (RFC 9110, 8.4 and 12.5.3).

#include <memory>
#include <string>
#include <string_view>

namespace troupe::net {

enum class content_coding : uint8_t { identity, gzip, brotli };

/// As Content-Encoding and Accept-Encoding name it.
std::string_view to_string(content_coding x) noexcept;

/// Smaller texts are sent as they are: a packet is a packet.
inline constexpr size_t coding_threshold = 1024;

/// What an Accept-Encoding value likes best; brotli before gzip when it likes both as much. Identity when it takes
/// neither, or prefers it; also when it refuses even that: an answer is better than none.
content_coding choose_coding(std::string_view accept_encoding);

/// gzip (RFC 1952) or brotli (RFC 7932); nullptr when it would not be smaller.
std::shared_ptr<const std::string> encode(content_coding coding, std::string_view text);
/// The same for a shared text with an ETag: kept by thread, so that a cached list is compressed once.
std::shared_ptr<const std::string> encode_cached(content_coding coding, const std::shared_ptr<const std::string>& text,
                                                 std::string_view etag);

} // namespace troupe::net

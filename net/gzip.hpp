#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace troupe::net {

/// Smaller texts are sent as they are: a packet is a packet.
inline constexpr size_t gzip_threshold = 1024;

/// gzip (RFC 1952); nullptr when it would not be smaller.
std::shared_ptr<const std::string> gzip(std::string_view text);
/// The same for a shared text with an ETag: kept by thread, so that a cached list is compressed once.
std::shared_ptr<const std::string> gzip_cached(const std::shared_ptr<const std::string>& text, std::string_view etag);

} // namespace troupe::net

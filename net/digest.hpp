#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace troupe::net {

/// SHA-256 over bytes that come in pieces. A copy goes on from where the original is.
class sha256 {
public:
  sha256();
  sha256(const sha256& other);
  sha256& operator=(const sha256& other);
  ~sha256();

  void add(std::string_view bytes);
  /// Of all bytes so far, as the value of Content-Digest and Repr-Digest (RFC 9530): "sha-256=:<base64>:".
  std::string field() const;

private:
  struct context;
  std::unique_ptr<context> context_;
};

/// Does a Content-Digest or Repr-Digest, which may hold other algorithms' as well, agree with sha256::field()?
bool has_digest(std::string_view value, std::string_view field);

} // namespace troupe::net

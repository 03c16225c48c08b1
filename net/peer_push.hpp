#pragma once

#include "net/digest.hpp"
#include "net/peer_request.hpp"

namespace troupe::net {

/// A whole file to another node: asks how much is there (HEAD), sends the rest in pieces (PATCH), and completes it
/// with an empty piece and the digest of all.
class peer_push final : public peer_request {
public:
  using done_function = std::function<void(result<void>)>;

  peer_push(ports::file_push what, std::function<void(uint64_t)> moved, done_function done, const peer_papers& papers,
            const clock& time);

  /// Hashes what is on the other side already.
  bool prepare() override;
  CURL* begin() override;
  bool finish(CURLcode code) override;
  void fail(troupe::error why) override;

private:
  enum class step : uint8_t { ask, send, complete, done };

  static size_t on_read(char* to, size_t size, size_t count, void* self);
  static int on_seek(void* self, curl_off_t offset, int origin);

  size_t read(char* to, size_t size);
  /// Reads at `from`; nullopt: failure_ says why.
  std::optional<size_t> read_at(uint64_t from, char* to, size_t size);
  result<void> after(step what);
  void end(result<void> outcome);

  ports::file_push what_;
  done_function done_;
  step step_ = step::ask;
  /// What the other side has, and of how much we have the hash.
  uint64_t there_ = 0;
  uint64_t hashed_ = 0;
  sha256 hash_;
  /// The present piece: how long it is, how much of it was read, and the hash before it, should it be sent again.
  uint64_t piece_ = 0;
  uint64_t sent_ = 0;
  sha256 hash_before_;
};

/// Makes a folder visible whose files were pushed.
class peer_publish final : public peer_request {
public:
  peer_publish(std::string url, std::function<void(result<void>)> done, const peer_papers& papers, const clock& time);

  CURL* begin() override;
  bool finish(CURLcode code) override;
  void fail(troupe::error why) override;

private:
  void end(result<void> outcome);

  std::function<void(result<void>)> done_;
};

} // namespace troupe::net

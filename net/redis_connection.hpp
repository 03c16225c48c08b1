#pragma once

// A non-blocking connection to Redis: bytes out, replies in. Used by key_value.cpp alone, on its thread.

#include "net/redis_url.hpp"
#include "protocol/ports/fd.hpp"

#include <hiredis/hiredis.h>

#include <memory>
#include <vector>

namespace troupe::net {

struct redis_reader_deleter {
  void operator()(redisReader* x) const noexcept {
    redisReaderFree(x);
  }
};
struct redis_reply_deleter {
  void operator()(redisReply* x) const noexcept {
    freeReplyObject(x);
  }
};
using redis_reply = std::unique_ptr<redisReply, redis_reply_deleter>;

/// One command in the protocol's form.
std::string format_redis_command(const std::vector<std::string_view>& words);

class redis_connection {
public:
  /// Starts to connect; resolves the name, which may take a while.
  static result<redis_connection> open(const redis_address& address);

  int fd() const noexcept {
    return fd_.get();
  }
  /// After the first time the descriptor is writable.
  result<void> connected() const;
  void queue(std::string_view bytes) {
    out_ += bytes;
  }
  bool wants_write() const noexcept {
    return sent_ < out_.size();
  }
  /// As much as goes without waiting.
  result<void> flush();
  /// As much as is there. Replies come from next_reply.
  result<void> receive();
  /// nullptr: none is complete.
  result<redis_reply> next_reply();

private:
  explicit redis_connection(unique_fd fd) : fd_(std::move(fd)), reader_(redisReaderCreate()) {
  }

  unique_fd fd_;
  std::unique_ptr<redisReader, redis_reader_deleter> reader_;
  std::string out_;
  size_t sent_ = 0;
};

} // namespace troupe::net

#pragma once

// A socket with or without TLS. Only its .cpp includes asio's TLS, which costs seconds to compile.

#include "net/peer_papers.hpp"

#include "protocol/model/result.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <memory>
#include <span>

namespace troupe::net {

namespace asio = boost::asio;
using tcp = boost::asio::ip::tcp;

/// TLS 1.3 for a server whose clients show certificates of its own authority.
class tls_settings {
public:
  /// errc::validation names the paper that is wrong.
  static result<std::shared_ptr<tls_settings>> make(const peer_papers& papers);
  ~tls_settings();

private:
  friend class file_stream;
  struct impl;
  explicit tls_settings(std::unique_ptr<impl> x);
  std::unique_ptr<impl> impl_;
};

/// One accepted connection. On its I/O thread; one reader and one writer at a time.
class file_stream {
public:
  /// No `tls`: plain.
  file_stream(tcp::socket socket, std::shared_ptr<tls_settings> tls);
  ~file_stream();

  /// False: no TLS, or no certificate of ours.
  asio::awaitable<bool> handshake();
  /// The common name in the client's certificate; empty without TLS.
  const std::string& peer() const noexcept;

  /// 0: the client is gone.
  asio::awaitable<size_t> read_some(std::span<char> to);
  /// All of it, or false.
  asio::awaitable<bool> write(std::string_view bytes);
  /// Says that nothing more comes, and reads what still does: closing a socket with unread bytes resets it, and the
  /// client might never see the answer. At most `most` bytes.
  asio::awaitable<void> linger(size_t most);

  /// Has the client closed, as far as one can see without reading?
  bool peer_gone() const noexcept;
  /// Ends all that is under way with an error.
  void abort() noexcept;

private:
  struct impl;
  std::unique_ptr<impl> impl_;
};

} // namespace troupe::net

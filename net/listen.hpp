#pragma once

#include "protocol/model/result.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <optional>

namespace troupe::net {

/// Makes an acceptor that listens; the port. errc::validation for what is no IP address, errc::conflict when it is in
/// use, errc::forbidden, errc::io.
result<uint16_t> listen_on(std::optional<boost::asio::ip::tcp::acceptor>& acceptor, boost::asio::io_context& context,
                           const std::string& address, uint16_t port);

} // namespace troupe::net

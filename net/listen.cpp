#include "net/listen.hpp"

namespace troupe::net {

namespace {

namespace asio = boost::asio;
using tcp = asio::ip::tcp;

error listen_error(const boost::system::error_code& ec, const std::string& address, uint16_t port) {
  auto where = address + ":" + std::to_string(port);
  if (ec == asio::error::address_in_use)
    return {errc::conflict, where + " is in use: stop what listens there or choose another port"};
  if (ec == asio::error::access_denied)
    return {errc::forbidden, "not allowed to listen on " + where + ": choose a port over 1023"};
  return {errc::io, "can't listen on " + where + ": " + ec.message()};
}

} // namespace

result<uint16_t> listen_on(std::optional<tcp::acceptor>& acceptor, asio::io_context& context,
                           const std::string& address, uint16_t port) {
  boost::system::error_code ec;
  auto ip = asio::ip::make_address(address, ec);
  if (ec)
    return {errc::validation, "the address to listen on is malformed"};
  tcp::endpoint endpoint{ip, port};
  acceptor.emplace(context);
  acceptor->open(endpoint.protocol(), ec);
  if (!ec)
    acceptor->set_option(tcp::acceptor::reuse_address(true), ec);
  if (!ec)
    acceptor->bind(endpoint, ec);
  if (!ec)
    acceptor->listen(1024, ec);
  if (ec)
    return listen_error(ec, address, port);
  auto bound = acceptor->local_endpoint(ec);
  if (ec)
    return listen_error(ec, address, port);
  return bound.port();
}

} // namespace troupe::net

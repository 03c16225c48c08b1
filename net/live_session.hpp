#pragma once

#include "net/connection.hpp"

namespace troupe::net {

/// Takes over a socket whose response head (101, or the head of an event stream) has been sent. `rest`: bytes that came
/// behind the request. On the thread; counts as the same connection.
void start_live_session(std::shared_ptr<core> shared, std::shared_ptr<io_thread> thread, tcp::socket socket,
                        stream_start what, std::string rest);

} // namespace troupe::net

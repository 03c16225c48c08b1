#pragma once

#include "protocol/ports/http_client.hpp"

namespace troupe::net {

/// ports::http_client on libcurl's multi interface with one thread of its own, which also writes to the descriptors.
/// Every address that is connected to is checked when the socket is made, at every hop, so that neither a redirect nor
/// a name that resolves differently the second time gets into a private network (errc::forbidden). Proxies of the
/// environment are not used. Callbacks must not throw. max_bytes 0: no limit.
/// Destroying it cancels what still runs (each `done` is called); never from one of its callbacks.
std::unique_ptr<ports::http_client> make_http_client(const clock& time);

} // namespace troupe::net

#pragma once

#include "net/peer_papers.hpp"

#include "protocol/ports/peer_files.hpp"

namespace troupe::net {

/// ports::peer_files on libcurl's multi interface with one thread of its own, which also writes, reads and hashes.
/// Mutual TLS 1.3 with the host's name checked; no proxies, no redirects; connections are used again.
/// What is fetched is confirmed as a whole or not at all: a body that ends early or has another digest than its
/// trailer confirms nothing. Callbacks must not throw. Destroying it cancels what still runs (each `done` is called);
/// never from one of its callbacks.
std::unique_ptr<ports::peer_files> make_peer_files(peer_papers papers, const clock& time);

} // namespace troupe::net

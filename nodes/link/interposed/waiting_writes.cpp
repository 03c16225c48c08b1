// Who waits for the peer does not wait for room to write.
//
// caf_io 0.17.6 greets a peer as soon as it is accepted, and asks to be woken when the socket takes bytes, which it
// does at once; but nothing can be sent before the TLS handshake, which waits for the peer. So one silent connection
// kept the thread that serves all peers turning. Here such a stream is no longer woken for writing; when its peer has
// said something, it is again.

#include "nodes/link/handshake_watch.hpp"
#include "nodes/link/interposed/real.hpp"

#include <caf/io/network/default_multiplexer.hpp>
#include <caf/io/network/stream.hpp>

namespace caf::io::network {

void stream::handle_write_result(rw_state result, size_t written) {
  static auto* const libcaf = troupe::node::real<void(stream*, rw_state, size_t)>(
    "_ZN3caf2io7network6stream19handle_write_resultENS1_8rw_stateEm");
  libcaf(this, result, written);
  if (result == rw_state::success && written == 0 && state_.writing
      && troupe::node::handshake_watch::of_process().waits_for_peer(fd()))
    backend().del(operation::write, fd(), this);
}

bool stream::handle_read_result(rw_state result, size_t size) {
  static auto* const libcaf = troupe::node::real<bool(stream*, rw_state, size_t)>(
    "_ZN3caf2io7network6stream18handle_read_resultENS1_8rw_stateEm");
  const bool again = libcaf(this, result, size);
  // There is something to write, and nobody in the loop for it.
  if (result == rw_state::success && state_.writing && !writer_ && reader_) {
    backend().add(operation::write, fd(), this);
    writer_ = reader_;
  }
  return again;
}

} // namespace caf::io::network

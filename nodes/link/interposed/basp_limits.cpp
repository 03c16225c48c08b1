// What a peer's header may claim, and what this node sends.
//
// caf_io 0.17.6 believes a BASP header: it reserves the payload that is claimed, up to 4 GiB, and fills it with zeros
// on the thread that serves all peers; a handshake that claims none is looked for in a payload that is not there, which
// ends the process; so does a message whose id puts it among those of a stream, whatever it is (Troupe's nodes send one
// another none). One header is enough for each, from whoever has a certificate, or on a plain mesh from anybody on this
// machine.
//
// A link whose header is refused is closed. So that no message of our own can cost a link, one that is too large does
// not leave its sender: a request for it ends with its time limit.

#include "nodes/link/interposed/real.hpp"

#include <caf/io/basp/header.hpp>
#include <caf/io/basp/instance.hpp>
#include <caf/message_id.hpp>

#include <cstdio>

namespace {

/// The largest are pages of a hundred jobs with payloads of 256 KiB each (25 MiB) and of 5000 known files with paths of
/// 4096 bytes (20 MiB).
constexpr uint32_t most_payload_bytes = 64 << 20;

} // namespace

namespace caf::io::basp {

bool valid(const header& x) {
  static auto* const libcaf = troupe::node::real<bool(const header&)>("_ZN3caf2io4basp5validERKNS1_6headerE");
  if (x.payload_len > most_payload_bytes || (is_handshake(x) && x.payload_len == 0))
    return false;
  // Of both messages it is the id.
  const bool is_message = x.operation == message_type::direct_message || x.operation == message_type::routed_message;
  if (is_message && message_id{x.operation_data}.is_stream_message())
    return false;
  return libcaf(x);
}

void instance::write(execution_unit* context, buffer_type& out, header& x, payload_writer* payload) {
  static auto* const libcaf = troupe::node::real<void(execution_unit*, buffer_type&, header&, payload_writer*)>(
    "_ZN3caf2io4basp8instance5writeEPNS_14execution_unitERSt6vectorIcSaIcEERNS1_6headerE"
    "PNS_8callbackIJRNS_10serializerEEEE");
  const auto before = out.size();
  libcaf(context, out, x, payload);
  if (out.size() - before <= header_size + most_payload_bytes)
    return;
  std::fprintf(stderr, "mesh: a message of %zu bytes was not sent; the most is %u\n", out.size() - before,
               most_payload_bytes);
  out.resize(before);
}

} // namespace caf::io::basp

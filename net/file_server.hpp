#pragma once

#include "net/file_uploads.hpp"
#include "net/peer_papers.hpp"

#include "protocol/model/time.hpp"
#include "protocol/ports/root_threads.hpp"

#include <map>

namespace troupe::net {

/// Everything that bounds a file server.
struct file_server_options {
  /// IP address to listen on. Without papers it must be a loopback address.
  std::string address = "127.0.0.1";
  /// 0: any free one.
  uint16_t port = 0;
  peer_papers papers;
  /// Where all are taken, the one that is idle longest makes room.
  uint32_t max_connections = 512;
  /// Of one node; without certificates, of one address.
  uint32_t max_connections_each = 128;
  /// Of callers who have not asked for anything yet, and of these of one address: the oldest makes room.
  uint32_t max_unfinished = 128;
  uint32_t max_unfinished_each = 64;
  uint32_t max_header_bytes = 16 * 1024;
  uint32_t max_header_count = 50;
  /// For the TLS handshake, from there to the first byte of a request, and from that to the end of its header.
  milliseconds header_deadline{10'000};
  /// Without a new byte of a body.
  milliseconds body_deadline{30'000};
  /// Without the client taking some kilobytes of an answer.
  milliseconds write_deadline{30'000};
  /// Between requests of one connection.
  milliseconds idle_deadline{75'000};
  /// While a file is checked, synced and published: a sign of life (102) each time.
  milliseconds still_at_work{5'000};
  /// For what is asked of a disk for an answer: opening, a block of bytes. Below what clients take for silence.
  milliseconds disk_deadline{10'000};
  /// For what is done with a whole file: it is read, compared and synced.
  milliseconds whole_file_deadline{3'600'000};
  /// Of each client node, both ways together; 0: no limit.
  uint64_t bytes_per_second = 0;
};

/// The file has exactly the version that the ticket names, as this node sees it.
bool is_exactly(const file_ticket& x, const file_version& there);

/// Opens a file for reading. On a thread of its root; may block for ever, and outlive the server: it holds only what it
/// shares.
using file_opener = std::function<result<ports::opened_file>()>;

/// What the server is given to decide with.
struct file_server_hooks {
  /// Is this a ticket of the cluster's coordinator that has not expired? (identity::check_ticket) Asked at the start of
  /// each request on the I/O thread: touches no disk.
  std::function<result<file_ticket>(std::string_view text)> check;
  /// How the file of a ticket for reading is opened. Called on the I/O thread, touches no disk; `done` on any thread.
  std::function<void(const file_ticket&, std::function<void(result<file_opener>)> done)> find;
  /// Where the file or folder of a ticket for writing goes. As a file_opener.
  std::function<result<upload_place>(const file_ticket&)> place;
  /// Is what was opened the content that the ticket is for? Any thread.
  std::function<bool(const file_ticket&, const file_version& there)> fits = is_exactly;
};

/// Since the start.
struct file_server_figures {
  /// By the client's name; "" without certificates.
  std::map<std::string, uint64_t> bytes_out;
  std::map<std::string, uint64_t> bytes_in;
  /// (action of the ticket or "none", "ok" or an errc's name or "cut") → requests.
  std::map<std::pair<std::string, std::string>, uint64_t> transfers;
  uint64_t connections = 0;
  uint64_t refused_connections = 0;
  uint64_t failed_handshakes = 0;
};

/// Files for the other nodes of the cluster and from them, by HTTP/1.1 over mutual TLS 1.3; who shows no certificate of
/// the authority is not heard. Apart from the public server: another port, another circle of clients.
///
/// /files/<ticket>, and /files/<ticket>/<name> for the files of a folder (exec::valid_output_name):
/// - GET, HEAD of a ticket to read: Range (RFC 9110), several at once as multipart/byteranges; the body in chunks, with
///   its Content-Digest (RFC 9530) in a trailer. 409 when the file is not the one that the ticket is for.
/// - HEAD of a ticket to write: Upload-Offset, Upload-Complete. PATCH with Upload-Offset appends, 409 with the right
/// one
///   otherwise; with "Upload-Complete: ?1" and Repr-Digest it completes the file: checked, synced, visible. A later
///   connection for the same file ends an earlier one that still writes it; 423 while that one can't be ended.
/// - POST of a ticket for a folder makes the folder visible.
/// Refusals are one line {"code","message"} with the name of an errc, which is in the field Error-Code, too. 503 with
/// Retry-After to a node that has too many connections, and while the disk of a root does not answer.
///
/// One I/O thread, which touches no disk; files are for the threads of their roots. Methods are called by one thread,
/// in order: start, drain, stop; set_limit and figures by any.
class file_server {
public:
  file_server(file_server_options options, file_server_hooks hooks, std::shared_ptr<ports::files> disk,
              std::shared_ptr<ports::root_threads> threads);
  ~file_server();

  /// Listens and serves; the port. errc::validation for papers that don't fit, or none on an address of the network;
  /// errc::conflict when the address is in use; errc::io otherwise.
  result<uint16_t> start();
  /// Takes no new connections, closes idle ones, lets requests finish for at most `grace`. Blocks. True: all ended.
  bool drain(milliseconds grace);
  /// Ends everything now, and waits for no disk; what has arrived stays and can be taken up later. Also done by the
  /// destructor.
  void stop();

  void set_limit(uint64_t bytes_per_second);
  file_server_figures figures() const;

private:
  struct impl;
  std::unique_ptr<impl> impl_;
};

} // namespace troupe::net

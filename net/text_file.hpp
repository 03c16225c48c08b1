#pragma once

#include "net/exchange.hpp"
#include "net/file_cache.hpp"

namespace troupe::net {

/// All of a small file of ours that is never written again, of whichever node. Call it on a file thread; `done` is
/// called on one. errc::io when it can't be read or has more than `most` bytes; errc::unavailable when another node
/// does not send it.
void read_text_file(services& app, const shared_file_ptr& file, uint64_t most,
                    std::function<void(result<std::string>)> done);

} // namespace troupe::net

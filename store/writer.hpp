#pragma once

#include "store/engine.hpp"

namespace troupe::store {

/// Opens the read-write connection; errc::conflict when there is one already.
result<std::unique_ptr<ports::store_writer>> make_writer(std::shared_ptr<const engine> eng);
/// Opens a read-only connection.
result<std::unique_ptr<ports::store_reader>> make_reader(std::shared_ptr<const engine> eng);

} // namespace troupe::store

#pragma once

// Where roots of libraries lead to on this node. Names may be links, and one folder may be mounted twice.

#include "protocol/ports/files.hpp"

#include <memory>

namespace troupe::catalogue {

/// The folder that is to be a library's root, and what it must have nothing to do with.
struct root_question {
  /// As check_root answers it; so are those of the others.
  std::string root;
  std::string data_folder;
  /// All but its own.
  std::vector<library> others;
  /// As in librarian_config.
  std::vector<std::string> private_places;
  /// For a look at the root; for a look at all of the others, too.
  milliseconds limit{5'000};
};

/// What it leads to on this node. errc::validation: it is no folder that can be read; errc::unavailable: it has not
/// answered in time. Blocks for the limit at most.
result<ports::folder_facts> look_at_root(const std::shared_ptr<ports::files>& files, const root_question& x);

/// That it leads to no folder of Troupe's, of the system's or of another library's, nor into one or around one.
/// errc::conflict, errc::forbidden. What can't be seen of those in time, or at all, is taken to be where its name says.
/// A part of another library that is mounted a second time looks like a folder of its own. Blocks for the limit at
/// most.
result<void> check_real_root(const std::shared_ptr<ports::files>& files, const root_question& x,
                             const ports::folder_facts& root);

} // namespace troupe::catalogue

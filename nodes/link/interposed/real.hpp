#pragma once

// The files of this folder define functions that libcaf_io, libcaf_openssl and libssl export, too. They are linked into
// the programs themselves, so the dynamic linker finds them first wherever those libraries call one another through the
// procedure linkage table; each does what is missing and calls the library's own. ADR 016 and 018 say why, and which
// test notices when one is needless; tests/integration/test_interposed.py, when one is no longer called.

#include <dlfcn.h>

namespace troupe::node {

/// The library's own function. `symbol` is as `nm -D` shows it: the library is linked, and calls it itself.
template <class Function>
Function* real(const char* symbol) {
  return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, symbol));
}

} // namespace troupe::node

#pragma once

// Messages that never leave a process: they carry pointers or descriptors and can't be serialised.

#include "protocol/mesh/registry.hpp"

#define TROUPE_LOCAL_MESSAGE(type) CAF_ALLOW_UNSAFE_MESSAGE_TYPE(type)

#pragma once

// Requests between actors that the model does not have a struct for already. Every one is registered in registry.hpp.

#include "protocol/mesh/messages/catalogue.hpp"
#include "protocol/mesh/messages/events.hpp"
#include "protocol/mesh/messages/files.hpp"
#include "protocol/mesh/messages/jobs.hpp"
#include "protocol/mesh/messages/node.hpp"

#include "protocol/model/json.hpp"

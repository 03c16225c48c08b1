#include "protocol/model/chunks_codec.hpp"

#include <nlohmann/json.hpp>

#include <cmath>

namespace troupe {

using nlohmann::json;

namespace {

double finite(double x) noexcept {
  return std::isfinite(x) ? x : 0;
}

template <class T>
void read(const json& object, const char* name, T& out) {
  if (auto it = object.find(name); it != object.end() && !it->is_null())
    it->get_to(out);
}

json to_value(const chunk_time_base& x) {
  return json{{"num", x.num}, {"den", x.den}};
}

void read(const json& object, chunk_time_base& out) {
  if (auto it = object.find("timeBase"); it != object.end()) {
    read(*it, "num", out.num);
    read(*it, "den", out.den);
  }
}

} // namespace

json to_value(const chunk_wishes& x) {
  return json{
    {"count", x.count}, {"seconds", finite(x.seconds)}, {"minSeconds", finite(x.min_seconds)}, {"lengths", x.lengths}};
}

chunk_wishes chunk_wishes_from(const json& value) {
  chunk_wishes x;
  read(value, "count", x.count);
  read(value, "seconds", x.seconds);
  read(value, "minSeconds", x.min_seconds);
  read(value, "lengths", x.lengths);
  return x;
}

json to_value(const media_chunk& x) {
  json shifts = json::array();
  for (auto& s : x.shifts)
    shifts.push_back(json::array({s.position, s.microseconds}));
  return json{{"plan", x.plan},
              {"index", x.index},
              {"count", x.count},
              {"timeBase", to_value(x.time_base)},
              {"begin", x.begin},
              {"end", x.end},
              {"fromStart", x.from_start},
              {"fromTime", x.from_time},
              {"fromPosition", x.from_position},
              {"shifts", shifts}};
}

media_chunk media_chunk_from(const json& value) {
  media_chunk x;
  read(value, "plan", x.plan);
  read(value, "index", x.index);
  read(value, "count", x.count);
  read(value, x.time_base);
  read(value, "begin", x.begin);
  read(value, "end", x.end);
  read(value, "fromStart", x.from_start);
  read(value, "fromTime", x.from_time);
  read(value, "fromPosition", x.from_position);
  if (auto it = value.find("shifts"); it != value.end())
    for (auto& entry : *it)
      x.shifts.push_back({entry.at(0).get<int64_t>(), entry.at(1).get<int64_t>()});
  return x;
}

json to_value(const chunk_piece& x) {
  return json{{"plan", x.plan},
              {"index", x.index},
              {"count", x.count},
              {"frames", x.frames},
              {"first", x.first},
              {"last", x.last},
              {"timeBase", to_value(x.time_base)},
              {"reorder", x.reorder},
              {"packets", x.packets},
              {"damaged", x.damaged},
              {"digest", x.digest}};
}

chunk_piece chunk_piece_from(const json& value) {
  chunk_piece x;
  read(value, "plan", x.plan);
  read(value, "index", x.index);
  read(value, "count", x.count);
  read(value, "frames", x.frames);
  read(value, "first", x.first);
  read(value, "last", x.last);
  read(value, x.time_base);
  read(value, "reorder", x.reorder);
  read(value, "packets", x.packets);
  read(value, "damaged", x.damaged);
  read(value, "digest", x.digest);
  return x;
}

} // namespace troupe

#include "net/exposition.hpp"

#include <charconv>

namespace troupe::net {

namespace {

void append_escaped(std::string& out, std::string_view text, bool quoted) {
  for (char c : text) {
    if (c == '\\')
      out += "\\\\";
    else if (c == '\n')
      out += "\\n";
    else if (c == '"' && quoted)
      out += "\\\"";
    else
      out += c;
  }
}

} // namespace

std::string exposition_number(double value) {
  char text[32];
  return {text, std::to_chars(text, text + sizeof text, value).ptr};
}

void exposition::family(std::string_view name, std::string_view type, std::string_view help) {
  family_ = name;
  out_.append("# HELP ").append(name).append(" ");
  append_escaped(out_, help, false);
  out_.append("\n# TYPE ").append(name).append(" ").append(type).append("\n");
}

void exposition::sample(double value, labels with) {
  sample({}, value, with);
}

void exposition::sample(std::string_view suffix, double value, labels with) {
  out_.append(family_).append(suffix);
  char open = '{';
  for (auto& [name, text] : with) {
    out_ += open;
    out_.append(name).append("=\"");
    append_escaped(out_, text, true);
    out_ += '"';
    open = ',';
  }
  if (open == ',')
    out_ += '}';
  out_.append(" ").append(exposition_number(value)).append("\n");
}

} // namespace troupe::net

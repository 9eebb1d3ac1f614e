#include "CTOML.h"

#include <algorithm>
#include <cstring>
#include <sstream>
#include <stdexcept>
#include <string_view>
#include <vector>

/* A text such as "[\n" breaks an assertion of toml++ 3.3 (found by the fuzzer). It is no reason to
   end the process, so an assertion throws, also in a build without assertions. */
#undef NDEBUG
#define TOML_ASSERT(holds) ((holds) ? void() : throw std::logic_error("it cannot be understood"))
#define TOML_HEADER_ONLY 1
#define TOML_EXCEPTIONS 1
#include <toml++/toml.h>

namespace {

void write(std::ostream &out, const toml::node &node);

void write_text(std::ostream &out, std::string_view text) {
    static const char digits[] = "0123456789abcdef";
    out << '"';
    for (unsigned char byte : text) {
        if (byte == '"' || byte == '\\') out << '\\' << byte;
        else if (byte < 0x20) out << "\\u00" << digits[byte >> 4] << digits[byte & 15];
        else out << byte;
    }
    out << '"';
}

void write_table(std::ostream &out, const toml::table &table) {
    std::vector<std::pair<std::string_view, const toml::node *>> members;
    for (auto &&[key, value] : table) members.emplace_back(key.str(), &value);
    /* A table that only headers like [a.b] imply has the place of the first header. */
    std::sort(members.begin(), members.end(), [](auto &one, auto &other) {
        return one.second->source().begin < other.second->source().begin;
    });
    out << '{';
    for (size_t index = 0; index < members.size(); index++) {
        if (index) out << ',';
        write_text(out, members[index].first);
        out << ':';
        write(out, *members[index].second);
    }
    out << '}';
}

void write_array(std::ostream &out, const toml::array &array) {
    out << '[';
    for (size_t index = 0; index < array.size(); index++) {
        if (index) out << ',';
        write(out, array[index]);
    }
    out << ']';
}

void write(std::ostream &out, const toml::node &node) {
    if (auto table = node.as_table()) return write_table(out, *table);
    if (auto array = node.as_array()) return write_array(out, *array);
    if (auto text = node.as_string()) return write_text(out, text->get());
    if (auto flag = node.as_boolean()) out << (flag->get() ? "true" : "false");
    else if (auto number = node.as_integer()) out << number->get();
    else out << "null"; /* Dates and real numbers, of which hosts.toml has none. */
}

} // namespace

int ctoml_to_json(const char *toml, size_t count, char **text, unsigned *line) {
    *line = 0;
    try {
        std::ostringstream out;
        write_table(out, toml::parse(std::string_view(toml, count)));
        *text = strdup(out.str().c_str());
        return 1;
    } catch (const toml::parse_error &error) {
        *line = error.source().begin.line;
        *text = strdup(std::string(error.description()).c_str());
    } catch (const std::exception &error) {
        *text = strdup(error.what());
    }
    return 0;
}

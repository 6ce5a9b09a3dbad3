#pragma once

#include <cstddef>
#include <initializer_list>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace cli {

/// Whether C++ takes a word for a name: no keyword, and no name that is the implementation's everywhere.
[[nodiscard]] bool is_identifier(std::string_view word);

/// A name like this text, of letters, digits and underscores alone: "0" -> "_0", "a.b" -> "a_b", "class" -> "class_".
/// What could be a macro of a system's header ("EOF", "M_PI") becomes small.
[[nodiscard]] std::string identifier_like(std::string_view text);

/// Names in one scope.
class name_scope {
public:
    explicit name_scope(std::initializer_list<std::string_view> taken) {
        for (const std::string_view name : taken) taken_.emplace(name);
    }

    /// Whether the name was free; it is taken then.
    bool take(const std::string& name) { return taken_.insert(name).second; }
    /// The name, or the first of name_2, name_3, … that is free.
    std::string take_like(const std::string& name);

private:
    std::unordered_set<std::string> taken_;
    std::unordered_map<std::string, std::size_t> last_;
};

/// Names of a struct's fields, one for each name in the file; as they are there where C++ and the others permit it.
[[nodiscard]] std::vector<std::string> field_names(const std::vector<std::string_view>& names,
                                                   std::initializer_list<std::string_view> taken);

}  // namespace cli

#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <tuple>  // std::tuple_size_v
#include <type_traits>
#include <utility>
#include <vector>

#include <tarc/reflect/blame.hpp>
#include <tarc/reflect/leaves.hpp>

namespace tarc::detail {

/// The keys that a module's state_dict has whatever its values are, each with the field it comes from. Only where a name in
/// tarc::describe holds a "." can two of them be one.
class key_list {
public:
    struct both {
        std::string first, second;
    };

    template <class T>
    constexpr void add_fields(const std::string& key, const std::string& field) {
        [&]<class... F>(type_list<F...>) {
            std::size_t i = 0;
            (add_field<F>(description_of<T>.fields[i++], key, field), ...);
        }(field_types<T>{});
    }

    /// Two fields with one key; empty where there are none.
    [[nodiscard]] constexpr both conflict() const {
        for (std::size_t i = 0; i < leaves_.size(); ++i)
            for (std::size_t k = 0; k < i; ++k)
                if (leaves_[i].key == leaves_[k].key) return {leaves_[k].field, leaves_[i].field};
        return {};
    }

    static constexpr std::string below(const std::string& path, std::string_view name) {
        std::string s = path;
        if (!s.empty()) s += '.';
        s.append(name);
        return s;
    }

private:
    struct leaf {
        std::string key, field;
    };

    template <class F>
    constexpr void add_field(const field_facts& f, const std::string& key, const std::string& field) {
        if (!f.transient) add<F>(below(key, f.name), below(field, f.cpp_name));
    }

    template <class T>
    constexpr void add(const std::string& key, const std::string& field) {
        constexpr kind k = kind_v<T>;
        if constexpr (needs_struct<T>) {
            return;
        } else if constexpr (k == kind::optional) {
            add<typename T::value_type>(key, field);
        } else if constexpr (k == kind::tensor || !flattens<T>()) {
            leaves_.push_back({key, field});
        } else if constexpr (k == kind::aggregate) {
            add_fields<T>(key, field);
        } else if constexpr (k == kind::array) {
            for (std::size_t i = 0; i < std::tuple_size_v<T>; ++i) add<typename T::value_type>(below(key, number(i)), field + "[" + number(i) + "]");
        } else if constexpr (k == kind::tuple) {
            [&]<class... A>(type_list<A...>) {
                std::size_t i = 0;
                ((add<A>(below(key, number(i)), field + "[" + number(i) + "]"), ++i), ...);
            }(typename elements_of<T>::type{});
        }  // the keys of vectors and maps are known at run time
    }

    static constexpr std::string number(std::size_t i) {
        std::string s;
        do s.insert(s.begin(), static_cast<char>('0' + i % 10));
        while ((i /= 10) != 0);
        return s;
    }

    std::vector<leaf> leaves_;
};

/// The first two fields of a module inside T that have one key in its state_dict.
template <class T>
constexpr key_list::both find_conflict(const std::string& path) {
    constexpr kind k = kind_v<T>;
    const auto in_list = []<class... A>(type_list<A...>, auto&& path_of) {
        key_list::both found;
        std::size_t i = 0;
        ((found.first.empty() ? void(found = find_conflict<A>(path_of(i))) : void(), ++i), ...);
        return found;
    };
    if constexpr (k == kind::aggregate) {
        if constexpr (is_module<T>) {
            key_list keys;
            keys.add_fields<T>({}, path);
            return keys.conflict();
        } else {
            return in_list(archived_fields<T>{}, [&](std::size_t i) { return key_list::below(path, description_of<T>.fields[i].cpp_name); });
        }
    } else if constexpr (k == kind::tuple || k == kind::variant) {
        return in_list(typename elements_of<T>::type{}, [&](std::size_t) { return path + "[]"; });
    } else if constexpr (k == kind::optional) {
        return find_conflict<typename T::value_type>(path);
    } else if constexpr (k == kind::sequence || k == kind::array) {
        return find_conflict<typename T::value_type>(path + "[]");
    } else if constexpr (k == kind::map) {
        return find_conflict<typename T::mapped_type>(path + "[]");
    } else {
        return {};
    }
}

/// "first and second", or empty.
template <class T>
constexpr std::string conflict_text() {
    const key_list::both b = find_conflict<T>({});
    return b.first.empty() ? std::string() : b.first + " and " + b.second;
}
template <class T>
consteval bool keys_differ() {
    if constexpr (!facts_of<T>.dotted) return true;
    else return conflict_text<T>().empty();
}
template <class T>
consteval auto conflict_path() {
    constexpr std::size_t n = conflict_text<T>().size();
    return cut<n>(conflict_text<T>());
}

template <class T>
consteval bool is_archivable() {
    if constexpr (fault_of_element<T>() != fault::none) return false;
    else return keys_differ<T>();
}

template <class T>
inline constexpr bool archivable = is_archivable<T>();

/// Compiles for every type; for one that cannot be archived it emits the one error that says why and where.
template <class T>
constexpr void require_archivable() {
    if constexpr (fault_of_element<T>() != fault::none) blame_element<T, "">();
    else if constexpr (!keys_differ<T>()) static_cast<void>(sizeof(field<conflict_path<T>(), T, fault::same_key>));
}

}  // namespace tarc::detail

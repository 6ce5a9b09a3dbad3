#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include <tarc/reflect/blame.hpp>
#include <tarc/reflect/leaves.hpp>

namespace tarc::detail {

/// The keys that a module's state_dict has whatever its values are, each with the field it comes from. Only where a name in
/// tarc::describe holds a "." can two of them be one.
class key_list {
public:
    struct leaf {
        std::string key, field;
    };
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

private:
    static constexpr std::string below(const std::string& path, std::string_view name, char separator) {
        std::string s = path;
        if (!s.empty()) s += separator;
        s.append(name);
        return s;
    }

    template <class F>
    constexpr void add_field(const field_facts& f, const std::string& key, const std::string& field) {
        if (f.transient) return;
        if constexpr (!std::is_void_v<F>) add<F>(below(key, f.name, '.'), below(field, f.cpp_name, '.'));
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
            for (std::size_t i = 0; i < std::tuple_size_v<T>; ++i) add<typename T::value_type>(below(key, number(i), '.'), field + "[" + number(i) + "]");
        } else if constexpr (k == kind::tuple) {
            [&]<class... A>(type_list<A...>) {
                std::size_t i = 0;
                ((add<A>(below(key, number(i), '.'), field + "[" + number(i) + "]"), ++i), ...);
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

}  // namespace tarc::detail

#pragma once

#include <cstddef>
#include <string_view>
#include <tuple>  // std::tuple_size_v
#include <vector>

#include <tarc/reflect/blame.hpp>
#include <tarc/reflect/leaves.hpp>

namespace tarc::detail {

/// A text at compile time, where std::string of libstdc++ 12 fails. One that is too long for it is equal to no other.
struct static_text {
    char chars[256] = {};
    std::size_t size = 0;

    constexpr static_text() = default;
    constexpr static_text(std::string_view s) { append(s); }
    [[nodiscard]] constexpr std::string_view view() const { return {chars, size < sizeof chars ? size : sizeof chars}; }
    constexpr void append(std::string_view s) {
        for (const char c : s) {
            if (size < sizeof chars) chars[size] = c;
            ++size;
        }
    }
    /// This and one more step.
    [[nodiscard]] constexpr static_text below(std::string_view step) const {
        static_text r = *this;
        if (size != 0) r.append(".");
        r.append(step);
        return r;
    }
    [[nodiscard]] constexpr static_text element(std::string_view index) const {
        static_text r = *this;
        r.append("[");
        r.append(index);
        r.append("]");
        return r;
    }
    [[nodiscard]] static constexpr static_text number(std::size_t i) {
        static_text digits, r;
        do digits.chars[digits.size++] = static_cast<char>('0' + i % 10);
        while ((i /= 10) != 0);
        while (digits.size != 0) r.append({&digits.chars[--digits.size], 1});
        return r;
    }
    friend constexpr bool operator==(const static_text& a, const static_text& b) {
        return a.size <= sizeof a.chars && a.view() == b.view() && a.size == b.size;
    }
};

/// The keys that a module's state_dict has whatever its values are, each with the field it comes from. Only where a
/// name in tarc::describe holds a "." can two of them be one.
class key_list {
public:
    struct both {
        static_text first, second;
        [[nodiscard]] constexpr bool found() const { return first.size != 0; }
    };

    template <class T>
    constexpr void add_fields(const static_text& key, const static_text& field) {
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
    struct leaf {
        static_text key, field;
    };

    template <class F>
    constexpr void add_field(const field_facts& f, const static_text& key, const static_text& field) {
        if (!f.transient) add<F>(key.below(f.name), field.below(f.cpp_name));
    }

    template <class T>
    constexpr void add(const static_text& key, const static_text& field) {
        constexpr kind k = kind_v<T>;
        if constexpr (needs_struct<T>) {
            return;
        } else if constexpr (k == kind::optional) {
            add<typename T::value_type>(key, field);
        } else if constexpr (k == kind::stand_in && flattens<T>()) {
            add<typename archived_as<T>::type>(key, field);
        } else if constexpr (k == kind::tensor || !flattens<T>()) {
            leaves_.push_back({key, field});
        } else if constexpr (k == kind::aggregate) {
            add_fields<T>(key, field);
        } else if constexpr (k == kind::array) {
            for (std::size_t i = 0; i < std::tuple_size_v<T>; ++i) add_element<typename T::value_type>(i, key, field);
        } else if constexpr (k == kind::tuple) {
            [&]<class... A>(type_list<A...>) {
                std::size_t i = 0;
                (add_element<A>(i++, key, field), ...);
            }(typename elements_of<T>::type{});
        }  // the keys of vectors and maps are known at run time
    }

    template <class E>
    constexpr void add_element(std::size_t i, const static_text& key, const static_text& field) {
        const static_text index = static_text::number(i);
        add<E>(key.below(index.view()), field.element(index.view()));
    }

    std::vector<leaf> leaves_;
};

/// The first two fields of a module inside T that have one key in its state_dict.
template <class T>
constexpr key_list::both find_conflict(const static_text& path) {
    constexpr kind k = kind_v<T>;
    const auto in_list = []<class... A>(type_list<A...>, auto&& path_of) {
        key_list::both found;
        std::size_t i = 0;
        ((found.found() ? void() : void(found = find_conflict<A>(path_of(i))), ++i), ...);
        return found;
    };
    if constexpr (k == kind::aggregate) {
        if constexpr (is_module<T>) {
            key_list keys;
            keys.add_fields<T>({}, path);
            return keys.conflict();
        } else {
            return in_list(archived_fields<T>{},
                           [&](std::size_t i) { return path.below(description_of<T>.fields[i].cpp_name); });
        }
    } else if constexpr (k == kind::tuple || k == kind::variant) {
        return in_list(typename elements_of<T>::type{}, [&](std::size_t) { return path.element(""); });
    } else if constexpr (k == kind::stand_in) {
        return find_conflict<typename archived_as<T>::type>(path);
    } else if constexpr (k == kind::optional) {
        return find_conflict<typename T::value_type>(path);
    } else if constexpr (k == kind::sequence || k == kind::array) {
        return find_conflict<typename T::value_type>(path.element(""));
    } else if constexpr (k == kind::map) {
        return find_conflict<typename T::mapped_type>(path.element(""));
    } else {
        return {};
    }
}

template <class T>
consteval bool keys_differ() {
    if constexpr (!facts_of<T>.dotted)
        return true;
    else
        return !find_conflict<T>({}).found();
}
/// "first and second".
template <class T>
consteval auto conflict_path() {
    constexpr key_list::both b = find_conflict<T>({});
    return concatenate<b.first.view().size() + 5 + b.second.view().size()>({b.first.view(), " and ", b.second.view()});
}

template <class T>
consteval bool is_archivable() {
    if constexpr (fault_of_element<T>() != fault::none)
        return false;
    else
        return keys_differ<T>();
}

template <class T>
inline constexpr bool archivable = is_archivable<T>();

/// Compiles for every type; for one that cannot be archived it emits the one error that says why and where.
template <class T>
constexpr void require_archivable() {
    if constexpr (fault_of_element<T>() != fault::none)
        blame_element<T, "">();
    else if constexpr (!keys_differ<T>())
        static_cast<void>(sizeof(field<conflict_path<T>(), T, fault::same_key>));
}

}  // namespace tarc::detail

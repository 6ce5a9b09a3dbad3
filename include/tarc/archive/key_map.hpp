#pragma once

#include <concepts>
#include <initializer_list>
#include <memory>  // std::shared_ptr
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <tarc/error.hpp>

namespace tarc {

/// One row of a table of keys: what the file calls it, and what the struct does. Two names that end in "." are
/// prefixes: {"backbone.", "encoder."}; also one that is empty beside one that ends in ".", to add or take off a level.
/// Any other pair is whole keys.
struct key_row {
    std::string archived;
    std::string wanted;
};

/// How the dotted keys of state_dicts in a file differ from those of the struct: a table (the first row that matches
/// counts; a key that none matches stays), or a function for each way. A handle; copies are the same map. Any number of
/// threads may use one, where its functions allow that.
class key_map {
public:
    /// Every key stays.
    key_map() = default;
    key_map(std::initializer_list<key_row> rows) : key_map(std::vector<key_row>(rows)) {}
    key_map(std::vector<key_row> rows) : map_(std::make_shared<const table>(std::move(rows))) {}
    /// From the file's keys to the struct's; such a map serves loads only.
    template <class F>
        requires std::is_invocable_r_v<std::string, const F&, std::string_view>
    key_map(F to_wanted) : map_(std::make_shared<const one_way<F>>(std::move(to_wanted))) {}
    /// Both ways: from the file's keys to the struct's, and back.
    template <class F, class G>
        requires std::is_invocable_r_v<std::string, const F&, std::string_view> &&
                 std::is_invocable_r_v<std::string, const G&, std::string_view>
    key_map(F to_wanted, G to_archived)
        : map_(std::make_shared<const two_ways<F, G>>(std::move(to_wanted), std::move(to_archived))) {}

    [[nodiscard]] bool empty() const noexcept { return map_ == nullptr; }
    /// What the struct calls a key of the file.
    [[nodiscard]] std::string wanted(std::string_view archived) const {
        return map_ == nullptr ? std::string(archived) : map_->wanted(archived);
    }
    /// What the file calls a key of the struct. Errors: errc::invalid_argument where the map has no way back.
    [[nodiscard]] std::string archived(std::string_view wanted) const {
        return map_ == nullptr ? std::string(wanted) : map_->archived(wanted);
    }

private:
    struct mapping {
        virtual ~mapping() = default;
        [[nodiscard]] virtual std::string wanted(std::string_view archived) const = 0;
        [[nodiscard]] virtual std::string archived(std::string_view wanted) const = 0;
    };

    struct table final : mapping {
        explicit table(std::vector<key_row> r) : rows(std::move(r)) {}
        [[nodiscard]] std::string wanted(std::string_view key) const override {
            return translate(key, &key_row::archived, &key_row::wanted);
        }
        [[nodiscard]] std::string archived(std::string_view key) const override {
            return translate(key, &key_row::wanted, &key_row::archived);
        }
        [[nodiscard]] std::string translate(std::string_view key, std::string key_row::* from,
                                            std::string key_row::* to) const {
            for (const key_row& r : rows) {
                if (key == r.*from) return r.*to;
                if (is_prefix(r.*from) && is_prefix(r.*to) && key.starts_with(r.*from))
                    return r.*to + std::string(key.substr((r.*from).size()));
            }
            return std::string(key);
        }
        static bool is_prefix(std::string_view s) { return s.empty() || s.ends_with('.'); }
        std::vector<key_row> rows;
    };

    template <class F>
    struct one_way final : mapping {
        explicit one_way(F f) : to_wanted(std::move(f)) {}
        [[nodiscard]] std::string wanted(std::string_view key) const override { return to_wanted(key); }
        [[nodiscard]] std::string archived(std::string_view) const override {
            detail::raise(
                errc::invalid_argument,
                "this tarc::key_map turns the file's keys into the struct's only -- give it the function back "
                "too, tarc::key_map(to_wanted, to_archived), to save with it");
        }
        F to_wanted;
    };

    template <class F, class G>
    struct two_ways final : mapping {
        two_ways(F f, G g) : to_wanted(std::move(f)), to_archived(std::move(g)) {}
        [[nodiscard]] std::string wanted(std::string_view key) const override { return to_wanted(key); }
        [[nodiscard]] std::string archived(std::string_view key) const override { return to_archived(key); }
        F to_wanted;
        G to_archived;
    };

    std::shared_ptr<const mapping> map_;
};

}  // namespace tarc

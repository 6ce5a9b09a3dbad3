#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include <tarc/archive/load_plan.hpp>
#include <tarc/reflect/history.hpp>

/// Loads of a type that had other shapes before: the file's own version decides, or the newest shape that fits.
namespace tarc::detail {

/// What the file says of the version of the struct that it holds; only of the whole file's.
[[nodiscard]] inline std::optional<std::int64_t> stated_version(const opened_file& file, const load_options& o) {
    if (!o.at.empty() || !file.facts() || file.facts()->schema.text.empty()) return std::nullopt;
    return file.facts()->schema.version;
}

/// One load in all its steps, from any of the shapes of T.
template <class T, class... Old>
class version_loader {
public:
    version_loader(const opened_file& file, T& target, policy_ref policy, const load_options& o, bool fresh)
        : file_(file), target_(target), policy_(policy), options_(o), fresh_(fresh) {}

    load_report run() {
        const std::optional<std::int64_t> stated = stated_version(file_, options_);
        if (stated && *stated > version<T>) refuse(*stated, "a newer one than this program knows");
        bool known = false;
        load_report report;
        const auto by_number = [&]<class V>(std::type_identity<V>) {
            if (known || !stated || *stated != version<V>) return;
            known = true;
            report = load_as<V>(options_);
        };
        by_number(std::type_identity<T>{});
        (by_number(std::type_identity<Old>{}), ...);
        if (known) return stated_so(std::move(report));
        if (stated && *stated != 0) refuse(*stated, "not one that tarc::history of this type has");
        return newest_that_fits();
    }

private:
    [[noreturn]] static void refuse(std::int64_t found, const char* why) {
        std::string known;
        for (const std::int64_t v : {static_cast<std::int64_t>(version<Old>)..., static_cast<std::int64_t>(version<T>)})
            known += (known.empty() ? "" : ", ") + std::to_string(v);
        raise(errc::unsupported, "the file holds version " + std::to_string(found) + " of the struct, " + why + " (" +
                                     known + ") -- add that struct to tarc::history, or use a newer program");
    }

    static load_report stated_so(load_report r) {
        r.version_stated = true;
        return r;
    }

    /// T first, then its earlier shapes, the last one first; where none fits, what T has against the file.
    load_report newest_that_fits() {
        std::optional<load_report> found = try_as<T>();
        const auto next = [&]<class V>(std::type_identity<V>) {
            if (!found) found = try_as<V>();
        };
        each_backwards<Old...>(next);
        return found ? *std::move(found) : load_as<T>(options_);
    }

    template <class... V, class F>
    static void each_backwards(F&& f) {
        if constexpr (sizeof...(V) != 0) {
            [&]<class First, class... More>(type_list<First, More...>) {
                each_backwards<More...>(f);
                f(std::type_identity<First>{});
            }(type_list<V...>{});
        }
    }

    template <class V>
    std::optional<load_report> try_as() {
        load_options strict = options_;
        strict.strict = true;
        try {
            if (!fresh_ || !std::same_as<V, T>) return load_as<V>(strict);
            T made{};  // an attempt that fails must leave no trace
            load_report report = load_current(made, strict);
            target_ = std::move(made);
            return report;
        } catch (const mismatch_error&) {
            return std::nullopt;
        }
    }

    template <class V>
    load_report load_as(const load_options& o) {
        if constexpr (std::same_as<V, T>) {
            return load_current(target_, o);
        } else {
            V old{};
            load_options apart = o;
            apart.in_place = false;
            if (o.in_place) {
                const load_plan fits(file_, {&facts_of<V>, &old, true}, policy_, apart);
                raise(errc::invalid_argument,
                      "the file holds version " + std::to_string(version<V>) +
                          " of the struct, which goes through migrate() into tensors of its own -- load it without "
                          ".in_place");
            }
            load_report report = load(facts_of<V>, &old, true, o);
            report.version = version<V>;
            report.migrated = true;
            T made = version_chain<T, versions<Old...>>::migrated(std::move(old));
            if (fresh_)
                target_ = std::move(made);
            else
                move_archived(facts_of<T>, &made, &target_);
            return report;
        }
    }

    load_report load_current(T& into, const load_options& o) const {
        load_report report = load(facts_of<T>, &into, fresh_, o);
        report.version = version<T>;
        return report;
    }

    load_report load(const type_facts& t, void* object, bool fresh, const load_options& o) const {
        load_plan plan(file_, {&t, object, fresh}, policy_, o);
        plan.run();
        return std::move(plan).report();
    }

    const opened_file& file_;
    T& target_;
    policy_ref policy_;
    const load_options& options_;
    bool fresh_;
};

template <class T, class... Old>
load_report load_version(const opened_file& file, T& target, policy_ref policy, const load_options& o, bool fresh,
                         versions<Old...>) {
    return version_loader<T, Old...>(file, target, policy, o, fresh).run();
}

}  // namespace tarc::detail
